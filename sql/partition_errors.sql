-- Bad input: SQLSTATE, message, detail, and a hint that says what to type instead; nothing is half done.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET client_min_messages = warning;
CREATE SCHEMA wrong;
SET search_path = wrong;
CREATE FUNCTION diagnose(command text) RETURNS TABLE (field text, said text) LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; details text; advice text;
BEGIN
    EXECUTE command;
    RAISE SQLSTATE 'ZZ000' USING MESSAGE = 'accepted'; -- and undone
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS
        state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, details = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
    RETURN QUERY SELECT * FROM (VALUES (state, message), ('detail', details), ('hint', advice)) v (f, s) WHERE s <> '';
END
$$;
-- arguments: those after the table
CREATE FUNCTION refuse(target text, arguments text) RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT warden.partition_by_time(%L, %s)', target, arguments)) $$;
\pset tuples_only on
\pset format unaligned
\pset fieldsep ': '

CREATE TABLE events (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE days (day date NOT NULL) PARTITION BY RANGE (day);

-- not a partitioned table
CREATE TABLE plain (at timestamptz);
CREATE VIEW looking AS SELECT * FROM events;
CREATE INDEX events_n ON events (n);
CREATE TABLE child PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');
SELECT * FROM refuse('plain', $$'1 day'$$);
SELECT * FROM refuse('looking', $$'1 day'$$);
SELECT * FROM refuse('events_n', $$'1 day'$$);
SELECT * FROM refuse('child', $$'1 day'$$);
SELECT * FROM refuse('pg_catalog.pg_class', $$'1 day'$$);
SELECT * FROM refuse('missing', $$'1 day'$$);
SELECT * FROM diagnose($$SELECT warden.partition_by_time(0::regclass, '1 day')$$);
SELECT * FROM diagnose($$SELECT warden.partition_by_time(4294967295::oid::regclass, '1 day')$$);

-- a parent of another kind
CREATE TABLE listed (at timestamptz) PARTITION BY LIST (at);
CREATE TABLE hashed (at timestamptz) PARTITION BY HASH (at);
CREATE TABLE two_columns (at timestamptz, n int) PARTITION BY RANGE (at, n);
CREATE TABLE computed (at timestamptz) PARTITION BY RANGE ((at AT TIME ZONE 'UTC'));
CREATE TABLE of_text (at text) PARTITION BY RANGE (at);
CREATE TABLE of_number (at bigint) PARTITION BY RANGE (at);
CREATE TABLE of_time (at time) PARTITION BY RANGE (at);
CREATE TEMPORARY TABLE passing (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE top (at timestamptz, n int) PARTITION BY LIST (n);
CREATE TABLE middle PARTITION OF top FOR VALUES IN (1) PARTITION BY RANGE (at);
SELECT * FROM refuse('listed', $$'1 day'$$);
SELECT * FROM refuse('hashed', $$'1 day'$$);
SELECT * FROM refuse('two_columns', $$'1 day'$$);
SELECT * FROM refuse('computed', $$'1 day'$$);
SELECT * FROM refuse('of_text', $$'1 day'$$);
SELECT * FROM refuse('of_number', $$'1 day'$$);
SELECT * FROM refuse('of_time', $$'1 day'$$);
SELECT * FROM refuse('passing', $$'1 day'$$);
SELECT * FROM refuse('middle', $$'1 day'$$);

-- every
SELECT * FROM refuse('events', $$'0'$$);
SELECT * FROM refuse('events', $$'-1 day'$$);
SELECT * FROM refuse('events', $$'1 month 1 day'$$);
SELECT * FROM refuse('events', $$'1 day 1 hour'$$);
SELECT * FROM refuse('events', $$'1 month -1 day'$$);
SELECT * FROM refuse('events', $$'170000000 years'$$);
SELECT * FROM refuse('events', $$'2000000000 days'$$);
SELECT * FROM refuse('events', $$'2000000000 hours'$$);
SELECT * FROM refuse('events', $$'1 microsecond'$$);
SELECT * FROM refuse('events', $$'500 milliseconds'$$);
SELECT * FROM refuse('days', $$'1 hour'$$);
SELECT * FROM refuse('days', $$'36 hours'$$);

-- ahead and keep
SELECT * FROM refuse('events', $$'1 day', ahead => '-1 day'$$);
SELECT * FROM refuse('events', $$'1 day', ahead => '170000000 years'$$);
SELECT * FROM refuse('events', $$'1 minute', ahead => '100 years'$$);
SELECT * FROM refuse('events', $$'1 day', keep => '0'$$);
SELECT * FROM refuse('events', $$'1 day', keep => '-1 day'$$);
SELECT * FROM refuse('events', $$'1 day', keep => '1 hour'$$);
SELECT * FROM refuse('events', $$'1 month', keep => '27 days'$$);
SELECT * FROM refuse('events', $$'1 year', keep => '11 months'$$);

-- the others
SELECT * FROM refuse('events', $$'1 day', on_expiry => 'shred'$$);
SELECT * FROM refuse('events', $$'1 day', on_expiry => ''$$);
SELECT * FROM refuse('events', $$'1 day', on_expiry => NULL$$);
SELECT * FROM refuse('events', $$'1 day', timezone => 'Mars/Base'$$);
SELECT * FROM refuse('events', $$'1 day', timezone => ''$$);
SELECT * FROM refuse('events', $$'1 day', timezone => '../../etc/passwd'$$);
SELECT * FROM refuse('events', $$'1 day', anchor => 'infinity'$$);
SELECT * FROM refuse('events', $$'1 day', storage_parameters => '{no_such_parameter=1}'$$);
SELECT * FROM refuse('events', $$'1 day', storage_parameters => '{fillfactor=1000}'$$);
SELECT * FROM refuse('events', $$'1 day', storage_parameters => '{fillfactor}'$$);
SELECT * FROM refuse('events', $$'1 day', storage_parameters => ARRAY['fillfactor=70) TABLESPACE pg_default --']$$);
SELECT * FROM refuse('events', $$'1 day', storage_parameters => ARRAY['fillfactor=70', NULL]$$);
SELECT * FROM refuse('events', $$'1 day', storage_parameters => '{{fillfactor=70},{fillfactor=80}}'$$);
SELECT * FROM diagnose($$SELECT warden.partition_by_time(NULL, '1 day')$$);
SELECT * FROM refuse('events', 'NULL');
SELECT * FROM refuse('events', $$'1 day', dry_run => NULL$$);

-- not managed
SELECT * FROM diagnose($$SELECT warden.partition_maintain('events')$$);
SELECT * FROM diagnose($$SELECT warden.partition_maintain('plain')$$);
SELECT * FROM diagnose($$SELECT warden.partition_maintain(4294967295::oid::regclass)$$);
SELECT * FROM diagnose($$SELECT warden.partition_unmanage('events')$$);
SELECT * FROM diagnose($$SELECT warden.partition_unmanage(4294967295::oid::regclass)$$);
SELECT * FROM diagnose($$SELECT warden.partition_bounds('events')$$);
SELECT * FROM diagnose($$SELECT warden.partition_coverage('plain')$$);

-- nothing is half done
SELECT 'managed', count(*) FROM warden.partition_policies, pg_class WHERE oid = parent;
SELECT 'partitions', count(*) FROM pg_inherits WHERE inhrelid::regclass::text ~ '_p\d';

-- a change that is refused leaves the policy as it was
SELECT count(*) > 0 FROM warden.partition_by_time('events', '1 year', ahead => '1 year', keep => '10 years');
SELECT * FROM refuse('events', $$'1 year', keep => '1 day'$$);
SELECT every, ahead, keep FROM warden.partition_sets;
DROP SCHEMA wrong CASCADE;
