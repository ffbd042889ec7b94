-- What the catalogue says of a table that was converted, beside one that was created partitioned: everything must be the
-- same but OIDs, files and what storage there was.
\set ON_ERROR_STOP on
SET client_min_messages = error; -- of publications without wal_level logical

-- All rows of the catalogue about a schema, with names in place of OIDs.
CREATE SCHEMA described;
CREATE FUNCTION described.thing(class regclass, object oid, sub integer) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(type || ' ' || identity, '(move_catalog_|[[:<:]])(converted|created)[[:>:]]', 's', 'g'), '\d{4,}', 'N', 'g')
    FROM pg_identify_object(class, object, sub) $$;
CREATE FUNCTION described.relation(relation oid) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN relation <> 0 THEN described.thing('pg_class', relation, 0) END $$;
-- The text of an expression or a definition, without the schema's name.
CREATE FUNCTION described.plain(definition text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(definition, '[[:<:]](converted|created)\.', 's.', 'g'), '_\d{4,}', '_N', 'g') $$;

CREATE FUNCTION described.rows(space text) RETURNS TABLE (catalogue text, name text, is jsonb) LANGUAGE sql AS $$
    WITH relations AS (
        SELECT c.* FROM pg_class c WHERE relnamespace = space::regnamespace
        UNION ALL
        SELECT toast.* FROM pg_class c JOIN pg_class toast ON toast.oid = c.reltoastrelid
        WHERE c.relnamespace = space::regnamespace)
    SELECT 'pg_class', described.relation(oid),
           to_jsonb(r) - '{oid,relname,relnamespace,reltype,reloftype,relfilenode,reltoastrelid,relfrozenxid,relminmxid,relpages,reltuples,relallvisible,relallfrozen,relacl,relpartbound}'::text[]
           || jsonb_build_object('file', relfilenode <> 0, 'toast', reltoastrelid <> 0, 'frozen', relfrozenxid::text <> '0',
                                 'minimum', relminmxid::text <> '0', 'type', reltype <> 0,
                                 'pages', CASE WHEN relkind IN ('p', 'I') THEN relpages END,
                                 'tuples', CASE WHEN relkind IN ('p', 'I') THEN reltuples END, 'acl', relacl::text, 'bound', pg_get_expr(relpartbound, oid))
    FROM relations r
    UNION ALL
    SELECT 'pg_attribute', described.relation(attrelid) || '.' || attnum,
           to_jsonb(a) - '{attrelid,attnum,attname,attcacheoff,atttypid,attoptions}'::text[]
           || jsonb_build_object('name', regexp_replace(attname, '\d{4,}', 'N', 'g'), 'type', described.thing('pg_type', atttypid, 0),
                                 'options', array(SELECT o FROM unnest(attoptions) o WHERE o !~ '^pg_attver='))
    FROM pg_attribute a JOIN relations r ON r.oid = attrelid
    UNION ALL
    SELECT 'pg_index', described.relation(indexrelid),
           to_jsonb(i) - '{indexrelid,indrelid,indcheckxmin,indexprs,indpred}'::text[]
           || jsonb_build_object('expressions', pg_get_expr(indexprs, indrelid), 'predicate', pg_get_expr(indpred, indrelid),
                                 'table', described.relation(indrelid))
    FROM pg_index i JOIN relations r ON r.oid = indexrelid
    UNION ALL
    SELECT 'pg_constraint', described.thing('pg_constraint', c.oid, 0),
           to_jsonb(c) - '{oid,contypid,connamespace,conrelid,confrelid,conindid,conparentid,conbin,conexclop}'::text[]
           || jsonb_build_object('from', described.relation(conrelid), 'to', described.relation(confrelid),
                                 'index', described.relation(conindid),
                                 'parent', CASE WHEN conparentid <> 0 THEN described.thing('pg_constraint', conparentid, 0) END,
                                 'definition', described.plain(pg_get_constraintdef(c.oid)))
    FROM pg_constraint c WHERE connamespace = space::regnamespace
    UNION ALL
    SELECT 'pg_trigger', described.relation(tgrelid) || ' ' || described.plain(tgname),
           to_jsonb(t) - '{oid,tgname,tgrelid,tgfoid,tgparentid,tgconstraint,tgconstrrelid,tgconstrindid,tgqual}'::text[]
           || jsonb_build_object('function', described.thing('pg_proc', tgfoid, 0),
                                 'parent', (SELECT described.relation(p.tgrelid) || ' ' || described.plain(p.tgname)
                                            FROM pg_trigger p WHERE p.oid = t.tgparentid),
                                 'constraint', CASE WHEN tgconstraint <> 0 THEN described.thing('pg_constraint', tgconstraint, 0) END,
                                 'constrained', described.relation(tgconstrrelid), 'index', described.relation(tgconstrindid),
                                 'definition', described.plain(pg_get_triggerdef(t.oid)))
    FROM pg_trigger t JOIN relations r ON r.oid = tgrelid
    UNION ALL
    SELECT 'pg_rewrite', described.relation(ev_class) || ' ' || rulename,
           jsonb_build_object('type', ev_type, 'enabled', ev_enabled, 'instead', is_instead,
                              'definition', described.plain(pg_get_ruledef(w.oid)))
    FROM pg_rewrite w JOIN relations r ON r.oid = ev_class
    UNION ALL
    SELECT 'pg_policy', described.relation(polrelid) || ' ' || polname,
           to_jsonb(p) - '{oid,polrelid,polqual,polwithcheck}'::text[]
           || jsonb_build_object('using', pg_get_expr(polqual, polrelid), 'check', pg_get_expr(polwithcheck, polrelid))
    FROM pg_policy p JOIN relations r ON r.oid = polrelid
    UNION ALL
    SELECT 'pg_attrdef', described.relation(adrelid) || '.' || adnum,
           jsonb_build_object('default', described.plain(pg_get_expr(adbin, adrelid)))
    FROM pg_attrdef d JOIN relations r ON r.oid = adrelid
    UNION ALL
    SELECT 'pg_statistic_ext', described.thing('pg_statistic_ext', e.oid, 0),
           to_jsonb(e) - '{oid,stxrelid,stxnamespace,stxname,stxexprs}'::text[]
           || jsonb_build_object('definition', described.plain(pg_get_statisticsobjdef(e.oid)),
                                 'data', (SELECT jsonb_agg(stxdinherit) FROM pg_statistic_ext_data WHERE stxoid = e.oid))
    FROM pg_statistic_ext e WHERE stxnamespace = space::regnamespace
    UNION ALL
    SELECT 'pg_statistic', described.relation(starelid) || '.' || staattnum, jsonb_build_object('inherit', stainherit)
    FROM pg_statistic s JOIN relations r ON r.oid = starelid
    UNION ALL
    SELECT 'pg_partitioned_table', described.relation(partrelid),
           to_jsonb(p) - '{partrelid,partdefid}'::text[] || jsonb_build_object('default', described.relation(partdefid))
    FROM pg_partitioned_table p JOIN relations r ON r.oid = partrelid
    UNION ALL
    SELECT 'pg_inherits', described.relation(inhrelid),
           to_jsonb(i) - '{inhrelid,inhparent}'::text[] || jsonb_build_object('parent', described.relation(inhparent))
    FROM pg_inherits i JOIN relations r ON r.oid = inhrelid
    UNION ALL
    SELECT 'pg_publication_rel', described.relation(prrelid),
           jsonb_build_object('columns', prattrs::text, 'where', pg_get_expr(prqual, prrelid))
    FROM pg_publication_rel p JOIN relations r ON r.oid = prrelid
    UNION ALL
    SELECT 'pg_description', described.thing(classoid, objoid, objsubid), jsonb_build_object('is', description)
    FROM pg_description d, pg_identify_object(classoid, objoid, objsubid)
    WHERE objoid >= 16384 AND identity ~ ('([[:<:]]|_)' || space || '[[:>:]]')
    UNION ALL
    SELECT 'pg_depend', described.thing(classid, objid, objsubid) || ' on ' || described.thing(refclassid, refobjid, refobjsubid),
           jsonb_build_object('type', deptype, 'times', count(*))
    FROM pg_depend d, pg_identify_object(classid, objid, objsubid) i,
         pg_identify_object(refclassid, refobjid, refobjsubid) j
    WHERE objid >= 16384 AND (i.identity ~ ('([[:<:]]|_)' || space || '[[:>:]]') OR j.identity ~ ('([[:<:]]|_)' || space || '[[:>:]]'))
    GROUP BY 2, deptype
    UNION ALL
    SELECT 'pg_shdepend', described.thing(classid, objid, objsubid), jsonb_build_object('type', deptype, 'of', refclassid::regclass, 'on', refobjid, 'times', count(*))
    FROM pg_shdepend d, pg_identify_object(classid, objid, objsubid) i
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND i.identity ~ ('([[:<:]]|_)' || space || '[[:>:]]')
    GROUP BY 2, deptype, refclassid, refobjid
