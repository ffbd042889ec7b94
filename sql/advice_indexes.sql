-- Each index has one verdict: what is never called superfluous, what is, and that of chains and pairs one is left.
-- No statements are known, whatever ran before.
SET client_min_messages = warning;
SET warden.advice_sample_rate = 0;
CALL warden.maintain();
DELETE FROM warden.advice_samples;
RESET client_min_messages;
CREATE SCHEMA ai;
SET search_path = ai;
CREATE VIEW verdict AS
SELECT relation, index, verdict, covered_by, reason, command, caveats FROM warden.advice_indexes()
WHERE relation::text IN (SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'ai'::regnamespace);

-- constraints, uniqueness, exclusion, replica identity, and what a foreign key refers to stay, used or not
CREATE TABLE kept (id int PRIMARY KEY, email text, code int UNIQUE, span int4range, w int NOT NULL, v int,
                   EXCLUDE USING gist (span WITH &&));
CREATE UNIQUE INDEX kept_email ON kept (email);
CREATE UNIQUE INDEX kept_referred ON kept (v);
CREATE UNIQUE INDEX kept_identity ON kept (w);
ALTER TABLE kept REPLICA IDENTITY USING INDEX kept_identity;
CREATE TABLE referring (v int REFERENCES kept (v));
CREATE INDEX kept_id_again ON kept (id);
CREATE INDEX kept_w_again ON kept (w);
SELECT index, verdict, covered_by, reason FROM verdict WHERE relation = 'kept'::regclass ORDER BY index::text;

-- prefixes; a chain of three, and pairs that are the same: one is left
CREATE TABLE chain (a int, b int, c int, d text);
CREATE INDEX chain_a ON chain (a);
CREATE INDEX chain_ab ON chain (a, b);
CREATE INDEX chain_abc ON chain (a, b, c);
CREATE INDEX chain_b1 ON chain (b);
CREATE INDEX chain_b2 ON chain (b DESC);
CREATE INDEX chain_ba ON chain (b, a);
CREATE INDEX chain_c1 ON chain (c);
CREATE INDEX chain_c2 ON chain (c);
SELECT index, verdict, covered_by, command, caveats FROM verdict WHERE relation = 'chain'::regclass ORDER BY index::text;
-- none is called anything that another one is left to
SELECT count(*) FROM verdict v JOIN verdict o ON v.covered_by = o.index WHERE v.command ~ 'DROP' AND o.command ~ 'DROP';

-- what looks alike, and is not
CREATE COLLATION german (provider = icu, locale = 'de');
CREATE TABLE alike (a text, b text, n int, m int, doc jsonb, p point);
CREATE INDEX alike_a ON alike (a);
CREATE INDEX alike_pattern ON alike (a text_pattern_ops, n);
CREATE INDEX alike_collation ON alike (a COLLATE german, n);
CREATE INDEX alike_hash ON alike USING hash (a);
CREATE INDEX alike_lower ON alike (lower(a));
CREATE INDEX alike_upper ON alike (upper(a));
CREATE INDEX alike_desc ON alike (n, m DESC);
CREATE INDEX alike_asc ON alike (n, m);
CREATE INDEX alike_nulls ON alike (n NULLS FIRST, m);
CREATE INDEX alike_include ON alike (m) INCLUDE (a);
CREATE INDEX alike_more ON alike (m, b);
CREATE INDEX alike_gin ON alike USING gin (doc);
CREATE INDEX alike_path ON alike USING gin (doc jsonb_path_ops);
CREATE INDEX alike_some ON alike (b) WHERE n > 5;
CREATE INDEX alike_others ON alike (b) WHERE n < 5;
SELECT index, verdict, reason FROM verdict WHERE relation = 'alike'::regclass ORDER BY index::text;
-- and what is alike, though it looks otherwise
CREATE INDEX alike_gin_again ON alike USING gin (doc jsonb_ops);
CREATE INDEX alike_covering ON alike (m, a);
CREATE INDEX alike_fewer ON alike (b, m) WHERE n > 7;
CREATE INDEX alike_wider ON alike (b, m) WHERE n > 6 AND true;
SELECT index, verdict, covered_by, reason FROM verdict WHERE relation = 'alike'::regclass AND covered_by IS NOT NULL ORDER BY index::text;

