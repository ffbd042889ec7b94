-- Who may align partitions, who may see what they differ in, and as whom that runs.
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_member IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_noinherit NOINHERIT IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_stranger;
CREATE ROLE regress_warden_monitor IN ROLE pg_monitor;
CREATE SCHEMA parity;
GRANT USAGE, CREATE ON SCHEMA parity TO PUBLIC;
SET search_path = parity;
CREATE FUNCTION as_each(command text) RETURNS TABLE (who text, outcome text) LANGUAGE plpgsql AS $$
DECLARE n bigint; advice text;
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'monitor', 'noinherit', 'member', 'owner'] LOOP
        BEGIN
            EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
            EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT;
            outcome := n || ' rows';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
            outcome := concat_ws(' / ', sqlstate || ': ' || sqlerrm, nullif(advice, ''));
        END;
        RESET ROLE;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION align(parent regclass) RETURNS TABLE (partition text, status text, command text, detail text)
LANGUAGE sql AS $$ SELECT partition, status, command, detail FROM warden.partition_align(parent) $$;
SET ROLE regress_warden_owner;
CREATE TABLE events (id int, n int, t text) PARTITION BY RANGE (id);
CREATE TABLE events_p0 PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE events_p100 PARTITION OF events FOR VALUES FROM (100) TO (200);
CREATE TABLE others (id int) PARTITION BY RANGE (id);
RESET ROLE;
SELECT count(*) FROM unnest('{events,others}'::regclass[]) parent, warden.partition_by_number(parent, 100, ahead => 100);
ALTER TABLE ONLY events ALTER n SET STATISTICS 5;

-- who sees and does what
SELECT * FROM as_each('SELECT FROM warden.partition_differences(''parity.events'')');
SELECT * FROM as_each('SELECT FROM warden.partition_differences()');
SELECT * FROM as_each('SELECT FROM warden.partition_align(''parity.events'', dry_run => true)');
GRANT EXECUTE ON FUNCTION warden.partition_align TO PUBLIC;
SELECT * FROM as_each('SELECT FROM warden.partition_align(''parity.events'', dry_run => true)');
SET ROLE regress_warden_member;
SELECT * FROM align('events');
RESET ROLE;
SELECT * FROM as_each('SELECT FROM warden.partition_differences()');

-- a partition that belongs to somebody else: only who has the rights of both can give it away; the others are done
ALTER TABLE events_p0 OWNER TO regress_warden_stranger;
GRANT SELECT ON events TO regress_warden_monitor;
ALTER TABLE ONLY events ALTER n SET STATISTICS 6;
SET ROLE regress_warden_member;
SELECT * FROM align('events');
SET ROLE regress_warden_stranger;
SELECT * FROM as_each('SELECT FROM warden.partition_align(''parity.events'')') WHERE who = 'stranger';
RESET ROLE;
SELECT * FROM align('events');
SELECT relname, relowner::regrole, replace(relacl::text, 'm/', '/') AS acl -- but for MAINTAIN, of PostgreSQL 17
FROM pg_class WHERE relname ~ '^events' ORDER BY 1;
SELECT * FROM warden.partition_differences();

-- what another role has granted, that one must revoke; what others hang on is not revoked
SET ROLE regress_warden_owner;
GRANT SELECT, INSERT ON events_p0 TO regress_warden_monitor WITH GRANT OPTION;
GRANT UPDATE ON events_p100 TO regress_warden_stranger;
SET ROLE regress_warden_monitor;
GRANT INSERT ON events_p0 TO regress_warden_stranger;
RESET ROLE;
SELECT partition, property, expected, actual, command, reason FROM warden.partition_differences();
SELECT * FROM align('events');
SET ROLE regress_warden_monitor;
REVOKE INSERT ON events_p0 FROM regress_warden_stranger;
RESET ROLE;
SELECT * FROM align('events');
SELECT * FROM warden.partition_differences();

-- code of the owner runs as the owner: also where a superuser made a partition of it his own
CREATE FUNCTION only_owner(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'regress_warden_owner' THEN RAISE 'user code is run as %', current_user; END IF;
    RETURN n;
END $$;
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO parity.seen VALUES (tg_tag, current_user, current_setting('search_path'));
END $$;
CREATE TABLE seen (tag text, who name, path text);
GRANT INSERT ON seen TO PUBLIC;
SET ROLE regress_warden_owner;
CREATE TABLE coded (id int NOT NULL, n int NOT NULL DEFAULT parity.only_owner(1) CHECK (n > parity.only_owner(0)), t text)
PARTITION BY RANGE (id);
CREATE TABLE coded_p0 PARTITION OF coded FOR VALUES FROM (0) TO (100);
CREATE INDEX coded_index ON coded ((n + parity.only_owner(5))) WHERE n > parity.only_owner(3);
CREATE UNIQUE INDEX coded_key ON coded (id, n);
CREATE STATISTICS coded_statistics ON (n + parity.only_owner(7)), id FROM coded;
ALTER TABLE coded REPLICA IDENTITY USING INDEX coded_key, ALTER n SET (n_distinct = 5), ENABLE ROW LEVEL SECURITY;
ALTER TABLE ONLY coded ALTER t SET STORAGE MAIN, ALTER t SET COMPRESSION pglz, ALTER t SET STATISTICS 5;
CREATE POLICY few ON coded USING (n > parity.only_owner(3));
COMMENT ON COLUMN coded.n IS 'number';
GRANT SELECT ON coded TO regress_warden_monitor;
RESET ROLE;
SELECT count(*) FROM warden.partition_by_number('coded', 100, ahead => 100);
ALTER TABLE coded_p0 OWNER TO SESSION_USER;
CREATE EVENT TRIGGER regress_warden_start ON ddl_command_start EXECUTE FUNCTION look();
CREATE EVENT TRIGGER regress_warden_end ON ddl_command_end EXECUTE FUNCTION look();
SELECT count(*) > 5 AS several FROM warden.partition_differences('coded');
SELECT status, detail, count(*) FROM align('coded') GROUP BY 1, 2;
DROP EVENT TRIGGER regress_warden_start;
DROP EVENT TRIGGER regress_warden_end;
SELECT array_agg(DISTINCT tag ORDER BY tag) AS tags, replace(who, session_user, 'superuser') AS who, path, count(*) > 2 AS several
FROM seen GROUP BY who, path ORDER BY who;
SELECT * FROM warden.partition_differences('coded');
SELECT current_user = session_user AS self, current_setting('search_path') AS path;
-- an event trigger that refuses one thing does not stop the other
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no comments on Fridays'; END $$;
ALTER TABLE ONLY coded ALTER t SET STATISTICS 6;
COMMENT ON COLUMN coded.n IS 'another number';
CREATE EVENT TRIGGER regress_warden_refuse ON ddl_command_start WHEN TAG IN ('COMMENT') EXECUTE FUNCTION refuse();
SELECT * FROM align('coded');
DROP EVENT TRIGGER regress_warden_refuse;
SELECT * FROM align('coded');

REVOKE EXECUTE ON FUNCTION warden.partition_align FROM PUBLIC;
DROP SCHEMA parity CASCADE;
DROP ROLE regress_warden_owner, regress_warden_member, regress_warden_noinherit, regress_warden_stranger,
    regress_warden_monitor;
