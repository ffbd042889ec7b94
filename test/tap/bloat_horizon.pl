# Who keeps dead rows from being removed is named, with what ends it: a session, a prepared transaction, a slot, a standby.
# On a standby the same is measured as on its primary.
#
# Needs TAP, because of the standby, and because nobody else may hold anything.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $primary = start_server('primary', q{
max_prepared_transactions = 5
wal_level = logical
wal_receiver_status_interval = 1s}, allows_streaming => 1);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nmax_standby_streaming_delay = -1");
$standby->start;
$primary->safe_psql('postgres', q{
	CREATE DATABASE other;
	CREATE TABLE t (id int PRIMARY KEY, v text);
	INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g;
	CREATE TABLE noise (id int);
	CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
	INSERT INTO unlogged VALUES (1)});

my $user = (getpwuid($<))[0];
my $settings = q{SET warden.bloat_min_size = 0; SET warden.bloat_min_waste = 0; };

sub table
{
	my ($node) = @_;
	return $node->safe_psql('postgres', $settings . q{
		SELECT verdict, regexp_replace(substring(reason from '%but may #"%#"' for '#'), 'process \d+', 'process N'), regexp_replace(command, '\d+', 'N') AS command
		FROM warden.bloat_measure('t', 'exact') WHERE relation = 't'::regclass});
}

# What is held by whom, but for who asks; with the first of the commands.
sub holders
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{
		SELECT kind, regexp_replace(holder, 'process \d+', 'process N'), database, since IS NOT NULL, xid_age > 0, holds, regexp_replace(command, '\d+', 'N')
		FROM warden.bloat_horizon() WHERE pid IS DISTINCT FROM pg_backend_pid()});
}

sub wait_for
{
	my ($node, $query) = @_;
	ok($node->poll_query_until('postgres', $query), $query);
	return;
}

is(holders($primary), '', 'nobody holds anything');
$primary->safe_psql('postgres', 'DELETE FROM t WHERE id % 2 = 0');
like(table($primary), qr/^vacuum_starved\|\|VACUUM/, 'what is dead can be removed');

# A session, which sleeps in a transaction that has a snapshot.
my $session = launch($primary, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_sleep(600)');
wait_for($primary, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_xmin IS NOT NULL});
my $other = launch($primary, 'other', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_sleep(600)');
wait_for($primary, q{SELECT count(*) = 2 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND backend_xmin IS NOT NULL});
$primary->safe_psql('postgres', 'VACUUM t');
$primary->safe_psql('postgres', 'DELETE FROM t');
is(table($primary), "blocked|still be seen by process N (user $user, bloat_horizon.pl, active)|SELECT pg_cancel_backend(N)",
	'a session is named');
is($primary->safe_psql('postgres', q{SELECT string_agg(DISTINCT database, ' ' ORDER BY database) FROM warden.bloat_horizon() WHERE pid <> pg_backend_pid()}),
	'other postgres', 'the sessions of all databases are told');
# It can be ended by what is told.
is($primary->safe_psql('postgres', $settings . q{SELECT command FROM warden.bloat_measure('t', 'exact') WHERE relation = 't'::regclass \gexec}),
	't', 'the command ends it');
result($session);
like(table($primary), qr/^vacuum_starved\|\|VACUUM/, 'and a session of another database is in nobody else\'s way');
$primary->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = 'other'});
result($other);

# Oneself.
is($primary->safe_psql('postgres', $settings . q{
	INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g;
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT;
	\! psql -XAtqc 'DELETE FROM t' "} . $primary->connstr('postgres') . q{"
	SELECT verdict, command IS NULL, reason ~ 'the transaction that measures' FROM warden.bloat_measure('t', 'exact') WHERE relation = 't'::regclass;
	COMMIT}), 'blocked|t|t', 'who holds it himself is told so');

# A prepared transaction.
$primary->safe_psql('postgres', 'VACUUM t');
$primary->safe_psql('postgres', q{INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g});
$primary->safe_psql('postgres', q{BEGIN; INSERT INTO noise VALUES (1); PREPARE TRANSACTION 'it''s prepared'});
$primary->safe_psql('postgres', 'DELETE FROM t');
is(table($primary), "blocked|still be seen by prepared transaction 'it''s prepared' of user $user|ROLLBACK PREPARED 'it''s prepared'",
	'a prepared transaction is named');
is(holders($primary), "prepared transaction|prepared transaction 'it''s prepared' of user $user|postgres|t|t|all|ROLLBACK PREPARED 'it''s prepared'",
	'and told');
