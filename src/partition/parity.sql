-- Parity -------------------------------------------------------------------------------------------------------------

-- Storage parameters, as pg_class.reloptions has them, as a statement wants them.
CREATE FUNCTION warden.partition_storage_parameters(options text[])
    RETURNS TABLE (name text, value text, setting text)
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT n.name,
               regexp_replace(parts[3], '^0+(?=[0-9]+$)', ''), -- as the server keeps it
               n.name || '=' || CASE WHEN parts[3] ~ '^([0-9]+([.][0-9]+)?|[a-z_]+)$' THEN parts[3]
                                     ELSE quote_literal(parts[3]) END
        FROM unnest(options) option,
             regexp_match(option, '^(toast[.])?([^=]*)=(.*)$') parts,
             LATERAL (SELECT concat(parts[1], quote_ident(parts[2])) AS name) n
        WHERE parts IS NOT NULL;
    END;

-- A name that is free for an object beside a partition: that of the partition, cut as needed, and a suffix.
CREATE FUNCTION warden.partition_free_name(partition oid, suffix text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT format('%s.%I', c.relnamespace::regnamespace, cut.name)
        FROM pg_class c,
             generate_series(0, 99) n,
             LATERAL (SELECT suffix || coalesce('_' || nullif(n, 0), '') AS ending) e,
             -- The type cuts between two characters.
             LATERAL (SELECT substr((repeat('x', octet_length(ending)) || c.relname)::name, octet_length(ending) + 1)
                             || ending AS name) cut
        WHERE c.oid = partition
          AND NOT EXISTS (SELECT FROM pg_class other
                          WHERE other.relname = cut.name::name AND other.relnamespace = c.relnamespace)
          AND NOT EXISTS (SELECT FROM pg_statistic_ext other
                          WHERE other.stxname = cut.name::name AND other.stxnamespace = c.relnamespace)
        ORDER BY n LIMIT 1;
    END;

-- What a table has that a new partition is given by statements, one row a property that is not the default; and those
-- statements, which give it to a partition ("target") and take it away: before and after its name, and before that the
-- items of which one statement can have several, with ON.
CREATE FUNCTION warden.partition_properties(relation oid, target oid)
    RETURNS TABLE (step int, property text, item text, value text, before text, after text, undo text, undo_after text,
                   lock text, granted_by text, reason text)
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
    BEGIN ATOMIC
        SELECT 1, format('statistics target of column %I', attname), '', attstattarget::text,
               'ALTER TABLE ', format(' ALTER COLUMN %I SET STATISTICS %s', attname, attstattarget),
               'ALTER TABLE ', format(' ALTER COLUMN %I SET STATISTICS -1', attname),
               'ShareUpdateExclusiveLock', NULL, NULL
        FROM pg_attribute
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attstattarget >= 0 -- NULL from PostgreSQL 17 on
        UNION ALL
        SELECT 2, format('%s of column %I', parts[1], attname), '', parts[2],
               'ALTER TABLE ', format(' ALTER COLUMN %I SET (%s)', attname, option),
               'ALTER TABLE ', format(' ALTER COLUMN %I RESET (%s)', attname, parts[1]),
               'ShareUpdateExclusiveLock', NULL, NULL
        FROM pg_attribute, unnest(attoptions) option, regexp_match(option, '^(n_distinct[^=]*)=(.*)$') parts
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND parts IS NOT NULL -- others are the server's own
        UNION ALL
        -- An index of a partition is known by that of the table at the root.
        SELECT 3, 'replica identity', '',
               CASE relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing'
                    ELSE 'index ' || coalesce(coalesce(pg_partition_root(i.indexrelid), i.indexrelid)::regclass::text,
                                              'that was dropped') END,
               'ALTER TABLE ', ' REPLICA IDENTITY '
               || CASE relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX '
                  || (SELECT quote_ident(c.relname)
                      FROM pg_index l JOIN pg_class c ON c.oid = l.indexrelid
                      WHERE l.indrelid = target
                        AND i.indexrelid IN (SELECT pg_partition_ancestors(l.indexrelid)::oid)) END,
               'ALTER TABLE ', ' REPLICA IDENTITY DEFAULT', 'AccessExclusiveLock', NULL, NULL
        FROM pg_class r
        LEFT JOIN pg_index i ON i.indrelid = r.oid AND i.indisreplident
        WHERE r.oid = relation AND relreplident <> 'd'
        UNION ALL
        SELECT 4, 'row-level security', '', 'enabled', 'ALTER TABLE ', ' ENABLE ROW LEVEL SECURITY',
               'ALTER TABLE ', ' DISABLE ROW LEVEL SECURITY', 'AccessExclusiveLock', NULL, 
               CASE WHEN relation = target THEN 'It would show more to those who may read the partition itself.' END
        FROM pg_class WHERE oid = relation AND relrowsecurity
        UNION ALL
        SELECT 5, 'row-level security of the owner', '', 'forced', 'ALTER TABLE ', ' FORCE ROW LEVEL SECURITY',
               'ALTER TABLE ', ' NO FORCE ROW LEVEL SECURITY', 'AccessExclusiveLock', NULL, 
               CASE WHEN relation = target THEN 'It would show more to those who may read the partition itself.' END
        FROM pg_class WHERE oid = relation AND relforcerowsecurity
        UNION ALL
        SELECT 7, concat('privileges of ', grantee, ' on column ' || attname),
               concat(privilege_type, ' (' || attname || ')'), concat(privilege_type, grant_option),
               'GRANT ', concat(' TO ', grantee, grant_option), 'REVOKE ', ' FROM ' || grantee,
               NULL, granted_by, NULL
        FROM (SELECT g.attname, g.privilege_type, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
                     CASE WHEN bool_or(g.is_grantable) THEN ' WITH GRANT OPTION' END,
                     string_agg(DISTINCT g.grantor::regrole::text, ', ') FILTER (WHERE g.grantor <> g.relowner)
              FROM (SELECT NULL AS attname, relowner, a.*
                    FROM pg_class, aclexplode(relacl) a WHERE oid = relation AND a.grantee <> relowner
                    UNION ALL
                    SELECT quote_ident(attname), relowner, a.*
                    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(attacl) a
                    WHERE c.oid = relation AND NOT attisdropped) g
              GROUP BY 1, 2, 3) g (attname, privilege_type, grantee, grant_option, granted_by)
        UNION ALL
        SELECT 8, 'privileges of the owner', a.privilege_type, 'not ' || a.privilege_type,
               'REVOKE ', ' FROM ' || relowner::regrole, 'GRANT ', ' TO ' || relowner::regrole, NULL, NULL, NULL
        FROM pg_class, aclexplode(acldefault('r', relowner)) a
        WHERE oid = relation AND a.grantee = relowner AND relacl IS NOT NULL
          AND a.privilege_type NOT IN (SELECT g.privilege_type FROM aclexplode(relacl) g WHERE g.grantee = relowner);
    END;

-- The same of what a new partition has by itself: as CREATE TABLE (LIKE) copies it, ATTACH PARTITION brings it, or its
-- maker is its owner. An existing one may have lost it, or not been made so. "options" are in place of the storage
-- parameters, which a parent cannot have.
CREATE FUNCTION warden.partition_copied_properties(relation oid, target oid, options text[])
    RETURNS TABLE (step int, property text, item text, value text, before text, after text, undo text, undo_after text,
                   lock text, granted_by text, reason text)
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
    BEGIN ATOMIC
        SELECT 0, 'owner', '', pg_get_userbyid(relowner)::text,
               'ALTER TABLE ', ' OWNER TO ' || relowner::regrole, NULL, NULL, 'AccessExclusiveLock', NULL, NULL
        FROM pg_class WHERE oid = relation
        UNION ALL
        SELECT 9, 'storage parameter ' || o.name, '', o.value,
               'ALTER TABLE ', format(' SET (%s)', o.setting), 'ALTER TABLE ', format(' RESET (%s)', o.name),
               CASE o.name WHEN 'user_catalog_table' THEN 'AccessExclusiveLock' ELSE 'ShareUpdateExclusiveLock' END,
               NULL, NULL
        FROM pg_class c
        LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
        JOIN pg_class t ON t.oid = target,
             warden.partition_storage_parameters(
                 coalesce(options, c.reloptions || (SELECT array_agg('toast.' || option)
                                                    FROM unnest(toast.reloptions) option))) o
        WHERE c.oid = relation AND (t.reltoastrelid <> 0 OR o.name !~ '^toast[.]')
        UNION ALL
        SELECT 10, format('storage of column %I', attname), '', s.storage,
               'ALTER TABLE ', format(' ALTER COLUMN %I SET STORAGE %s', attname, upper(s.storage)), NULL, NULL,
               'AccessExclusiveLock', NULL, NULL
        FROM pg_attribute
        JOIN (VALUES ('p'::"char", 'plain'), ('e', 'external'), ('m', 'main'), ('x', 'extended')) s (letter, storage)
            ON s.letter = attstorage
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attlen = -1
        UNION ALL
        SELECT 11, format('compression of column %I', attname), '', m.method,
               'ALTER TABLE ', format(' ALTER COLUMN %I SET COMPRESSION %s', attname, m.method),
               'ALTER TABLE ', format(' ALTER COLUMN %I SET COMPRESSION DEFAULT', attname),
               'AccessExclusiveLock', NULL, NULL
        FROM pg_attribute
        JOIN (VALUES ('p'::"char", 'pglz'), ('l', 'lz4')) m (letter, method) ON m.letter = attcompression
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT 12, format('comment on column %I', attname), '', description,
               'COMMENT ON COLUMN ', format('.%I IS %L', attname, description), NULL, NULL,
               'ShareUpdateExclusiveLock', NULL, NULL
        FROM pg_description JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
        WHERE objoid = relation AND classoid = 'pg_class'::regclass AND objsubid > 0
        UNION ALL
        SELECT 13, concat('extended statistics ', '(' || kinds || ') ', 'ON ', columns), '', 'exist',
               concat('CREATE STATISTICS ',
                      CASE WHEN relation <> target THEN warden.partition_free_name(target, '_stat' || n) END,
                      ' (' || kinds || ')', ' ON ', columns, ' FROM '), '', NULL, NULL,
               'ShareUpdateExclusiveLock', NULL, NULL
        FROM (SELECT row_number() OVER (ORDER BY stxname, oid) AS n,
                     (SELECT string_agg(kind, ', ' ORDER BY kind)
                      FROM (VALUES ('d'::"char", 'ndistinct'), ('f', 'dependencies'), ('m', 'mcv')) k (letter, kind)
                      WHERE letter = ANY (stxkind)) AS kinds,
                     (SELECT string_agg(part, ', ' ORDER BY part)
                      FROM (SELECT quote_ident(attname) AS part
                            FROM pg_attribute WHERE attrelid = stxrelid AND attnum = ANY (stxkeys)
                            UNION ALL
                            SELECT format('(%s)', expression)
                            FROM unnest(pg_get_statisticsobjdef_expressions(oid)) expression) parts) AS columns
              FROM pg_statistic_ext WHERE stxrelid = relation) definition
        UNION ALL
        -- A trigger of a partition has the name of that of the parent, of which it is a copy, or a copy of a copy.
        SELECT 20, format('trigger %I', tgname), '', s.value,
               'ALTER TABLE ', format(' %s TRIGGER %I', s.verb, tgname), NULL, NULL,
               'ShareRowExclusiveLock', NULL, NULL
        FROM (WITH RECURSIVE line AS (
                  SELECT tgname, tgrelid, tgparentid, tgenabled
                  FROM pg_trigger WHERE tgrelid = target AND tgparentid <> 0 AND NOT tgisinternal
                  UNION ALL
                  SELECT line.tgname, model.tgrelid, model.tgparentid, model.tgenabled
                  FROM line JOIN pg_trigger model ON model.oid = line.tgparentid)
              SELECT tgname, tgenabled FROM line WHERE tgrelid = relation) t
        JOIN (VALUES ('O'::"char", 'enabled', 'ENABLE'), ('D', 'disabled', 'DISABLE'),
                     ('R', 'enabled on a replica', 'ENABLE REPLICA'), ('A', 'enabled always', 'ENABLE ALWAYS'))
                 s (letter, value, verb) ON s.letter = t.tgenabled
        UNION ALL
        -- Its index has no like in the partition, as it was created ON ONLY the parent. That of what is between them, to
        -- which one is attached, may be yet to be made, by the command of another row.
        SELECT 21, 'index below ' || i.indexrelid::regclass, '', 'exists',
               CASE WHEN t.relkind = 'r' THEN
                        concat('CREATE ', i.is_unique, 'INDEX CONCURRENTLY ', quote_ident(own.name[2]), ' ON ')
                    WHEN k.oid IS NULL THEN
                        concat('CREATE ', i.is_unique, 'INDEX ', quote_ident(own.name[2]), ' ON ONLY ')
                    ELSE 'ALTER TABLE ' END,
               concat(CASE WHEN t.relkind = 'r' OR k.oid IS NULL THEN
                               substr(d.definition,
                                      position(d.table_name IN d.definition) + length(d.table_name) - length(' USING '))
                           ELSE format(' ADD CONSTRAINT %I %s', own.name[2], pg_get_constraintdef(k.oid)) END,
                      CASE WHEN t.relkind = 'r' THEN
                          format(E';\nALTER TABLE %I.%I ADD CONSTRAINT %I ', own.name[1], t.relname, own.name[2])
                          || CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' END
                          || format(' USING INDEX %I', own.name[2]) END,
                      format(E';\nALTER INDEX %s ATTACH PARTITION %I.%I',
                             coalesce(above.name, warden.partition_free_name(h.inhparent, '_idx' || n)),
                             own.name[1], own.name[2])),
               NULL, NULL,
               CASE WHEN k.oid IS NOT NULL THEN 'AccessExclusiveLock' WHEN t.relkind = 'r' THEN 'ShareUpdateExclusiveLock'
                    ELSE 'ShareLock' END,
               NULL,
               'To build it and not lock writers out is not for a transaction block. One that is there only needs to be attached.'
        FROM (SELECT i.*, CASE WHEN indisunique THEN 'UNIQUE ' END AS is_unique, row_number() OVER (ORDER BY indexrelid) AS n
              FROM pg_index i
              WHERE indrelid = relation AND NOT indisvalid AND NOT indisexclusion) i
        JOIN pg_class t ON t.oid = target AND t.oid <> relation
        JOIN pg_inherits h ON h.inhrelid = t.oid
        LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = relation AND k.contype IN ('p', 'u')
        LEFT JOIN LATERAL (SELECT format('%s.%I', x.relnamespace::regnamespace, x.relname) AS name
                           FROM pg_index l JOIN pg_class x ON x.oid = l.indexrelid
                           WHERE l.indrelid = h.inhparent
                             AND i.indexrelid IN (SELECT pg_partition_ancestors(l.indexrelid)::oid)) above ON true,
             parse_ident(warden.partition_free_name(target, '_idx' || n)) own (name),
             LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS definition,
                             format(' ON ONLY %s.%I USING ', r.relnamespace::regnamespace, r.relname) AS table_name
                      FROM pg_class r WHERE r.oid = relation) d
        WHERE NOT EXISTS (SELECT FROM pg_index l
                          WHERE l.indrelid = target
                            AND i.indexrelid IN (SELECT pg_partition_ancestors(l.indexrelid)::oid))
        UNION ALL
        -- Of what is partitioned, for the tables that will be made below it; the access method from PostgreSQL 17 on.
        SELECT 30, 'tablespace', '', spcname::text, 'ALTER TABLE ', ' SET TABLESPACE ' || quote_ident(spcname), NULL, NULL,
               'AccessExclusiveLock', NULL, CASE WHEN t.relkind <> 'p' THEN 'It copies the table under that lock.' END
        FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace JOIN pg_class t ON t.oid = target
        WHERE c.oid = relation
        UNION ALL
        SELECT 31, 'access method', '', amname::text, 'ALTER TABLE ', ' SET ACCESS METHOD ' || quote_ident(amname), NULL,
               NULL, 'AccessExclusiveLock', NULL,
               CASE WHEN t.relkind <> 'p' THEN 'It rewrites the table and its indexes under that lock.' END
        FROM pg_class c JOIN pg_am a ON a.oid = c.relam JOIN pg_class t ON t.oid = target
        WHERE c.oid = relation
        UNION ALL
        SELECT 32, 'persistence', '', 'unlogged', NULL, NULL, 'ALTER TABLE ', ' SET LOGGED',
               'AccessExclusiveLock', NULL, 'It rewrites the table and its indexes under that lock.'
        FROM pg_class
        WHERE oid = relation AND relation = target AND relkind = 'r' AND relpersistence = 'u'
        UNION ALL
        SELECT 33, concat(format('security label by %I', provider), ' on column ' || quote_ident(attname)), '', label,
               format('SECURITY LABEL FOR %I ON %s ', provider, CASE objsubid WHEN 0 THEN 'TABLE' ELSE 'COLUMN' END),
               concat('.' || quote_ident(attname), format(' IS %L', label)),
               format('SECURITY LABEL FOR %I ON %s ', provider, CASE objsubid WHEN 0 THEN 'TABLE' ELSE 'COLUMN' END),
               concat('.' || quote_ident(attname), ' IS NULL'),
               'ShareUpdateExclusiveLock', NULL, 'What a label permits is known to its provider.'
        FROM pg_seclabel LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid AND objsubid > 0
        WHERE objoid = relation AND classoid = 'pg_class'::regclass
        UNION ALL
        -- From PostgreSQL 17 on, where ATTACH gives it to the table that it attaches, but not to those below that.
        SELECT 34, format('identity of column %I', attname), '',
               CASE attidentity WHEN 'a' THEN 'always' ELSE 'by default' END,
               format('ALTER TABLE %s.%I DETACH PARTITION ', above.relnamespace::regnamespace, above.relname),
               format(E';\nALTER TABLE %s.%I ATTACH PARTITION %s.%I %s', above.relnamespace::regnamespace, above.relname,
                      t.relnamespace::regnamespace, t.relname, pg_get_expr(t.relpartbound, t.oid)),
               NULL, NULL, 'AccessExclusiveLock', NULL, 'To attach the table anew reads it under that lock.'
        FROM pg_attribute
        JOIN pg_class t ON t.oid = target
        JOIN pg_inherits h ON h.inhrelid = t.oid
        JOIN pg_class above ON above.oid = h.inhparent
        WHERE attrelid = relation AND attidentity <> '' AND NOT attisdropped
          AND current_setting('server_version_num')::int >= 170000;
    END;

