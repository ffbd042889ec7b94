-- The space of the log: compression; what leaves it, and what goes with that; partitions that are over.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA space;
SET search_path = space;
TRUNCATE warden.audit_log; -- of other tests
CREATE FUNCTION part() RETURNS regclass LANGUAGE sql AS $$ SELECT log::regclass FROM warden.audit_classes WHERE keep = '51 days' $$;
CREATE FUNCTION run(command text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE replace(command, '@part', part()::text); END $$;
CREATE TABLE wide (id int PRIMARY KEY, body text, more text);
SELECT status FROM warden.audit_enable('wide', keep => '51 days');

-- new partitions compress, where the server can
SELECT 'lz4' = ANY (enumvals) AS has_lz4 FROM pg_settings WHERE name = 'default_toast_compression' \gset
SELECT count(*) > 1 AS several, bool_and((attcompression = 'l') = :'has_lz4') AS all
FROM pg_partition_tree(part()) JOIN pg_attribute ON attrelid = relid WHERE attname IN ('key', 'before', 'after');
SELECT bool_and(reloptions @> '{autovacuum_freeze_min_age=0}') AS frozen_early
FROM pg_partition_tree(part()) t JOIN pg_class c ON c.oid = relid WHERE isleaf AND relname !~ 'default';
-- what is long, and only that; it is read as it was written
INSERT INTO wide VALUES (1, 'short', 'short'), (2, repeat('long ', 200), 'x'), (3, repeat('very long ', 2000), 'x'),
    (4, (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 300) g), 'not to be compressed');
SELECT key_number, pg_column_compression(after) IS NOT DISTINCT FROM CASE WHEN key_number IN (2, 3) AND (:'has_lz4' OR key_number = 3)
                       THEN CASE WHEN :'has_lz4' THEN 'lz4' ELSE 'pglz' END END AS as_expected
FROM warden.audit_log WHERE key_number < 4 ORDER BY id;
SELECT count(*) FROM wide w JOIN warden.audit_events e ON e.new = to_jsonb(w) AND e.relation = 'wide'::regclass;
UPDATE wide SET more = repeat('more ', 300) WHERE id = 2;
DELETE FROM wide WHERE id = 2;
SELECT operation, octet_length(old ->> 'more'), octet_length(new ->> 'more') FROM warden.audit_events
WHERE relation = 'wide'::regclass AND key = '{"id": 2}' ORDER BY id;

