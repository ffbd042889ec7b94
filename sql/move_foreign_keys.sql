-- The foreign keys of a partition that a swap has attached, beside those of one that ATTACH has: the same in the catalogue,
-- though no lock is taken that keeps others from writing to the tables at the other ends.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA keyed;
SET search_path = keyed;

-- What the catalogue says of the foreign keys of a partition, and of those to it: without names and OIDs of its own.
CREATE FUNCTION keyed.plain(what text, partition regclass) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(regexp_replace(replace(what, partition::regclass::text, 'PARTITION'), '(to_\w+?|\w+_fkey)_?\d+', '\1', 'g'),
                          'RI_ConstraintTrigger_(.)_\d+', 'trigger \1', 'g') $$;
CREATE FUNCTION keyed.index_of(i oid, partition regclass) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN c.relispartition THEN 'partition of ' || (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = i) ELSE i::regclass::text END
    FROM pg_class c WHERE c.oid = i $$;
CREATE FUNCTION keyed.columns(relation oid, columns int2[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(attname, ', ' ORDER BY n) FROM unnest(columns) WITH ORDINALITY u (c, n) JOIN pg_attribute ON attrelid = relation AND attnum = c $$;
-- But not the columns of ON DELETE SET NULL (...), for which ATTACH has the numbers of the parent's.
CREATE FUNCTION keyed.keys(partition regclass) RETURNS TABLE (what text) LANGUAGE sql AS $$
    WITH keys AS (SELECT c.*, CASE WHEN c.conrelid = partition THEN 'referring ' ELSE 'referred by ' || c.conrelid::regclass END
                                || ', clone of ' || (SELECT p.conname FROM pg_constraint p WHERE p.oid = c.conparentid) AS called
                  FROM pg_constraint c WHERE c.contype = 'f' AND partition IN (c.conrelid, c.confrelid)),
         triggers AS (SELECT t.*, k.called FROM pg_trigger t JOIN keys k ON k.oid = t.tgconstraint)
    SELECT format('%s: %s; index %s; %s', called, keyed.columns(conrelid, conkey) || ' to ' || keyed.columns(confrelid, confkey), keyed.index_of(conindid, partition),
                  to_jsonb(k) - '{oid,conname,conrelid,confrelid,conindid,conparentid,conkey,confkey,confdelsetcols,called}'::text[])
    FROM keys k
    UNION ALL
    SELECT format('%s: trigger %s on %s of %s; index %s; parent on %s; %s', called, tgfoid::regproc, keyed.plain(tgrelid::regclass::text, partition),
                  tgconstrrelid::regclass, keyed.index_of(tgconstrindid, partition),
                  (SELECT p.tgrelid::regclass || ' ' || p.tgfoid::regproc FROM pg_trigger p WHERE p.oid = t.tgparentid),
                  to_jsonb(t) - '{oid,tgname,tgfoid,tgrelid,tgconstrrelid,tgconstrindid,tgconstraint,tgparentid,called}'::text[])
    FROM triggers t
    UNION ALL
    SELECT format('%s: %s %s depends (%s) on %s, %s times', called, class, kind, deptype, on_what, count(*))
    FROM (SELECT called, class, keyed.plain(kind, partition) AS kind, deptype,
                 CASE WHEN r.oid IS NULL THEN regexp_replace(keyed.plain(pg_describe_object(refclassid, refobjid, refobjsubid), partition), '^constraint \S+', 'constraint')
                      ELSE 'index ' || keyed.index_of(r.oid, partition) END AS on_what
          FROM (SELECT called, 'key' AS class, '' AS kind, 'pg_constraint'::regclass AS classid, oid FROM keys
                UNION ALL SELECT called, 'trigger', tgfoid::regproc::text, 'pg_trigger'::regclass, oid FROM triggers) o
          JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.oid
          LEFT JOIN pg_class r ON r.oid = refobjid AND refclassid = 'pg_class'::regclass AND r.relkind IN ('i', 'I')) d
    GROUP BY called, class, kind, deptype, on_what
    UNION ALL
    SELECT format('has triggers: %s', relhastriggers) FROM pg_class WHERE oid = partition $$;

CREATE FUNCTION keyed.make(name text, partition_by text) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format('CREATE TABLE %1$s_owner (id int PRIMARY KEY); INSERT INTO %1$s_owner SELECT generate_series(1, 9);
        CREATE TABLE %1$s_kind (k int PRIMARY KEY) PARTITION BY LIST (k); CREATE TABLE %1$s_kind_1 PARTITION OF %1$s_kind FOR VALUES IN (1);
        CREATE TABLE %1$s_kind_2 PARTITION OF %1$s_kind FOR VALUES IN (2); INSERT INTO %1$s_kind VALUES (1), (2)', name);
    EXECUTE format('CREATE TABLE %1$I (gone int, id bigint, at int, owner int CONSTRAINT %1$s_to_owner REFERENCES %1$s_owner ON UPDATE CASCADE ON DELETE SET NULL,
        gone_too int, kind int, up_id bigint, up_at int, PRIMARY KEY (id, at),
        CONSTRAINT %1$s_to_itself FOREIGN KEY (up_id, up_at) REFERENCES %1$I ON DELETE SET NULL (up_id) DEFERRABLE INITIALLY DEFERRED) %2$s', name, partition_by);
    EXECUTE format('ALTER TABLE %1$I DROP gone, DROP gone_too, ADD CONSTRAINT %1$s_to_kind FOREIGN KEY (kind) REFERENCES %1$s_kind ON DELETE RESTRICT', name);
    IF partition_by <> '' THEN
        EXECUTE format('CREATE TABLE %1$I PARTITION OF %2$I DEFAULT', name || '_rest', name);
    END IF;
    EXECUTE format('CREATE TABLE %2$I (n int, t_at int, t_id bigint, CONSTRAINT %1$s_to_t FOREIGN KEY (t_id, t_at) REFERENCES %1$I ON DELETE CASCADE ON UPDATE CASCADE)', name, name || '_item');
    EXECUTE format('CREATE TABLE %2$I (t_id bigint, t_at int, CONSTRAINT %1$s_to_t FOREIGN KEY (t_id, t_at) REFERENCES %1$I DEFERRABLE) PARTITION BY LIST (t_at)', name, name || '_part');
    EXECUTE format('CREATE TABLE %2$I PARTITION OF %1$I DEFAULT', name || '_part', name || '_part_rest');
    EXECUTE format('INSERT INTO %I (id, at, owner, kind, up_id, up_at) SELECT i, i, 1 + i %% 9, 1 + i %% 2, nullif(i / 2, 0), nullif(i / 2, 0) FROM generate_series(1, 299) i', name);
    EXECUTE format('INSERT INTO %2$I SELECT 1, at, id FROM %1$I WHERE id %% 10 = 0', name, name || '_item');
    EXECUTE format('INSERT INTO %2$I SELECT id, at FROM %1$I WHERE id %% 17 = 0', name, name || '_part');
END $make$;

-- Keys work: for each a statement that it allows or has do something, and one that it does not.
CREATE FUNCTION keyed.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
        SET CONSTRAINTS ALL IMMEDIATE;
    EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
        RETURN regexp_replace(regexp_replace(sqlerrm, '(RESTRICT setting of )?foreign key constraint "\w+"', 'a foreign key'), '_?\d+"', '"', 'g');
    END;
    RETURN 'done';
END $$;
CREATE FUNCTION keyed.try_all(name text) RETURNS TABLE (number int, what text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT i.n::int, keyed.try(format(s, name)) FROM unnest(ARRAY[
        'INSERT INTO %I (id, at, owner) VALUES (1000, 50, 99)', 'INSERT INTO %I (id, at, kind) VALUES (1000, 50, 3)',
        'INSERT INTO %I (id, at, up_id, up_at) VALUES (1000, 50, 7, 8)', 'UPDATE %I SET owner = 77 WHERE id = 30',
        'INSERT INTO %1$s_item VALUES (1, 5, 4)', 'INSERT INTO %1$s_item VALUES (1, 155, 155)', 'INSERT INTO %1$s_part VALUES (5, 4)',
        'DELETE FROM %I WHERE id = 17', 'DELETE FROM %I WHERE id = 40', 'DELETE FROM %I WHERE id = 250', 'UPDATE %I SET at = 111 WHERE id = 110',
        'UPDATE %I SET at = 120 WHERE id = 90', 'DELETE FROM %s_kind WHERE k = 2', 'DELETE FROM %s_owner WHERE id = 9', 'UPDATE %s_owner SET id = 80 WHERE id = 8']) WITH ORDINALITY i (s, n);
    RETURN QUERY EXECUTE format('SELECT 100, concat_ws('' '', count(*), sum(owner), count(owner), sum(up_id), sum(at)) FROM %I', name);
    RETURN QUERY EXECUTE format('SELECT 101, concat_ws('' '', count(*), sum(t_id), sum(t_at)) FROM %I', name || '_item');
END $$;

-- A drain by a job, one in a single transaction, and a conversion.
SELECT keyed.make(t, b) FROM (VALUES ('attached', 'PARTITION BY RANGE (at)'), ('drained', 'PARTITION BY RANGE (at)'), ('directly', 'PARTITION BY RANGE (at)'), ('converted', '')) v (t, b);
SELECT count(*) FROM warden.partition_by_number('drained', 100);
SELECT count(*) FROM warden.partition_by_number('directly', 100);
CALL warden.partition_drain('directly');
SET warden.partition_drain_direct_rows = 0;
CALL warden.partition_drain('drained');
RESET warden.partition_drain_direct_rows;
CALL warden.partition_convert('converted', 'at', every => '100');
SELECT parent, count(*) FROM (SELECT inhparent::regclass AS parent FROM pg_inherits) i WHERE parent::text IN ('drained', 'directly', 'converted') GROUP BY parent ORDER BY parent::text;

-- ATTACH has made this one of each.
CREATE FUNCTION keyed.attach(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %1$I (LIKE %2$I); ALTER TABLE %2$I ATTACH PARTITION %1$I FOR VALUES FROM (100000) TO (100100)', name || '_by_hand', name);
END $$;
SELECT keyed.attach(t) FROM unnest('{drained,directly,converted}'::text[]) t;
CREATE VIEW differences AS
    WITH keys AS (SELECT t, k.what, sign FROM unnest('{drained,directly,converted}'::text[]) t,
                      (VALUES ('_p100', 1), ('_by_hand', -1)) v (suffix, sign), keyed.keys((t || suffix)::regclass) k)
    SELECT t, what, sum(sign) AS sign FROM keys GROUP BY t, what HAVING sum(sign) <> 0;
SELECT * FROM differences ORDER BY t, what;
-- It was compared indeed.
SELECT t, count(*) > 30 AS much, count(*) = count(DISTINCT what) AS each_once FROM unnest('{drained,directly,converted}'::text[]) t, keyed.keys((t || '_p100')::regclass) GROUP BY t ORDER BY t;
SELECT split_part(what, ';', 1) FROM keyed.keys('converted_p100') WHERE what ~ '^referr.*, clone of \w+: [^;]+; index' ORDER BY what COLLATE "C";

CREATE TABLE tried AS SELECT t, x.* FROM unnest('{attached,drained,directly,converted}'::text[]) t, keyed.try_all(t) x;
SELECT number, what FROM tried WHERE t = 'converted' ORDER BY number;
SELECT number, b.t, a.what AS attached, b.what FROM tried a JOIN tried b USING (number)
WHERE a.t = 'attached' AND regexp_replace(a.what, '^(insert|update) .*', '\1') <> regexp_replace(b.what, '^(insert|update) .*', '\1') ORDER BY number, b.t;

-- Back again: nothing is left of the partitions' keys.
CREATE VIEW left_over AS
    SELECT 'constraint ' || conname AS what FROM pg_constraint c WHERE contype = 'f'
        AND (NOT EXISTS (SELECT FROM pg_class WHERE oid = conrelid) OR NOT EXISTS (SELECT FROM pg_class WHERE oid = confrelid))
    UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgconstraint <> 0 AND NOT EXISTS (SELECT FROM pg_constraint WHERE oid = tgconstraint)
    UNION ALL SELECT 'dependency ' || d::text FROM pg_depend d
        WHERE (classid = 'pg_constraint'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE oid = objid))
           OR (refclassid = 'pg_constraint'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE oid = refobjid))
           OR (classid = 'pg_trigger'::regclass AND NOT EXISTS (SELECT FROM pg_trigger WHERE oid = objid))
           OR (refclassid = 'pg_trigger'::regclass AND NOT EXISTS (SELECT FROM pg_trigger WHERE oid = refobjid));
SELECT * FROM left_over;
CALL warden.partition_revert('converted');
SELECT conrelid::regclass, confrelid::regclass, conparentid <> 0 AS is_clone FROM pg_constraint WHERE contype = 'f' AND 'converted'::regclass IN (conrelid, confrelid) ORDER BY conrelid::regclass::text, confrelid::regclass::text;
SELECT regexp_replace(tgname, '\d+', 'N'), tgfoid::regproc, tgconstrrelid::regclass FROM pg_trigger WHERE tgrelid = 'converted'::regclass ORDER BY tgname;
SELECT * FROM left_over;

-- The server's own commands find what they look for.
DELETE FROM drained_item; DELETE FROM drained_part; UPDATE drained SET up_id = NULL, up_at = NULL;
ALTER TABLE drained DETACH PARTITION drained_p100;
SELECT conrelid::regclass, confrelid::regclass, conname FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND 'drained_p100'::regclass IN (conrelid, confrelid) ORDER BY conname;
SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = 'drained_p100'::regclass;
DELETE FROM drained_owner WHERE id = 3;
DROP TABLE drained_p100;
ALTER TABLE drained DROP CONSTRAINT drained_to_itself, DROP CONSTRAINT drained_to_kind;
ALTER TABLE drained_item DROP CONSTRAINT drained_to_t;
SELECT DISTINCT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid::regclass::text ~ 'drained' ORDER BY 1, 2;
SELECT * FROM left_over;
DROP SCHEMA keyed CASCADE;
