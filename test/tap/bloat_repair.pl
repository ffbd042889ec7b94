# Repairs under load, and cut off in every phase of REINDEX CONCURRENTLY, by a cancel, by the end of either process and by
# kill -9 of the server's: no statement of others fails, and no invalid index is left. They run as the owner of the table,
# whatever is in its indexes, after the commit of who has asked; and they wait where they would do harm.
#
# Needs TAP, because processes are killed, and for a standby.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Warden;

my $node = start_server('repair', <<'END', allows_streaming => 1);
restart_after_crash = on
max_worker_processes = 12
max_prepared_transactions = 2
warden.bloat_min_size = 0
warden.bloat_min_waste = 0
END
$node->safe_psql('postgres', q{
	CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL DEFAULT 0, name text) WITH (autovacuum_enabled = off);
	INSERT INTO accounts SELECT g, 0, md5(g::text) FROM generate_series(1, 30000) g;
	CREATE INDEX accounts_name ON accounts (name);
	DELETE FROM accounts WHERE id % 3 <> 0;
	VACUUM accounts;});

# What is said of the last repair.
sub last_repair
{
	my ($columns) = @_;
	return $node->safe_psql('postgres', "SELECT $columns FROM warden.bloat_repairs ORDER BY id DESC LIMIT 1");
}

sub await
{
	my ($query, $name) = @_;
	ok($node->poll_query_until('postgres', $query), $name);
	return;
}

# That no process runs repairs, and nothing is to be run.
sub await_end
{
	my ($name) = @_;
	await(q{SELECT NOT EXISTS (SELECT FROM warden.bloat_repair_log WHERE status IN ('queued', 'running') OR may_leave)
		AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_warden worker')}, $name);
	return;
}

sub repair
{
	my ($relation) = @_;
	return $node->safe_psql('postgres', "SELECT DISTINCT status FROM warden.bloat_repair('$relation', force => true)");
}

# Under load.
my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/load.sql", q{
\set id random(1, 30000)
BEGIN;
UPDATE accounts SET balance = balance + 1 WHERE id = :id;
SELECT count(*) FROM accounts WHERE name = md5(:id::text);
INSERT INTO accounts VALUES (:id, 1, md5(:id::text)) ON CONFLICT (id) DO UPDATE SET balance = accounts.balance + 1;
COMMIT;
});
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 4, '-T', 5, '-f', "$directory/load.sql", $node->connstr('postgres') ],
	'<', \undef, '>', \my $load_out, '2>', \my $load_err);
for my $round (1 .. 3)
{
	is(repair('accounts_name'), 'queued', 'a repair is queued');
	is(repair('accounts_pkey'), 'queued', 'another');
	await_end('they come to their end under load');
}
$load->finish;
is($load->result(0), 0, 'no statement of the load has failed') or diag($load_err);
unlike($load_err, qr/aborted|ERROR/, 'nor was one refused');
like($load_out, qr/number of failed transactions: 0/, 'none failed');
diag($1) if $load_out =~ /(latency average = .*)/;
is($node->safe_psql('postgres', q{SELECT count(*), count(*) FILTER (WHERE status = 'done'), count(bytes_after), bool_and(abs(prediction_error) < 0.3)
	FROM warden.bloat_repairs}), '6|6|6|t', 'each is done, with what was predicted and what came of it');

# Cut off.  Somebody keeps it in a phase: by what he has written, by his snapshot, by what he has read.
my %phases = (
	'waiting for writers before build' => q{BEGIN; INSERT INTO accounts VALUES (-1, 0, 'x');},
	'waiting for old snapshots' => q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;},
	'waiting for readers before marking dead' => q{BEGIN; SELECT count(*) FROM accounts WHERE id = 3;});