-- an event that is over leaves with its partition, or from the default one; with it goes what only it named
CREATE FUNCTION copy_at(moment timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO warden.audit_log (id, at, transaction, session, key_number, relation, version, class, flags, operation)
    SELECT 1, moment, 1, 1, key_number, relation, version, class, flags, operation FROM warden.audit_log LIMIT 1 $$;
SELECT run(format('CREATE TABLE warden.over PARTITION OF @part FOR VALUES FROM (%L) TO (%L)', now() - interval '100 days', now() - interval '99 days'));
SELECT copy_at(now() - interval '99 days 1 hour'), copy_at(now() - interval '200 days');
SELECT count(*) FILTER (WHERE tableoid::regclass::text = 'warden.over') AS over, count(*) FILTER (WHERE tableoid::regclass::text ~ 'default') AS strays
FROM warden.audit_log WHERE id = 1;
INSERT INTO warden.audit_sessions VALUES (1, now() - interval '200 days', 'a', 'a', 'space', NULL, 1), (2, now() - interval '12 hours', 'a', 'a', 'space', NULL, 1);
INSERT INTO warden.audit_contexts VALUES (1, 1, now() - interval '200 days', '{"space": 1}'), (2, 2, now() - interval '12 hours', '{"space": 2}');
INSERT INTO warden.audit_relations (id, relation, name, class, require_context, on_truncate, until)
    SELECT n, 0::oid, 'space.gone ' || n, c.id, false, 'rows', now() - d
    FROM warden.audit_classes c, (VALUES (-1, interval '200 days'), (-2, '12 hours')) v (n, d) WHERE log = part();
INSERT INTO warden.audit_versions (id, relation, transaction, at, columns)
    SELECT n, r, 1, now() - d, '[]' FROM (VALUES (-1, -1, interval '300 days'), (-4, -2, '300 days'), (-3, -2, '200 days'), (-2, -2, '12 hours')) v (n, r, d);
INSERT INTO warden.audit_changes (id, at, transaction, session, relation, command) VALUES
    (1, now() - interval '200 days', 1, 1, -1, 'space'), (2, now() - interval '12 hours', 2, 2, -2, 'space');
CALL warden.maintain();
SELECT to_regclass('warden.over'), (SELECT count(*) FROM warden.audit_log WHERE id = 1) AS events,
       (SELECT array_agg(id ORDER BY id) FROM warden.audit_sessions WHERE application_name = 'space') AS sessions,
       (SELECT array_agg(transaction) FROM warden.audit_contexts WHERE context ? 'space') AS contexts,
       (SELECT array_agg(id) FROM warden.audit_relations WHERE id < 0) AS relations,
       (SELECT array_agg(id ORDER BY id) FROM warden.audit_versions WHERE id < 0) AS versions,
       (SELECT array_agg(id) FROM warden.audit_changes WHERE command = 'space') AS changes;
-- what still exists stays known when its audit has ended, also for long
UPDATE warden.audit_relations SET until = now() - interval '200 days', relation = 'pg_class'::regclass::oid WHERE id = -2;
INSERT INTO warden.audit_sessions VALUES (1, now() - interval '200 days', 'a', 'a', 'space', NULL, 1);
CALL warden.maintain();
SELECT (SELECT count(*) FROM warden.audit_relations WHERE id = -2) AS relations, (SELECT count(*) FROM warden.audit_sessions WHERE id = 1) AS sessions;

-- a partition that is over is frozen, once
SELECT now() - interval '29 days' AS past \gset
SELECT count(copy_at(:'past')) FROM generate_series(1, 500);
SELECT DISTINCT tableoid AS over FROM warden.audit_log WHERE id = 1 \gset
CALL warden.maintain();
SELECT reltuples, pg_stat_get_vacuum_count(oid) AS vacuums FROM pg_class WHERE oid = :over;
CALL warden.maintain();
SELECT pg_stat_get_vacuum_count(:over) AS vacuums;
-- nobody writes to it any more; if somebody does, that is left to autovacuum
SELECT count(copy_at(:'past')) FROM generate_series(1, 500);
CALL warden.maintain();
SELECT pg_stat_get_vacuum_count(:over) AS vacuums;
-- those of now are not, nor what is empty
SELECT sum(pg_stat_get_vacuum_count(relid)) AS vacuums FROM pg_partition_tree(part()) WHERE isleaf AND relid <> :over;

DELETE FROM warden.audit_relations WHERE id < 0;
DELETE FROM warden.audit_versions WHERE id < 0;
DELETE FROM warden.audit_changes WHERE command = 'space';
DELETE FROM warden.audit_sessions WHERE application_name = 'space';
DELETE FROM warden.audit_contexts WHERE context ? 'space';
SELECT warden.audit_disable('wide');
SELECT warden.partition_unmanage(part());
SELECT run('DROP TABLE @part');
DELETE FROM warden.audit_classes WHERE keep = '51 days';

-- a year is longer than 360 days, though it equals them
SELECT status FROM warden.audit_enable('wide', keep => '360 days');
SELECT status FROM warden.audit_enable('wide', keep => '1 year');
SELECT keep FROM warden.audit_tables WHERE relation = 'wide'::regclass;
SELECT status FROM warden.audit_enable('wide', keep => '24 hours');
SELECT keep FROM warden.audit_tables WHERE relation = 'wide'::regclass;
SELECT warden.audit_disable('wide');
DROP SCHEMA space CASCADE;
