-- Who may move rows, who may see it, and as whom the code of users runs meanwhile.
SET timezone = 'UTC';
SET client_min_messages = error;
\set SHOW_CONTEXT never
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_other;
CREATE ROLE regress_warden_member IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_noinherit NOINHERIT IN ROLE regress_warden_owner;
CREATE ROLE regress_warden_stranger;
CREATE ROLE regress_warden_monitor IN ROLE pg_monitor;
CREATE SCHEMA moving;
GRANT USAGE ON SCHEMA moving TO PUBLIC;
GRANT CREATE ON SCHEMA moving TO regress_warden_owner, regress_warden_other, regress_warden_stranger;
SET search_path = moving;
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint; advice text;
BEGIN
    EXECUTE command; GET DIAGNOSTICS n = ROW_COUNT;
    RETURN CASE WHEN n > 0 THEN 'rows' ELSE 'no rows' END;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', sqlstate || ': ' || sqlerrm, nullif(advice, ''));
END $$;
CREATE FUNCTION as_each(command text) RETURNS TABLE (who text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH who IN ARRAY ARRAY['stranger', 'monitor', 'noinherit', 'member', 'owner'] LOOP
        EXECUTE 'SET LOCAL ROLE regress_warden_' || who;
        outcome := moving.attempt(command);
        RESET ROLE;
        RETURN NEXT;
    END LOOP;
END $$;
SET ROLE regress_warden_owner;
CREATE TABLE plain (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at));
INSERT INTO plain SELECT g, timestamptz '2020-01-01 UTC' + g % 10 * interval '1 day' FROM generate_series(1, 1000) g;
CREATE TABLE parted (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE TABLE parted_one PARTITION OF parted FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
RESET ROLE;

-- nobody has them by himself, not even for his own table
SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'warden'::regnamespace AND provolatile = 'v'
    AND proname ~ 'move|drain|convert|revert|pause|resume|cancel' AND has_function_privilege('regress_warden_stranger', oid, 'EXECUTE') ORDER BY 1;
SELECT * FROM as_each($$SELECT * FROM warden.partition_convert_plan('moving.plain', 'at', '1 month')$$);
SELECT * FROM as_each($$SELECT * FROM warden.partition_drain_plan('moving.parted')$$);
SELECT * FROM as_each($$SELECT * FROM warden.partition_revert_plan('moving.parted')$$);
SELECT * FROM as_each($$SELECT warden.partition_pause('moving.plain')$$);
SELECT * FROM as_each($$CREATE TRIGGER mine AFTER INSERT ON moving.plain FOR EACH ROW EXECUTE FUNCTION warden.partition_move_capture()$$);
\set VERBOSITY terse
SET ROLE regress_warden_owner;
CALL warden.partition_drain('parted');
CALL warden.partition_convert('plain', 'at', '1 month');
CALL warden.partition_revert('parted');
CALL warden.partition_resume('plain');
CALL warden.partition_cancel('plain');
RESET ROLE;

-- with EXECUTE: who has the rights of the owner
GRANT EXECUTE ON FUNCTION warden.partition_drain_plan, warden.partition_convert_plan, warden.partition_revert_plan, warden.partition_pause,
    warden.partition_by_time, warden.partition_maintain TO PUBLIC;
GRANT EXECUTE ON PROCEDURE warden.partition_drain, warden.partition_convert, warden.partition_revert, warden.partition_resume,
    warden.partition_cancel TO PUBLIC;
SET ROLE regress_warden_owner;
SELECT count(*) > 0 AS some FROM warden.partition_by_time('parted', '1 month', timezone => 'UTC');
INSERT INTO parted SELECT timestamptz '2018-02-01 UTC' + g * interval '1 day', g FROM generate_series(1, 50) g;
RESET ROLE;
SELECT * FROM as_each($$SELECT * FROM warden.partition_convert_plan('moving.plain', 'at', '1 month', timezone => 'UTC')$$);
SELECT * FROM as_each($$SELECT * FROM warden.partition_drain_plan('moving.parted')$$);
SELECT * FROM as_each($$SELECT * FROM warden.partition_revert_plan('moving.parted')$$);
SELECT * FROM as_each($$SELECT warden.partition_pause('moving.plain')$$);
SET ROLE regress_warden_stranger;
CALL warden.partition_drain('parted');
CALL warden.partition_drain('parted', dry_run => true);
CALL warden.partition_convert('plain', 'at', '1 month');
CALL warden.partition_convert('plain', 'at', '1 month', dry_run => true);
CALL warden.partition_revert('parted');
CALL warden.partition_resume('plain');
CALL warden.partition_cancel('plain');
-- of what is not his he is told nothing but that
SELECT attempt($$SELECT * FROM warden.partition_convert_plan('moving.plain', 'no such column', '1 day')$$);
RESET ROLE;

-- one partition is another's
ALTER TABLE parted_one OWNER TO regress_warden_other;
SET ROLE regress_warden_owner;
CALL warden.partition_revert('parted');
RESET ROLE;
ALTER TABLE parted_one OWNER TO regress_warden_owner;
ALTER TABLE parted_rest OWNER TO regress_warden_other;
SET ROLE regress_warden_owner;
CALL warden.partition_drain('parted');
RESET ROLE;
ALTER TABLE parted_rest OWNER TO regress_warden_owner;
-- who may not create tables in the schema any more
REVOKE CREATE ON SCHEMA moving FROM regress_warden_owner;
SET ROLE regress_warden_owner;
CALL warden.partition_convert('plain', 'at', '1 month', timezone => 'UTC');
RESET ROLE;
GRANT CREATE ON SCHEMA moving TO regress_warden_owner;
SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL AND target_name ~ '^moving';

-- as a member, without copying, copying, and back
SET ROLE regress_warden_member;
CALL warden.partition_convert('plain', 'at', '1 month', timezone => 'UTC', ahead => '1 day');
CALL warden.partition_drain('parted');
RESET ROLE;
SELECT relkind, relowner::regrole, count(*) > 0 AS some FROM pg_class c WHERE relnamespace = 'moving'::regnamespace AND relkind IN ('r', 'p') GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FROM plain;
SELECT count(*) FROM parted_rest;
-- who sees what
SELECT * FROM as_each('SELECT FROM warden.partition_move_jobs');
SELECT * FROM as_each('SELECT FROM warden.partition_moves');
SELECT * FROM as_each('SELECT FROM warden.partition_move_sources');
SELECT * FROM as_each('SELECT FROM warden.partition_origins');
-- and who may write there by hand
SELECT * FROM as_each($$UPDATE warden.partition_move_jobs SET wanted = 'cancel'$$);
SELECT * FROM as_each($$INSERT INTO warden.partition_move_sides (job, number, relation) VALUES (1, 1, 1)$$);
SELECT * FROM as_each($$DELETE FROM warden.partition_origins$$);
SELECT * FROM as_each($$TRUNCATE warden.partition_move_indexes$$);
-- indexes of a plain table are made by its owner as well
REVOKE CREATE ON SCHEMA moving FROM regress_warden_owner;
SET ROLE regress_warden_member;
CALL warden.partition_revert('plain');
RESET ROLE;
SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL AND target_name ~ '^moving';
GRANT CREATE ON SCHEMA moving TO regress_warden_owner;
SET ROLE regress_warden_member;
CALL warden.partition_revert('plain');
CALL warden.partition_convert('plain', 'at', '1 month', timezone => 'UTC', metadata_only => true, ahead => '1 day');
CALL warden.partition_revert('plain');
RESET ROLE;
SELECT relkind, relowner::regrole FROM pg_class c WHERE oid = 'plain'::regclass;
SELECT count(*) FROM plain;

REVOKE EXECUTE ON FUNCTION warden.partition_drain_plan, warden.partition_convert_plan, warden.partition_revert_plan, warden.partition_pause,
    warden.partition_by_time, warden.partition_maintain FROM PUBLIC;
REVOKE EXECUTE ON PROCEDURE warden.partition_drain, warden.partition_convert, warden.partition_revert, warden.partition_resume,
    warden.partition_cancel FROM PUBLIC;
DROP SCHEMA moving CASCADE;
DROP ROLE regress_warden_owner, regress_warden_other, regress_warden_member, regress_warden_noinherit, regress_warden_stranger, regress_warden_monitor;