$$;

-- Everything that a table can have, twice.
CREATE ROLE move_catalog_reader;
CREATE FUNCTION described.make(schema text, partition_by text) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', schema);
    EXECUTE format('SET LOCAL search_path = %I', schema);
    EXECUTE 'CREATE DOMAIN amount AS numeric CHECK (value >= 0)';
    EXECUTE 'CREATE TABLE owner (id int PRIMARY KEY, name text)';
    EXECUTE 'CREATE TABLE t (gone int, id bigint GENERATED BY DEFAULT AS IDENTITY, k int NOT NULL, owner int CONSTRAINT to_owner REFERENCES owner ON DELETE SET NULL,'
            ' body text COLLATE "C" DEFAULT ''none'', paid amount, twice int GENERATED ALWAYS AS (k * 2) STORED, gone_too text, note text,'
            ' up_id bigint, up_k int, PRIMARY KEY (id, k), CONSTRAINT k_range CHECK (k >= 0), UNIQUE NULLS NOT DISTINCT (note, k) DEFERRABLE INITIALLY DEFERRED, '
            ' CONSTRAINT to_itself FOREIGN KEY (up_id, up_k) REFERENCES t DEFERRABLE) ' || partition_by;
    EXECUTE 'INSERT INTO owner SELECT i, i FROM generate_series(1, 10) i';
    EXECUTE 'ALTER TABLE t DROP COLUMN gone, DROP COLUMN gone_too';
    EXECUTE 'CREATE INDEX by_owner ON t (owner) INCLUDE (paid) WHERE owner > 1';
    EXECUTE 'CREATE INDEX by_start ON t (lower(left(body, 3)) text_pattern_ops DESC, k) WITH (fillfactor = 70)';
    EXECUTE 'ALTER INDEX by_start ALTER COLUMN 1 SET STATISTICS 17';
    EXECUTE 'CREATE INDEX by_k ON t USING brin (k) WITH (pages_per_range = 4)';
    EXECUTE 'CREATE TABLE item (t_id bigint, t_k int, n int, CONSTRAINT to_t FOREIGN KEY (t_id, t_k) REFERENCES t ON DELETE CASCADE)';
    EXECUTE 'CREATE TABLE item_parts (t_id bigint, t_k int, CONSTRAINT to_t FOREIGN KEY (t_id, t_k) REFERENCES t) PARTITION BY LIST (t_k)';
    EXECUTE 'CREATE TABLE item_rest PARTITION OF item_parts DEFAULT';
    EXECUTE 'CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN new; END''';
    EXECUTE 'CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OF body ON t FOR EACH ROW WHEN (new.k > 5) EXECUTE FUNCTION note()';
    EXECUTE 'CREATE TRIGGER after_row AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()';
    EXECUTE 'CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION note()';
    EXECUTE 'CREATE TRIGGER after_statement AFTER INSERT ON t REFERENCING NEW TABLE AS n EXECUTE FUNCTION note()';
    EXECUTE 'ALTER TABLE t DISABLE TRIGGER after_row, ENABLE ALWAYS TRIGGER after_statement';
    EXECUTE 'CREATE RULE notify AS ON DELETE TO t DO ALSO NOTIFY deleted';
    EXECUTE 'ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY';
    EXECUTE 'CREATE POLICY own ON t USING (owner > 0 OR current_user = ''postgres'') WITH CHECK (k < 1000000)';
    EXECUTE 'GRANT SELECT, INSERT ON t TO move_catalog_reader';
    EXECUTE 'GRANT UPDATE (body) ON t TO move_catalog_reader';
    EXECUTE 'COMMENT ON TABLE t IS ''a table''';
    EXECUTE 'COMMENT ON COLUMN t.body IS ''a column''';
    EXECUTE 'COMMENT ON INDEX by_owner IS ''an index''';
    EXECUTE 'COMMENT ON CONSTRAINT to_owner ON t IS ''a key''';
    EXECUTE 'COMMENT ON TRIGGER after_row ON t IS ''a trigger''';
    EXECUTE 'CREATE STATISTICS together (dependencies, mcv) ON k, owner, (id % 7) FROM t';
    EXECUTE 'ALTER STATISTICS together SET STATISTICS 50';
    EXECUTE 'ALTER TABLE t ALTER body SET STATISTICS 33, ALTER body SET STORAGE external, ALTER note SET COMPRESSION pglz, ALTER owner SET (n_distinct = 5)';
    EXECUTE 'CREATE UNIQUE INDEX identity ON t (k, id)';
    EXECUTE 'ALTER TABLE t REPLICA IDENTITY USING INDEX identity';
    EXECUTE 'CREATE VIEW all_of AS SELECT * FROM t';
    EXECUTE 'CREATE VIEW grouped AS SELECT id, k, body, count(*) FROM t GROUP BY id, k';
    EXECUTE 'CREATE MATERIALIZED VIEW counted AS SELECT owner, count(*) FROM t GROUP BY owner';
    EXECUTE 'CREATE FUNCTION first_of(int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT body FROM t WHERE k = $1 LIMIT 1; END';
    EXECUTE 'CREATE PUBLICATION move_catalog_' || schema || ' FOR TABLE t (id, k, body) WHERE (k > 3) WITH (publish_via_partition_root)';
