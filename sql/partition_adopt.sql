-- Whatever partitions there are, they are taken as they are: what exists is decided by bounds.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA adopt;
CREATE SCHEMA adopt_elsewhere;
SET search_path = adopt;
-- Days are counted below: not across midnight.
DO $$ BEGIN IF localtime > '23:59' THEN PERFORM pg_sleep(61); END IF; END $$;
-- Partitions up to some year in which they cannot depend on today, in order.
CREATE FUNCTION old(parent regclass) RETURNS TABLE (partition regclass, bound text) LANGUAGE sql AS $$
    SELECT c.oid, pg_get_expr(relpartbound, c.oid) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE inhparent = parent AND pg_get_expr(relpartbound, c.oid) !~ '\(''20(2[4-9]|[3-9])'
    ORDER BY substring(pg_get_expr(relpartbound, c.oid) FROM 'FROM \(''(.*?)'''), 1::text $$;
CREATE FUNCTION missing(parent regclass) RETURNS TABLE (holes bigint, covers_now_and_ahead boolean) LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE lower > before),
           bool_or(upper > now() + interval '1 year') AND bool_or(lower <= now())
    FROM (SELECT coalesce(m[1]::timestamptz, '-infinity') AS lower, coalesce(m[2]::timestamptz, 'infinity') AS upper,
                 lag(m[2]::timestamptz) OVER (ORDER BY m[1]::timestamptz NULLS FIRST) AS before
          FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid,
          regexp_match(pg_get_expr(relpartbound, c.oid),
                       'FROM \((?:''([^'']*)''|MINVALUE)\) TO \((?:''([^'']*)''|MAXVALUE)\)') m
          WHERE inhparent = parent AND pg_get_expr(relpartbound, c.oid) <> 'DEFAULT') b $$;

