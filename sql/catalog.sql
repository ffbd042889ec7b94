-- The house rules, on the extension's own catalogue.  Each query lists what breaks one: it has no rows.
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it rests until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;

SET search_path = pg_catalog;

-- what belongs to the extension
CREATE TEMPORARY VIEW member AS
SELECT d.classid, d.objid, o.type, o.schema, o.identity
FROM pg_depend d, LATERAL pg_identify_object(d.classid, d.objid, 0) o
WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_warden');
CREATE TEMPORARY VIEW member_function AS
SELECT p.*, m.identity
FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid;
CREATE TEMPORARY VIEW member_relation AS
SELECT c.*, m.identity
FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid;

-- there is something to look at, so that no rows below mean something
SELECT DISTINCT type FROM member WHERE type IN ('schema', 'function') ORDER BY type;

-- everything is explained where a user meets it; row and array types are their relation's
SELECT type, identity
FROM member
WHERE type <> 'schema' AND obj_description(objid, classid::regclass::name) IS NULL
  AND NOT (classid = 'pg_type'::regclass
           AND EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                       WHERE t.oid = objid AND (t.typcategory = 'A' OR c.relkind <> 'c')))
ORDER BY type, identity;

-- everything is in our schema, where a user's objects are not; a cast, for one, has no schema
SELECT type, identity
FROM member
WHERE schema IS DISTINCT FROM 'warden' AND type NOT IN ('cast', 'event trigger') AND (type, identity) <> ('schema', 'warden')
ORDER BY type, identity;

-- the schema is to be used by all, and to be filled by nobody
SELECT a.grantee::regrole, a.privilege_type
FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE n.nspname = 'warden' AND a.grantee <> n.nspowner AND a.privilege_type <> 'USAGE';

-- nobody gains rights by calling a function
SELECT identity FROM member_function WHERE prosecdef ORDER BY identity;

-- what writes is not executable by everybody; what is VOLATILE may write, but for what sets a setting of the transaction,
-- and triggers that new partitions have
SELECT p.identity, p.provolatile
FROM member_function p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.provolatile = 'v' AND a.grantee = 0 AND a.privilege_type = 'EXECUTE' AND p.proname NOT IN ('audit_set_context', 'audit_capture', 'audit_capture_truncate')
ORDER BY p.identity;

-- a body finds its names where they were when it was created, or in a path of its own.  A procedure that commits cannot
-- have one from its definition, and sets it by itself.
SELECT p.identity, l.lanname
FROM member_function p JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('c', 'internal') AND p.prosqlbody IS NULL
  AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c ~ '^search_path=pg_catalog(, warden)?, pg_temp$')
  AND NOT (p.prokind = 'p' AND p.prosrc ~ 'search_path')
ORDER BY p.identity;

-- nobody gains rights by reading a view, but one that decides itself what he may see
SELECT identity
FROM member_relation
WHERE relkind = 'v' AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']
  AND NOT (reloptions && ARRAY['security_barrier=true'] AND pg_get_viewdef(oid) ~ 'audit_is_visible')
ORDER BY identity;

-- what is in tables and sequences got there by functions, not by whoever likes to
SELECT c.identity, a.grantee::regrole, a.privilege_type
FROM member_relation c, aclexplode(c.relacl) a
WHERE c.relkind IN ('r', 'p', 'S') AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'
UNION ALL
SELECT c.identity || '.' || t.attname, a.grantee::regrole, a.privilege_type
FROM member_relation c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
WHERE c.relkind IN ('r', 'p') AND a.grantee <> c.relowner AND a.privilege_type <> 'SELECT'
ORDER BY 1, 2, 3;

-- every table can be changed where it is published, and passes over what a subscription brings
SELECT c.oid::regclass AS "without a replica identity"
FROM pg_class c WHERE relnamespace = 'warden'::regnamespace AND relkind = 'r' AND relreplident <> 'f'
  AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary);
SELECT c.oid::regclass AS "without the trigger"
FROM pg_class c WHERE relnamespace = 'warden'::regnamespace AND relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgenabled = 'R' AND tgfoid = 'warden.ignore_replicated'::regproc);
