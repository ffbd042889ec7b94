-- One set that cannot be maintained does not stop the others: each has its own row, and its own last_error.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE ROLE regress_warden_owner;
CREATE SCHEMA isolated;
CREATE SCHEMA isolated_closed AUTHORIZATION regress_warden_owner;
CREATE SCHEMA isolated_moved;
SET search_path = isolated;
-- Sets of which all partitions have been dropped by hand, so that all of them have something to do.
CREATE FUNCTION declare_set(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM warden.partition_by_time(relation, '1 year', ahead => '1 year');
    EXECUTE (SELECT string_agg(format('DROP TABLE %s', partition), ';') FROM warden.partitions
             WHERE parent = relation AND kind = 'range');
END $$;
CREATE TABLE a_healthy (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE b_colliding (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE b_colliding_rest PARTITION OF b_colliding DEFAULT;
CREATE TABLE c_renamed (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE d_dropped (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE e_moved (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE isolated_closed.f_closed (at timestamptz) PARTITION BY RANGE (at);
ALTER TABLE isolated_closed.f_closed OWNER TO regress_warden_owner;
CREATE TABLE g_zone (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE h_altered (at timestamptz, n int) PARTITION BY RANGE (at);
CREATE TABLE i_retyped (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE j_parameter (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE k_disowned (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE z_healthy (at timestamptz) PARTITION BY RANGE (at);
SELECT count(declare_set(oid)) FROM pg_class
WHERE relkind = 'p' AND relnamespace::regnamespace::text ~ '^isolated';
-- Without the dates of today.
CREATE FUNCTION masked(t text) RETURNS text LANGUAGE sql AS
$$ SELECT regexp_replace(regexp_replace(t, '_p\d{8}', '_p'), '''\d{4}-.*?''', '''...''', 'g') $$;

INSERT INTO b_colliding VALUES (now());
ALTER TABLE c_renamed RENAME TO c_other;
DROP TABLE d_dropped;
ALTER TABLE e_moved SET SCHEMA isolated_moved;
ALTER SCHEMA isolated_closed OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA isolated_closed FROM regress_warden_owner;
UPDATE warden.partition_policies SET timezone = 'Mars/Base' WHERE parent = 'g_zone'::regclass;
-- h: another table of that name is there now
DROP TABLE h_altered;
CREATE TABLE h_altered (at int) PARTITION BY LIST (at);
-- i: the declared table is attached to another one meanwhile
CREATE TABLE i_top (at timestamptz) PARTITION BY RANGE (at);
ALTER TABLE i_top ATTACH PARTITION i_retyped FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
UPDATE warden.partition_policies SET storage_parameters = '{no_such_parameter=1}'
WHERE parent = 'j_parameter'::regclass;
ALTER TABLE k_disowned OWNER TO regress_warden_owner;

SELECT parent, masked(partition) AS partition, action, status, masked(detail) AS detail, count(*)
FROM warden.partition_maintain() GROUP BY 1, 2, 3, 4, 5 ORDER BY parent::text, status;
SELECT parent, partitions, last_success IS NOT NULL AS success, colliding, last_error, last_error_at IS NOT NULL AS at, blocked_by
FROM warden.partition_sets ORDER BY parent::text;
-- the same again: who is in order is silent, who is not says it again
SELECT DISTINCT parent::text, action, status FROM warden.partition_maintain() ORDER BY 1, 2, 3;
-- one set alone: its failure is a row, too
SELECT DISTINCT parent, action, status FROM warden.partition_maintain('b_colliding');

-- mended: all advance, and the errors are gone
DELETE FROM b_colliding;
GRANT ALL ON SCHEMA isolated_closed, isolated TO regress_warden_owner;
UPDATE warden.partition_policies SET timezone = 'UTC' WHERE parent = 'g_zone'::regclass;
ALTER TABLE i_top DETACH PARTITION i_retyped;
UPDATE warden.partition_policies SET storage_parameters = NULL WHERE parent = 'j_parameter'::regclass;
SELECT parent, action, status, detail, count(*) FROM warden.partition_maintain()
GROUP BY 1, 2, 3, 4 ORDER BY parent::text, action;
SELECT parent, colliding, last_error, last_error_at, blocked_by FROM warden.partition_sets
WHERE colliding > 0 OR last_error IS NOT NULL OR last_error_at IS NOT NULL OR blocked_by IS NOT NULL ORDER BY parent::text;
SELECT * FROM warden.partition_maintain();
-- rows of tables that are gone are taken out
CALL warden.maintain();
SELECT count(*) FROM warden.partition_policies p WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = p.parent);
SELECT count(*) FROM warden.partition_states s WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = s.parent);

-- some rows in the way of one year: the other years are made
CREATE TABLE l_partly (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE l_partly_rest PARTITION OF l_partly DEFAULT;
INSERT INTO l_partly VALUES (date_trunc('year', now()) + interval '1 year 1 month');
SELECT action, status, masked(detail) AS detail, count(*)
FROM warden.partition_by_time('l_partly', '1 year', ahead => '3 years') GROUP BY 1, 2, 3 ORDER BY status;
SELECT partitions, colliding, last_error FROM warden.partition_sets WHERE parent = 'l_partly'::regclass;

-- in a transaction that fails afterwards, nothing has happened
BEGIN;
DELETE FROM l_partly;
SELECT action, status, count(*) FROM warden.partition_maintain('l_partly') GROUP BY 1, 2;
ROLLBACK;
SELECT partitions FROM warden.partition_sets WHERE parent = 'l_partly'::regclass;

-- what cannot be made does not keep what has expired
CREATE TABLE l_partly_old PARTITION OF l_partly FOR VALUES FROM ('1999-01-01') TO ('2000-01-01');
SELECT action, status
FROM warden.partition_by_time('l_partly', '1 year', ahead => '3 years', keep => '1 year') ORDER BY action, status;
SELECT action, status FROM warden.partition_maintain('l_partly') ORDER BY action, status;

-- a policy that was restored for a table of another kind: the views show the others, maintenance tells of it
CREATE TABLE m_listed (at timestamptz) PARTITION BY LIST (at);
INSERT INTO warden.partition_policies
SELECT 'm_listed'::regclass::oid, every, ahead, keep, on_expiry, timezone, anchor FROM warden.partition_policies
WHERE parent = 'z_healthy'::regclass;
SELECT parent, covered_until IS NOT NULL AS covered, partitions > 0 AS partitions FROM warden.partition_sets
WHERE parent IN ('m_listed'::regclass, 'z_healthy') ORDER BY parent::text;
SELECT count(*) > 0 AS others, count(*) FILTER (WHERE parent = 'm_listed'::regclass) AS of_it FROM warden.partitions;
SELECT * FROM warden.partition_maintain('m_listed');
DROP SCHEMA isolated, isolated_closed, isolated_moved CASCADE;
DROP ROLE regress_warden_owner;
