-- Audit: reading the log ---------------------------------------------------------------------------------------------

-- Under which names a reader gets each column of a version: that of the time, that of today if it is another one and no
-- other column had it then, or none. Null: under that of the time, all of them.
CREATE FUNCTION warden.audit_names(columns jsonb, relation oid, reader oid, is_whole boolean) RETURNS jsonb
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT CASE WHEN bool_and(n.names = ARRAY[n.name]) THEN NULL ELSE jsonb_object_agg(n.name, n.names) END
        FROM (SELECT c->>'name' AS name,
                     CASE WHEN NOT is_whole
                               AND NOT coalesce(has_column_privilege(reader, relation, (c->>'number')::smallint, 'SELECT'), false)
                              THEN '{}'
                          WHEN columns @> jsonb_build_array(jsonb_build_object('name', a.attname)) IS NOT FALSE
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

COMMENT ON FUNCTION warden.audit_names(jsonb, oid, oid, boolean) IS
    'Under which names a reader is shown the columns of a version of a table: an object with an array for each column, or null if each is shown under its own.';
COMMENT ON FUNCTION warden.audit_renamed(jsonb, jsonb) IS
    'An image of a row with its columns under other names, as audit_names() gives them.';
COMMENT ON FUNCTION warden.audit_history(regclass, jsonb) IS
$$What became of the rows that had a key, the oldest event first, in the columns of warden.audit_events; also what they were before they got that key, and after they were given another.
row_key: an object, {"id": 1}, with the columns of the key by their names of today, or of any time. A column that was renamed is shown under its name of the time and under that of today. Who may read only some columns of the table is shown these.
Errors: 42501 for who may not read the table, or its key; 42704 if it was never audited; 22023 if it is not the key; 0A000 for a table without one. Locks nothing.$$;
