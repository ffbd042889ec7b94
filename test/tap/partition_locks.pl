# Maintenance does not stop the application: a converged set costs no lock above ACCESS SHARE, no transaction id and no
# WAL; creating partitions lets readers and writers go on; and what cannot have its lock is given up in time, with the
# name of who holds it.
#
# Needs TAP, because of what several sessions see of each other, and pgbench.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use List::Util qw(max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Warden;

# With wal_level = minimal no background process writes WAL in the midst of what must not write any.
my $node = start_server('locks', <<'END');
wal_level = minimal
max_wal_senders = 0
checkpoint_timeout = 1h
max_prepared_transactions = 1
warden.lock_timeout = '300ms'
warden.lock_retries = 2
warden.lock_retry_delay = '200ms'
END

# "guarded" has a default partition, "open" does not; neither has a partition to make or to retire yet.
$node->safe_psql('postgres', q{
	CREATE ROLE analyst LOGIN;
	CREATE TABLE kinds (kind integer PRIMARY KEY);
	INSERT INTO kinds VALUES (1), (2);});
for my $name ('guarded', 'open')
{
	my $default = $name eq 'guarded' ? "CREATE TABLE guarded_rest PARTITION OF guarded DEFAULT;" : '';
	$node->safe_psql('postgres', qq{
	CREATE TABLE $name (at timestamptz NOT NULL, id bigserial, kind integer REFERENCES kinds) PARTITION BY RANGE (at);
	CREATE INDEX ON $name (id);
	GRANT SELECT ON $name TO analyst;
	$default
	SELECT warden.partition_by_time('$name', every => '1 day', ahead => '3 days', keep => '2 days', timezone => 'UTC',
		anchor => $anchor);});
}
$node->safe_psql('postgres', 'CALL warden.maintain(); VACUUM; CHECKPOINT');
my %maintenance = (
	'partition_maintain()' => 'SELECT * FROM warden.partition_maintain()',
	'CALL maintain()' => 'CALL warden.maintain()');

# Gives every set a partition to retire and some to make.
sub make_work
{
	for my $name ('guarded', 'open')
	{
		$node->safe_psql('postgres', qq{
			CREATE TABLE IF NOT EXISTS ${name}_old PARTITION OF $name
				FOR VALUES FROM ($anchor - interval '10 days') TO ($anchor - interval '9 days');
			SELECT format('DROP TABLE %s', partition) FROM warden.partitions WHERE parent = '$name'::regclass
				AND kind = 'range' AND lower_bound::timestamptz > now() + interval '1 day' \\gexec});
	}
	return;
}

# A converged set: what the session did, as the server sees it.
my $session = $node->background_psql('postgres', on_error_stop => 0);
for my $command (map { $maintenance{$_} } sort keys %maintenance)
{
	$session->query_safe($command);
	my ($before, $after) = map {
		$session->query_safe($command) if $_;
		$session->query_safe('SELECT pg_current_wal_insert_lsn(), pg_snapshot_xmax(pg_current_snapshot())')
	} 0, 1;
	is($after, $before, "$command writes no WAL and takes no transaction id");
}
$session->query_safe('BEGIN');
is($session->query_safe($maintenance{'partition_maintain()'}), '', 'nothing to do, nothing to say');
is($session->query_safe(q{SELECT locktype, relation::regclass, mode FROM pg_locks WHERE pid = pg_backend_pid()
	AND mode <> 'AccessShareLock' AND locktype <> 'virtualxid'}), '', 'no lock above ACCESS SHARE');
is($session->query_safe('SELECT pg_current_xact_id_if_assigned()'), '', 'no transaction id');
$session->query_safe('COMMIT');

# Under locks that let nothing but ACCESS SHARE pass.
my $relations = join ', ', 'guarded', 'open', 'kinds', map { "warden.partition_$_" } 'policies', 'states', 'log';
my $locker = $node->background_psql('postgres');
$locker->query_safe("BEGIN; LOCK TABLE $relations, pg_class, pg_inherits, pg_partitioned_table IN EXCLUSIVE MODE");
for my $name (sort keys %maintenance)
{
	my @result = $node->psql('postgres', "SET statement_timeout = '10s'; $maintenance{$name}");
	is_deeply(\@result, [ 0, '', '' ], "$name waits for nothing");
}
$locker->query_safe('ROLLBACK');
$locker->quit;

# Created, and not committed yet: the application does not notice.
make_work();
$session->query_safe(q{DROP TABLE open_old});
$session->query_safe('BEGIN');
is($session->query_safe("SELECT DISTINCT action, status FROM warden.partition_maintain('open')"), 'create|done',
	'creates without a default partition');
my ($status, $out, $err) = $node->psql('postgres', q{
	SET lock_timeout = '2s';
	INSERT INTO open (at, kind) VALUES (now(), 1);
	UPDATE open SET kind = 2;
	SELECT count(*) FROM open;
	DELETE FROM open;});