$primary->safe_psql('postgres', q{ROLLBACK PREPARED 'it''s prepared'});

# A slot of logical replication keeps what catalogs have, and nothing else.
$primary->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('decoder', 'pgoutput')});
$primary->safe_psql('postgres', q{INSERT INTO noise VALUES (1); CREATE TABLE gone (id int); DROP TABLE gone});
is(holders($primary), 'replication slot|replication slot decoder (logical, nobody reads it)|postgres|f|t|catalogs|SELECT pg_drop_replication_slot(\'decoder\')',
	'a slot is told');
like(table($primary), qr/^vacuum_starved\|\|VACUUM/, 'and is in the way of catalogs only');
is($primary->safe_psql('postgres', q{
	SET warden.bloat_min_size = 0; SET warden.bloat_min_waste = 0; SET warden.bloat_min_ratio = 0;
	DO 'BEGIN FOR i IN 1..1000 LOOP EXECUTE ''CREATE TEMPORARY TABLE gone (a int, b int, c int, d int, e int, f int)''; DROP TABLE gone; COMMIT; END LOOP; END';
	SELECT verdict, command FROM warden.bloat_measure('pg_attribute', 'exact') WHERE relation = 'pg_attribute'::regclass}),
	"blocked|SELECT pg_drop_replication_slot('decoder')", 'it is named for a catalog');
$primary->safe_psql('postgres', q{SELECT pg_drop_replication_slot('decoder')});
is($primary->safe_psql('postgres', $settings . q{
	VACUUM (ANALYZE, TRUNCATE false) pg_attribute;
	SELECT command, command_lock FROM warden.bloat_measure('pg_attribute', 'exact') WHERE verdict = 'reindex' AND relation::text ~ 'attnam' \gset
	SELECT :'command', :'command_lock';
	SET client_min_messages = error;
	:command}), 'REINDEX INDEX pg_catalog.pg_attribute_relid_attnam_index|ACCESS EXCLUSIVE',
	'an index of a catalog cannot be rebuilt beside others');

# A standby sees the same.
$primary->safe_psql('postgres', q{VACUUM t; INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 5000) g});
$primary->safe_psql('postgres', q{DELETE FROM t WHERE id % 3 = 0});
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $figures = q{SELECT relation, kind, method, status, bytes, live_bytes, overhead_bytes, reserve_bytes, vacuum_frees_bytes + blocked_bytes, free_bytes, rewrite_bytes
	FROM warden.bloat_measure('t', 'exact') ORDER BY relation::text};
is($standby->safe_psql('postgres', $figures), $primary->safe_psql('postgres', $figures), 'a standby measures what its primary does');
like($standby->safe_psql('postgres', $settings . q{SELECT command, caveats FROM warden.bloat_measure('t', 'exact') WHERE relation = 't'::regclass}),
	qr/^VACUUM.*this server is a standby: the command is for its primary/, 'and says where to do something');
is($standby->safe_psql('postgres', q{SELECT relation, status, reason, bytes FROM warden.bloat_measure('unlogged')}),
	"unlogged|skipped|it is unlogged, and this server is a standby|\nunlogged_pkey|skipped|it is unlogged, and this server is a standby|",
	'what is unlogged is not there');
is($standby->safe_psql('postgres', q{SELECT count(*) > 300, count(*) FILTER (WHERE status = 'error') FROM warden.bloat_measure()}), 't|0',
	'all of a database can be measured on a standby');

# And keeps rows, if it asks for it.
$standby->append_conf('postgresql.conf', 'hot_standby_feedback = on');
$standby->reload;
my $reader = launch($standby, 'postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_sleep(600)');
# A standby that asks for it has something to keep before anybody reads there.
wait_for($standby, q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
wait_for($primary, 'SELECT count(*) = 1 FROM pg_stat_replication WHERE backend_xmin IS NOT NULL');
$primary->safe_psql('postgres', 'DELETE FROM t');
is(table($primary), 'blocked|still be seen by standby standby (hot_standby_feedback, process N)|', 'a standby is named');
is(holders($primary), 'standby|standby standby (hot_standby_feedback, process N)||f|t|all|', 'and told');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
is(table($standby), "blocked|still be seen by process N (user $user, bloat_horizon.pl, active)|SELECT pg_cancel_backend(N)",
	'there it is the session that is named');
$standby->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
result($reader);

finish(undef, $standby, $primary);