END $make$;
CREATE FUNCTION described.fill(schema text) RETURNS void LANGUAGE plpgsql AS $fill$
BEGIN
    EXECUTE format('SET LOCAL search_path = %I', schema);
    INSERT INTO t (k, owner, body, paid, note, up_id, up_k)
        SELECT i, 1 + i % 10, repeat(md5(i::text), i % 200), i, i, nullif(i / 2, 0), nullif(i / 2, 0)
        FROM generate_series(1, 3000) i;
    INSERT INTO item SELECT id, k, 1 FROM t WHERE k % 10 = 0;
    INSERT INTO item_parts SELECT id, k FROM t WHERE k % 17 = 0;
    DELETE FROM t WHERE k BETWEEN 1990 AND 2010 AND NOT EXISTS (SELECT FROM item WHERE t_k = t.k)
        AND NOT EXISTS (SELECT FROM item_parts WHERE t_k = t.k) AND NOT EXISTS (SELECT FROM t c WHERE c.up_k = t.k);
    EXECUTE 'SET CONSTRAINTS ALL IMMEDIATE';
END $fill$;
CREATE FUNCTION described.extend(schema text) RETURNS void LANGUAGE plpgsql AS $extend$
BEGIN
    EXECUTE format('SET LOCAL search_path = %I', schema);
    EXECUTE 'ALTER TABLE t ADD later int NOT NULL DEFAULT 7'; -- rows that are older do not have it
    EXECUTE 'CREATE TABLE kept (row_of t, n int)';
    EXECUTE 'GRANT SELECT (later) ON t TO PUBLIC';
