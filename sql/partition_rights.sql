-- Who may do it, who may see it, and as whom the code of users runs.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_member IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_noinherit NOINHERIT IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_stranger;
CREATE ROLE regress_warden_monitor IN ROLE pg_monitor;
CREATE SCHEMA rights;
GRANT USAGE ON SCHEMA rights TO PUBLIC;
GRANT CREATE ON SCHEMA rights TO regress_warden_owner, regress_warden_stranger;
SET search_path = rights;
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint; advice text;
BEGIN
    EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', sqlstate || ': ' || sqlerrm, nullif(advice, ''));
END $$;
CREATE FUNCTION as_each(command text) RETURNS TABLE (who text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'monitor', 'noinherit', 'member', 'owner'] LOOP
        EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
        outcome := rights.attempt(command);
        RESET ROLE;
        RETURN NEXT;
    END LOOP;
END $$;
SET ROLE regress_warden_owner;
CREATE TABLE events (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE others (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
RESET ROLE;

-- nobody has it by himself, not even on his own table
SELECT * FROM as_each($$SELECT warden.partition_by_time('rights.events', '1 year', ahead => '1 year')$$);
SELECT * FROM as_each($$SELECT warden.partition_maintain()$$);
SELECT * FROM as_each($$SELECT warden.partition_unmanage('rights.events')$$);
SELECT * FROM as_each($$CALL warden.maintain()$$);
-- with EXECUTE: who has the rights of the owner
GRANT EXECUTE ON FUNCTION warden.partition_by_time, warden.partition_maintain, warden.partition_unmanage TO PUBLIC;
SELECT * FROM as_each($$SELECT warden.partition_by_time('rights.events', '1 year', ahead => '1 year', keep => '1 year',
                                                        dry_run => true)$$);
SET ROLE regress_warden_member;
SELECT DISTINCT status, detail FROM warden.partition_by_time('events', '1 year', ahead => '1 year', keep => '1 year');
RESET ROLE;
SELECT DISTINCT relowner::regrole FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = 'events'::regclass;
SELECT DISTINCT status FROM warden.partition_by_time('others', '1 year', ahead => '1 year');
SELECT * FROM as_each($$SELECT warden.partition_maintain('rights.events', dry_run => true)$$);
SELECT * FROM as_each($$SELECT warden.partition_maintain(dry_run => true)$$);
SET ROLE regress_warden_stranger;
SELECT attempt($$SELECT warden.partition_unmanage('rights.events')$$);
SET ROLE regress_warden_member;
SELECT partition, action, status FROM warden.partition_maintain();
RESET ROLE;

-- who sees what
SELECT * FROM as_each('SELECT FROM warden.partition_sets');
SELECT * FROM as_each('SELECT FROM warden.partitions');
SELECT * FROM as_each('SELECT FROM warden.partition_policies, pg_class WHERE oid = parent');
SELECT * FROM as_each('SELECT FROM warden.partition_states, pg_class WHERE oid = parent');
SELECT * FROM as_each('SELECT FROM warden.partition_log WHERE partition = ''rights.events_old''');
SELECT * FROM as_each($$SELECT warden.partition_bounds('rights.events')$$);
SELECT * FROM as_each($$SELECT warden.partition_coverage('rights.events')$$);
-- and who may write there by hand: nobody
SELECT * FROM as_each('UPDATE warden.partition_policies SET keep = ''1 hour''');
SELECT * FROM as_each('INSERT INTO warden.partition_states VALUES (1)');
SELECT * FROM as_each('DELETE FROM warden.partition_log');
SELECT * FROM as_each('TRUNCATE warden.partition_log');

-- code of users runs as the owner of the table, cannot become anybody else, and finds nothing by a search_path
CREATE TABLE seen (tag text, who name, path text, became text);
GRANT INSERT ON seen TO PUBLIC;
CREATE FUNCTION become(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'became ' || current_user;
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rights.seen VALUES (tg_tag, current_user, current_setting('search_path'),
        rights.become('RESET ROLE') || ' ' || rights.become('SET SESSION AUTHORIZATION DEFAULT'));
END $$;
CREATE FUNCTION only_owner(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'regress_warden_owner' THEN RAISE 'user code is run as %', current_user; END IF;
    RETURN n;
END $$;
SET ROLE regress_warden_owner;
CREATE TABLE coded (at timestamptz, n int DEFAULT rights.only_owner(1) CHECK (n > rights.only_owner(0)))
PARTITION BY RANGE (at);
CREATE TABLE coded_rest PARTITION OF coded DEFAULT;
INSERT INTO coded VALUES (NULL);
CREATE INDEX coded_index ON coded ((n + rights.only_owner(5))) WHERE n > rights.only_owner(3);
CREATE TABLE coded_old PARTITION OF coded FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
RESET ROLE;
CREATE EVENT TRIGGER regress_warden_start ON ddl_command_start EXECUTE FUNCTION look();
CREATE EVENT TRIGGER regress_warden_end ON ddl_command_end EXECUTE FUNCTION look();
CREATE EVENT TRIGGER regress_warden_drop ON sql_drop EXECUTE FUNCTION look();
SELECT DISTINCT action, status, detail
FROM warden.partition_by_time('coded', '1 year', ahead => '1 year', keep => '1 year');
SELECT DISTINCT action, status, detail FROM warden.partition_maintain('coded');
SELECT count(*) > 1 AS seen, array_agg(DISTINCT tag ORDER BY tag) FILTER (WHERE tag LIKE 'DROP%') AS drops,
       who, path, became
FROM seen GROUP BY who, path, became ORDER BY who, path;
SELECT current_user = session_user AS self, current_setting('search_path') AS path;
-- an event trigger that refuses is a failure of that set, not of the others
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN IF current_user = 'regress_warden_owner' THEN RAISE 'no changes on Fridays'; END IF; END $$;
DROP EVENT TRIGGER regress_warden_start;
DROP EVENT TRIGGER regress_warden_end;
DROP EVENT TRIGGER regress_warden_drop;
DO $$ BEGIN
    EXECUTE (SELECT string_agg(format('DROP TABLE %s', partition), ';') FROM warden.partitions
             WHERE parent IN ('coded'::regclass, 'others'::regclass) AND kind = 'range');
END $$;
SET ROLE regress_warden_stranger;
CREATE TABLE unaffected (at timestamptz) PARTITION BY RANGE (at);
RESET ROLE;
INSERT INTO warden.partition_policies
SELECT 'unaffected'::regclass::oid, every, ahead, keep, on_expiry, timezone, anchor FROM warden.partition_policies
WHERE parent = 'others'::regclass;
CREATE EVENT TRIGGER regress_warden_refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse();
SELECT DISTINCT parent::text, action, status, detail FROM warden.partition_maintain() ORDER BY parent, action;
DROP EVENT TRIGGER regress_warden_refuse;
SELECT DISTINCT parent::text, action, status, detail FROM warden.partition_maintain() ORDER BY parent, action;

REVOKE EXECUTE ON FUNCTION warden.partition_by_time, warden.partition_maintain, warden.partition_unmanage FROM PUBLIC;
DROP SCHEMA rights CASCADE;
DROP ROLE regress_warden_owner, regress_warden_member, regress_warden_noinherit, regress_warden_stranger,
    regress_warden_monitor;
