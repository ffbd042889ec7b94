-- Soft deletion ------------------------------------------------------------------------------------------------------

-- Tables whose rows are marked and not deleted; and when they are deleted at last.
CREATE TABLE warden.audit_soft_deletes (
    relation warden.relation_reference NOT NULL,
    column_name name NOT NULL,
    keep interval
);
CREATE UNIQUE INDEX audit_soft_deletes_relation ON warden.audit_soft_deletes (relation) WHERE relation <> 0::oid;
ALTER TABLE warden.audit_soft_deletes REPLICA IDENTITY FULL;
SELECT pg_catalog.pg_extension_config_dump('warden.audit_soft_deletes',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid OPERATOR(pg_catalog.=) relation::pg_catalog.oid)');
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.audit_soft_deletes
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.audit_soft_deletes ENABLE REPLICA TRIGGER ignore_replicated;
GRANT SELECT ON warden.audit_soft_deletes TO PUBLIC; -- for dumps; it is in the triggers of these tables, which all may see

CREATE FUNCTION warden.audit_soft_delete(
        target regclass, column_name text DEFAULT 'deleted_at', keep interval DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS TABLE (relation regclass, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_soft_delete(regclass, text, interval, boolean) FROM PUBLIC;
CREATE FUNCTION warden.audit_mark_deleted() RETURNS trigger
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_mark_deleted() FROM PUBLIC;

-- What is to be done to a table so that its rows are marked instead of deleted: the action, its statement, whether it is for
-- the caller to run, because it would lock writers out here, and why.
CREATE FUNCTION warden.audit_soft_delete_steps(relation oid, column_name name)
    RETURNS TABLE (action text, command text, is_for_caller boolean, detail text)
    LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
    BEGIN ATOMIC
        SELECT step.action, step.command, step.is_for_caller, step.detail
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (SELECT format('%I.%I', n.nspname, c.relname) AS name,
                                   format('%I.%I', n.nspname, left(c.relname, 58) || '_live') AS live) t
        CROSS JOIN LATERAL (
            SELECT 1 AS n, 'add column' AS action, format('ALTER TABLE %s ADD COLUMN %I timestamptz', t.name, column_name) AS command,
                   false AS is_for_caller, NULL AS detail
            WHERE NOT EXISTS (SELECT FROM pg_attribute
                              WHERE attrelid = c.oid AND attname = column_name AND attnum > 0 AND NOT attisdropped)
            UNION ALL
            SELECT 2, 'create view',
                   format('CREATE VIEW %s WITH (security_invoker = true) AS SELECT * FROM %s WHERE %I IS NULL', t.live, t.name,
                          column_name), false, NULL
            WHERE to_regclass(t.live) IS NULL
            UNION ALL
            SELECT 3, 'grant', format('GRANT %s ON %s TO %s', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), t.live,
                                      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END), false, NULL
            FROM aclexplode(c.relacl) a
            WHERE a.grantee <> c.relowner AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
              AND to_regclass(t.live) IS NULL
            GROUP BY a.grantee
            UNION ALL
            SELECT 4, 'create trigger',
                   format('CREATE TRIGGER "!pg_warden_mark_deleted" INSTEAD OF DELETE ON %s FOR EACH ROW EXECUTE FUNCTION warden.audit_mark_deleted(%L)',
                          t.live, column_name), false, NULL
            WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass(t.live) AND tgname = '!pg_warden_mark_deleted')
            UNION ALL
            SELECT 6, 'create index',
                   format('CREATE INDEX CONCURRENTLY ON %s (%I) WHERE %2$I IS NOT NULL', t.name, column_name), true,
                   'Rows whose time is over are found by it.'
            WHERE NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = column_name
                              WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum)
            UNION ALL
            SELECT 5, 'replace index',
                   format('CREATE UNIQUE INDEX CONCURRENTLY %I %s WHERE %I IS NULL; ', left(x.relname, 58) || '_live',
                          substr(d.definition, position(' ON ' IN d.definition) + 1), column_name)
                   || CASE WHEN k.oid IS NULL THEN format('DROP INDEX CONCURRENTLY %I.%I', n.nspname, x.relname)
                           ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', t.name, k.conname) END,
                   true, 'Rows that are marked would keep their values from being used again.'
            FROM pg_index i
            JOIN pg_class x ON x.oid = i.indexrelid
            CROSS JOIN LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS definition) d
            LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = c.oid AND k.contype = 'u'
            WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary AND NOT i.indisreplident AND i.indpred IS NULL
              AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)) step
        WHERE c.oid = relation
        ORDER BY step.n, step.command;
    END;

COMMENT ON TABLE warden.audit_soft_deletes IS
    'Tables whose rows are marked as deleted, and after which time maintain() deletes them (null: never). Change it by calling audit_soft_delete() again.';
COMMENT ON FUNCTION warden.audit_soft_delete(regclass, text, interval, boolean) IS
$$Has rows of a table marked instead of deleted: adds the column (timestamptz), and makes the view <table>_live of the rows that are not marked, with the table's privileges, through which DELETE marks. keep: how long after that maintain() deletes them; null for ever. Unique indexes should only be of rows that are not marked: the statements for that are returned as "planned", because they run outside of a transaction block. dry_run: only return the statements.
Locks the table in ACCESS EXCLUSIVE mode for a moment, or fails with 55P03 after warden.lock_timeout. Errors: 42501 for who has not the rights of its owner, 42809 for what is no table, 0A000 for one without a primary key, 42804 if the column has another type, 22023 if keep is negative.$$;
COMMENT ON FUNCTION warden.audit_mark_deleted() IS
    'Trigger of the views that audit_soft_delete() makes: marks the row of the table, as whoever deletes it from the view. Its argument is the column.';
COMMENT ON FUNCTION warden.audit_soft_delete_steps(oid, name) IS
    'What audit_soft_delete() would do to a table: action, statement, whether it is for the caller to run, and why.';
