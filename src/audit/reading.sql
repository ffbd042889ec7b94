-- Audit: reading the log ---------------------------------------------------------------------------------------------

-- Moments that are remembered by what a snapshot saw. What people call them is not for everybody to read.
CREATE SEQUENCE warden.audit_mark_ids;
CREATE TABLE warden.audit_marks (
    id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    incarnation integer NOT NULL,
    transaction bigint NOT NULL, -- that made it
    event bigint NOT NULL,       -- its events before this one are within
    snapshot pg_snapshot NOT NULL,
    label text
) PARTITION BY LIST (id);
SELECT pg_catalog.pg_extension_config_dump('warden.audit_mark_ids', '');
GRANT SELECT ON SEQUENCE warden.audit_mark_ids TO PUBLIC;
CREATE TRIGGER ignore_replicated BEFORE INSERT OR UPDATE OR DELETE ON warden.audit_marks
    FOR EACH ROW EXECUTE FUNCTION warden.ignore_replicated();
ALTER TABLE warden.audit_marks ENABLE REPLICA TRIGGER ignore_replicated;

-- The columns of a version by the numbers that they have here. A restore gives them others: from each incarnation to the next
-- that has noted any, and from the last to the table itself, they are told by the names that they had at the end of the one and
-- the beginning of the other. Those that were gone by then have the number 0. What was imported has columns of the last one.
CREATE FUNCTION warden.audit_columns_here(columns jsonb, transaction bigint, audited integer, relation oid) RETURNS jsonb
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        WITH RECURSIVE incarnations AS MATERIALIZED (
            SELECT v.transaction >> 52 AS incarnation FROM warden.audit_versions v
            WHERE v.relation = audited AND v.transaction >> 52 >= audit_columns_here.transaction >> 52
            GROUP BY 1),
        places AS MATERIALIZED (
            SELECT row_number() OVER (ORDER BY i.incarnation) AS place,
                   (SELECT v.columns FROM warden.audit_versions v
                    WHERE v.relation = audited AND v.transaction >> 52 = i.incarnation ORDER BY v.id LIMIT 1) AS first,
                   (SELECT v.columns FROM warden.audit_versions v
                    WHERE v.relation = audited AND v.transaction >> 52 = i.incarnation ORDER BY v.id DESC LIMIT 1) AS last
            FROM incarnations i
            WHERE audit_columns_here.transaction >> 52 > 0 OR i.incarnation = 0
               OR i.incarnation = (SELECT max(m.incarnation) FROM incarnations m)
            UNION ALL
            SELECT 1000000000, (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'number', a.attnum)) FROM pg_attribute a
                                WHERE a.attrelid = audit_columns_here.relation AND a.attnum > 0 AND NOT a.attisdropped), NULL),
        steps (place, columns) AS (
            SELECT bigint '1', audit_columns_here.columns
            UNION ALL
            SELECT n.place,
                   CASE WHEN (SELECT count(*) = count(h.value) AND bool_or(h.value->'number' <> t.value->'number')
                              FROM jsonb_array_elements(p.last) t
                              LEFT JOIN jsonb_array_elements(n.first) h ON h.value->'name' = t.value->'name')
                        THEN (SELECT jsonb_agg(c.value || jsonb_build_object('number', coalesce(h.value->'number', '0')) ORDER BY c.place)
                              FROM jsonb_array_elements(s.columns) WITH ORDINALITY c (value, place)
                              LEFT JOIN jsonb_array_elements(p.last) t ON t.value->'number' = c.value->'number'
                              LEFT JOIN jsonb_array_elements(n.first) h ON h.value->'name' = t.value->'name')
                        ELSE s.columns END
            FROM steps s
            JOIN places p ON p.place = s.place
            CROSS JOIN LATERAL (SELECT o.place, o.first FROM places o WHERE o.place > s.place ORDER BY o.place LIMIT 1) n)
        SELECT s.columns FROM steps s ORDER BY s.place DESC LIMIT 1;
    END;

-- Under which names a reader gets each column of a version: that of the time, that of today if it is another one and no
-- other column had it then, or none; or of today's alone. Null: under that of the time, all of them.
CREATE FUNCTION warden.audit_names(columns jsonb, relation oid, reader oid, is_whole boolean, are_todays boolean) RETURNS jsonb
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN bool_and(n.names = ARRAY[n.name]) THEN NULL ELSE jsonb_object_agg(n.name, n.names) END
        FROM (SELECT c->>'name' AS name,
                     CASE WHEN NOT is_whole
                               AND NOT coalesce(has_column_privilege(reader, relation, (c->>'number')::smallint, 'SELECT'), false)
                              THEN '{}'
                          WHEN are_todays THEN array_remove(ARRAY[a.attname::text], NULL)
                          WHEN a.attname IS NULL OR columns @> jsonb_build_array(jsonb_build_object('name', a.attname)) IS NOT FALSE
                              THEN ARRAY[c->>'name']
                          ELSE ARRAY[c->>'name', a.attname::text] END AS names
              FROM jsonb_array_elements(columns) c
              LEFT JOIN pg_attribute a
                  ON a.attrelid = relation AND a.attnum = (c->>'number')::smallint AND NOT a.attisdropped) n;
    END;

