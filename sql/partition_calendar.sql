-- Boundaries are anchor + n * every in the time zone of the set.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA calendar;
SET search_path = calendar;
-- What begins now is compared with now: not across midnight anywhere.
DO $$ BEGIN IF to_char(now(), 'MI') = '59' THEN PERFORM pg_sleep(61); END IF; END $$;
-- The bounds as the server says them.
CREATE FUNCTION bounds(parent regclass) RETURNS TABLE (partition regclass, lower text, upper text) LANGUAGE sql AS $$
    SELECT c.oid, m[1], m[2] FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid,
    regexp_match(pg_get_expr(relpartbound, c.oid), $r$FROM \('?([^')]*)'?\) TO \('?([^')]*)'?\)$r$) m
    WHERE inhparent = parent AND m[1] <> 'MINVALUE' $$;
CREATE FUNCTION in_zone(bound text, key text, zone text) RETURNS timestamp LANGUAGE sql AS
$$ SELECT CASE key WHEN 'timestamptz' THEN bound::timestamptz AT TIME ZONE zone ELSE bound::timestamp END $$;
-- The next day of more, or less, than 24 hours.
CREATE FUNCTION next_change(zone text, longer boolean) RETURNS date LANGUAGE sql AS $$
    SELECT min(d) FROM (SELECT (now() AT TIME ZONE zone)::date + n AS d FROM generate_series(3, 800) n) days
    WHERE sign(extract(epoch FROM (d + 1)::timestamp AT TIME ZONE zone - d::timestamp AT TIME ZONE zone) - 86400)
          = CASE WHEN longer THEN 1 ELSE -1 END $$;
-- Makes t with partitions for some days before and after that one; all time before is in one partition.
CREATE FUNCTION around(zone text, longer boolean, every interval, key text, before int, after int) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    day date := next_change(zone, longer);
    first_day timestamp := day - before;
    until timestamptz := (day + after + 1)::timestamp AT TIME ZONE zone - interval '10 minutes';
BEGIN
    DROP TABLE IF EXISTS t;
    EXECUTE format('CREATE TABLE t (at %s) PARTITION BY RANGE (at)', key);
    EXECUTE format('CREATE TABLE t_before PARTITION OF t FOR VALUES FROM (MINVALUE) TO (%L)',
                   CASE key WHEN 'timestamptz' THEN (first_day AT TIME ZONE zone)::text ELSE first_day::text END);
    PERFORM warden.partition_by_time('t', every, timezone => zone, anchor => timestamp '2001-01-01' AT TIME ZONE zone,
        ahead => make_interval(secs => extract(epoch FROM until - now())));
END $$;
CREATE FUNCTION made() RETURNS TABLE (name text, utc text, length interval, follows boolean) LANGUAGE sql AS $$
    SELECT regexp_replace(partition::text, '^t_p\d{8}', ''), to_char(lower::timestamptz, 'HH24:MI'),
           upper::timestamptz - lower::timestamptz,
           lower::timestamptz = lag(upper::timestamptz) OVER (ORDER BY lower::timestamptz)
    FROM bounds(to_regclass('t')) ORDER BY lower::timestamptz $$;

-- days of 23, 24 and 25 hours, of 23.5 and 24.5, and where midnight does not exist or comes twice
CREATE TABLE days (zone text, longer boolean, hours numeric[], midnight boolean);
DO $$
DECLARE
    zone text; longer boolean;
BEGIN
    FOREACH zone IN ARRAY ARRAY['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago',
                                'America/Havana', 'Asia/Beirut'] LOOP
        FOREACH longer IN ARRAY ARRAY[true, false] LOOP
            PERFORM around(zone, longer, '1 day', 'timestamptz', 1, 1);
            INSERT INTO days
            SELECT zone, longer,
                   array_agg(round(extract(epoch FROM upper::timestamptz - lower::timestamptz) / 3600, 1)
                             ORDER BY lower::timestamptz),
                   bool_and(in_zone(lower, 'timestamptz', zone)::date::timestamp AT TIME ZONE zone = lower::timestamptz)
            FROM bounds('t');
        END LOOP;
    END LOOP;
END $$;
SELECT * FROM days ORDER BY zone, longer;

