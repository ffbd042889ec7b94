-- Code of users that a move meets runs as the owner of the table and nobody else; operators and functions in somebody's
-- search_path are never met.
SET timezone = 'UTC';
SET client_min_messages = error;
\set SHOW_CONTEXT never
CREATE ROLE regress_warden_owner;
CREATE SCHEMA secure;
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA secure TO regress_warden_owner;
CREATE TABLE secure.seen (what text, who name, became text, path text);
GRANT INSERT ON secure.seen TO PUBLIC;
SET ROLE regress_warden_owner;
SET search_path = secure;
-- What only an owner would write: it says that it is immutable, and is not.
CREATE FUNCTION note(what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE became text;
BEGIN
    IF current_setting('secure.off', true) = 'on' THEN RETURN; END IF;
    BEGIN
        EXECUTE 'RESET ROLE';
        RAISE SQLSTATE 'ZZ001' USING MESSAGE = current_user; -- and it is taken back
    EXCEPTION
        WHEN insufficient_privilege THEN became := sqlstate;
        WHEN SQLSTATE 'ZZ001' THEN became := 'became ' || sqlerrm;
    END;
    INSERT INTO secure.seen VALUES (what, current_user, became, current_setting('search_path'));
END $$;
CREATE FUNCTION noted(n int, what text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM secure.note(what); RETURN n; END $$;
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM secure.note('trigger'); RETURN coalesce(NEW, OLD); END $$;
-- A type whose comparison is the owner's, and a domain whose check is.
CREATE DOMAIN checked AS int CHECK (secure.noted(VALUE, 'domain') IS NOT NULL);
CREATE FUNCTION equal(a int, b bigint) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM secure.note('operator'); RETURN a::text = b::text; END $$;
CREATE OPERATOR = (LEFTARG = int, RIGHTARG = bigint, FUNCTION = secure.equal);
CREATE FUNCTION make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE secure.%1$I (id int, at timestamptz NOT NULL, n int DEFAULT secure.noted(1, ''default'') CHECK (secure.noted(n, ''check'') > 0),
        d secure.checked, g int GENERATED ALWAYS AS (secure.noted(n, ''generated'') + 1) STORED, PRIMARY KEY (id, at))', name);
    EXECUTE format('INSERT INTO secure.%I (id, at, n, d) SELECT g, timestamptz ''2020-01-01 UTC'' + g %% 5 * interval ''1 month'', g, g FROM generate_series(1, 50) g', name);
    EXECUTE format('CREATE INDEX ON secure.%I (secure.noted(n, ''index'')) WHERE secure.noted(n, ''predicate'') > 3', name);
    EXECUTE format('CREATE STATISTICS secure.%I ON secure.noted(n, ''statistics''), (g + 1) FROM secure.%I', name || '_s', name);
    EXECUTE format('ALTER TABLE secure.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE secure.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY p ON secure.%I USING (secure.noted(n, ''policy'') > 25)', name);
    EXECUTE format('CREATE TRIGGER t BEFORE INSERT OR UPDATE OR DELETE ON secure.%I FOR EACH ROW EXECUTE FUNCTION secure.fire()', name);
    EXECUTE format('CREATE TRIGGER a AFTER INSERT OR UPDATE OR DELETE ON secure.%I FOR EACH ROW EXECUTE FUNCTION secure.fire()', name);
    EXECUTE format('ALTER TABLE secure.%I ENABLE ALWAYS TRIGGER a', name);
END $$;
SELECT make('full'), make('plain');
RESET ROLE;
-- Whoever calls may have a path on which other things come first.
CREATE TABLE evil.called (what text, who name);
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT INSERT ON evil.called TO PUBLIC;
CREATE FUNCTION evil.log(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO evil.called VALUES (what, current_user); RETURN true; END $$;
DO $$
DECLARE
    t text; o text; f text;
BEGIN
    FOREACH t IN ARRAY ARRAY['oid', 'int2', 'int4', 'int8', 'text', 'name', '"char"', 'timestamptz', 'bool'] LOOP
        FOREACH o IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>='] LOOP
            EXECUTE format('CREATE FUNCTION evil.%I(%s, %2$s) RETURNS boolean LANGUAGE sql AS %L', 'op' || o || t, t, format('SELECT evil.log(%L)', t || o));
            EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = evil.%I)', o, t, 'op' || o || t);
        END LOOP;
    END LOOP;
    FOREACH t IN ARRAY ARRAY['int4', 'int8'] LOOP
        FOREACH o IN ARRAY ARRAY['+', '-', '*'] LOOP
            EXECUTE format('CREATE FUNCTION evil.%I(a %s, b %2$s) RETURNS %2$s LANGUAGE sql AS %L', 'op' || o || t, t, format('SELECT a FROM (SELECT evil.log(%L)) l', t || o));
            EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = evil.%I)', o, t, 'op' || o || t);
        END LOOP;
    END LOOP;
    FOREACH f IN ARRAY ARRAY['format(text, text)', 'quote_ident(text)', 'quote_literal(text)', 'to_regclass(text)', 'now()', 'clock_timestamp()', 'pg_backend_pid()', 'current_database()',
        'pg_relation_size(regclass)', 'pg_total_relation_size(regclass)', 'pg_table_size(regclass)', 'pg_get_expr(pg_node_tree, oid)', 'pg_get_indexdef(oid)', 'pg_get_constraintdef(oid)',
        'pg_has_role(name, text)', 'nextval(regclass)', 'length(text)', 'pg_get_partition_constraintdef(oid)'] LOOP
        EXECUTE format('CREATE FUNCTION evil.%s RETURNS text LANGUAGE sql AS %L', f, format('SELECT ''1'' FROM (SELECT evil.log(%L)) l', f));
    END LOOP;
END $$;
CREATE TABLE evil.pg_class (oid oid); CREATE TABLE evil.pg_inherits (); CREATE TABLE evil.partition_move_jobs ();
CREATE TEMPORARY TABLE pg_attribute (attrelid oid); CREATE TEMPORARY TABLE partition_move_jobs (id int);
-- that it would be called
SET search_path = evil, pg_catalog, secure;
SELECT 1 = 1;
SELECT pg_catalog.count(*) FROM evil.called;
TRUNCATE evil.called; TRUNCATE secure.seen;

SELECT pg_catalog.bool_or(true) FROM warden.partition_convert_plan('secure.full', 'at', '1 month', timezone => 'UTC', ahead => '1 day');
CALL warden.partition_convert('secure.full', 'at', '1 month', timezone => 'UTC', ahead => '1 day');
CALL warden.partition_convert('secure.plain', 'at', '1 month', timezone => 'UTC', ahead => '1 day', metadata_only => true);
RESET search_path;
SET session_replication_role = replica;
SET secure.off = on;
INSERT INTO secure.full (id, at, n, d) SELECT g, timestamptz '2019-09-01 UTC' + g % 3 * interval '1 month', g, g FROM generate_series(101, 130) g;
RESET session_replication_role;
RESET secure.off;
SET search_path = evil, pg_catalog, secure;
CALL warden.partition_drain('secure.full');
CALL warden.partition_revert('secure.full');
CALL warden.partition_revert('secure.plain');
SELECT warden.partition_pause('secure.plain');
CALL warden.partition_cancel('secure.plain');
CALL warden.maintain();
SELECT warden.partition_drain_plan('secure.plain');
SELECT kind, state, target_name FROM warden.partition_moves WHERE target_name OPERATOR(pg_catalog.~) '^secure' ORDER BY id USING OPERATOR(pg_catalog.<);
RESET search_path;
SELECT * FROM evil.called GROUP BY 1, 2 ORDER BY 1, 2;
SELECT who, became, path, string_agg(DISTINCT what, ' ') FROM secure.seen WHERE who <> 'regress_warden_owner' OR became <> '42501' GROUP BY 1, 2, 3;
SELECT what FROM secure.seen WHERE what = 'trigger' AND who <> session_user LIMIT 1;
SELECT DISTINCT who, became, path FROM secure.seen WHERE what = 'index';
SELECT current_user = session_user AS self, current_setting('search_path');
ALTER TABLE secure.full NO FORCE ROW LEVEL SECURITY;
SELECT count(*), sum(n), sum(g) FROM secure.full;
SELECT count(*), sum(n), sum(g) FROM secure.plain;
SELECT relkind, relowner::regrole, count(*) FROM pg_class WHERE relnamespace = 'secure'::regnamespace AND relkind IN ('r', 'p') GROUP BY 1, 2 ORDER BY 1, 2;

-- settings that the owner's code makes, and temporary tables of his, do not stay
SET ROLE regress_warden_owner;
SET search_path = secure;
CREATE FUNCTION set_all(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', 'evil', false), set_config('timezone', 'Asia/Tokyo', false), set_config('row_security', 'off', false),
        set_config('lock_timeout', '1', false), set_config('session_replication_role', 'replica', false);
    RETURN n;
EXCEPTION WHEN insufficient_privilege THEN
    PERFORM set_config('search_path', 'evil', false), set_config('timezone', 'Asia/Tokyo', false);
    RETURN n;
END $$;
CREATE TABLE sets (id int, at timestamptz NOT NULL, n int);
INSERT INTO sets SELECT g, timestamptz '2020-01-01 UTC' + g % 5 * interval '1 month', g FROM generate_series(1, 50) g;
CREATE INDEX ON sets (set_all(n));
RESET ROLE;
RESET search_path;
SET timezone = 'UTC';
CALL warden.partition_convert('secure.sets', 'at', '1 month', timezone => 'UTC', ahead => '1 day');
SELECT current_setting('search_path'), current_setting('timezone'), current_setting('row_security'), current_setting('lock_timeout'), current_setting('session_replication_role');
CALL warden.partition_revert('secure.sets');
SELECT current_setting('search_path'), current_setting('timezone'), current_setting('row_security'), current_setting('lock_timeout'), current_setting('session_replication_role');
SELECT count(*), sum(n) FROM secure.sets;

DROP SCHEMA evil CASCADE;
DROP SCHEMA secure CASCADE;
DROP ROLE regress_warden_owner;
