-- What other advisors answer wrongly about indexes that there are: never one dropped that somebody needs, never both of a pair,
-- and a foreign key is covered by what serves it.
CREATE SCHEMA drops;
SET search_path = drops, public;
CREATE FUNCTION verdicts(target regclass) RETURNS TABLE (index regclass, verdict text, command text) LANGUAGE sql AS
    $$SELECT index, verdict, command FROM warden.advice_indexes(target) ORDER BY index::text, command$$;

-- Finding 9: what enforces something is never unused, redundant or a duplicate.
CREATE TABLE needed (id integer PRIMARY KEY, a integer, b integer, span int4range, EXCLUDE USING gist (span WITH &&));
CREATE UNIQUE INDEX unique_a ON needed (a);
CREATE INDEX a_b ON needed (a, b);
CREATE INDEX id_a ON needed (id, a);
SELECT * FROM verdicts('needed');

-- 43: expressions that are not the same, and what else makes two indexes differ.
CREATE TABLE differ (id integer, a text COLLATE "C", b integer, c integer);
CREATE INDEX lower_a ON differ (lower(a));
CREATE INDEX upper_a ON differ (upper(a));
CREATE INDEX pattern_a ON differ (a text_pattern_ops);
CREATE INDEX plain_a ON differ (a);
CREATE INDEX icu_a ON differ (a COLLATE "und-x-icu");
CREATE INDEX hash_a ON differ USING hash (a);
CREATE INDEX b_asc_c_asc ON differ (b, c);
CREATE INDEX b_asc_c_desc ON differ (b, c DESC);
CREATE INDEX c_partial ON differ (c) WHERE b > 0;
CREATE INDEX c_partial_other ON differ (c) WHERE b > 1;
CREATE INDEX c_include ON differ (c) INCLUDE (b);
CREATE INDEX c_include_other ON differ (c) INCLUDE (id);
SELECT * FROM verdicts('differ') WHERE verdict NOT IN ('keep');

-- 44, 45: a pair, a triple, a chain: one of them stays, and it is not one that goes for another reason.
CREATE TABLE pair (a integer, b integer, c integer);
CREATE INDEX first ON pair (a);
CREATE INDEX second ON pair (a);
CREATE INDEX third ON pair (a);
CREATE INDEX chain_1 ON pair (b);
CREATE INDEX chain_2 ON pair (b, c);
CREATE INDEX chain_3 ON pair (b, c, a);
CREATE INDEX backward ON pair (c DESC NULLS FIRST);
CREATE INDEX forward ON pair (c);
SELECT count(*) FILTER (WHERE index::text IN ('first', 'second', 'third') AND command IS NULL) AS of_triple,
       array_agg(index::text ORDER BY index::text) FILTER (WHERE index::text LIKE 'chain%' AND command IS NULL) AS of_chain,
       count(*) FILTER (WHERE index::text LIKE '%ward' AND command IS NULL) AS of_directions
FROM verdicts('pair');

-- A unique index is not redundant because of a wider one, nor a plain one kept beside a constraint.
CREATE TABLE uniqueness (a integer, b integer);
CREATE UNIQUE INDEX u_a ON uniqueness (a);
CREATE UNIQUE INDEX u_a_b ON uniqueness (a, b);
CREATE INDEX plain ON uniqueness (a);
SELECT * FROM verdicts('uniqueness');
-- the arbiter of ON CONFLICT
CREATE TABLE arbiter (a integer, b integer);
CREATE UNIQUE INDEX arbiter_partial ON arbiter (a) WHERE b = 0;
CREATE UNIQUE INDEX arbiter_whole ON arbiter (a);
SELECT * FROM verdicts('arbiter') WHERE command IS NOT NULL;

-- A replica identity, and one that a foreign key refers to.
CREATE TABLE identity (a integer NOT NULL, b integer);
CREATE UNIQUE INDEX identity_a ON identity (a);
ALTER TABLE identity REPLICA IDENTITY USING INDEX identity_a;
CREATE UNIQUE INDEX identity_a_again ON identity (a);
CREATE TABLE referring (a integer REFERENCES identity (a));
SELECT i.index, i.verdict, i.command FROM verdicts('identity') i WHERE i.command ~ 'identity_a($|;)';

-- Of partitions, the index of the parent speaks for all; an attached one cannot go alone.
CREATE TABLE parted (a integer, b integer) PARTITION BY RANGE (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE INDEX parted_a ON parted (a);
CREATE INDEX parted_a_b ON parted (a, b);
CREATE INDEX only_here ON parted_1 (a);
SELECT command FROM verdicts('parted') WHERE command ~ 'parted_1_a';
SELECT command FROM verdicts('parted_1') WHERE command ~ 'parted_1_a';

-- Not valid: neither a partitioned one that waits for its partitions, nor does one cover what needs an index.
CREATE INDEX waiting ON ONLY parted (b);
SELECT index, verdict FROM verdicts('parted') WHERE index = 'waiting'::regclass AND command ~ '^DROP';
CREATE TABLE twice (a integer, b integer);
INSERT INTO twice VALUES (1), (1);
CREATE UNIQUE INDEX CONCURRENTLY failed ON twice (a);
CREATE INDEX works ON twice (a);
SELECT * FROM verdicts('twice');

-- Foreign keys: in any order of the columns; not by one that is partial, invalid, of another type's operators, with a gap, or
-- where the columns are only included.
CREATE TABLE parent (a integer, b integer, PRIMARY KEY (a, b));
CREATE TABLE covered (id integer, a integer, b integer, fill text, FOREIGN KEY (a, b) REFERENCES parent);
CREATE TABLE uncovered (id integer, a integer, b integer, fill text, FOREIGN KEY (a, b) REFERENCES parent);
INSERT INTO parent SELECT i, i FROM generate_series(0, 9999) i;
INSERT INTO covered SELECT i, i % 10000, i % 10000, repeat('x', 600) FROM generate_series(1, 20000) i;
INSERT INTO uncovered SELECT i, i % 10000, i % 10000, repeat('x', 600) FROM generate_series(1, 20000) i;
CREATE INDEX covered_b_a ON covered (b, a);
CREATE INDEX uncovered_gap ON uncovered (a, id, b);
CREATE INDEX uncovered_include ON uncovered (id) INCLUDE (a, b);
CREATE INDEX uncovered_partial ON uncovered (a, b) WHERE id > 0;
CREATE INDEX uncovered_brin ON uncovered USING brin (a, b);
ANALYZE parent, covered, uncovered;
SELECT verdict FROM verdicts('covered') WHERE verdict = 'missing';
SELECT verdict, regexp_replace(command, 'INDEX (CONCURRENTLY )?\S+ ON', 'INDEX ON') AS command FROM verdicts('uncovered') WHERE verdict = 'missing';
CREATE INDEX not_null ON uncovered (a, b) WHERE a IS NOT NULL AND b IS NOT NULL;
SELECT verdict FROM verdicts('uncovered') WHERE verdict = 'missing';

-- An expression's index has statistics that plans need: it does not go without a word of that.
CREATE TABLE expressed (a integer, b integer);
CREATE INDEX expression ON expressed ((a % 10));
SELECT index, verdict FROM verdicts('expressed') WHERE command ~ '^DROP';

-- Unused is said only of what was observed for long enough, whatever the counters are.
SELECT pg_stat_reset();
CREATE TABLE fresh (a integer);
CREATE INDEX never_used ON fresh (a);
SELECT index, verdict FROM verdicts('fresh');
SET client_min_messages = warning;
DROP SCHEMA drops CASCADE;
