-- What advice is based on: without pg_stat_statements there are samples only, and nobody reads what is not his.
SET client_min_messages = warning;
CREATE SCHEMA wl;
CREATE TABLE wl.orders (id integer PRIMARY KEY, customer integer, note text);
CREATE ROLE wl_alice;
CREATE ROLE wl_bob;
CREATE ROLE wl_group;
GRANT wl_group TO wl_bob;
CREATE ROLE wl_reader;
GRANT pg_read_all_stats TO wl_reader;
GRANT USAGE ON SCHEMA wl TO wl_alice, wl_group;
GRANT SELECT ON wl.orders TO wl_alice, wl_group;

-- ours only, from here on
CREATE VIEW wl.shown AS
SELECT CASE WHEN role = 10 THEN 'superuser' ELSE role::text END AS role, query, parameters, search_path, source, calls, rows,
       skipped_reason
FROM warden.advice_workload WHERE query ~ '\mwl\M|\morders\M|^$' AND query !~ 'CREATE|GRANT|DROP';
ALTER VIEW wl.shown SET (security_invoker = true);
GRANT USAGE ON SCHEMA wl TO PUBLIC;
GRANT SELECT ON wl.shown TO PUBLIC;
CALL warden.maintain();
DELETE FROM warden.advice_samples;
SELECT count(*) FROM wl.shown;

-- all runs are sampled
SET warden.advice_sample_rate = 1;
SELECT count(*) FROM wl.orders WHERE customer = 5 AND note <> 'secret;--';
PREPARE by_note (integer, text) AS SELECT * FROM wl.orders WHERE customer = $1 AND note = $2;
EXECUTE by_note (7, 'it''s "7"');
EXECUTE by_note (8, NULL);
SET ROLE wl_alice;
SELECT 1 AS alice FROM wl.orders WHERE id = 1;
SET ROLE wl_group;
SET search_path = wl;
SELECT 2 AS "group" FROM orders WHERE id = 2;
RESET search_path;
RESET ROLE;
RESET warden.advice_sample_rate;
SET warden.advice_sample_rate = 0;
SELECT 'not sampled' FROM wl.orders;
SELECT role, query, parameters, search_path, source, calls, rows, skipped_reason
FROM wl.shown ORDER BY role COLLATE "C", query COLLATE "C", parameters;

-- in memory or in the table, it is the same
CALL warden.maintain();
SELECT query, parameters, calls FROM wl.shown ORDER BY query COLLATE "C", parameters;
SELECT count(*) > 0 AS in_table FROM warden.advice_samples;
SET warden.advice_sample_rate = 1;
SELECT 1 AS alice FROM wl.orders WHERE id = 3;
SET warden.advice_sample_rate = 0;

-- as whom one may look
SET ROLE wl_alice;
SELECT role, query FROM wl.shown;
SELECT * FROM warden.advice_samples;
SET ROLE wl_bob;
SELECT role, query, skipped_reason FROM wl.shown;
SET ROLE wl_reader;
SELECT role, query, skipped_reason IS NOT NULL AS skipped, skipped_reason LIKE '%may not become' AS becomes
FROM wl.shown ORDER BY role COLLATE "C", query COLLATE "C";
RESET ROLE;

-- without constants; a function's variables are parameters; our own statements are not of the workload
SET warden.advice_keep_constants = off;
SET warden.advice_sample_rate = 1;
SELECT count(*) AS hidden FROM wl.orders WHERE note = 'password' AND customer > 42 AND now() > timestamp '2020-01-01';
SET warden.advice_keep_constants = on;
CREATE FUNCTION wl.total(customer integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	total bigint;
BEGIN
	SELECT count(*) INTO total FROM wl.orders o WHERE o.customer = total.customer;
	total := total + (SELECT max(id) FROM wl.orders o WHERE o.customer = $1 OR o.id = total);
	IF EXISTS (SELECT FROM wl.orders o WHERE o.note = 'x' AND o.customer = $1) THEN
		RETURN 0;
	END IF;
	RETURN total;
END $$;
SELECT wl.total(11);
SELECT count(*) FROM warden.advice_workload WHERE query ~ 'warden';
EXPLAIN (ANALYZE) SELECT 'explained' FROM wl.orders \g /dev/null
SET warden.advice_sample_rate = 0;
SELECT query, parameters, skipped_reason FROM wl.shown WHERE query ~ 'hidden|max|customer = \$1' AND query !~ 'note = \$2'
ORDER BY query COLLATE "C";
SELECT count(*) FROM wl.shown WHERE query ~ 'password|42|2020|explained';

-- what cannot be planned says why
SET warden.advice_sample_rate = 1;
CREATE TEMPORARY TABLE fleeting (id integer);
SELECT 'wl' FROM fleeting;
CREATE TABLE wl.gone (id integer);
SELECT 'gone' FROM wl.gone;
SELECT format('SELECT ''long'' FROM wl.orders WHERE note = %L', repeat('x', 6000)) AS long \gset
:long;
SET warden.advice_sample_rate = 0;
DROP TABLE wl.gone, fleeting;
SELECT query, skipped_reason FROM wl.shown WHERE query ~ 'gone|fleeting|^$' ORDER BY query COLLATE "C";

-- a role that is gone has left what nobody can plan
DROP OWNED BY wl_group;
DROP ROLE wl_group;
SELECT query, skipped_reason FROM wl.shown WHERE query ~ 'group';

-- pg_stat_statements may be there or not, and go; it counts only where it is preloaded
CREATE SCHEMA "wl odd";
CREATE EXTENSION pg_stat_statements SCHEMA "wl odd";
SELECT count(*) > 0 AS works FROM warden.advice_workload;
DROP EXTENSION pg_stat_statements;
SELECT count(*) > 0 AS works FROM warden.advice_workload;

-- settings of the sampler are the superuser's
SET ROLE wl_alice;
SET warden.advice_sample_rate = 1;
SET warden.advice_keep_constants = on;
RESET ROLE;
SET warden.advice_sample_rate = 2;

DELETE FROM warden.advice_samples;
DROP SCHEMA wl CASCADE;
DROP SCHEMA "wl odd";
DROP ROLE wl_alice, wl_bob, wl_reader;