-- hours over the change: none is missing, none twice, and who shares the name on the clock is told apart
SELECT around('Europe/Berlin', true, '1 hour', 'timestamptz', 0, 0);
SELECT * FROM made() LIMIT 6;
SELECT count(*), bool_and(follows) FROM made();
SELECT around('America/New_York', true, '1 hour', 'timestamptz', 0, 0);
SELECT * FROM made() LIMIT 5;
SELECT around('Australia/Lord_Howe', true, '1 hour', 'timestamptz', 0, 0);
SELECT * FROM made() LIMIT 5;
SELECT around('Europe/Berlin', false, '1 hour', 'timestamptz', 0, 0);
SELECT * FROM made() LIMIT 4;
SELECT count(*), bool_and(follows) FROM made();
-- 24 hours are not a day: two may begin on one date
SELECT around('Europe/Berlin', true, '24 hours', 'timestamptz', 1, 2);
SELECT name, length, follows FROM made();
-- a timestamp has no change
SELECT around('Europe/Berlin', true, '1 hour', 'timestamp', 0, 0);
SELECT count(*), min(length), max(length), bool_and(follows), min(name), max(name) FROM made();

-- every day of the next 14 months, against the server's own arithmetic
CREATE TABLE long (at timestamptz) PARTITION BY RANGE (at);
SELECT count(*) > 400 AS created
FROM warden.partition_by_time('long', '1 day', ahead => '14 months', timezone => 'America/New_York');
SELECT count(*) AS wrong FROM bounds('long') b
FULL JOIN (SELECT d AT TIME ZONE 'America/New_York' AS lower, (d + '1 day') AT TIME ZONE 'America/New_York' AS upper
           FROM generate_series((now() AT TIME ZONE 'America/New_York')::date::timestamp,
                                (now() AT TIME ZONE 'America/New_York') + interval '14 months', '1 day') d) e
ON b.lower::timestamptz = e.lower AND b.upper::timestamptz = e.upper WHERE b.lower IS NULL OR e.lower IS NULL;

-- months, weeks, quarters and years, in keys of three types and zones on both sides of the date line
CREATE TABLE steps (key text, zone text, every interval, wrong bigint, named boolean);
DO $$
DECLARE
    zone text; key text; every interval; start timestamp;
BEGIN
    FOREACH key IN ARRAY ARRAY['date', 'timestamp', 'timestamptz'] LOOP
        FOREACH zone IN ARRAY ARRAY['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Europe/Berlin'] LOOP
            FOREACH every IN ARRAY ARRAY['1 day', '1 week', '10 days', '1 month', '3 months', '1 year',
                                         '10 years']::interval[] LOOP
                start := CASE WHEN every < '1 month' THEN '2000-01-03' ELSE '2000-01-01' END;
                DROP TABLE IF EXISTS u;
                EXECUTE format('CREATE TABLE u (at %s) PARTITION BY RANGE (at)', key);
                PERFORM warden.partition_by_time('u', every, ahead => 10 * every, timezone => zone);
                INSERT INTO steps
                SELECT key, zone, every,
                       count(*) FILTER (WHERE b.lower IS NULL OR e.lower IS NULL),
                       bool_and(b.partition::text = 'u_p' || to_char(e.lower, 'YYYYMMDD'))
                FROM (SELECT partition, in_zone(lower, key, zone) AS lower, in_zone(upper, key, zone) AS upper
                      FROM bounds('u')) b
                FULL JOIN (SELECT start + n * every AS lower, start + (n + 1) * every AS upper
                           FROM generate_series(0, 20000) n WHERE start + (n + 1) * every > now() AT TIME ZONE zone
                             AND start + n * every <= (now() AT TIME ZONE zone) + 10 * every) e
                ON b.lower = e.lower AND b.upper = e.upper;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT every, count(*), sum(wrong) AS wrong, bool_and(named) AS named FROM steps GROUP BY 1 ORDER BY 1;

-- the last day of the month does not drift to the 28th
CREATE TABLE ends (at timestamptz) PARTITION BY RANGE (at);
SELECT count(*) > 47 AS created
FROM warden.partition_by_time('ends', '1 month', ahead => '4 years', timezone => 'Europe/Berlin',
                              anchor => '2000-01-30 23:00+00');
SELECT extract(month FROM d) AS month, array_agg(DISTINCT extract(day FROM d)) AS day, bool_and(d = d::date) AS midnight
FROM bounds('ends'), in_zone(lower, 'timestamptz', 'Europe/Berlin') d GROUP BY 1 ORDER BY 1;
DROP SCHEMA calendar CASCADE;
