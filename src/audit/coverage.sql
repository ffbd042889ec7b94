-- Audit: what is audited, and what is missing ------------------------------------------------------------------------

-- A table and what is below it, whatever is locked there.
CREATE FUNCTION warden.audit_tree(relation oid) RETURNS SETOF oid
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 10
    BEGIN ATOMIC
        WITH RECURSIVE tree (oid) AS (
            SELECT c.oid FROM pg_class c WHERE c.oid = relation
            UNION ALL
            SELECT h.inhrelid FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid JOIN pg_class c ON c.oid = h.inhrelid
            WHERE c.relispartition)
        SELECT oid FROM tree;
    END;

-- What keeps changes of a relation that is, or is to be, audited by that number from being logged, and the statements that
-- mend it. A trigger is known by its function and its argument, as a table's owner can give it, or another one, any name; he
-- can also make one himself that is fired by fewer changes. A row trigger of a partition comes with that of the root.
CREATE FUNCTION warden.audit_gaps(relation oid, id integer) RETURNS TABLE (target oid, is_row boolean, problem text, command text)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1
    BEGIN ATOMIC
        SELECT t.oid, w.is_row,
               format('trigger %I of %s is %s', w.name, t.oid::regclass,
                      CASE WHEN g.oid IS NULL THEN 'missing'
                           WHEN NOT g.is_whole THEN 'another one'
                           WHEN g.tgenabled = 'D' THEN 'disabled'
                           WHEN g.tgenabled = 'O' THEN 'not enabled for replication'
                           WHEN g.tgenabled = 'R' THEN 'enabled for replication only'
                           ELSE 'renamed' END),
               CASE WHEN g.oid IS NULL OR NOT g.is_whole THEN
                        CASE WHEN NOT w.is_row OR t.oid = relation THEN
                            format('CREATE OR %s TRIGGER %I %s ON %s FOR EACH %s EXECUTE FUNCTION warden.%I(%L); ',
                                   'REPLACE', w.name, w.event, n.name, w.level, w.function, audit_gaps.id) END
                    WHEN g.tgname <> w.name AND g.tgparentid = 0 THEN
                        format('ALTER TRIGGER %I ON %s RENAME TO %I; ', g.tgname, n.name, w.name)
                    ELSE '' END
               || format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', n.name, w.name)
        FROM warden.audit_tree(relation) t (oid)
        JOIN pg_class c ON c.oid = t.oid
        JOIN pg_namespace s ON s.oid = c.relnamespace
        CROSS JOIN LATERAL format('%I.%I', s.nspname, c.relname) n (name)
        CROSS JOIN (VALUES (true, name '!pg_warden_audit', 'AFTER INSERT OR UPDATE OR DELETE', 'ROW', 29,
                            name 'audit_capture', 'warden.audit_capture()'::regprocedure),
                           (false, '!pg_warden_audit_truncate', 'BEFORE TRUNCATE', 'STATEMENT', 34,
                            'audit_capture_truncate', 'warden.audit_capture_truncate()'))
            w (is_row, name, event, level, type, function, oid)
        LEFT JOIN LATERAL (
            SELECT oid, tgname, tgenabled, tgparentid,
                   tgtype = w.type AND tgqual IS NULL AND tgattr = '' AND NOT tgdeferrable AS is_whole
            FROM pg_trigger
            WHERE tgrelid = t.oid AND tgfoid = w.oid AND tgargs = convert_to(audit_gaps.id::text, 'SQL_ASCII') || '\x00'
            ORDER BY tgname <> w.name, tgname LIMIT 1) g ON true
        WHERE c.relkind IN ('r', 'p')
          AND (g.oid IS NULL OR NOT g.is_whole OR g.tgenabled <> 'A' OR g.tgname <> w.name)
        ORDER BY w.is_row DESC, t.oid <> relation, t.oid;
    END;