-- The same for the columns of an image.
CREATE FUNCTION warden.audit_renamed(image jsonb, names jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN names IS NULL OR image IS NULL THEN image
                    ELSE (SELECT coalesce(jsonb_object_agg(n.name, i.value), '{}')
                          FROM jsonb_each(image) i, jsonb_array_elements_text(names->i.key) n (name)) END;
    END;

CREATE FUNCTION warden.audit_history(target regclass, row_key jsonb)
    RETURNS TABLE (id bigint, at timestamptz, transaction_id bigint, xid xid8, relation regclass, relation_name text,
                   operation text, key jsonb, old jsonb, new jsonb, session_role name, active_role name,
                   application_name text, client_address inet, context jsonb)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.audit_history_of_current(target regclass, row_key jsonb)
    RETURNS TABLE (id bigint, at timestamptz, transaction_id bigint, xid xid8, relation regclass, relation_name text,
                   operation text, key jsonb, old jsonb, new jsonb, session_role name, active_role name,
                   application_name text, client_address inet, context jsonb)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.audit_as_of(row_type anyelement, moment timestamptz DEFAULT NULL, mark bigint DEFAULT NULL)
    RETURNS SETOF anyelement
    LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
CREATE FUNCTION warden.audit_mark(label text DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.audit_mark(text) FROM PUBLIC;

-- Only what has been set since the row came: what was there before is not of it.
CREATE FUNCTION warden.audit_blame(target regclass, row_key jsonb)
    RETURNS TABLE ("column" name, value jsonb, since timestamptz, transaction_id bigint, session_role name, active_role name,
                   application_name text, client_address inet, context jsonb)
    LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 20
    BEGIN ATOMIC
        WITH history AS MATERIALIZED (SELECT * FROM warden.audit_history_of_current(target, row_key))
        SELECT DISTINCT ON (a.attnum) a.attname, n.value, h.at, h.transaction_id, h.session_role, h.active_role,
               h.application_name, h.client_address, h.context
        FROM history h
        CROSS JOIN LATERAL jsonb_each(h.new) n
        JOIN pg_attribute a ON a.attname = n.key AND a.attrelid = coalesce(pg_partition_root(target)::oid, target)
                               AND a.attnum > 0 AND NOT a.attisdropped
        WHERE h.id > coalesce((SELECT max(d.id) FROM history d WHERE d.operation IN ('DELETE', 'TRUNCATE')), 0)
        ORDER BY a.attnum, h.id DESC;
    END;

COMMENT ON FUNCTION warden.audit_columns_here(jsonb, bigint, integer, oid) IS
    'The columns of a version of a table (audited: its number in audit_relations; relation: the table), that a transaction has noted, by the numbers that they have here, after a restore; 0 for those that were gone before.';
COMMENT ON FUNCTION warden.audit_names(jsonb, oid, oid, boolean, boolean) IS
    'Under which names a reader is shown the columns of a version of a table: an object with an array for each column, or null if each is shown under its own. are_todays: under no other name than that of today.';
COMMENT ON FUNCTION warden.audit_renamed(jsonb, jsonb) IS
    'An image of a row with its columns under other names, as audit_names() gives them.';
COMMENT ON FUNCTION warden.audit_history(regclass, jsonb) IS
$$What became of the rows that had a key, the oldest event first, in the columns of warden.audit_events; also what they were before they got that key, and after they were given another.
row_key: an object, {"id": 1}, with the columns of the key by their names of today, or of any time. A column that was renamed is shown under its name of the time and under that of today. Who may read only some columns of the table is shown these.
Errors: 42501 for who may not read the table, or its key; 42704 if it was never audited; 22023 if it is not the key; 0A000 for a table without one. Locks nothing.$$;
COMMENT ON FUNCTION warden.audit_history_of_current(regclass, jsonb) IS
    'The events of warden.audit_history() that are of the row which has the key now: not of those that had it before; columns under their names of today, and none that are gone. Its arguments, errors and locks are the same.';
COMMENT ON FUNCTION warden.audit_as_of(anyelement, timestamptz, bigint) IS
$$A table as it was: SELECT * FROM warden.audit_as_of(NULL::accounts, '2026-01-01'). Rows have the columns of today; one that was not there then, or is not in the log, is null.
moment: what was committed by then; where track_commit_timestamp is off, that of which the transaction had its last event by then. mark: instead of it, exactly what the snapshot of audit_mark() saw. What could not be shown as it was is said by a WARNING. Reads the whole table, and what was logged of it.
Errors: 42501 for who may not read the whole table; 42809 for what is no table, or a partition; 42704 if it was never audited, or for a mark that does not exist; 22023 unless there is either a moment or a mark; 55000 if the log does not reach back so far, or the mark's snapshot did not see its audit begin; 55006 if it was altered while the query began; 0A000 if its key was changed since, or, if it has none, its columns or which of them are logged. Locks the table in ACCESS SHARE mode.$$;
COMMENT ON SEQUENCE warden.audit_mark_ids IS 'Numbers of marks.';
COMMENT ON TABLE warden.audit_marks IS
    'Moments that audit_mark() has remembered: the snapshot says which transactions were there.';
COMMENT ON FUNCTION warden.audit_mark(text) IS
    'Remembers what the current snapshot sees, and returns the number of the mark: warden.audit_as_of(NULL::accounts, mark => 1) is any audited table as that snapshot saw it, with what the current transaction has done itself until now. label: for people. Error 25006 in a read-only transaction.';
COMMENT ON FUNCTION warden.audit_blame(regclass, jsonb) IS
$$Of the row that has a key: who gave each column its value, and when. A column that has not been set since the audit began is left out, as are those that the caller may not read; there is nothing of a row that is gone.
row_key: an object, {"id": 1}. Errors as of warden.audit_history().$$;
