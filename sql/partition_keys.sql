-- Keys that tell the time in other ways than as a time: seconds and their like, UUIDs, ULIDs.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA keys;
SET search_path = keys;
-- With an anchor and a length that leave no doubt about the day: the first partition is that of the years 2000 to 2099.
CREATE FUNCTION declare(parent regclass, key_format text, timezone text DEFAULT 'UTC')
RETURNS TABLE (partition text, action text, status text, command text, detail text) LANGUAGE sql AS $$
    SELECT partition, action, status, substr(command, strpos(command, 'FOR VALUES')), detail
    FROM warden.partition_by_time(parent, every => '100 years', ahead => '1 year', anchor => '2000-01-01 00:00+00',
                                  timezone => timezone, key_format => key_format) $$;

CREATE TABLE seconds (at integer) PARTITION BY RANGE (at);
CREATE TABLE milliseconds (at bigint) PARTITION BY RANGE (at);
CREATE TABLE microseconds (at bigint) PARTITION BY RANGE (at);
CREATE TABLE nanoseconds (at bigint) PARTITION BY RANGE (at);
CREATE TABLE uuids (id uuid) PARTITION BY RANGE (id);
CREATE TABLE ulids (id text COLLATE "C") PARTITION BY RANGE (id);
-- 32 bits of seconds end in 2038, and 64 of nanoseconds in 2262: there is no bound beyond
SELECT * FROM declare('seconds', 'unix_seconds');
SELECT * FROM declare('milliseconds', 'unix_milliseconds', 'Europe/Berlin');
SELECT * FROM declare('microseconds', 'unix_microseconds');
SELECT * FROM declare('nanoseconds', 'unix_nanoseconds');
SELECT * FROM declare('uuids', 'uuidv7');
SELECT * FROM declare('ulids', 'ulid');
-- now is in the first partition, whatever way it is told
INSERT INTO seconds VALUES (extract(epoch FROM now()));
INSERT INTO milliseconds VALUES (extract(epoch FROM now()) * 1000);
INSERT INTO microseconds VALUES (extract(epoch FROM now()) * 1000000);
INSERT INTO nanoseconds VALUES (extract(epoch FROM now()) * 1000000000);
INSERT INTO uuids VALUES (overlay(gen_random_uuid()::text PLACING
    overlay(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') PLACING '-' FROM 9 FOR 0) || '-7' FROM 1 FOR 15)::uuid);
INSERT INTO ulids VALUES ('01KARYZ6S41TSV4RRFFQ69G5FAV');
SELECT tableoid::regclass FROM seconds UNION ALL SELECT tableoid::regclass FROM milliseconds
UNION ALL SELECT tableoid::regclass FROM microseconds UNION ALL SELECT tableoid::regclass FROM nanoseconds
UNION ALL SELECT tableoid::regclass FROM uuids UNION ALL SELECT tableoid::regclass FROM ulids;
-- nothing to do; and the bounds are read as they were written
SELECT * FROM warden.partition_maintain();
SELECT parent, key_format, timezone, covered_to, covered_until, numbers_left FROM warden.partition_sets ORDER BY parent::text;
SELECT partition, lower_bound, upper_bound FROM warden.partitions ORDER BY partition::text;

-- retention by the time in the key
CREATE TABLE events (at bigint) PARTITION BY RANGE (at);
CREATE TABLE events_1999 PARTITION OF events FOR VALUES FROM (MINVALUE) TO (946684800000);
CREATE TABLE events_now PARTITION OF events FOR VALUES FROM (946684800000) TO (MAXVALUE);
SELECT partition, action, status, detail FROM warden.partition_by_time('events', '1 year', keep => '20 years', key_format => 'unix_milliseconds');
SELECT partition, action, status, command FROM warden.partition_maintain('events');
-- UUIDs of other versions are anywhere: they are for a default partition, and nothing follows them
CREATE TABLE mixed (id uuid PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE mixed_rest PARTITION OF mixed DEFAULT;
SELECT * FROM declare('mixed', 'uuidv7');
INSERT INTO mixed VALUES ('f47ac10b-58cc-4372-a567-0e02b2c3d479'), ('00000000-0000-0000-0000-000000000000');
SELECT * FROM warden.partition_maintain('mixed');
-- partitions that others have made, with bounds that are no first UUID of a millisecond
CREATE TABLE adopted (id uuid) PARTITION BY RANGE (id);
CREATE TABLE adopted_old PARTITION OF adopted FOR VALUES FROM ('00dc6acf-ac00-7000-8000-000000000000') TO ('01a19467-e800-7abc-8000-000000000000');
SELECT * FROM declare('adopted', 'uuidv7');
SELECT partition, lower_bound, upper_bound FROM warden.partitions WHERE parent = 'adopted'::regclass;
INSERT INTO adopted VALUES ('01a19467-e800-7abb-bfff-ffffffffffff'), ('01a19467-e800-7abc-8000-000000000000'), ('01a19467-e801-7000-8000-000000000000');
SELECT tableoid::regclass AS partition, count(*) FROM adopted GROUP BY 1 ORDER BY 1;
-- a day of a zone
CREATE TABLE daily (at bigint) PARTITION BY RANGE (at);
SELECT count(*) FROM warden.partition_by_time('daily', '1 day', ahead => '400 days', key_format => 'unix_seconds', timezone => 'Europe/Berlin');
SELECT DISTINCT to_char(to_timestamp(lower_bound::bigint) AT TIME ZONE 'Europe/Berlin', 'HH24:MI:SS') AS begins,
       (upper_bound::bigint - lower_bound::bigint) / 3600 AS hours
FROM warden.partitions WHERE parent = 'daily'::regclass ORDER BY 2;

-- arguments
SELECT * FROM declare('seconds', 'unix_milliseconds');
SELECT * FROM declare('seconds', NULL);
SELECT * FROM declare('uuids', NULL);
SELECT * FROM declare('ulids', 'uuidv7');
SELECT * FROM declare('ulids', 'number');
SELECT * FROM declare('ulids', 'ULID');
CREATE TABLE sorted (id text COLLATE "en-x-icu") PARTITION BY RANGE (id);
SELECT * FROM declare('sorted', 'ulid');
CREATE TABLE native (at timestamptz) PARTITION BY RANGE (at);
SELECT * FROM declare('native', 'unix_seconds');
CREATE TABLE flags (at boolean) PARTITION BY RANGE (at);
SELECT * FROM declare('flags', NULL);

SET client_min_messages = error;
DROP SCHEMA keys CASCADE;