is("$status $out $err", '0 1 ', 'while others read and write');
$session->query_safe('COMMIT');

# A reader that stays.  Writers go on, whatever maintenance waits for.
make_work();
my $reader = $node->background_psql('postgres', extra_params => [ '-U', 'analyst' ]);
my $reader_pid = $reader->query_safe('SELECT pg_backend_pid()');
$reader->query_safe(q{SET application_name = 'monthly report'});
my $read = 'BEGIN; SELECT count(*) FROM guarded; SELECT count(*) FROM open';
$reader->query_safe($read);
my $who = qr/(?=.*\b$reader_pid\b)(?=.*analyst)(?=.*monthly report)/;

my $logs = PostgreSQL::Test::Utils::tempdir;
append_to_file("$logs/insert.sql", join "\n", map { "INSERT INTO $_ (at, kind) VALUES (now(), 1);" } 'guarded', 'open');
my ($bench_out, $bench_err) = ('', '');
my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-T', 9, '-l', '--log-prefix', "$logs/latency", '-f', "$logs/insert.sql",
		$node->connstr('postgres') ], '<', \undef, '>', \$bench_out, '2>', \$bench_err);
$node->poll_query_until('postgres', 'SELECT count(*) > 100 FROM guarded');

# Once while it is young, and is waited for, and later when it has been there for long.
$reader->query_safe("ROLLBACK; $read");
my $start = time;
($status, $out, $err) = $node->psql('postgres', 'CALL warden.maintain()');
my $seconds = time - $start;
is($status, 0, 'CALL maintain() returns');
cmp_ok($seconds, '<', 10, 'in time');
note("it took $seconds s");
like($err, qr/WARNING.*guarded.*/s, 'and warns');
for my $name ('guarded', 'open')
{
	my $set = "FROM warden.partition_sets WHERE parent = '$name'::regclass";
	like($node->safe_psql('postgres', "SELECT blocked_by $set"), $who, "$name: blocked_by tells who it is");
	like($node->safe_psql('postgres', "SELECT last_error $set"), qr/^(55P03|55006)\b/, "$name: last_error tells why");
	isnt($node->safe_psql('postgres', "SELECT last_error_at $set"), '', "$name: and when");
}
is($node->safe_psql('postgres', "SELECT runs_out_in > '2 days' FROM warden.partition_sets WHERE parent = 'open'::regclass"), 't',
	'where there is no default partition, a reader does not stop creating');

my $columns = q{SELECT parent, action, status, detail FROM warden.partition_maintain()};
for my $command ($columns, "BEGIN; $columns; COMMIT")
{
	$out = $node->safe_psql('postgres', $command);
	like($out, qr/^guarded\|create\|blocked\|$who/m, 'partition_maintain() reports who blocks creating');
	like($out, qr/^open\|drop\|blocked\|$who/m, 'and who blocks retiring');
	unlike($out, qr/\|(failed|done)\|/, 'and nothing else');
}
$session->query($_) for values %maintenance;
$session->{stderr} = '';
is($session->query_safe(q{SELECT current_setting('lock_timeout'), current_user = session_user}), '0|t', 'the session is as before');

$bench->finish;
is($bench->result(0), 0, "no writer failed: $bench_err");
my @latencies = map { (split)[2] / 1000 } map { split /\n/, slurp_file($_) } glob "$logs/latency*";
my $longest = max(@latencies);
note(sprintf '%d transactions, the longest took %.0f ms, with warden.lock_timeout at 300 ms', scalar @latencies, $longest);
cmp_ok(scalar @latencies, '>', 100, 'writers were at work');
cmp_ok($longest, '<', 300 + 700, 'none waited much longer than warden.lock_timeout');

# The reader goes, and the next run does it all.
$reader->query_safe('COMMIT');
$reader->quit;
is_deeply([ $node->psql('postgres', 'CALL warden.maintain()') ], [ 0, '', '' ], 'the next run succeeds');
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_sets
	WHERE last_error IS NULL AND blocked_by IS NULL AND last_success IS NOT NULL AND covered_until > now() + interval '3 days'}),
	2, 'and the error is gone');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname LIKE '%old'"), 0, 'what had expired is gone');
is($session->query_safe('SELECT count(*) FROM warden.partition_maintain()'), 0, 'nothing is left to do');
$session->quit;

# A prepared transaction has no process, before a restart and after one.
make_work();
$node->safe_psql('postgres', "BEGIN; INSERT INTO guarded (at, kind) VALUES ($anchor, 1); PREPARE TRANSACTION 'transfer'");
for my $state ('prepared', 'recovered')
{
	like($node->safe_psql('postgres', $columns), qr/^guarded\|drop\|blocked\|.*prepared transaction "transfer" of user/m,
		"a $state transaction that is in the way is told by its name");
	$node->restart;
}
$node->safe_psql('postgres', "ROLLBACK PREPARED 'transfer'");

finish(undef, $node);
