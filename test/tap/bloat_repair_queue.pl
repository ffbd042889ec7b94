# The queue of repairs beside others: what is canceled at any moment stays so, an invalid index of somebody else's is left
# alone whatever its name is, and processes that are at it at once do everything once.
#
# Needs TAP, because sessions are in the way of a repair at a certain moment.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('queue', <<'END');
max_worker_processes = 12
warden.lock_timeout = 60s
warden.bloat_min_size = 0
warden.bloat_min_waste = 0
END
$node->safe_psql('postgres', q{
	CREATE TABLE accounts (id int PRIMARY KEY, name text) WITH (autovacuum_enabled = off);
	INSERT INTO accounts SELECT g, md5(g::text) FROM generate_series(1, 20000) g;
	CREATE INDEX accounts_name ON accounts (name);
	DELETE FROM accounts WHERE id % 3 <> 0;
	VACUUM accounts;});

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

sub await
{
	my ($query, $name) = @_;
	ok($node->poll_query_until('postgres', $query), $name);
	return;
}

sub await_end
{
	my ($name) = @_;
	await(q{SELECT NOT EXISTS (SELECT FROM warden.bloat_repair_log WHERE status IN ('queued', 'running'))
		AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_warden worker')}, $name);
	return;
}

sub session
{
	my (@commands) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	$session->query($_) for @commands;
	return $session;
}

my $repair = q{SELECT status FROM warden.bloat_repair('accounts_name', force => true)};
my $last = 'SELECT status FROM warden.bloat_repairs ORDER BY id DESC LIMIT 1';
my $file = q{SELECT pg_relation_filenode('accounts_name')};
my $invalid = q{SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index WHERE NOT indisvalid};
my $before = ask($file);

# Canceled before its worker has got its lock.
my $holder = session('BEGIN', 'LOCK accounts IN SHARE UPDATE EXCLUSIVE MODE');
ask($repair);
await(q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'accounts'::regclass)}, 'the worker waits for its lock');
is(ask(q{SELECT warden.bloat_repair_cancel('accounts')}), '1', 'it can be canceled there');
$holder->query('COMMIT');
await_end('the worker ends');
is(ask($last), 'canceled', 'it is canceled');
is(ask($file), $before, 'and was not done');

# Canceled by a transaction that is still open when it is to begin.
$holder->query('BEGIN');
$holder->query('LOCK accounts IN ROW EXCLUSIVE MODE');
ask(q{LOAD 'pg_warden'; ALTER DATABASE postgres SET warden.bloat_max_wait = '1ms'});
ask($repair);
await(q{SELECT EXISTS (SELECT FROM warden.bloat_repairs WHERE status = 'waiting')}, 'it waits for a transaction');
await_end('the runner ends');
$holder->query('COMMIT');
ask('ALTER DATABASE postgres RESET warden.bloat_max_wait');
$holder->query('BEGIN');
is($holder->query(q{SELECT warden.bloat_repair_cancel('accounts')}), '1', 'it is canceled, but not committed');
my ($status, $out, $err) = $node->psql('postgres', q{SET warden.lock_timeout = '50ms'; CALL warden.bloat_run_repairs()});
like($err, qr/could not begin a repair: canceling statement due to lock timeout/, 'what cannot be noted does not begin');
$holder->query('COMMIT');
await_end('nothing is at it');
is(ask($last), 'canceled', 'it is canceled');
is(ask($file), $before, 'and was not done either');

# Leftovers: ours, which cannot be removed yet, and one of somebody else's who has made his index anew meanwhile.
$holder->query('BEGIN');
$holder->query(q{INSERT INTO accounts VALUES (-1, 'x')});
ask($repair);
await(q{SELECT phase = 'waiting for writers before build' FROM pg_stat_progress_create_index}, 'the repair is in the midst of it');
my $runner = ask(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_warden worker' AND query ~ 'bloat_run_repairs'});
ask("SELECT pg_terminate_backend($runner)");
await(q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_warden worker')}, 'it was ended');
is(ask($invalid), 'accounts_name_ccnew', 'it has left an index');
($status, $out, $err) = $node->psql('postgres', "SET lock_timeout = '100ms';\nREINDEX INDEX CONCURRENTLY accounts_name;");
like($err, qr/lock timeout/, 'somebody makes it anew himself');
is(ask($invalid), 'accounts_name_ccnew accounts_name_ccnew1', 'and leaves another one');
$holder->query('ROLLBACK');
ask('CALL warden.maintain()');
await_end('maintenance cleans up');
is(ask($invalid), 'accounts_name_ccnew1', 'the other one is left alone');
is(ask('SELECT count(*) FROM warden.bloat_repair_log WHERE may_leave'), '0', 'and ours is known to be gone');
ask('DROP INDEX accounts_name_ccnew1');

# One process for a transaction, whatever it asks for; and as nobody else where the database has a role.
ask('CREATE ROLE application; ALTER DATABASE postgres SET role = application');
my $count = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_warden worker'};
$holder->quit;
$holder = session('SET ROLE NONE', 'BEGIN', $repair, $repair, q{SELECT FROM warden.bloat_repair('accounts_pkey', force => true)});
# Asked elsewhere, as a poll cannot change its role.
$node->poll_query_until('template1', "$count AND wait_event = 'transactionid'", 1) or die 'nobody waits for the commit';
is(ask("SET ROLE NONE; $count"), '1', 'one process waits for the commit');
$holder->query('COMMIT');
ask('SET ROLE NONE; ALTER DATABASE postgres RESET role');
await_end('it does both');
is(ask(q{SELECT count(*) FROM warden.bloat_repairs WHERE status = 'done'}), '2', 'both are done');
$holder->quit;

# Dropped and made again while a repair runs.
$holder = session('BEGIN', q{INSERT INTO accounts VALUES (-1, 'x')});
ask($repair);
await(q{SELECT phase = 'waiting for writers before build' FROM pg_stat_progress_create_index}, 'the repair is in the midst of it');
ask('DROP EXTENSION pg_warden; CREATE EXTENSION pg_warden');
$holder->query('ROLLBACK');
$holder->quit;
await_end('it ends');
is(ask($invalid), '', 'no invalid index is left');

finish(undef, $node);
