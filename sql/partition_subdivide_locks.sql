-- A tree is made, and dropped, in one transaction: what takes more locks than the server has is refused.
SET client_min_messages = warning;
CREATE SCHEMA locks;
SET search_path = locks;
CREATE FUNCTION subdivide(modulus int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    about text;
    help text;
    locks bigint[];
    places bigint;
BEGIN
    PERFORM FROM warden.partition_subdivide('locks.wide', 'hash', 'n', modulus => modulus);
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS about = PG_EXCEPTION_DETAIL, help = PG_EXCEPTION_HINT;
    SELECT array_agg(number[1]::bigint) INTO locks FROM regexp_matches(about, '\d+', 'g') number;
    SELECT current_setting('max_locks_per_transaction')::bigint INTO places;
    RETURN concat_ws(E'\n', sqlstate || ': ' || sqlerrm, regexp_replace(about, '\d+', '...', 'g'), help,
                     'as many as tables times locks of one: ' || (locks[1] = (modulus + 1) * locks[2]),
                     'too many: ' || (locks[1] > locks[3]),
                     'one for each transaction and backend, at least: '
                     || (locks[3] % places = 0 AND locks[3] > places * current_setting('max_connections')::int));
END $$;
-- enough indexes, whatever the server's settings
CREATE TABLE wide (id int NOT NULL, n int NOT NULL) PARTITION BY RANGE (id);
SELECT count(*) FROM warden.partition_by_number('wide', 100, ahead => 99);
DO $$
BEGIN
    FOR i IN 1 .. 60 LOOP
        EXECUTE format('CREATE INDEX ON wide (n) WHERE id > %s', i);
    END LOOP;
END $$;
SELECT subdivide(1000);
SELECT sub_method FROM warden.partition_sets;
SELECT count(*) > 0 AS planned FROM warden.partition_subdivide('wide', 'hash', 'n', modulus => 4, dry_run => true);
SELECT subdivide(4);
DROP TABLE wide_p0;
-- the locks that are counted on suffice
CREATE FUNCTION locks_taken() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(DISTINCT (locktype, relation, classid, objid)) FROM pg_locks WHERE pid = pg_backend_pid() $$;
CREATE TABLE kinds (kind int PRIMARY KEY);
CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE rich (id serial, n int DEFAULT 5 CHECK (n > 0) REFERENCES kinds, t text DEFAULT 'x' CHECK (t <> ''),
    PRIMARY KEY (id, n)) PARTITION BY RANGE (id);
CREATE INDEX ON rich (t);
CREATE STATISTICS rich_statistics ON n, t FROM rich;
CREATE TRIGGER same BEFORE INSERT ON rich FOR EACH ROW EXECUTE FUNCTION same();
SELECT count(*) FROM warden.partition_by_number('rich', 100, ahead => 99);
SELECT count(*) FROM warden.partition_subdivide('rich', 'hash', 'n', modulus => 20);
DROP TABLE rich_p0;
-- of a table: 2 indexes, 1 foreign key, 2 checks, 3 defaults, 2 columns not null, 3 triggers, 1 of statistics, and 6; and few beside
BEGIN;
SELECT partition, status FROM warden.partition_maintain('rich');
SELECT locks_taken() <= 21 * 20 + 10 AS suffices, locks_taken() > 21 * 5 AS "not by far";
COMMIT;
BEGIN;
DROP TABLE rich_p0;
SELECT locks_taken() <= 21 * 20 + 10 AS suffices, locks_taken() > 21 * 15 AS "not by far";
COMMIT;
DROP SCHEMA locks CASCADE;