-- irregular ones, and the years after them
CREATE TABLE irregular (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE irregular_old PARTITION OF irregular FOR VALUES FROM (MINVALUE) TO ('2019-03-01');
CREATE TABLE irregular_wide PARTITION OF irregular FOR VALUES FROM ('2019-03-01') TO ('2021-07-15');
CREATE TABLE "irregular_p20210715" PARTITION OF irregular FOR VALUES FROM ('2021-07-15') TO ('2021-07-16');
SELECT DISTINCT action, status, detail
FROM warden.partition_by_time('irregular', '1 year', ahead => '1 year', anchor => '2000-01-01 00:00+00');
SELECT * FROM old('irregular');
SELECT * FROM missing('irregular');
SELECT * FROM warden.partition_maintain('irregular');
SELECT partition, kind, lower_bound, upper_bound, expires_at FROM warden.partition_bounds('irregular')
WHERE partition::text !~ '_p20(2[2-9]|[3-9])' ORDER BY upper_bound;

-- a hole between partitions of the past: is left to the user; only what follows the last of them is filled
CREATE TABLE holes (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE holes_a PARTITION OF holes FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
CREATE TABLE holes_b PARTITION OF holes FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
SELECT DISTINCT action, status, detail FROM warden.partition_by_time('holes', '1 year', ahead => '1 year');
SELECT * FROM old('holes');
SELECT * FROM missing('holes');

-- more is missing than one transaction should do: what is needed now comes first
CREATE TABLE gap (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE gap_a PARTITION OF gap FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
SELECT DISTINCT action, status, detail FROM warden.partition_by_time('gap', '1 day', ahead => '7 days') ORDER BY action;
SELECT covered_until > now() + interval '7 days' AS covered FROM warden.partition_sets WHERE parent = 'gap'::regclass;
DROP TABLE gap;

-- what retention would remove at once is not made
CREATE TABLE kept (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE kept_a PARTITION OF kept FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
SELECT action, status, count(*) FROM warden.partition_by_time('kept', '1 year', ahead => '1 year', keep => '1 year')
GROUP BY 1, 2 ORDER BY 1;
SELECT action, partition, status FROM warden.partition_maintain('kept');
SELECT * FROM warden.partition_maintain('kept');

-- up to MAXVALUE and infinity: nothing to make, for ever
CREATE TABLE endless (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE endless_a PARTITION OF endless FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE TABLE infinite (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE infinite_a PARTITION OF infinite FOR VALUES FROM ('-infinity') TO ('infinity');
SELECT * FROM warden.partition_by_time('endless', '1 day', keep => '1 day');
SELECT * FROM warden.partition_by_time('infinite', '1 day', keep => '1 day');
SELECT parent, covered_until, runs_out_in, partitions FROM warden.partition_sets
WHERE parent::text IN ('endless', 'infinite') ORDER BY parent::text;
SELECT parent, kind, lower_bound, upper_bound, expires_at FROM warden.partitions
WHERE parent::text IN ('endless', 'infinite') ORDER BY parent::text;
SELECT count(*) FROM warden.partition_maintain();
-- keep is longer than time itself
CREATE TABLE ages (day date) PARTITION BY RANGE (day);
CREATE TABLE ages_old PARTITION OF ages FOR VALUES FROM (MINVALUE) TO ('2000-01-01');
SELECT DISTINCT action, status
FROM warden.partition_by_time('ages', '1 year', ahead => '1 year', keep => '170000000 years');
SELECT DISTINCT expires_at FROM warden.partitions WHERE parent = 'ages'::regclass;
SELECT count(*) FROM warden.partition_maintain();

-- a hole in the time ahead is filled, with what fits in
CREATE TABLE ahead (at timestamp) PARTITION BY RANGE (at);
DO $$ BEGIN
    EXECUTE format('CREATE TABLE ahead_1 PARTITION OF ahead FOR VALUES FROM (MINVALUE) TO (%L)', current_date + 2);
    EXECUTE format('CREATE TABLE ahead_2 PARTITION OF ahead FOR VALUES FROM (%L) TO (%L)',
                   current_date + 4 + time '06:00', current_date + 5 + time '18:00');
END $$;
SELECT DISTINCT action, status
FROM warden.partition_by_time('ahead', '1 day', ahead => '6 days', anchor => '2000-01-01 00:00+00');
SELECT lower_bound::timestamp - current_date AS lower, upper_bound::timestamp - current_date AS upper
FROM warden.partitions WHERE parent = 'ahead'::regclass AND lower_bound <> 'MINVALUE' ORDER BY 1;

-- up to infinity only from a later time: the time before it is filled
CREATE TABLE later (day date) PARTITION BY RANGE (day);
DO $$ BEGIN
    EXECUTE format('CREATE TABLE later_rest PARTITION OF later FOR VALUES FROM (%L) TO (''infinity'')',
                   current_date + 3);
END $$;
SELECT action, status, count(*) FROM warden.partition_by_time('later', '1 day', ahead => '1 year') GROUP BY 1, 2;
SELECT covered_until FROM warden.partition_sets WHERE parent = 'later'::regclass;
INSERT INTO later SELECT current_date + n FROM generate_series(0, 4) n;
SELECT count(*) FROM later GROUP BY tableoid ORDER BY 1;

-- a default partition, without rows and with some that are not in the way
CREATE TABLE fallback (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE fallback_rest PARTITION OF fallback DEFAULT;
INSERT INTO fallback VALUES (NULL), ('infinity'), ('1999-01-01'), ('2100-01-01');
SELECT DISTINCT action, status, detail FROM warden.partition_by_time('fallback', '1 year', ahead => '1 year');
SELECT count(*) FROM fallback_rest;
SELECT kind, count(*), count(expires_at) AS expires FROM warden.partitions WHERE parent = 'fallback'::regclass
GROUP BY 1 ORDER BY 1;
ANALYZE fallback_rest;
SELECT default_rows FROM warden.partition_sets WHERE parent = 'fallback'::regclass;

-- weeks that begin on Wednesday go on to do so
CREATE TABLE weeks (at timestamp) PARTITION BY RANGE (at);
CREATE TABLE weeks_a PARTITION OF weeks FOR VALUES FROM ('2026-04-01') TO ('2026-04-08');
CREATE TABLE weeks_b PARTITION OF weeks FOR VALUES FROM ('2026-04-08') TO ('2026-04-15');
SELECT count(*) > 4 AS created FROM warden.partition_by_time('weeks', '1 week', ahead => '1 month', keep => '1 week');
SELECT DISTINCT to_char(lower_bound::timestamp, 'FMDay HH24:MI') AS lower,
       upper_bound::timestamp - lower_bound::timestamp AS length
FROM warden.partitions WHERE parent = 'weeks'::regclass;

-- days that were made in UTC go on in UTC, wherever the session is
SET timezone = 'America/Los_Angeles';
CREATE TABLE utc (at timestamptz) PARTITION BY RANGE (at);
DO $$ BEGIN
    EXECUTE format('CREATE TABLE utc_today PARTITION OF utc FOR VALUES FROM (%L) TO (%L)',
                   date_trunc('day', now(), 'UTC'), date_trunc('day', now(), 'UTC') + '1 day');
END $$;
SELECT DISTINCT action, status FROM warden.partition_by_time('utc', '1 day', ahead => '2 days');
SELECT timezone FROM warden.partition_sets WHERE parent = 'utc'::regclass;
SELECT DISTINCT to_char(lower_bound::timestamptz AT TIME ZONE 'UTC', 'HH24:MI') AS lower
FROM warden.partitions WHERE parent = 'utc'::regclass;
SET timezone = 'UTC';

-- partitions elsewhere, foreign ones, and ones that are partitioned themselves
CREATE FOREIGN DATA WRAPPER adopt_wrapper;
CREATE SERVER adopt_server FOREIGN DATA WRAPPER adopt_wrapper;
CREATE TABLE mixed (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE adopt_elsewhere.mixed_2018 PARTITION OF mixed FOR VALUES FROM ('2018-01-01') TO ('2019-01-01');
CREATE TABLE mixed_2019 PARTITION OF mixed FOR VALUES FROM ('2019-01-01') TO ('2020-01-01') PARTITION BY LIST (n);
CREATE TABLE mixed_2019_1 PARTITION OF mixed_2019 FOR VALUES IN (1);
CREATE FOREIGN TABLE mixed_2020 PARTITION OF mixed FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') SERVER adopt_server;
SELECT action, partition, status, detail FROM warden.partition_by_time('mixed', '1 year', ahead => '1 year')
WHERE partition !~ '_p20(2[4-9]|[3-9])';
SELECT partition, kind, estimated_rows, bytes > 0 AS bytes FROM warden.partitions
WHERE parent = 'mixed'::regclass AND partition::text !~ '_p20' ORDER BY partition::text;
SELECT action, partition, status, command, detail
FROM warden.partition_by_time('mixed', '1 year', ahead => '1 year', keep => '1 year', dry_run => true)
WHERE partition !~ '_p20(2[3-9]|[3-9])';
SELECT DISTINCT action, status FROM warden.partition_by_time('mixed', '1 year', ahead => '1 year', keep => '1 year');
SELECT action, partition, status, detail
FROM warden.partition_maintain('mixed') WHERE partition !~ '_p20(2[3-9]|[3-9])';
SELECT partition FROM old('mixed');
SELECT to_regclass('adopt_elsewhere.mixed_2018'), to_regclass('mixed_2019_1'), to_regclass('mixed_2020');
SELECT * FROM warden.partition_maintain('mixed');
DROP SCHEMA adopt, adopt_elsewhere CASCADE;
DROP FOREIGN DATA WRAPPER adopt_wrapper CASCADE;