-- an index that keeps something unique is left to another one only if that one does
CREATE TABLE once (a int, b int, c int);
CREATE UNIQUE INDEX once_a ON once (a);
CREATE UNIQUE INDEX once_ab ON once (a, b);
CREATE INDEX once_a_plain ON once (a);
CREATE UNIQUE INDEX once_b ON once (b) WHERE c > 0;
CREATE UNIQUE INDEX once_b_again ON once (b) WHERE c > 0;
CREATE UNIQUE INDEX once_b_all ON once (b) NULLS NOT DISTINCT;
SELECT index, verdict, covered_by FROM verdict WHERE relation = 'once'::regclass ORDER BY index::text;
-- what ON CONFLICT names is there without it
DROP INDEX once_b_again;
INSERT INTO once VALUES (1, 1, 1);
INSERT INTO once VALUES (2, 1, 1) ON CONFLICT (b) WHERE c > 0 DO NOTHING;

-- partitions: it is decided above, and what is attached is never dropped alone
CREATE TABLE parted (k int, v int, w int) PARTITION BY RANGE (k);
CREATE TABLE part_1 (w int, v int, k int);
ALTER TABLE parted ATTACH PARTITION part_1 FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
CREATE INDEX parted_v ON parted (v);
CREATE INDEX parted_vw ON parted (v, w);
CREATE INDEX part_1_own ON part_1 (v, w);
CREATE INDEX part_1_kept ON part_1 (w);
SELECT relation, index, verdict, covered_by, command, command_lock FROM warden.advice_indexes('parted') ORDER BY 1, 2;

-- one that waits for what is to be attached to it
CREATE INDEX waiting ON ONLY parted (w, k);
CREATE INDEX ready ON part_2 (w, k);
SELECT verdict, reason, regexp_replace(command, '_\d+', '_NUMBER', 'g') AS command FROM warden.advice_indexes('waiting');
SELECT string_agg(command, '') AS command FROM warden.advice_indexes('waiting') \gset
\set ECHO none
SELECT format('%s', c) FROM regexp_split_to_table(:'command', E';\n?') c WHERE c <> '' \gexec
\set ECHO all
SELECT verdict FROM warden.advice_indexes('waiting');

-- invalid ones
CREATE TABLE broken (a int, b int);
INSERT INTO broken VALUES (1, 1), (1, 2);
CREATE UNIQUE INDEX CONCURRENTLY broken_a ON broken (a);
CREATE INDEX broken_b_ccnew1 ON broken (b);
CREATE INDEX broken_b ON broken (b);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken_b_ccnew1'::regclass;
SELECT index, verdict, reason, command FROM warden.advice_indexes('broken') ORDER BY index::text;

-- one index, of which the others are seen too
SELECT index, verdict, covered_by FROM warden.advice_indexes('chain_a');

-- what it is not for
\set VERBOSITY terse
CREATE VIEW seen AS SELECT 1;
SELECT * FROM warden.advice_indexes('seen');
SELECT * FROM warden.advice_indexes('pg_class');
SELECT * FROM warden.advice_indexes(1::oid::regclass);
\set VERBOSITY sqlstate
CREATE TEMPORARY TABLE passing (a int PRIMARY KEY);
SELECT * FROM warden.advice_indexes('passing');

-- functions of a table's owner run as him, and only pg_monitor may ask
CREATE ROLE ai_owner;
CREATE ROLE ai_monitor IN ROLE pg_monitor;
CREATE ROLE ai_nobody;
GRANT ALL ON SCHEMA ai TO ai_owner;
GRANT USAGE ON SCHEMA ai TO ai_monitor;
SET ROLE ai_owner;
CREATE TABLE trap (a int);
CREATE FUNCTION spring(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_user <> 'ai_owner' THEN RAISE WARNING 'run by %', current_user; END IF;
    RETURN $1;
END $$;
CREATE INDEX trap_1 ON trap (a) WHERE a > spring(5);
CREATE INDEX trap_2 ON trap (spring(a));
CREATE INDEX trap_3 ON trap (a) WHERE a > spring(5);
RESET ROLE;
\c
SET search_path = ai;
SET ROLE ai_monitor;
SELECT index, verdict, covered_by FROM warden.advice_indexes('ai.trap') ORDER BY index::text;
SET ROLE ai_nobody;
SELECT * FROM warden.advice_indexes();
RESET ROLE;

SET client_min_messages = warning;
DROP SCHEMA ai CASCADE;
DROP ROLE ai_owner, ai_monitor, ai_nobody;
