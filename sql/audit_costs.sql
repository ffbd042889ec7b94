-- What audit_costs() promises: what each table's audit costs, and what to leave out.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA costly;
SET search_path = costly;
TRUNCATE warden.audit_log; -- of other tests
CREATE TABLE users (id int PRIMARY KEY, name text, last_seen timestamptz, updated_at timestamptz, visits int);
CREATE TABLE quiet (id int PRIMARY KEY, n int);
CREATE TABLE gone (id int PRIMARY KEY);
SELECT status FROM warden.audit_enable('users', except_columns => '{visits}', keep => '1 year', on_truncate => 'event');
SELECT status FROM warden.audit_enable('quiet', columns => '{n}', require_context => true, keep_dropped => true);
SELECT status FROM warden.audit_enable('gone');
INSERT INTO users SELECT g, 'user ' || g, '2026-01-01', '2026-01-01', 0 FROM generate_series(1, 1000) g;
UPDATE users SET last_seen = '2026-01-02', visits = 1;
UPDATE users SET last_seen = '2026-01-03', updated_at = '2026-01-03' WHERE id <= 500;
UPDATE users SET name = 'other', updated_at = '2026-01-04' WHERE id <= 200;
UPDATE users SET id = 5000 WHERE id = 1;
DELETE FROM users WHERE id > 900;
INSERT INTO gone SELECT generate_series(1, 100);
DROP TABLE gone;

-- all of the log is read: exact
CREATE VIEW costs AS SELECT * FROM warden.audit_costs() WHERE relation_name ~ '^costly' ORDER BY relation_name;
SELECT relation, relation_name, events, inserts, updates, deletes, noisy_columns, noisy_events FROM costs;
SELECT relation_name, bytes > 0 AS has_bytes, bytes_per_event BETWEEN 100 AND 2000 AS plausible, wal_bytes_per_event BETWEEN 150 AND 500 AS likewise,
       events_per_day >= events AS a_day, since <= clock_timestamp() AS since, noisy_bytes BETWEEN bytes / 3 AND bytes / 3 * 2 AS noise
FROM costs;
SELECT sum(bytes) - (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('warden.audit_log')
                     WHERE isleaf AND pg_relation_size(relid) > 0) BETWEEN -2 AND 2 AS adds_up
FROM warden.audit_costs('100 years');
SELECT relation_name, caveats::text ~ 'estimates' AS is_estimate, caveats::text ~ 'microseconds_per_event' AS of_time FROM costs;
-- the advice can be followed, and helps
SELECT command FROM costs WHERE noisy_columns IS NOT NULL;
SELECT command FROM costs WHERE noisy_columns IS NOT NULL \gset
SELECT count(*) FROM (:command) run;
SELECT columns, except_columns, keep, on_truncate FROM warden.audit_tables WHERE relation = 'users'::regclass;
UPDATE users SET last_seen = '2026-02-01', updated_at = '2026-02-01';
SELECT events, noisy_events FROM costs WHERE relation = 'users'::regclass;
-- the same for what else can be declared
SELECT warden.audit_command(id, '{n}') FROM warden.audit_relations WHERE name = 'costly.quiet';

-- measured, if there is memory for it: some of a thousand calls are
INSERT INTO users SELECT g, 'user ' || g FROM generate_series(2001, 3500) g;
SELECT (microseconds_per_event BETWEEN 0.1 AND 100000) = (current_setting('shared_preload_libraries') ~ 'pg_warden') IS NOT FALSE AS measured,
       (microseconds_per_event IS NULL) = (current_setting('shared_preload_libraries') !~ 'pg_warden') AS or_null
FROM costs WHERE relation = 'users'::regclass;

-- a log of more than 16 MB is sampled: close to the truth
INSERT INTO users SELECT g, repeat('u', 200) FROM generate_series(10001, 60000) g;
SELECT events BETWEEN 52000 AND 56500 AS close, inserts BETWEEN 52000 AND 56500 AS of_inserts, caveats::text ~ 'from \d+ of \d+ pages' AS says
FROM costs WHERE relation = 'users'::regclass;

-- only within the period
SELECT relation_name, events FROM warden.audit_costs('1 microsecond') WHERE relation_name ~ '^costly' ORDER BY 1;

-- who may, and what not
CREATE ROLE costs_monitor IN ROLE pg_monitor;
CREATE ROLE costs_other;
SET ROLE costs_monitor;
SELECT count(*) > 0 AS has_rows FROM warden.audit_costs();
SELECT * FROM warden.audit_times(1);
SET ROLE costs_other;
SELECT * FROM warden.audit_costs();
RESET ROLE;
SELECT * FROM warden.audit_costs('0');
SELECT * FROM warden.audit_costs('-1 day');
SELECT * FROM warden.audit_costs(NULL);

TRUNCATE warden.audit_log;
SELECT warden.audit_disable(relation) FROM warden.audit_tables WHERE relation_name ~ '^costly' ORDER BY relation_name;
DROP SCHEMA costly CASCADE;
DROP ROLE costs_monitor, costs_other;