my $worker = "SELECT pid FROM warden.bloat_repairs WHERE status = 'running'";
my $runner = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_warden worker' AND query ~ 'bloat_run_repairs'";
my %ways = (
	'cancel' => sub { $node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM ($worker) w") },
	'termination' => sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM ($worker) w") },
	'termination of who runs it' => sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM ($runner) r") },
	'bloat_repair_cancel()' => sub { $node->safe_psql('postgres', "SELECT warden.bloat_repair_cancel('accounts')") },
	'kill -9' => sub { kill 'KILL', $node->safe_psql('postgres', $worker) },
	'kill -9 of who runs it' => sub { kill 'KILL', $node->safe_psql('postgres', $runner) });
my $invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
for my $phase (sort keys %phases)
{
	for my $way (sort keys %ways)
	{
		my $holder = $node->background_psql('postgres', on_error_stop => 0);
		$holder->query_safe($phases{$phase});
		repair('accounts_name');
		await("SELECT phase = '$phase' FROM pg_stat_progress_create_index", "$phase: it is there");
		is($node->safe_psql('postgres', $invalid), '1', "$phase: there is an invalid index");
		my $offset = -s $node->logfile;
		$ways{$way}->();
		if ($way =~ /kill/)
		{
			eval { $holder->quit };
			$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
			await_server($node);
		}
		else
		{
			await(q{SELECT NOT EXISTS (SELECT FROM pg_stat_progress_create_index)}, "$phase: it has ended by $way");
			$holder->query_safe('ROLLBACK');
			$holder->quit;
		}
		$node->safe_psql('postgres', 'CALL warden.maintain()');
		await_end("$phase, $way: the next maintenance ends");
		is($node->safe_psql('postgres', $invalid), '0', "$phase, $way: no invalid index is left");
		like(last_repair('status'), $way =~ /runs it|kill/ ? qr/interrupted/ : qr/canceled/, "$phase, $way: it is said so");
	}
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_index WHERE indrelid = 'accounts'::regclass"), '2', 'the indexes are there');

# As the owner, who tries to be somebody else.
$node->safe_psql('postgres', q{
	CREATE ROLE mallory;
	CREATE SCHEMA den AUTHORIZATION mallory;
	SET ROLE mallory;
	CREATE TABLE den.seen (what text);
	CREATE FUNCTION den.trap(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x; END';
	CREATE TABLE den.bait (x int);
	INSERT INTO den.bait VALUES (1);
	CREATE INDEX bait_x ON den.bait (den.trap(x));
	CREATE OR REPLACE FUNCTION den.trap(x int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$
	DECLARE command text;
	BEGIN
		INSERT INTO den.seen VALUES (format('%s %s %s', session_user, current_user, current_setting('is_superuser')));
		FOREACH command IN ARRAY ARRAY['RESET ROLE', 'RESET SESSION AUTHORIZATION', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION postgres',
			'ALTER ROLE mallory SUPERUSER', 'SET search_path = den', 'CALL warden.bloat_run_repairs()', 'DELETE FROM warden.bloat_repair_log'] LOOP
			BEGIN
				EXECUTE command;
				INSERT INTO den.seen VALUES (format('%s: %s %s', command, current_user, current_setting('is_superuser')));
			EXCEPTION WHEN others THEN NULL;
			END;
		END LOOP;
		RETURN x;
	END $$;
	RESET ROLE;});
repair('den.bait');
await_end('a table of another role is repaired');
is($node->safe_psql('postgres', "SELECT string_agg(action || ' ' || status, ', ' ORDER BY id) FROM warden.bloat_repairs WHERE of_table = 'den.bait'::regclass"),
	'vacuum done, reindex done', 'VACUUM and REINDEX are done');
my $seen = $node->safe_psql('postgres', 'SELECT DISTINCT what FROM den.seen ORDER BY 1');
like($seen, qr/^mallory mallory off$/m, 'its code runs with the rights of its owner');
unlike($seen, qr/postgres|\bon\b/, 'and cannot get others');
is($node->safe_psql('postgres', "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'"), 'f', 'nor give them to him');

# After the commit of who has asked.
my $client = $node->background_psql('postgres');
$client->query_safe('BEGIN');
$client->query_safe("SELECT FROM warden.bloat_repair('accounts_name', force => true)");
await("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_warden worker' AND wait_event = 'transactionid')", 'the worker waits for the commit');
my $count = "SELECT count(*) FROM warden.bloat_repairs WHERE status IN ('queued', 'running')";
is($node->safe_psql('postgres', $count), '0', 'nothing is queued yet');
$client->query_safe('COMMIT');
$client->quit;
await_end('then it is repaired');
is(last_repair('status'), 'done', 'after the commit');

# What it waits for.
sub set
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "LOAD 'pg_warden'; ALTER SYSTEM SET $name = $value");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
	await("SELECT current_setting('$name') = $value", "$name is $value");
	return;
}

sub waits_for
{
	my ($reason, $name) = @_;
	repair('accounts_name');
	await_end("$name: the worker ends");
	like(last_repair("status || ' for ' || waiting_for"), qr/^waiting for $reason/, $name);
	return;
}

sub goes_on
{
	my ($name) = @_;
	$node->safe_psql('postgres', 'CALL warden.maintain()');
	await_end("$name: maintenance goes on with it");
	is(last_repair('status'), 'done', "$name: and it is done");
	return;
}
set('warden.bloat_max_wait', "'50ms'");
my $idle = $node->background_psql('postgres');
$idle->query_safe('BEGIN; SELECT count(*) FROM accounts');
usleep(100_000);
waits_for('the transaction of process \d+', 'a long transaction');
$idle->query_safe('COMMIT');
$idle->quit;
set('warden.bloat_max_wait', "'1min'");
goes_on('a long transaction');
$node->safe_psql('postgres', "BEGIN; SELECT count(*) FROM accounts; PREPARE TRANSACTION 'forgotten'");
set('warden.bloat_max_wait', "'1ms'");
waits_for('the transaction of prepared transaction "forgotten"', 'a prepared transaction');
$node->safe_psql('postgres', "COMMIT PREPARED 'forgotten'");
set('warden.bloat_max_wait', "'1min'");
goes_on('a prepared transaction');
set('warden.bloat_max_lag', "'0'");
$node->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('slow', true); SELECT pg_switch_wal(); CREATE TABLE wal AS SELECT 1");
waits_for('replication slot "slow" is behind', 'a slot');
$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('slow')");
goes_on('a slot');

# A full disk.
SKIP:
{
	skip('no small disk in PG_WARDEN_DISK', 1) unless $ENV{PG_WARDEN_DISK};
	my $disk = "$ENV{PG_WARDEN_DISK}/repair";
	mkdir $disk;
	$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disk'");
	$node->safe_psql('postgres', 'ALTER INDEX accounts_name SET TABLESPACE small');
	my ($free) = `df --output=avail -k $disk` =~ /(\d+)\s*$/;
	system('fallocate', '-l', ($free - 300) . 'K', "$ENV{PG_WARDEN_DISK}/filler") == 0 or die 'no room for the filler';
	waits_for('free disk space: [0-9]+ MB', 'a full disk');
	unlink "$ENV{PG_WARDEN_DISK}/filler";
	goes_on('a full disk');

	# A rewrite makes the indexes anew as well: there is room for the table, but not for them.
	$node->safe_psql('postgres', q{
		CREATE TABLE indexed TABLESPACE small AS SELECT g AS id, md5(g::text) AS name FROM generate_series(1, 12000) g;
		CREATE INDEX ON indexed (name);
		CREATE INDEX ON indexed (name, id);
		CREATE INDEX ON indexed (id, name);});
	($free) = `df --output=avail -k $disk` =~ /(\d+)\s*$/;
	system('fallocate', '-l', ($free - 2048) . 'K', "$ENV{PG_WARDEN_DISK}/filler") == 0 or die 'no room for the filler';
	like($node->safe_psql('postgres', q{
		LOAD 'pg_warden';
		SET warden.bloat_window = '*';
		SELECT detail FROM warden.bloat_repair('indexed', rewrite => true, force => true, dry_run => true)}),
		qr/would wait for free disk space: [34] MB/, 'a full disk for a rewrite');
	unlink "$ENV{PG_WARDEN_DISK}/filler";
	$node->safe_psql('postgres', 'DROP TABLE indexed');
	$node->safe_psql('postgres', 'ALTER INDEX accounts_name SET TABLESPACE pg_default; DROP TABLESPACE small');
}

# A rewrite, in the window.
set('warden.bloat_window', "'*'");
$node->safe_psql('postgres', 'DELETE FROM accounts WHERE id % 2 = 0');
is($node->safe_psql('postgres', "SELECT action, status, detail FROM warden.bloat_repair('accounts', rewrite => true, force => true)"),
	'rewrite|queued|', 'a rewrite is queued by name');
await_end('a rewrite in the window');
is(last_repair("action, status, bytes_after < bytes_before, prediction_error"), 'rewrite|done|t|0', 'a rewrite has the size that was predicted');

# By itself.
$node->safe_psql('postgres', q{
	CREATE TABLE queue (id int PRIMARY KEY) WITH (autovacuum_enabled = off);
	INSERT INTO queue SELECT generate_series(1, 100000);
	DELETE FROM queue WHERE id % 10 <> 0;
	VACUUM queue;});
$node->safe_psql('postgres', 'CALL warden.maintain()');
await_end('maintenance');
is($node->safe_psql('postgres', "SELECT count(*) FROM warden.bloat_repairs WHERE of_table = 'queue'::regclass"), '0', 'nothing is repaired by itself');
set('warden.bloat_auto_repair', "'on'");
$node->safe_psql('postgres', "UPDATE warden.bloat_snapshots SET measured_at = measured_at - interval '2 days'");
$node->safe_psql('postgres', 'CALL warden.maintain()');
await_end('maintenance that repairs');
is($node->safe_psql('postgres', "SELECT relation, action, status, abs(prediction_error) < 0.01 FROM warden.bloat_repairs WHERE of_table = 'queue'::regclass"),
	'queue_pkey|reindex|done|t', 'but where it is set so');
set('warden.bloat_auto_repair', "'off'");

# A standby looks, and does nothing.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
my ($status, $out, $err) = $standby->psql('postgres', "SELECT * FROM warden.bloat_repair('accounts', force => true)");
like($err, qr/cannot execute warden.bloat_repair\(\) during recovery/, 'a standby repairs nothing');
$standby->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('cascade', true)");
is($standby->safe_psql('postgres', "SELECT count(*) FROM warden.bloat_repair('accounts_name', force => true, dry_run => true)"), '1', 'but says what it would');
is($standby->safe_psql('postgres', "CALL warden.bloat_run_repairs(); SELECT count(*) > 0 FROM warden.bloat_history"), 't', 'and has the history');
($status, $out, $err) = $standby->psql('postgres', 'CALL warden.maintain()');
is($status, 0, 'maintenance does nothing there') or diag($err);
$standby->stop;

# No room for a worker: none at all, and for one of the two only.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\nmax_logical_replication_workers = 0\n");
$node->restart;
is($node->safe_psql('postgres', "SELECT status, detail FROM warden.bloat_repair('accounts_name', force => true)"),
	'blocked|No background worker process is free. CALL warden.maintain() tries again; or consider increasing max_worker_processes, or run the command.',
	'without a worker it says what to do');
$node->append_conf('postgresql.conf', "max_worker_processes = 1\n");
$node->restart;
$node->safe_psql('postgres', 'CALL warden.maintain()');
await("SELECT waiting_for = 'a background worker process: none is free' FROM warden.bloat_repairs ORDER BY id DESC LIMIT 1", 'with one it waits for another');
await_end('the worker that has no other ends');
$node->safe_psql('postgres', 'CALL warden.bloat_run_repairs()');
is(last_repair('status, waiting_for'), 'done|', 'by hand one is enough');

finish(qr/terminated by signal 9/, $node, $standby);
