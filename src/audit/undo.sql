-- Audit: taking back what was changed --------------------------------------------------------------------------------

-- An image of a row with its columns under their names of today; without those that are gone.
CREATE FUNCTION warden.audit_today(image jsonb, columns jsonb, relation oid) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT coalesce(jsonb_object_agg(a.attname, i.value), '{}')
        FROM jsonb_each(image) i
        JOIN jsonb_array_elements(columns) c ON c->>'name' = i.key
        JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = (c->>'number')::int2 AND NOT a.attisdropped;
    END;

CREATE FUNCTION warden.audit_undo(transaction_id bigint, on_conflict text DEFAULT 'abort', dry_run boolean DEFAULT false)
    RETURNS TABLE (relation regclass, key text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean) FROM PUBLIC;

COMMENT ON FUNCTION warden.audit_today(jsonb, jsonb, oid) IS
    'An image of a row of a table (relation), of which these were the columns, under the names that its columns have today; those that are gone are left out.';
COMMENT ON FUNCTION warden.audit_undo(bigint, text, boolean) IS
$$Takes back what a transaction (audit_events.transaction_id) has changed, with the rights of the caller: rows that it inserted are deleted, those that it deleted are inserted, columns that it changed are what they were. Triggers fire; it is audited as any change is, with {"undoes": transaction_id} in its context, and can be undone.
Returns a row for each row of a table: what is done, the statement, and status: done, planned (dry_run), conflict (it has changed since, or another row has its key), skipped, gone (it is not there any more). on_conflict: abort (error 27000, nothing is done), skip such rows, or force (the statement is run all the same; what is gone stays).
Errors: 02000 for a transaction that the log does not know, 42501 for who may not read the tables whole, 42P01 for one that was dropped, 0A000 for one without a key; and those of the statements.$$;
