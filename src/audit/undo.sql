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

CREATE FUNCTION warden.audit_undo(
        transaction_id bigint DEFAULT NULL, on_conflict text DEFAULT 'abort', dry_run boolean DEFAULT false,
        event bigint DEFAULT NULL)
    RETURNS TABLE (relation regclass, key text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) FROM PUBLIC;
CREATE FUNCTION warden.audit_undo(
        target regclass, row_key jsonb, moment timestamptz, on_conflict text DEFAULT 'abort', dry_run boolean DEFAULT false)
    RETURNS TABLE (relation regclass, key text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'audit_undo_row';
REVOKE EXECUTE ON FUNCTION warden.audit_undo(regclass, jsonb, timestamptz, text, boolean) FROM PUBLIC;

-- For audit_undo('accounts', '{"id": 1}', '2026-01-01'): of functions that may be meant, constants in quotes choose the one
-- that takes text.
CREATE FUNCTION warden.audit_undo(
        target text, row_key text, moment text, on_conflict text DEFAULT 'abort', dry_run boolean DEFAULT false)
    RETURNS TABLE (relation regclass, key text, action text, status text, command text, detail text)
    LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    BEGIN ATOMIC
        SELECT * FROM warden.audit_undo(target::regclass, row_key::jsonb, moment::timestamptz, on_conflict, dry_run);
    END;
REVOKE EXECUTE ON FUNCTION warden.audit_undo(text, text, text, text, boolean) FROM PUBLIC;

COMMENT ON FUNCTION warden.audit_today(jsonb, jsonb, oid) IS
    'An image of a row of a table (relation), of which these were the columns, under the names that its columns have today; those that are gone are left out.';
COMMENT ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) IS
$$Takes back what a transaction (audit_events.transaction_id) has changed, or one event (event => audit_events.id), with the rights of the caller: rows that it inserted are deleted, those that it deleted are inserted, columns that it changed are what they were. Done as one statement: constraints are checked, and triggers fired, when all rows are changed. It is audited as any change is, with {"undoes": transaction_id} or {"undoes_event": id} in its context, and can be undone.
Returns a row for each row of a table: what is done, the statement as one would type it, and status: done, planned (dry_run), conflict (it has changed since, or another row has its key), cascade (rows that are not of what is undone would be deleted with it, or lose their reference, by a foreign key), lost (the log does not have it), gone (it is not there any more), skipped. on_conflict: abort (error 27000, nothing is done, if there is any of conflict, cascade, lost, gone), skip such rows, or force (conflict and cascade are done all the same).
Errors: 02000 for what the log does not know, 22004 unless there is either a transaction or an event, 42501 for who may not read the tables whole, 42P01 for one that was dropped, 42703 if columns of its key were, 0A000 if it was given another key within the transaction, 25006 in a read-only transaction; and those of the statements. Locks the rows, and those that would go with them, as for UPDATE; not with dry_run.$$;
COMMENT ON FUNCTION warden.audit_undo(regclass, jsonb, timestamptz, text, boolean) IS
$$Makes a row again what it was at a moment: takes back what was not committed by then, or, where track_commit_timestamp is off, of which the transaction had an event later. target, row_key: the row, by a key that it has now or had once, {"id": 1}; all rows that had it are taken back. Returns nothing if nothing has changed since.
on_conflict, dry_run, result and errors as of the undo of a transaction; also 55000 if the log does not reach back so far, 22023 for what is not the key, 0A000 for a table without one. {"undoes_since": {"table", "key", "moment"}} is in the context.$$;
COMMENT ON FUNCTION warden.audit_undo(text, text, text, text, boolean) IS
    'The same with all arguments as constants in quotes: audit_undo(''accounts'', ''{"id": 1}'', ''2026-01-01'').';
