-- Audit: what it costs ------------------------------------------------------------------------------------------------

-- One call of the trigger in some hundreds is measured.
CREATE FUNCTION warden.audit_times(relation integer, OUT calls bigint, OUT microseconds double precision)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_times(integer) FROM PUBLIC;

-- The statement that leaves further columns out, and keeps all else that was declared.
CREATE FUNCTION warden.audit_command(relation integer, except_columns name[]) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT format('SELECT * FROM warden.audit_enable(%L%s, except_columns => %L%s%s%s%s)', r.name,
                      ', columns => ' || quote_literal(r.columns),
                      coalesce(r.except_columns, '{}') || audit_command.except_columns,
                      ', keep => ' || quote_literal(c.keep),
                      CASE WHEN r.require_context THEN ', require_context => true' END,
                      CASE WHEN r.on_truncate <> 'rows' THEN ', on_truncate => ' || quote_literal(r.on_truncate) END,
                      CASE WHEN r.keep_dropped THEN ', keep_dropped => true' END)
        FROM warden.audit_relations r JOIN warden.audit_classes c ON c.id = r.class
        WHERE r.id = audit_command.relation;
    END;

CREATE FUNCTION warden.audit_costs(period interval DEFAULT '7 days')
    RETURNS TABLE (relation regclass, relation_name text, since timestamptz, events bigint, events_per_day double precision,
                   inserts bigint, updates bigint, deletes bigint, bytes bigint, bytes_per_event double precision,
                   wal_bytes_per_event double precision, microseconds_per_event double precision,
                   noisy_columns name[], noisy_events bigint, noisy_bytes bigint, command text, caveats text[])
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_costs(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION warden.audit_costs(interval) TO pg_monitor;

COMMENT ON FUNCTION warden.audit_times(integer) IS
    'How many calls of the trigger of an audited relation, by its number, were measured since the server started, and how long one took, in the mean. 0 and null if none was.';
COMMENT ON FUNCTION warden.audit_command(integer, name[]) IS
    'The call of audit_enable() that leaves further columns of an audited relation out, and keeps what else was declared.';
COMMENT ON FUNCTION warden.audit_costs(interval) IS
$$What the audit of each table has cost within a period that ends now: the tables that are audited, and those that were and have events in it.
since: from when on events are counted. bytes: in the files of the log, with indexes and TOAST, shared out by the length of the rows; the same files are never counted twice. wal_bytes_per_event: by the layout of the records (54 bytes and the row for the table, 72 for the index), without full-page images. microseconds_per_event: measured, the mean of one call in 256 of the trigger since the server started, without what the server does to queue and fire a trigger; null without shared_preload_libraries.
noisy_columns: the one to three columns of which most UPDATEs that were logged have changed nothing else, if they are a fifth of the events; without them there were noisy_events fewer, and noisy_bytes; command leaves them out, also of the events of other changes. caveats: of what is estimated, and from how much; what is null, and why.
Reads at most about 16 MB of the log: more is sampled by pages. For members of pg_monitor: column names and counts, no values. Error 22023 for a period that is not positive. Locks partitions of the log in ACCESS SHARE mode.$$;