-- Triggers of ours, of a table and what is below it, that are of another audit than that of this number (null: of any):
-- what they were for, was not restored, or was deleted.
CREATE FUNCTION warden.audit_strays(relation oid, id integer) RETURNS TABLE (target oid, trigger name, command text)
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
    BEGIN ATOMIC
        SELECT c.oid, g.tgname, format('DROP TRIGGER %I ON %I.%I', g.tgname, n.nspname, c.relname)
        FROM warden.audit_tree(relation) t (oid)
        JOIN pg_class c ON c.oid = t.oid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_trigger g ON g.tgrelid = t.oid
        WHERE g.tgfoid IN ('warden.audit_capture()'::regprocedure, 'warden.audit_capture_truncate()'::regprocedure)
          AND g.tgparentid = 0 AND g.tgargs IS DISTINCT FROM convert_to(id::text, 'SQL_ASCII') || '\x00'
        ORDER BY t.oid <> relation, t.oid, g.tgname;
    END;

-- The statements that take the triggers away: of a relation whose audit ends, or (is_all false) of partitions that have been
-- detached from it. Not from other tables of other owners: they can give a trigger any number, and lock us out.
CREATE FUNCTION warden.audit_drop_triggers(relation oid, id integer, is_all boolean) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1
    BEGIN ATOMIC
        SELECT format('DROP TRIGGER %I ON %I.%I', g.tgname, n.nspname, c.relname)
        FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE g.tgfoid IN ('warden.audit_capture()'::regprocedure, 'warden.audit_capture_truncate()'::regprocedure)
          AND g.tgparentid = 0 AND g.tgargs = convert_to(id::text, 'SQL_ASCII') || '\x00'
          AND CASE WHEN g.tgrelid IN (SELECT warden.audit_tree(relation)) THEN is_all
                   ELSE c.relowner = (SELECT t.relowner FROM pg_class t WHERE t.oid = relation) END
        ORDER BY 1;
    END;

-- Whether a table is a part of the log, for any moment.
CREATE FUNCTION warden.audit_is_part(log oid) RETURNS boolean
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN EXISTS (SELECT FROM pg_inherits i JOIN pg_partitioned_table p ON p.partrelid = i.inhrelid
                   WHERE i.inhparent = 'warden.audit_log'::regclass AND i.inhrelid = log AND p.partdefid <> 0);

-- Which relations are audited, how, and what is wrong with it; and those that only have triggers of it.
CREATE VIEW warden.audit_tables WITH (security_barrier = true) AS
SELECT r.relation::regclass AS relation, r.name AS relation_name, gaps IS NULL AS enabled, r.since, r.columns,
       r.except_columns, c.keep, r.require_context, r.on_truncate, r.keep_dropped,
       ARRAY(SELECT name FROM warden.audit_key(r.relation::oid) k (name)) AS key, gaps
FROM (SELECT id, relation::oid AS relation, name, class, columns, except_columns, require_context, on_truncate, keep_dropped, since
      FROM warden.audit_relations WHERE until IS NULL
      UNION ALL
      SELECT NULL, t.oid, format('%I.%I', n.nspname, t.relname), NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM (SELECT DISTINCT coalesce(pg_partition_root(tgrelid)::oid, tgrelid)
            FROM pg_trigger
            WHERE tgfoid IN ('warden.audit_capture()'::regprocedure, 'warden.audit_capture_truncate()'::regprocedure)) g (oid)
      JOIN pg_class t ON t.oid = g.oid
      JOIN pg_namespace n ON n.oid = t.relnamespace
      WHERE NOT t.relispartition -- which is being dropped: then it has no root any more
        AND NOT EXISTS (SELECT FROM warden.audit_relations r WHERE r.relation = t.oid AND r.until IS NULL)) r