-- What is below a table, and how one comes there: partitions, those of partitions that are no set of their own, and so
-- on. pg_partition_tree() would lock them all.
CREATE FUNCTION warden.partitions_below(root oid) RETURNS TABLE (partition oid, path oid[])
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
    BEGIN ATOMIC
        WITH RECURSIVE below AS (
            SELECT inhrelid AS partition, ARRAY[inhrelid] AS path
            FROM pg_inherits WHERE inhparent = root AND NOT inhdetachpending
            UNION ALL
            SELECT h.inhrelid, path || h.inhrelid
            FROM below JOIN pg_inherits h ON h.inhparent = below.partition
            WHERE NOT inhdetachpending
              AND NOT EXISTS (SELECT FROM warden.partition_policies policy WHERE policy.parent = below.partition))
        SELECT partition, path FROM below;
    END;

-- A parent cannot say; so an unlogged table may not be unlike the others.
CREATE FUNCTION warden.partition_is_logged(root oid) RETURNS boolean
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT EXISTS (SELECT FROM warden.partitions_below(root) b JOIN pg_class c ON c.oid = b.partition
                       WHERE relkind = 'r' AND relpersistence = 'p');
    END;

-- What one table below another has unlike it.
CREATE FUNCTION warden.partition_unlike(root oid, partition oid, storage_parameters text[], is_logged boolean)
    RETURNS TABLE (n bigint, property text, expected text, actual text, command text, lock text, reason text)
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
    BEGIN ATOMIC
        SELECT row_number() OVER (ORDER BY d.step, d.property, d.tail),
               d.property, d.expected, d.actual,
               d.verb || coalesce(d.items || ' ON ', '')
               || format('%s.%I', p.relnamespace::regnamespace, p.relname) || d.tail,
               d.lock,
               coalesce(d.reason, CASE WHEN d.tail IS NULL THEN 'The partition has no such index.' END)
        FROM pg_class t
        JOIN pg_class p ON p.oid = $2
        CROSS JOIN LATERAL (
            SELECT step, property, lock,
                   string_agg(expected, ', ' ORDER BY item) AS expected, string_agg(actual, ', ' ORDER BY item) AS actual,
                   CASE p.relkind WHEN 'p' THEN regexp_replace(verb, '^ALTER TABLE $', 'ALTER TABLE ONLY ')
                        ELSE verb END AS verb,
                   string_agg(nullif(item, ''), ', ' ORDER BY item) AS items, tail, reason
            FROM (SELECT step, property, item, coalesce(e.lock, a.lock) AS lock, e.value AS expected, a.value AS actual,
                         CASE WHEN kept_by IS NOT NULL THEN NULL WHEN loses_option THEN 'REVOKE GRANT OPTION FOR '
                              WHEN loses THEN a.undo ELSE e.before END AS verb,
                         CASE WHEN loses OR loses_option THEN a.undo_after ELSE e.after END AS tail,
                         coalesce('Granted by ' || kept_by || ', who alone can revoke it.', e.reason, a.reason) AS reason
                  FROM (SELECT * FROM warden.partition_properties(t.oid, p.oid)
                        UNION ALL
                        SELECT * FROM warden.partition_copied_properties(t.oid, p.oid, $3)) e
                  FULL JOIN (SELECT * FROM warden.partition_properties(p.oid, p.oid)
                             UNION ALL
                             SELECT * FROM warden.partition_copied_properties(p.oid, p.oid, NULL)) a
                      USING (step, property, item)
                  CROSS JOIN LATERAL (
                      SELECT e.value IS NULL AS loses,
                             coalesce(step = 7 AND a.value = e.value || ' WITH GRANT OPTION', false) AS loses_option) l
                  CROSS JOIN LATERAL (
                      SELECT CASE WHEN loses OR loses_option THEN a.granted_by END AS kept_by) k
                  WHERE e.value IS DISTINCT FROM a.value
                    AND NOT (loses AND a.undo IS NULL)                                 -- of no concern to the parent
                    AND NOT (step IN (7, 8) AND p.relowner <> t.relowner)              -- a change of owner changes them
                    AND NOT (step = 9 AND ($3 IS NULL OR p.relkind <> 'r'))
                    AND NOT (step IN (3, 4, 5, 10, 11, 21, 30, 31, 33) AND p.relkind = 'f')
                    AND NOT (step = 32 AND NOT $4)) difference
            GROUP BY step, property, lock, verb, tail, reason) d
        WHERE t.oid = $1;
    END;

