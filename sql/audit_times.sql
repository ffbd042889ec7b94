-- Dates and timestamps of all times: in the log they are as the server itself writes them into JSON under UTC.
\set VERBOSITY terse
SET client_min_messages = warning;
SET timezone = 'America/St_Johns';
CREATE TABLE times (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz);
SELECT count(*) FROM warden.audit_enable('times');
-- Around the ends of years, months and days; of each century, and all over the range of the types.
INSERT INTO times
SELECT row_number() OVER (), moment::date, moment, moment AT TIME ZONE 'UTC'
FROM (
    SELECT timestamp '4700-01-01 BC' + random() * (timestamp '250000-01-01' - timestamp '4700-01-01 BC') FROM generate_series(1, 3000)
    UNION ALL SELECT timestamp '0001-01-01' + random() * interval '10010 years' FROM generate_series(1, 5000)
    UNION ALL SELECT make_timestamp(y, 1, 1, 0, 0, 0) + d * interval '1 day' + us * interval '1 microsecond'
    FROM generate_series(1, 9999, 33) y, unnest(ARRAY[-1, 0, 58, 59, 60, 364, 365, 366]) d, unnest(ARRAY[-1, 0, 1, 1000000, 1200000]) us
    UNION ALL SELECT unnest(ARRAY['infinity', '-infinity', '0001-01-01 BC', '0001-12-31 23:59:59.999999 BC', '9999-12-31 23:59:59.999999', '10000-01-01']::timestamp[])
) m (moment);
SET timezone = 'UTC';
SELECT count(*) > 20000 AS many, count(*) FILTER (WHERE e.new <> to_jsonb(t)) AS differ
FROM times t JOIN warden.audit_events e ON e.relation = 'times'::regclass AND e.key = jsonb_build_object('id', t.id);
DROP TABLE times;