LEFT JOIN warden.audit_classes c ON c.id = r.class,
     LATERAL (SELECT array_agg(problem) AS gaps FROM (
                  SELECT problem FROM warden.audit_gaps(r.relation, r.id)
                  UNION ALL
                  SELECT format('trigger %I of %s is of an audit that is not known here', s.trigger, s.target::regclass)
                  FROM warden.audit_strays(r.relation, r.id) s
                  UNION ALL
                  SELECT 'its part of the log is missing or detached, or has no default partition'
                  WHERE c.id IS NOT NULL AND NOT warden.audit_is_part(c.log::oid)
                  UNION ALL
                  SELECT 'columns were changed while event triggers were off'
                  WHERE (SELECT jsonb_agg(c - 'number') FROM jsonb_array_elements(warden.audit_columns(r.relation)) c)
                        <> (SELECT (SELECT jsonb_agg(c - 'number') FROM jsonb_array_elements(v.columns) c)
                            FROM warden.audit_versions v WHERE v.relation = r.id ORDER BY v.id DESC LIMIT 1)
                  UNION ALL
                  SELECT format('event trigger %I is not enabled always', e.name)
                  FROM (VALUES (name 'pg_warden_audit_change'), ('pg_warden_audit_drop'), ('pg_warden_audit_rewrite'),
                               ('pg_warden_audit_begin')) e (name)
                  WHERE (e.name <> 'pg_warden_audit_begin' OR r.keep_dropped)
                    AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = e.name AND evtenabled = 'A')) g) g
WHERE (pg_has_role('pg_monitor', 'USAGE')
       OR pg_has_role((SELECT t.relowner FROM pg_class t WHERE t.oid = r.relation), 'USAGE')
       OR warden.audit_is_visible(r.relation, r.columns, r.except_columns))
  AND EXISTS (SELECT FROM pg_class WHERE oid = r.relation)
UNION ALL
SELECT t.oid, format('%I.%I', n.nspname, t.relname), false, NULL, s.columns, s.except_columns, c.keep, s.require_context,
       s.on_truncate, s.keep_dropped, ARRAY(SELECT name FROM warden.audit_key(t.oid) k (name)),
       ARRAY['it has not been taken in with its schema']
FROM warden.audit_schemas s
JOIN warden.audit_classes c ON c.id = s.class
JOIN pg_namespace n ON n.nspname = s.schema
JOIN pg_class t ON t.relnamespace = n.oid
WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relpersistence <> 't'
  AND NOT EXISTS (SELECT FROM warden.audit_relations r WHERE r.relation::oid = t.oid AND NOT r.attached)
  AND NOT EXISTS (SELECT FROM warden.audit_strays(t.oid, NULL)) -- it is there with them
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = t.oid AND deptype = 'e')
  AND (pg_has_role('pg_monitor', 'USAGE') OR pg_has_role(t.relowner, 'USAGE')
       OR warden.audit_is_visible(t.oid, s.columns, s.except_columns));
GRANT SELECT ON warden.audit_tables TO PUBLIC;

COMMENT ON FUNCTION warden.audit_tree(oid) IS
    'A table and the partitions below it, on all levels. Locks nothing.';
COMMENT ON FUNCTION warden.audit_gaps(oid, integer) IS
    'What keeps changes of a table that is audited by a number from being logged, one row a trigger that is missing or not enabled always: of which table, whether it is the trigger of rows, the problem, and the statements that mend it (null where that of the root does).';
COMMENT ON FUNCTION warden.audit_strays(oid, integer) IS
    'The triggers of a table that are of another audit than that of a number (null: of any), as after a restore without the data of warden.audit_relations: of which table, and the statement that drops each.';
COMMENT ON FUNCTION warden.audit_drop_triggers(oid, integer, boolean) IS
    'The statements that drop the triggers of a table that is audited by a number: all of them, or those of partitions that were detached.';
COMMENT ON FUNCTION warden.audit_is_part(oid) IS
    'Whether a table is a part of the audit log, and has a default partition: else changes cannot be logged, or seen.';
COMMENT ON VIEW warden.audit_tables IS
    'What is audited, and how: what audit_enable() was told, the key, and gaps: what keeps changes from being logged, null if nothing does. audit_enable() mends it, and audit_enable_schema() for tables of an audited schema that came while event triggers were off. A table that only has triggers, as after a restore of a dump without data, is there with gaps and nothing else. For owners of the tables, who may read them, and members of pg_monitor.';