END $extend$;

SELECT described.make('created', 'PARTITION BY RANGE (k)');
SELECT described.extend('created');
CREATE TABLE created.t_default PARTITION OF created.t DEFAULT;
SELECT described.fill('created');

SELECT described.make('converted', '');
SELECT described.fill('converted');
SELECT described.extend('converted');
ALTER TABLE converted.t SET (fillfactor = 90, toast.autovacuum_vacuum_threshold = 60);
ALTER TABLE converted.t CLUSTER ON by_start;
ANALYZE created.t;
ANALYZE converted.t;

-- What was made for a partition, or by it.
CREATE FUNCTION described.is_of_partition(text) RETURNS boolean LANGUAGE sql AS
    $$SELECT $1 ~ '[[:<:]]s\.t_(?!(pkey|note_k_key|id_seq)[[:>:]])|_fkey\d*[[:>:]]|constraint (to_t|to_itself)_\d+[[:>:]]|^toast table|^index pg_toast'$$;
CREATE TABLE described.before AS SELECT * FROM described.rows('converted');
CREATE TABLE described.content AS SELECT sum(hashtextextended(t::text, 0)) FROM converted.t;

CALL warden.partition_convert('converted.t', 'k', every => '1000');
SELECT bound, (SELECT count(*) FROM converted.t WHERE tableoid = p.partition) AS rows
FROM (SELECT relid AS partition, pg_get_expr(relpartbound, relid) AS bound
      FROM pg_partition_tree('converted.t') JOIN pg_class c ON c.oid = relid WHERE isleaf) p