-- The planner thinks of far more rows than there are, and would compile.
CREATE FUNCTION warden.partition_differences(parent regclass DEFAULT NULL)
    RETURNS TABLE (parent regclass, partition regclass, property text, expected text, actual text, command text,
                   lock text, reason text)
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SET jit = off
    BEGIN ATOMIC
        WITH sets AS MATERIALIZED (
            SELECT t.oid, policy.storage_parameters, warden.partition_is_logged(t.oid) AS is_logged
            FROM warden.partition_policies policy JOIN pg_class t ON t.oid = policy.parent
            WHERE ($1 IS NULL OR t.oid = $1)
              AND (pg_has_role('pg_monitor', 'USAGE') OR pg_has_role(t.relowner, 'USAGE')))
        SELECT sets.oid::regclass, b.partition::regclass, d.property, d.expected, d.actual, d.command, d.lock, d.reason
        FROM sets
        CROSS JOIN LATERAL warden.partitions_below(sets.oid) b
        CROSS JOIN LATERAL warden.partition_unlike(sets.oid, b.partition, sets.storage_parameters, sets.is_logged) d
        ORDER BY sets.oid, b.path, d.n;
    END;

CREATE FUNCTION warden.partition_align(parent regclass, partition regclass DEFAULT NULL, dry_run boolean DEFAULT false)
    RETURNS TABLE (parent regclass, partition text, action text, status text, command text, detail text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION warden.partition_align(regclass, regclass, boolean) FROM PUBLIC;

-- Comments -----------------------------------------------------------------------------------------------------------

COMMENT ON FUNCTION warden.partition_storage_parameters(text[]) IS
    'Storage parameters that are written like pg_class.reloptions, "toast." before those of a TOAST table: name, value as the server keeps it, and how WITH () and SET () want both.';
COMMENT ON FUNCTION warden.partition_free_name(oid, text) IS
    'Qualified name in the schema of a table that is free for an index or a statistics object: that of the table, cut as needed, and the suffix; then _1, _2 ... Null if there is no such table.';
COMMENT ON FUNCTION warden.partition_properties(oid, oid) IS
$$What a table has that a new partition is given by statements, or what a partition has of that: one row a property that is not the default. For the making of partitions, and for warden.partition_differences().
relation: the table. target: the partition that the statements are for; the same as relation for the properties of the partition itself, null for one that does not exist yet.
before and after: the statement that gives the property, around the partition's name, where item, of which one statement can have several, goes after "before" and has ON after it; undo and undo_after: the one that takes it away, null if to have it is of no concern; lock: what it locks the partition with; granted_by: other roles than the owner by which it was granted; reason: why partition_align() leaves it alone.$$;
COMMENT ON FUNCTION warden.partition_copied_properties(oid, oid, text[]) IS
    'Like partition_properties(), what a new partition has without a further statement: owner, what CREATE TABLE (LIKE) copies, what comes with the attachment. options: storage parameters in place of those of relation.';
COMMENT ON FUNCTION warden.partitions_below(oid) IS
    'The partitions of a table and all that is below them, but what is below a set that is declared of its own, and what is being detached; path: the tables from that partition down to it, to sort by. Locks nothing.';
COMMENT ON FUNCTION warden.partition_is_logged(oid) IS
    'Whether a table below the one given is not unlogged.';
COMMENT ON FUNCTION warden.partition_unlike(oid, oid, text[], boolean) IS
    'The rows of warden.partition_differences() for one table (partition) below another (root), numbered in the order in which to run the commands. storage_parameters: what the policy says, null if nothing; is_logged: whether a table below root is not unlogged.';
COMMENT ON FUNCTION warden.partition_differences(regclass) IS
$$What the partitions of a managed set, or (parent null) of all sets, and all that is below them, have unlike the table at the root and its policy, one row a property: what is expected and what is there (null: the default, or none), the command that mends it, the lock on the partition that it takes (null: none, as for GRANT), and reason: why partition_align() leaves it alone (null: it does not).
Compared are: owner, privileges of tables and columns (by whomever granted; while the owner is another one, not at all), replica identity, the switches of row-level security, statistics targets, n_distinct, storage, compression and comments of columns, extended statistics, the state of row triggers, storage parameters if the policy declares them; tablespace and access method of what is partitioned itself if the parent has one; and, with a reason, those of others, unlogged partitions beside others, missing indexes below an index of the parent, security labels, and from PostgreSQL 17 on identity columns, without which what is above cannot be detached. No row is no difference.
What partition_subdivide() keeps like a set has its rows with the set that it is declared on. A table below that is declared a set of its own is compared, what is below that is not.
Only what the parent has is asked for where a partition may have more: column comments, extended statistics, indexes. Rows for the tables of which the caller has the rights of the owner, or for all if it is in pg_monitor. Locks nothing; runs no code of a table's owner.$$;
COMMENT ON FUNCTION warden.partition_align(regclass, regclass, boolean) IS
$$Gives the partitions of a managed set and all that is below them, or one of these, what partition_differences() says they lack, where the catalogue alone changes: never a rewrite, never an index, never CASCADE.
Each statement runs as the owner of the parent, so that a partition of somebody else is first given to that one, for which the caller needs the rights of both. Returns a row for every difference: action align; status done, planned (dry_run), blocked (detail: by whom), failed (detail: SQLSTATE and message) or skipped (detail: the reason); none when there is nothing to do: then it locks nothing above ACCESS SHARE. What fails or is blocked does not stop the rest. What was done is in warden.partition_log.
Errors: 42704 not managed, 42501 not the owner of the parent, 42809 the partition is not below it, or the parent is not declared itself but kept like a set by partition_subdivide(), 22004 parent or dry_run is null. Locks until the end of the transaction: ACCESS SHARE on the parent and what is between, and each partition that is altered in the strongest mode that its differences need, SHARE UPDATE EXCLUSIVE to ACCESS EXCLUSIVE; the first is waited for no longer than warden.lock_timeout, the others not at all.$$;
