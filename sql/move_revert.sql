-- partition_revert(): a partitioned table made a plain one again, with all that it has.
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
CREATE SCHEMA back;
SET search_path = back;
CREATE ROLE back_reader;
GRANT USAGE ON SCHEMA back TO back_reader;

-- What is left of a job: tables, triggers, and who still belongs to the extension.
CREATE VIEW leftovers AS
    SELECT 'table' AS kind, relname::text AS name FROM pg_class
    WHERE relname LIKE 'partition\_move\_log\_%' OR relname LIKE 'partition\_move\_map\_%' OR relnamespace <> 'warden'::regnamespace AND relname LIKE '%\_side%' OR relrewrite <> 0
    UNION ALL
    SELECT 'trigger', tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE tgfoid = 'warden.partition_move_capture'::regproc
    UNION ALL
    SELECT 'part', job || ' ' || relation::regclass FROM warden.partition_move_sources
    UNION ALL
    SELECT 'part', job || ' ' || relation::regclass FROM warden.partition_move_sides
    UNION ALL
    SELECT 'dependency', pg_describe_object(classid, objid, objsubid) FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND NOT EXISTS (SELECT FROM pg_class WHERE oid = objid)
    UNION ALL
    SELECT 'dependency', 'on ' || refobjid FROM pg_depend
    WHERE refclassid = 'pg_class'::regclass AND refobjid >= 16384 AND NOT EXISTS (SELECT FROM pg_class WHERE oid = refobjid);
CREATE FUNCTION parts(of_table regclass) RETURNS TABLE (part text, definition text) LANGUAGE sql AS $$
    SELECT 'table', concat_ws(' ', relkind, relpersistence, relispartition, relhassubclass, relreplident, relrowsecurity, am.amname, reloptions::text,
                              CASE WHEN relfilenode <> 0 THEN 'with storage' END, replace(relacl::text, 'Dxtm', 'Dxt'))
    FROM pg_class c LEFT JOIN pg_am am ON am.oid = relam WHERE c.oid = of_table
    UNION ALL
    SELECT 'index', concat_ws(' ', c.relkind, pg_get_indexdef(c.oid), CASE WHEN NOT indisvalid THEN 'invalid' END,
                              CASE WHEN indisclustered THEN 'clustered' END, CASE WHEN indisreplident THEN 'identity' END)
    FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = of_table
    UNION ALL
    SELECT 'constraint', concat_ws(' ', conname, pg_get_constraintdef(oid), CASE WHEN NOT convalidated THEN 'not valid' END,
                                   CASE WHEN conparentid <> 0 THEN 'inherited' END)
    FROM pg_constraint WHERE conrelid = of_table AND contype <> 'n'
    UNION ALL
    SELECT 'reference', concat_ws(' ', conrelid::regclass, conname, CASE WHEN conparentid <> 0 THEN 'inherited' END)
    FROM pg_constraint WHERE confrelid = of_table
    UNION ALL
    SELECT 'trigger', concat_ws(' ', CASE WHEN tgisinternal THEN 'internal ' || tgfoid::regproc ELSE tgname END, tgenabled)
    FROM pg_trigger WHERE tgrelid = of_table
    UNION ALL
    SELECT 'statistics', pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = of_table
    UNION ALL
    SELECT 'comment', description FROM pg_description WHERE objoid = of_table AND classoid = 'pg_class'::regclass
    UNION ALL
    SELECT 'published', pubname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid WHERE prrelid = of_table
    ORDER BY 1, 2
$$;