ORDER BY bound;
SELECT sum(hashtextextended(t::text, 0)) = (SELECT sum FROM described.content) AS same_content FROM converted.t;
ANALYZE converted.t;

-- The table itself, its indexes and what is about them: as if it had been created partitioned.
SELECT which, catalogue, name, "is"
FROM (SELECT 'created' AS which, * FROM (SELECT * FROM described.rows('created') EXCEPT SELECT * FROM described.rows('converted')) a
      UNION ALL
      SELECT 'converted', * FROM (SELECT * FROM described.rows('converted') EXCEPT SELECT * FROM described.rows('created')) b) difference
WHERE NOT described.is_of_partition(name) AND NOT described.is_of_partition("is"::text)
ORDER BY catalogue, name, which;
-- It was compared indeed.
SELECT catalogue, count(*) > 0 AS some FROM described.rows('converted')
WHERE NOT described.is_of_partition(name) AND NOT described.is_of_partition("is"::text)
GROUP BY catalogue ORDER BY catalogue;

-- What depends on it works.
SELECT count(*), sum(k) FROM converted.all_of;
SELECT id, k, count FROM converted.grouped ORDER BY id LIMIT 2;
REFRESH MATERIALIZED VIEW converted.counted;
SELECT * FROM converted.counted ORDER BY owner LIMIT 2;
SELECT converted.first_of(1) = md5('1');
INSERT INTO converted.kept SELECT t, 1 FROM converted.t WHERE k = 5;
SELECT (row_of).k, (row_of).later FROM converted.kept;
DELETE FROM converted.item_parts WHERE t_k = 1700;
DELETE FROM converted.t WHERE k = 1700 AND NOT EXISTS (SELECT FROM converted.t c WHERE c.up_k = 1700);
\set ON_ERROR_STOP off
\set VERBOSITY terse
INSERT INTO converted.t (k, owner) VALUES (1, 99);          -- no such owner
INSERT INTO converted.item VALUES (1, 4711, 0);             -- no such row
INSERT INTO converted.t (id, k) SELECT id, k FROM converted.t WHERE k = 7;
DELETE FROM converted.t WHERE k = 17;                       -- is referred to
INSERT INTO converted.t (k) VALUES (-1);
\set VERBOSITY default
\set ON_ERROR_STOP on

-- And back: as it was, but that no row lacks a column any more.
CREATE TABLE described.content_now AS SELECT sum(hashtextextended(t::text, 0)) FROM converted.t;
CALL warden.partition_revert('converted.t');
SELECT sum(hashtextextended(t::text, 0)) = (SELECT sum FROM described.content_now) AS same_content FROM converted.t;
ANALYZE converted.t;
SELECT which, catalogue, name, "is"::jsonb -> 'atthasmissing' AS has_missing,
       count(*) OVER (PARTITION BY "is"::jsonb - 'atthasmissing' - 'attmissingval') AS alike_otherwise
FROM (SELECT 'before' AS which, * FROM (SELECT * FROM described.before EXCEPT SELECT * FROM described.rows('converted')) a
      UNION ALL
      SELECT 'after', * FROM (SELECT * FROM described.rows('converted') EXCEPT SELECT * FROM described.before) b) difference
ORDER BY catalogue, name, which;

DROP PUBLICATION move_catalog_created, move_catalog_converted;
DROP SCHEMA created CASCADE;
DROP SCHEMA converted CASCADE;
DROP SCHEMA described CASCADE;
DROP ROLE move_catalog_reader;
