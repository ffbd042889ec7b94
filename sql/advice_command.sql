-- The commands that build what is advised: each can be executed, and makes what was asked for, after which nothing is
-- advised any more.
SET max_parallel_workers_per_gather = 0;
CREATE SCHEMA "Odd ""Schema";
CREATE TABLE "Odd ""Schema"."Table ""x" ("Key" int, "select" text, "Ünïcödé" text, "a;b" int, filler text DEFAULT repeat('x', 200)) WITH (autovacuum_enabled = off);
INSERT INTO "Odd ""Schema"."Table ""x" SELECT g * 7919 % 50000, 'v' || g, 'w' || g, g FROM generate_series(1, 50000) g;
CREATE TABLE long_názvy_long_názvy_long_názvy_long_názvy_long_názvy_1 (column_of_a_name_with_sixty_three_bytes_of_which_none_is_to_be_ int,
                                                                      é_é_é_é_é_é_é_é_é_é_é_é_é_é_é_é int,
                                                                      filler text DEFAULT repeat('x', 200)) WITH (autovacuum_enabled = off);
INSERT INTO long_názvy_long_názvy_long_názvy_long_názvy_long_názvy_1 SELECT g, g * 7919 % 50000 FROM generate_series(1, 50000) g;
CREATE TABLE command_parts (id int, "Day" date NOT NULL, label text, filler text DEFAULT repeat('x', 200)) PARTITION BY RANGE ("Day");
CREATE TABLE command_parts_1 PARTITION OF command_parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE command_parts_2 (label text, gone int, "Day" date NOT NULL, filler text DEFAULT repeat('x', 200), id int);
ALTER TABLE command_parts_2 DROP gone;
ALTER TABLE command_parts ATTACH PARTITION command_parts_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE TABLE command_parts_3 PARTITION OF command_parts FOR VALUES FROM ('2024-03-01') TO ('2024-05-01') PARTITION BY HASH (id);
CREATE TABLE command_parts_3a PARTITION OF command_parts_3 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE command_parts_3b PARTITION OF command_parts_3 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO command_parts SELECT g, date '2024-01-01' + g % 121, 'Label ' || g FROM generate_series(1, 50000) g;
CREATE INDEX command_parts_there ON command_parts_2 (lower(label));
CREATE TABLE command_kinds (id int, code text COLLATE "C", doc jsonb, tags text[], during tsrange, words tsvector, filler text DEFAULT repeat('x', 200)) WITH (autovacuum_enabled = off);
INSERT INTO command_kinds
SELECT g, 'c' || g, jsonb_build_object('k', g), ARRAY['t' || g % 5000], tsrange(timestamp '2024-01-01' + g * interval '1 hour', NULL),
       to_tsvector('simple', 'w' || g) FROM generate_series(1, 50000) g;
-- Names that would be chosen are taken, also by what is no index.
CREATE TABLE command_kinds_id_idx (a int);
CREATE SEQUENCE command_kinds_id_idx1;
VACUUM (ANALYZE) "Odd ""Schema"."Table ""x", long_názvy_long_názvy_long_názvy_long_názvy_long_názvy_1, command_parts, command_kinds;

CREATE TABLE command_queries (n int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO command_queries (query) VALUES
($$SELECT * FROM "Odd ""Schema"."Table ""x" WHERE "Key" = 42 AND "a;b" > 7$$),
($$SELECT * FROM "Odd ""Schema"."Table ""x" WHERE "select" = 'v7' ORDER BY "Ünïcödé" DESC NULLS LAST$$),
($$SELECT "Key" FROM "Odd ""Schema"."Table ""x" ORDER BY "a;b" DESC, "Ünïcödé" LIMIT 3$$),
($$SELECT * FROM "Odd ""Schema"."Table ""x" WHERE upper("Ünïcödé") = 'W7'$$),
($$SELECT * FROM long_názvy_long_názvy_long_názvy_long_názvy_long_názvy_1
   WHERE column_of_a_name_with_sixty_three_bytes_of_which_none_is_to_be_ = 7 AND é_é_é_é_é_é_é_é_é_é_é_é_é_é_é_é = 7$$),
($$SELECT * FROM long_názvy_long_názvy_long_názvy_long_názvy_long_názvy_1 WHERE é_é_é_é_é_é_é_é_é_é_é_é_é_é_é_é = 7$$),
($$SELECT * FROM command_parts WHERE id = 7$$),
($$SELECT * FROM command_parts WHERE lower(label) = 'label 7'$$),
($$SELECT * FROM command_parts WHERE "Day" = '2024-02-03' AND label = 'Label 7'$$),
($$SELECT * FROM command_kinds WHERE id = 7$$),
($$SELECT * FROM command_kinds WHERE code LIKE 'c77%' AND id > 100$$),
($$SELECT * FROM command_kinds WHERE doc @> '{"k": 7}'$$),
($$SELECT * FROM command_kinds WHERE tags @> '{t7}'$$),
($$SELECT * FROM command_kinds WHERE during @> timestamp '2024-02-01'$$),
($$SELECT * FROM command_kinds WHERE words @@ 'w7'$$),
($$SELECT * FROM command_kinds WHERE doc ->> 'k' = '7'$$);

-- What is advised for a query is built, statement by statement; :n is the query.
\set build 'SELECT s.statement FROM command_queries q, warden.advice_candidates(q.query) WITH ORDINALITY c (relation, command, reason, place), regexp_split_to_table(c.command, E\'\\n\') WITH ORDINALITY s (statement, line) WHERE q.n = :n AND c.command IS NOT NULL ORDER BY c.place, s.line'
-- Those of partitions are shown.
\set ECHO none
\set n 1
:build \gexec
\set n 2
:build \gexec
\set n 3
:build \gexec
\set n 4
:build \gexec
\set n 5
:build \gexec
\set n 6
:build \gexec
\set n 7
:build \gexec
\set ECHO all
\set n 8
:build \gexec
\set ECHO none
\set n 9
:build \gexec
\set n 10
:build \gexec
\set n 11
:build \gexec
\set n 12
:build \gexec
\set n 13
:build \gexec
\set n 14
:build \gexec
\set n 15
:build \gexec
\set n 16
:build \gexec
\set ECHO all

-- All of it is there, and can be used; and as it is what was asked for, there is nothing more to be built.
SELECT count(*) > 20 AS built, bool_and(indisvalid) AS are_valid, max(octet_length(relname)) <= 63 AS fit
FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid::regclass::text ~ 'Odd|long_|command_';
SELECT q.n, c.command FROM command_queries q, warden.advice_candidates(q.query) c WHERE c.command IS NOT NULL ORDER BY q.n, c.command;
-- The index that a partition had was taken as it was.
SELECT inhparent::regclass IS NOT NULL AS is_attached FROM pg_inherits WHERE inhrelid = 'command_parts_there'::regclass;

DROP SCHEMA "Odd ""Schema" CASCADE;
DROP TABLE long_názvy_long_názvy_long_názvy_long_názvy_long_názvy_1, command_parts, command_kinds, command_kinds_id_idx, command_queries;
DROP SEQUENCE command_kinds_id_idx1;
