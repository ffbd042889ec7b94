-- Bad input to the functions for lists, hashes and trees: SQLSTATE, message, detail, and a hint that says what to type
-- instead; nothing is half done.  And who may call them.
SET timezone = 'UTC';
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
CREATE FUNCTION list(target text, arguments text DEFAULT '') RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT warden.partition_by_list(%L%s)', target, ', ' || nullif(arguments, ''))) $$;
CREATE FUNCTION hash(target text, arguments text) RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT warden.partition_by_hash(%L, %s)', target, arguments)) $$;
CREATE FUNCTION divide(target text, arguments text) RETURNS TABLE (field text, said text) LANGUAGE sql AS
$$ SELECT * FROM diagnose(format('SELECT warden.partition_subdivide(%L, %s)', target, arguments)) $$;
\pset tuples_only on
\pset format unaligned
\pset fieldsep ': '

CREATE TABLE plain (a int);
CREATE TABLE ranged (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE listed (a int) PARTITION BY LIST (a);
CREATE TABLE hashed (a int, b int) PARTITION BY HASH (a);
CREATE TABLE listed_computed (a int) PARTITION BY LIST ((a + 1));
CREATE TABLE hashed_computed (a int, b int) PARTITION BY HASH (b, (a + 1));
CREATE TABLE child PARTITION OF ranged FOR VALUES FROM (1) TO (2) PARTITION BY HASH (b);
CREATE TEMPORARY TABLE passing (a int) PARTITION BY LIST (a);
CREATE VIEW looking AS SELECT * FROM listed;

-- a table of another kind
SELECT * FROM list('plain');
SELECT * FROM list('looking');
SELECT * FROM list('ranged');
SELECT * FROM list('hashed');
SELECT * FROM list('listed_computed');
SELECT * FROM list('passing');
SELECT * FROM list('missing');
SELECT * FROM hash('plain', '2');
SELECT * FROM hash('listed', '2');
SELECT * FROM hash('hashed_computed', '2');
SELECT * FROM hash('child', '2');
SELECT * FROM diagnose('SELECT warden.partition_by_time(''hashed'', ''1 day'')');
SELECT * FROM diagnose('SELECT warden.partition_by_number(''listed'', 1)');
SELECT * FROM diagnose('SELECT warden.partition_by_list(NULL)');
SELECT * FROM diagnose('SELECT warden.partition_by_hash(4294967295::oid::regclass, 2)');

-- values
SELECT * FROM list('listed', 'keys => ''{1,x}''');
SELECT * FROM list('listed', 'keys => ''{1,99999999999}''');
SELECT * FROM list('listed', 'keys => ARRAY['''']');
SELECT * FROM list('listed', 'keys => (SELECT array_agg(n::text) FROM generate_series(1, 1001) n)');
CREATE TYPE mood AS ENUM ('sad');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE moods (a mood) PARTITION BY LIST (a);
CREATE TABLE positives (a positive) PARTITION BY LIST (a);
CREATE TABLE shorts (a varchar(3)) PARTITION BY LIST (a);
SELECT * FROM list('moods', 'keys => ''{glad}''');
SELECT * FROM list('positives', 'keys => ''{-1}''');
SELECT * FROM list('shorts', 'keys => ''{long}''');
-- the others
SELECT * FROM list('listed', 'min_rows => 0');
SELECT * FROM list('listed', 'min_rows => -1');
SELECT * FROM list('listed', 'storage_parameters => ''{fillfactor=1}''');
SELECT * FROM list('listed', 'dry_run => NULL');

-- modulus
SELECT * FROM hash('hashed', 'NULL');
SELECT * FROM hash('hashed', '0');
SELECT * FROM hash('hashed', '-4');
SELECT * FROM hash('hashed', '2147483647');
SELECT * FROM hash('hashed', '10001');
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 4, REMAINDER 0);
SELECT * FROM hash('hashed', '6');
SELECT * FROM hash('hashed', '3');
CREATE TABLE fine (a int) PARTITION BY HASH (a);
CREATE TABLE finest PARTITION OF fine FOR VALUES WITH (MODULUS 1000000, REMAINDER 3);
SELECT * FROM hash('fine', '2');
SELECT * FROM hash('fine', 'NULL');
SELECT * FROM hash('hashed', '4, storage_parameters => ''{fillfactor=1}''');
SELECT * FROM hash('hashed', '4, dry_run => NULL');

