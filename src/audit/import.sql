-- Audit: the logs of others ------------------------------------------------------------------------------------------

-- How far the log of another extension has been read: of each table that it knows, by its number there.
CREATE TABLE warden.audit_imports (
    origin text NOT NULL,
    source bigint NOT NULL, -- an OID of then, which means nothing here
    relation integer NOT NULL,
    last bigint NOT NULL,
    events bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    role name NOT NULL,
    PRIMARY KEY (origin, source)
);
SELECT pg_catalog.pg_extension_config_dump('warden.audit_imports', '');
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.audit_imports
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.audit_imports ENABLE REPLICA TRIGGER ignore_replicated;

CREATE FUNCTION warden.audit_import_supa_audit(
        target regclass DEFAULT NULL, dry_run boolean DEFAULT true, log regclass DEFAULT NULL)
    RETURNS TABLE (relation regclass, relation_name text, events bigint, since timestamptz, until timestamptz,
                   status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.audit_import_audit_trigger(
        target regclass DEFAULT NULL, dry_run boolean DEFAULT true, log regclass DEFAULT NULL)
    RETURNS TABLE (relation regclass, relation_name text, events bigint, since timestamptz, until timestamptz,
                   status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION
    warden.audit_import_supa_audit(regclass, boolean, regclass),
    warden.audit_import_audit_trigger(regclass, boolean, regclass) FROM PUBLIC;

COMMENT ON TABLE warden.audit_imports IS
    'How far the logs of others have been imported: the greatest number that was looked at, of each table by the OID that it had there. Written by audit_import_supa_audit() and audit_import_audit_trigger(), which do not take what is before it again.';
COMMENT ON FUNCTION warden.audit_import_supa_audit(regclass, boolean, regclass) IS
$$Takes the history that supa_audit has written over into the audit log, where audit_events, audit_history(), audit_blame() and audit_as_of() find it before what was logged here. Audit the tables first, with warden.audit_enable(): events from then on are not taken twice. It can be called again: what was taken over is not taken again.
target: this table only, with all that was logged under its name or its OID; null: all, also those that are gone. dry_run (the default): reads and converts everything, and writes nothing. log: the table to read, if it is not audit.record_version.
Returns a row for each table of which there is something new. events, since, until: what is (to be) taken over; status: planned (dry_run), imported, skipped, or failed with the reason in detail; command: what to call next; detail: what could not be had.
Events have their own time, a context with imported_from and the id there, and numbers below all others; an update has the columns that changed. Values are read by the types that the columns have today, and kept as JSON where that fails or there is no such column. What is older than the table's events are kept is left out.
Errors: 42501 for who has not the rights of pg_warden's owner, as imported events say who did what; or may not read the log; 55000 or 42809 if there is no such log; 22004. Reads the log as its owner. Locks until the end of the transaction: SHARE ROW EXCLUSIVE on warden.audit_imports; at the end, to add a partition for the past, ACCESS EXCLUSIVE on the default partition of the audit log. dry_run: ACCESS SHARE.$$;
COMMENT ON FUNCTION warden.audit_import_audit_trigger(regclass, boolean, regclass) IS
$$The same as audit_import_supa_audit() for the history that 2ndQuadrant's audit-trigger has written into audit.logged_actions. Events have the login role, the application, the client's address, and in their context the transaction and the query. Statements of which no rows were logged are left out.$$;
