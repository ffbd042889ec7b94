-- What a user meets, in the order in which he meets it.
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
-- Days are counted below: not across midnight.
DO $$ BEGIN IF localtime > '23:59' THEN PERFORM pg_sleep(61); END IF; END $$;
CREATE SCHEMA first;
SET search_path = first;
CREATE FUNCTION masked(t text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(t, '_p\d{8}', '_pYYYYMMDD', 'g') $$;
CREATE TABLE events (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
CREATE INDEX ON events (at);
-- What other tests have left is gone.
CALL warden.maintain();

-- a plan: nothing is done, nothing is remembered
SELECT parent, masked(partition) AS partition, action, status, detail, count(*)
FROM warden.partition_by_time('events', every => '1 day', dry_run => true) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2;
SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass;
SELECT count(*) FROM warden.partition_sets;
SELECT warden.partition_maintain('events');

-- the same, done: today and the week that follows
CREATE TABLE plan AS SELECT * FROM warden.partition_by_time('events', every => '1 day', dry_run => true);
CREATE TABLE doing AS SELECT * FROM warden.partition_by_time('events', every => '1 day');
SELECT parent, masked(partition) AS partition, action, status, detail, count(*)
FROM doing GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2;
SELECT count(*) FILTER (WHERE p.command = d.command) AS as_planned, count(*)
FROM plan p FULL JOIN doing d USING (partition);
SELECT count(*), bool_and(partition::regclass = inhrelid) AS all_returned
FROM pg_inherits LEFT JOIN doing ON partition::regclass = inhrelid WHERE inhparent = 'events'::regclass;

-- every row of the week has its partition, a row of yesterday has none
INSERT INTO events SELECT date_trunc('day', now()) + n * interval '1 day' + s * interval '0.999999 s'
FROM generate_series(0, 7) n, generate_series(0, 1) s;
SELECT rows, count(*) AS partitions
FROM (SELECT count(*) AS rows FROM events GROUP BY tableoid) t GROUP BY 1 ORDER BY 1;
DO $$ BEGIN
    INSERT INTO first.events VALUES (date_trunc('day', now()) - interval '1 microsecond');
EXCEPTION WHEN check_violation THEN RAISE WARNING '%', sqlerrm;
END $$;

-- the policy, with what was not said
SELECT parent, every, ahead, keep, on_expiry, timezone, anchor, storage_parameters FROM warden.partition_sets;
SELECT covered_until = date_trunc('day', now()) + interval '8 days' AS covered,
       runs_out_in BETWEEN '6 days 22 hours' AND '8 days 2 hours' AS runs_out, partitions, default_rows,
       now() - last_success < '1 minute' AS success, last_error, last_error_at, blocked_by
FROM warden.partition_sets;
SELECT parent, masked(partition::text) AS partition, kind,
       lower_bound::timestamptz - date_trunc('day', now()) AS lower,
       upper_bound::timestamptz = lower_bound::timestamptz + interval '1 day' AS a_day, bytes > 0 AS bytes, expires_at
FROM warden.partitions WHERE lower_bound::timestamptz < now() ORDER BY lower_bound::timestamptz;

-- nothing is due, for this set and for all of them: nothing is locked but for reading, nothing is written
BEGIN;
SELECT * FROM warden.partition_maintain('events');
SELECT * FROM warden.partition_maintain();
SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation';
SELECT pg_current_xact_id_if_assigned();
COMMIT;

-- how far ahead, if not said: 4 steps; up to a week if that is at most 48 steps
CREATE TABLE steps (step interval, ahead interval, partitions bigint);
DO $$
DECLARE step interval;
BEGIN
    FOREACH step IN ARRAY ARRAY['15 minutes', '1 hour', '6 hours', '1 day', '2 days', '1 week', '1 month', '3 months',
                                '1 year']::interval[] LOOP
        CREATE TABLE other (at timestamptz) PARTITION BY RANGE (at);
        PERFORM warden.partition_by_time('other', step);
        INSERT INTO steps SELECT every, ahead, partitions FROM warden.partition_sets WHERE parent = 'other'::regclass;
        DROP TABLE other;
    END LOOP;
END $$;
SELECT * FROM steps ORDER BY step;

-- told again: the policy is replaced, what is missing is made, what will go is only announced
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
INSERT INTO events VALUES ('2020-01-02', 'old');
SELECT parent, partition, action, status, command, detail
FROM warden.partition_by_time('events', every => '1 day', ahead => '2 days', keep => '1 day', on_expiry => 'detach')
WHERE action <> 'create';
SELECT every, ahead, keep, on_expiry, timezone FROM warden.partition_sets;
SELECT what FROM events WHERE what = 'old';

-- maintenance: a plan, done, and silence
SELECT parent, partition, action, status, command, detail
FROM warden.partition_maintain('events', dry_run => true) WHERE action <> 'create';
SELECT what FROM events WHERE what = 'old';
SELECT parent, partition, action, status, command, detail
FROM warden.partition_maintain('events') WHERE action <> 'create';
SELECT * FROM warden.partition_maintain();
SELECT what FROM events WHERE what = 'old';
SELECT * FROM events_2020;

-- what was done is written down
SELECT parent, masked(partition) AS partition, action, count(DISTINCT partition), min(command) <> '' AS command
FROM warden.partition_log WHERE parent = 'events'::regclass GROUP BY 1, 2, 3 ORDER BY 2, 3;

-- the policy follows the table to another name and another schema
CREATE SCHEMA second;
ALTER TABLE events RENAME TO "Happenings";
ALTER TABLE "Happenings" SET SCHEMA second;
SELECT parent, every FROM warden.partition_sets;
SELECT parent, masked(partition) AS partition, action, status, count(*)
FROM warden.partition_by_time('second."Happenings"', every => '1 day', ahead => '12 days')
GROUP BY 1, 2, 3, 4 ORDER BY 2;

-- forgotten: the partitions stay
SELECT count(*) AS partitions FROM pg_inherits WHERE inhparent = 'second."Happenings"'::regclass;
SELECT warden.partition_unmanage('second."Happenings"');
SELECT count(*) AS partitions FROM pg_inherits WHERE inhparent = 'second."Happenings"'::regclass;
SELECT count(*) FROM warden.partition_sets;
SELECT warden.partition_maintain('second."Happenings"');
SELECT warden.partition_unmanage('second."Happenings"');

-- a policy goes with its table
SELECT count(*) FROM warden.partition_by_time('second."Happenings"', every => '1 day', ahead => '1 day');
SELECT count(*) FROM warden.partition_sets;
DROP TABLE second."Happenings";
SELECT count(*) FROM warden.partition_sets;
SELECT * FROM warden.partition_maintain();

DROP SCHEMA first, second CASCADE;