-- A table with much: several levels, other layouts of columns, a default partition with a null, an empty one.
CREATE TABLE kinds (kind text PRIMARY KEY);
INSERT INTO kinds VALUES ('a'), ('b'), ('c');
CREATE TABLE log (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO back.log VALUES (concat_ws(' ', TG_NAME, TG_LEVEL, TG_OP, TG_TABLE_NAME));
    RETURN NULL;
END $$;
CREATE TABLE events (
    gone int, id bigint NOT NULL, at timestamptz, kind text REFERENCES kinds, n int DEFAULT 7 CHECK (n > 0),
    twice int GENERATED ALWAYS AS (n * 2) STORED, body text, UNIQUE (id, at)) PARTITION BY RANGE (at);
ALTER TABLE events DROP COLUMN gone;
COMMENT ON TABLE events IS 'what happened';
CREATE INDEX events_n ON events (n) WHERE n > 5;
CREATE INDEX events_lower ON events (lower(body), at DESC);
CREATE STATISTICS events_statistics ON kind, n FROM events;
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_2 (body text, dropped int, n int DEFAULT 7 CHECK (n > 0), at timestamptz, twice int GENERATED ALWAYS AS (n * 2) STORED,
    kind text, id bigint NOT NULL);
ALTER TABLE events_2 DROP COLUMN dropped;
ALTER TABLE events_2 RENAME CONSTRAINT events_2_n_check TO events_n_check;
ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2024-03-01') TO ('2024-04-01') PARTITION BY LIST (kind);
CREATE TABLE events_3_a PARTITION OF events_3 FOR VALUES IN ('a');
CREATE TABLE events_3_b PARTITION OF events_3 DEFAULT;
CREATE TABLE events_4 PARTITION OF events FOR VALUES FROM ('2024-04-01') TO ('2024-05-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TRIGGER each_row AFTER INSERT OR UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION note();
CREATE TRIGGER each_statement AFTER INSERT OR DELETE ON events FOR EACH STATEMENT EXECUTE FUNCTION note();
ALTER TABLE events DISABLE TRIGGER each_row;
INSERT INTO events (id, at, kind, n, body)
    SELECT i, timestamptz '2023-12-25' + i * interval '7 hours', (ARRAY['a', 'b', 'c'])[i % 3 + 1], i % 9 + 1, repeat('Text ' || i, i % 50)
    FROM generate_series(1, 500) i;
INSERT INTO events (id, at, kind, n, body) VALUES (1000, NULL, 'a', 3, NULL), (1001, '2024-03-03', NULL, 4, repeat('long', 100000));
ALTER TABLE events_2 ALTER body SET STORAGE EXTERNAL;
INSERT INTO events (id, at, body) VALUES (1002, '2024-02-15', repeat('outside', 10000));
ALTER TABLE events ENABLE TRIGGER each_row;
CREATE TABLE details (id bigint, at timestamptz, FOREIGN KEY (id, at) REFERENCES events (id, at) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO details SELECT id, at FROM events WHERE at IS NOT NULL;
CREATE TABLE divided (id bigint, at timestamptz, CONSTRAINT to_events FOREIGN KEY (id, at) REFERENCES events (id, at)) PARTITION BY HASH (id);
CREATE TABLE divided_0 PARTITION OF divided FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE divided_1 PARTITION OF divided FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO divided SELECT id, at FROM events WHERE id BETWEEN 5 AND 15;
GRANT SELECT ON events TO back_reader;
GRANT UPDATE (n) ON events TO back_reader;
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY some ON events FOR SELECT TO back_reader USING (kind = 'a');
CREATE VIEW recent AS SELECT id, n FROM events WHERE at > '2024-03-01';
SET client_min_messages = error; -- of wal_level
CREATE PUBLICATION back_publication FOR TABLE events WITH (publish = 'insert');
SET client_min_messages = warning;
CREATE TABLE kept AS SELECT * FROM events;
TRUNCATE log;
SELECT oid AS events FROM pg_class WHERE oid = 'events'::regclass \gset

SELECT step, action, command, relation, detail FROM warden.partition_revert_plan('events') ORDER BY step;
CALL warden.partition_revert('events');
SELECT :events = 'events'::regclass AS is_the_same;
SELECT * FROM parts('events');
SELECT * FROM leftovers;
SELECT c.relname FROM pg_class c WHERE relnamespace = 'back'::regnamespace AND relname LIKE 'events\_%' AND relkind IN ('r', 'p');
(TABLE events EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE events);
SELECT count(*) FROM events;
SELECT count(*) FROM recent;
TABLE log;
SELECT kind, state, phase, rows_copied, restarts FROM warden.partition_moves WHERE target_name = 'back.events';
-- Its storage is right, and so are the indexes.
SET enable_seqscan = off;
SELECT id FROM events WHERE id = 444;
SELECT id FROM events WHERE n > 5 AND n < 7 ORDER BY id LIMIT 2;
SELECT length(body), md5(body) = md5(repeat('long', 100000)) AS is_whole FROM events WHERE id = 1001;
SELECT count(*) FROM events WHERE lower(body) = 'text 50';
RESET enable_seqscan;
-- Triggers fire once; the generated column is generated; the default, the CHECK, the keys and foreign keys hold.
INSERT INTO events (id, at, kind, body) VALUES (2000, '2030-01-01', 'a', 'new') RETURNING n, twice;
TABLE log;
INSERT INTO events (id, at, kind) VALUES (2000, '2030-01-01', 'a');
INSERT INTO events (id, at, n) VALUES (2001, '2030-01-01', 0);
INSERT INTO events (id, at, kind) VALUES (2001, '2030-01-01', 'z');
DELETE FROM kinds WHERE kind = 'c';
INSERT INTO details VALUES (77777, '2024-01-01');
INSERT INTO divided VALUES (77777, '2024-01-01');
DELETE FROM events WHERE id = 10;
UPDATE events SET id = 3000 WHERE id = 100;
SELECT count(*) FILTER (WHERE id = 3000), count(*) FILTER (WHERE id = 100) FROM details;
DELETE FROM events WHERE id = 200;
SELECT count(*) FROM details WHERE id = 200;
ALTER TABLE divided DROP CONSTRAINT to_events;
ALTER TABLE divided ADD CONSTRAINT to_events FOREIGN KEY (id, at) REFERENCES events (id, at);
ALTER TABLE details ADD CONSTRAINT again FOREIGN KEY (id, at) REFERENCES events (id, at);
SET ROLE back_reader;
SELECT count(*) FROM back.events;
RESET ROLE;
VACUUM (ANALYZE) events;
CLUSTER events USING events_lower;
ALTER TABLE events ADD PRIMARY KEY (id);
TRUNCATE events, details, divided;
DROP TABLE events CASCADE;

-- A list, a hash, without a partition, and one that only has empty ones.
CREATE TABLE listed (id int, place text) PARTITION BY LIST (place);
CREATE TABLE listed_x PARTITION OF listed FOR VALUES IN ('x', NULL);
CREATE TABLE listed_y PARTITION OF listed FOR VALUES IN ('y');
INSERT INTO listed VALUES (1, 'x'), (2, 'y'), (3, NULL);
CALL warden.partition_revert('listed');
SELECT * FROM listed ORDER BY id;
INSERT INTO listed VALUES (4, 'nowhere');
CREATE TABLE hashed (id int PRIMARY KEY, note text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 1) WITH (fillfactor = 70, toast.autovacuum_enabled = off);
CREATE TABLE hashed_2 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 2) WITH (fillfactor = 80, toast.autovacuum_enabled = off);
INSERT INTO hashed SELECT i, 'note ' || i FROM generate_series(1, 1000) i;
CALL warden.partition_revert('hashed');
SELECT count(*), sum(id), min(note) FROM hashed;
SELECT * FROM parts('hashed');
INSERT INTO hashed VALUES (500);
CREATE TABLE bare (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
CALL warden.partition_revert('bare');
SELECT * FROM parts('bare');
INSERT INTO bare VALUES (1, 'x'), (1, 'y');
INSERT INTO bare VALUES (1, repeat('x', 100000));
CREATE TABLE hollow (id int PRIMARY KEY, at date) PARTITION BY RANGE (id);
CREATE TABLE hollow_1 PARTITION OF hollow FOR VALUES FROM (1) TO (10);
CALL warden.partition_revert('hollow');
INSERT INTO hollow VALUES (100);
SELECT * FROM hollow;
SELECT * FROM leftovers;

-- A table that refers to itself.
CREATE TABLE tree (id int PRIMARY KEY, above int REFERENCES tree) PARTITION BY RANGE (id);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (1) TO (100);
CREATE TABLE tree_2 PARTITION OF tree FOR VALUES FROM (100) TO (200);
INSERT INTO tree VALUES (1, NULL), (2, 1), (150, 2), (3, 150);
CALL warden.partition_revert('tree');
SELECT * FROM tree ORDER BY id;
SELECT * FROM parts('tree');
DELETE FROM tree WHERE id = 150;
INSERT INTO tree VALUES (5, 999);

-- An identity column goes on.
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY, v int) PARTITION BY RANGE (v);
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES FROM (0) TO (10);
INSERT INTO numbered (v) VALUES (1), (2);
CALL warden.partition_revert('numbered');
INSERT INTO numbered (v) VALUES (33) RETURNING id;

-- What a table was before it was converted: a key that was widened, parameters, the mark of CLUSTER.
CREATE TABLE converted (id int NOT NULL, at date, code text, note text) PARTITION BY RANGE (at);
ALTER TABLE converted ADD CONSTRAINT converted_pkey PRIMARY KEY (id, at);
COMMENT ON CONSTRAINT converted_pkey ON converted IS 'the key';
CREATE UNIQUE INDEX converted_code ON converted (lower(code), at);
CREATE INDEX converted_note ON converted (note);
ALTER TABLE converted REPLICA IDENTITY USING INDEX converted_pkey;
CREATE TABLE converted_1 PARTITION OF converted FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE converted_2 PARTITION OF converted DEFAULT;
INSERT INTO converted SELECT i, date '2024-01-01' + i, 'Code ' || i, 'note ' || i FROM generate_series(1, 60) i;
INSERT INTO warden.partition_origins (parent, storage_parameters, access_method, statements, keys)
    VALUES ('converted', '{fillfactor=60,toast.autovacuum_enabled=off}', 'heap', '{"CLUSTER ON converted_note", "ALTER COLUMN at DROP NOT NULL"}',
            '{converted_pkey, constraint, PRIMARY KEY (id), converted_code, index, USING btree (lower(code))}');
ALTER TABLE converted RENAME TO converted_meanwhile;
SELECT action, command FROM warden.partition_revert_plan('converted_meanwhile') WHERE action = 'swap' AND command LIKE 'ALTER%' ORDER BY step;
CREATE TABLE refers (id int, at date, CONSTRAINT wide FOREIGN KEY (id, at) REFERENCES converted_meanwhile);
CALL warden.partition_revert('converted_meanwhile');
DROP TABLE refers;
CALL warden.partition_revert('converted_meanwhile');
SELECT * FROM parts('converted_meanwhile');
SELECT description FROM pg_description WHERE objoid = (SELECT oid FROM pg_constraint WHERE conrelid = 'converted_meanwhile'::regclass AND conname = 'converted_pkey');
SELECT attname FROM pg_attribute WHERE attrelid = 'converted_meanwhile'::regclass AND attnum > 0 AND attnotnull;
SET enable_seqscan = off;
SELECT * FROM converted_meanwhile WHERE id = 44;
SELECT id FROM converted_meanwhile WHERE lower(code) = 'code 33';
SELECT id FROM converted_meanwhile WHERE note = 'note 22';
RESET enable_seqscan;
INSERT INTO converted_meanwhile VALUES (44, '2030-01-01');
INSERT INTO converted_meanwhile VALUES (144, '2030-01-01', 'CODE 44');
INSERT INTO converted_meanwhile VALUES (144, NULL, 'new');
REINDEX TABLE converted_meanwhile;
SELECT count(*) FROM warden.partition_origins WHERE parent = 'converted_meanwhile'::regclass;

-- A managed set: maintenance leaves it alone meanwhile, and knows nothing of it afterwards.
CREATE TABLE managed (at timestamptz NOT NULL, v int) PARTITION BY RANGE (at);
SELECT count(*) > 0 AS declared FROM warden.partition_by_time('managed', '1 day', ahead => '3 days');
INSERT INTO managed SELECT now() + i * interval '1 hour', i FROM generate_series(0, 40) i;
SELECT warden.partition_hold((SELECT min(inhrelid)::regclass FROM pg_inherits WHERE inhparent = 'managed'::regclass), 'for the tests');
INSERT INTO warden.partition_move_jobs (target, target_name, kind, state) VALUES ('managed'::regclass, 'back.managed', 'revert', 'paused');
SELECT next_step, next_step_at FROM warden.partition_sets WHERE parent = 'managed'::regclass;
SELECT * FROM warden.partition_maintain('managed');
SELECT * FROM warden.partition_maintain('managed', dry_run => true);
SELECT status, detail FROM warden.partition_by_time('managed', '1 day', ahead => '5 days');
CALL warden.maintain();
SELECT count(*) BETWEEN 4 AND 5 AS nothing_was_made FROM pg_inherits WHERE inhparent = 'managed'::regclass;
DELETE FROM warden.partition_move_jobs WHERE target = 'managed'::regclass AND state = 'paused';
SELECT next_step FROM warden.partition_sets WHERE parent = 'managed'::regclass;
CALL warden.partition_revert('managed');
SELECT count(*), sum(v) FROM managed;
SELECT count(*) FROM warden.partition_sets WHERE parent = 'managed'::regclass;
SELECT count(*) FROM warden.partition_policies WHERE parent = 'managed'::regclass;
SELECT count(*) FROM warden.partition_holds WHERE reason = 'for the tests';
SELECT partition, action, command FROM warden.partition_log WHERE parent = 'managed'::regclass AND action = 'revert';
CALL warden.maintain();
SELECT * FROM leftovers;
DROP SCHEMA back CASCADE;
DROP PUBLICATION IF EXISTS back_publication;
DROP ROLE back_reader;
