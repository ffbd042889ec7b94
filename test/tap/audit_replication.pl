# Rows that a subscription brings are audited where they arrive: those of the initial copy, those that are applied, and
# TRUNCATE; also if nothing of the log's own is there yet.
#
# Needs TAP, for two servers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $publisher = start_server('publisher', "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
my $subscriber = start_server('subscriber', "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
my $tables = q{
	CREATE SCHEMA "S";
	CREATE TABLE "S"."Goods" (id int PRIMARY KEY, n int, body text);
	CREATE TABLE parts (id int, k int, PRIMARY KEY (k, id)) PARTITION BY RANGE (k);
	CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20);};
$_->safe_psql('postgres', $tables) for $publisher, $subscriber;
$publisher->safe_psql('postgres', q{
	INSERT INTO "S"."Goods" VALUES (1, 1, 'copied'), (2, 2, repeat('long', 5000));
	INSERT INTO parts VALUES (1, 1), (2, 11);
	SELECT count(*) FROM warden.audit_enable('parts');
	CREATE PUBLICATION everything FOR ALL TABLES;});
$subscriber->safe_psql('postgres', q{
	SELECT count(*) FROM warden.audit_enable('"S"."Goods"');
	SELECT count(*) FROM warden.audit_enable('parts');
	-- Whoever writes first writes these.
	DELETE FROM warden.audit_incarnations;
	DELETE FROM warden.audit_versions;});
my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$connection' PUBLICATION everything");
ok($subscriber->poll_query_until('postgres', q{SELECT count(*) > 5 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel}),
	'all tables are in step');
my $events = q{SELECT relation_name, operation, key, left(old::text, 60), left(new::text, 60)
	FROM warden.audit_events
	ORDER BY relation_name, CASE relation_name WHEN 'public.parts' THEN concat(operation, key) END COLLATE "C", id};
is($subscriber->safe_psql('postgres', $events), <<'END' =~ s/\n\z//r, 'the initial copy is logged');
"S"."Goods"|INSERT|{"id": 1}||{"n": 1, "id": 1, "body": "copied"}
"S"."Goods"|INSERT|{"id": 2}||{"n": 2, "id": 2, "body": "longlonglonglonglonglonglonglongl
public.parts|INSERT|{"k": 1, "id": 1}||{"k": 1, "id": 1}
public.parts|INSERT|{"k": 11, "id": 2}||{"k": 11, "id": 2}
END

$subscriber->safe_psql('postgres', 'DELETE FROM warden.audit_log; DELETE FROM warden.audit_incarnations; DELETE FROM warden.audit_versions');
$subscriber->restart;
$publisher->safe_psql('postgres', q{
	UPDATE "S"."Goods" SET n = n + 10;
	UPDATE "S"."Goods" SET id = 3 WHERE id = 2;
	BEGIN; INSERT INTO "S"."Goods" VALUES (7); SAVEPOINT s; INSERT INTO "S"."Goods" VALUES (8); ROLLBACK TO s; COMMIT;
	UPDATE parts SET k = 12 WHERE id = 1;
	DELETE FROM parts WHERE id = 2;
	DELETE FROM "S"."Goods" WHERE id = 1;
	TRUNCATE parts;});
$publisher->wait_for_catchup('everything');
is($subscriber->safe_psql('postgres', $events), <<'END' =~ s/\n\z//r, 'what is applied is logged');
"S"."Goods"|UPDATE|{"id": 1}|{"n": 1}|{"n": 11}
"S"."Goods"|UPDATE|{"id": 2}|{"n": 2}|{"n": 12}
"S"."Goods"|UPDATE|{"id": 2}|{"id": 2}|{"id": 3}
"S"."Goods"|INSERT|{"id": 7}||{"n": null, "id": 7, "body": null}
"S"."Goods"|DELETE|{"id": 1}|{"n": 11, "id": 1, "body": "copied"}|
public.parts|DELETE|{"k": 1, "id": 1}|{"k": 1, "id": 1}|
public.parts|DELETE|{"k": 11, "id": 2}|{"k": 11, "id": 2}|
public.parts|INSERT|{"k": 12, "id": 1}||{"k": 12, "id": 1}
public.parts|TRUNCATE|||
public.parts|TRUNCATE|||
public.parts|TRUNCATE|{"k": 12, "id": 1}|{"k": 12, "id": 1}|
END
is($subscriber->safe_psql('postgres', 'SELECT DISTINCT flags & 4 FROM warden.audit_log'), 4, 'each is marked as replicated');
is($subscriber->safe_psql('postgres', q{SELECT count(*), count(v.id), count(s.id), min(l.id >> 52) = max(l.id >> 52),
	(SELECT count(DISTINCT incarnation) FROM warden.audit_incarnations)
	FROM warden.audit_log l LEFT JOIN warden.audit_versions v ON v.id = l.version LEFT JOIN warden.audit_sessions s ON s.id = l.session}),
	'12|12|12|t|1', 'with what it refers to, and nothing that the publisher has of that');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION everything');

finish(undef, $publisher, $subscriber);