-- trees
SELECT * FROM divide('ranged', '''hash'', ''a'', modulus => 2');
CREATE TABLE numbers (a int, b text, c point, d timestamptz, e int GENERATED ALWAYS AS (a + 1) STORED, f json) PARTITION BY RANGE (a);
SELECT count(*) FROM warden.partition_by_number('numbers', 1000, ahead => 1000);
SELECT count(*) FROM warden.partition_by_number('ranged', 1000, ahead => 1000);
SELECT * FROM divide('child', '''hash'', ''a'', modulus => 2');
SELECT * FROM divide('numbers', '''merge'', ''b''');
SELECT * FROM divide('numbers', '''hash''');
SELECT * FROM divide('numbers', '''hash'', ''missing'', modulus => 2');
SELECT * FROM divide('numbers', '''hash'', ''ctid'', modulus => 2');
SELECT * FROM divide('numbers', '''hash'', ''e'', modulus => 2');
SELECT * FROM divide('numbers', '''hash'', ''c'', modulus => 2');
SELECT * FROM divide('numbers', '''list'', ''f'', keys => ''{1}''');
SELECT * FROM divide('numbers', '''hash'', ''b''');
SELECT * FROM divide('numbers', '''hash'', ''b'', modulus => 0');
SELECT * FROM divide('numbers', '''hash'', ''b'', modulus => 1001');
SELECT * FROM divide('numbers', '''hash'', ''b'', modulus => 2, every => ''1''');
SELECT * FROM divide('numbers', '''list'', ''b''');
SELECT * FROM divide('numbers', '''list'', ''a'', keys => ''{x}''');
SELECT * FROM divide('numbers', '''list'', ''b'', keys => ''{x}'', modulus => 2');
SELECT * FROM divide('numbers', '''list'', ''b'', keys => (SELECT array_agg(n::text) FROM generate_series(1, 1000) n)');
SELECT * FROM divide('numbers', '''range'', ''b'', every => ''1''');
SELECT * FROM divide('numbers', '''range'', ''a''');
SELECT * FROM divide('numbers', '''range'', ''d''');
SELECT * FROM divide('numbers', '''range'', ''a'', every => ''1 day''');
SELECT * FROM divide('numbers', '''range'', ''d'', every => ''one day''');
SELECT * FROM divide('numbers', '''range'', ''d'', every => ''1 month 1 day''');
SELECT * FROM divide('numbers', '''range'', ''a'', every => ''0''');
SELECT * FROM divide('numbers', '''range'', ''a'', every => ''10'', ahead => ''-1''');
SELECT * FROM divide('numbers', '''range'', ''a'', every => ''10'', keep => ''1''');
SELECT * FROM divide('numbers', '''range'', ''d'', every => ''1 day'', ahead => ''-1 day''');
SELECT * FROM divide('numbers', '''range'', ''d'', every => ''1 day'', keep => ''1 hour''');
SELECT * FROM divide('numbers', '''range'', ''d'', every => ''1 hour'', ahead => ''1 year''');
SELECT * FROM divide('ranged', '''range'', ''b'', every => ''1'', ahead => ''2000''');
SELECT * FROM divide('numbers', '''range'', ''d'', every => ''1 day'', keys => ''{x}''');
SELECT * FROM divide('numbers', '''hash'', ''b'', modulus => 2, dry_run => NULL');
CREATE UNIQUE INDEX numbers_a ON numbers (a) INCLUDE (b);
SELECT * FROM divide('numbers', '''hash'', ''b'', modulus => 2');
SELECT * FROM diagnose('SELECT warden.partition_subdivide(NULL, ''hash'')');

-- nothing is half done
SELECT parent, method, sub_method FROM warden.partition_sets ORDER BY parent::text;
SELECT count(*) FROM pg_class WHERE relnamespace = 'wrong'::regnamespace AND relname ~ '_h\d|_p\d';

-- rights
CREATE ROLE regress_warden_owner;
CREATE ROLE regress_warden_stranger;
GRANT USAGE, CREATE ON SCHEMA wrong TO PUBLIC;
ALTER TABLE listed OWNER TO regress_warden_owner;
ALTER TABLE hashed OWNER TO regress_warden_owner;
SET ROLE regress_warden_owner;
SELECT * FROM list('listed');
SELECT * FROM hash('hashed', '4');
SELECT * FROM divide('listed', 'NULL');
RESET ROLE;
GRANT EXECUTE ON FUNCTION warden.partition_by_list, warden.partition_by_hash, warden.partition_subdivide TO PUBLIC;
SET ROLE regress_warden_stranger;
SELECT * FROM list('wrong.listed');
SELECT * FROM hash('wrong.hashed', '4');
SELECT * FROM divide('wrong.listed', 'NULL');
SET ROLE regress_warden_owner;
SELECT partition, status FROM warden.partition_by_list('listed', keys => '{1}');
SELECT partition, status FROM warden.partition_by_hash('hashed', 4);
RESET ROLE;
SELECT DISTINCT relowner::regrole FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = 'listed'::regclass;
SET ROLE regress_warden_stranger;
SELECT count(*) FROM warden.partition_bounds('listed');
SELECT count(*) FROM warden.partitions;
RESET ROLE;
-- what reads and compares values is code of the table's owner, and runs as him; so does what looks at the default partition
CREATE FUNCTION only_owner(n int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    IF current_user <> 'regress_warden_owner' THEN RAISE 'user code is run as %', current_user; END IF;
    RETURN true;
END $$;
CREATE DOMAIN checked AS int CHECK (only_owner(value));
SET ROLE regress_warden_owner;
CREATE TABLE coded (a checked) PARTITION BY LIST (a);
CREATE TABLE coded_rest PARTITION OF coded DEFAULT;
INSERT INTO coded SELECT 1 FROM generate_series(1, 5);
ANALYZE coded;
RESET ROLE;
SELECT partition, status, detail FROM warden.partition_by_list('coded', keys => '{2,3}', min_rows => 5);
SELECT status FROM warden.partition_maintain('coded');

REVOKE EXECUTE ON FUNCTION warden.partition_by_list, warden.partition_by_hash, warden.partition_subdivide FROM PUBLIC;
DROP SCHEMA wrong CASCADE;
DROP ROLE regress_warden_owner, regress_warden_stranger;
