# kill -9 of a process that maintains, or of the whole server, at random moments while partitions are created, detached
# (concurrently where there is no default partition), dropped and archived under load: the next maintenance puts
# everything right, no row is lost, and nothing is left over.
#
# The worker that detaches concurrently lives for a tenth of a second.  It is killed where it happens to be, and in each
# of the phases of its life, where locks hold it until it is.
#
# Needs TAP, because processes are killed.  PG_WARDEN_ROUNDS=50 is the long form.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Kill;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);
use Warden;

my $rounds = $ENV{PG_WARDEN_ROUNDS} // 5;
my $seed = $ENV{PG_WARDEN_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("PG_WARDEN_SEED=$seed, $rounds rounds");

my $node = start_server('kill9', <<'END');
restart_after_crash = on
fsync = on
synchronous_commit = on
recovery_init_sync_method = syncfs
max_worker_processes = 16
max_wal_senders = 1
wal_level = replica
warden.lock_timeout = '50ms'
warden.lock_retry_delay = '20ms'
END

# A partition a second: in every second each set has one to make and one to retire.  What is written is in "ledger" too.
my %sets = (
	dropped_beside_default => [ 'drop', 1 ], dropped => [ 'drop', 0 ], detached => [ 'detach', 0 ],
	detached_beside_default => [ 'detach', 1 ], archived => [ 'archive', 0 ]);
$node->safe_psql('postgres', q{
	CREATE SCHEMA attic;
	CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
	CREATE TABLE ledger (set text, id bigint, at timestamptz);
	CREATE SEQUENCE ids;
	CREATE TABLE kinds (kind int PRIMARY KEY);
	INSERT INTO kinds VALUES (1);});
for my $set (sort keys %sets)
{
	my ($on_expiry, $default) = @{ $sets{$set} };
	my $archive = $on_expiry eq 'archive' ? ", archive_schema => 'attic', archive_access_method => 'heap2'" : '';
	$node->safe_psql('postgres', qq{
		CREATE TABLE $set (at timestamptz, id bigint, kind int @{[ $set eq 'detached' ? 'REFERENCES kinds' : '' ]},
			PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
		@{[ $default ? "CREATE TABLE ${set}_rest PARTITION OF $set DEFAULT" : '' ]};
		SELECT count(*) FROM warden.partition_by_time('$set', every => '1 second', ahead => '20 seconds', keep => '1 second',
			on_expiry => '$on_expiry'$archive, timezone => 'UTC');});
}
my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/write.sql", join '', map { qq{
	WITH new AS (INSERT INTO $_ SELECT now(), nextval('ids'), 1 RETURNING at, id)
	INSERT INTO ledger SELECT '$_', id, at FROM new;\n} } sort keys %sets);
append_to_file("$directory/read.sql", join '', map { "BEGIN;\nSELECT count(*) FROM $_;\n\\sleep 5 ms\nEND;\n" } sort keys %sets);
# Those from which partitions are to leave concurrently are hardly ever free.  For 20 ms, and not longer: these clients
# begin together, and after 200 ms they are still in step.  Then all are in one set and none in the others: a set was free
# for half of the time, instead of a tenth, and partitions left with its lock, which is taken where it is free.  It is not
# that those who stay longer were waited for or refused.
append_to_file("$directory/busy.sql", join '', map { "BEGIN;\nSELECT count(*) FROM $_;\n\\sleep 20 ms\nEND;\n" }
	grep { !$sets{$_}[1] } sort keys %sets);

append_to_file("$directory/maintain.sql", "CALL warden.maintain();\n");

# Clients that run a script until that fails, because the server has gone.  What they say goes into a file: a pipe that is
# not read is full in the end, and stops them in the middle of a transaction; that is soon a long one, because of which no
# partition leaves any more.
sub start_load
{
	my ($script, $clients, $settings) = @_;
	return IPC::Run::start(
		[ 'pgbench', '-n', '-c', $clients, '-T', 600, '-f', "$directory/$script.sql", $node->connstr('postgres') . ($settings // '') ],
		'<', \undef, '>', "$directory/$script.out", '2>&1');
}

# The workers of this server, by their titles: they are there for some ten milliseconds only.
sub workers
{
	my $server = $node->{_pid};
	return grep { (read_line("/proc/$_/cmdline") // '') =~ /pg_warden worker/ }
	  split / /, read_line("/proc/$server/task/$server/children") // '';
}

my %killed;

# Kills a process.  If it has ended by itself, the clients still have to.
sub kill_or_restart
{
	my ($pid) = @_;
	kill_process($node, $pid) or $node->restart;
	return;
}

sub kill_maintenance
{
	kill_or_restart($node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity
		WHERE query ~ 'warden.maintain' AND pid <> pg_backend_pid()}));
	return 'maintenance';
}

sub stop_server
{
	$node->stop('immediate');
	$node->start;
	return 'server';
}

# The worker, somewhere in its life.  It is looked for again and again.
sub kill_worker
{
	my $end = time + 3;
	my $worker;
	($worker) = workers() while !$worker && time < $end;
	return kill_maintenance() if !$worker;
	usleep(int(rand(100_000)));
	kill_or_restart($worker);
	return 'worker at any moment, ' . $node->safe_psql('postgres', q{SELECT CASE WHEN EXISTS (SELECT FROM pg_inherits
		WHERE inhdetachpending) THEN 'while pending' ELSE 'before or after' END});
}

# Waits until the worker that detaches from the set waits for such a thing, which may be for the lock of a table.  Returns
# its process id and what it detaches.
sub find_waiting
{
	my ($set, $event, $table) = @_;
	my $worker = qq{FROM pg_stat_activity a WHERE backend_type = 'pg_warden worker' AND query ~ '^ALTER TABLE public\\.$set DETACH'
		AND wait_event = '$event'};
	$worker .= " AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND NOT granted AND relation = '$table'::regclass)" if $table;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $worker") or die "no worker waits for $event";
	return split /\|/, $node->safe_psql('postgres', "SELECT pid, substring(query FROM 'PARTITION (\\S+)') $worker");
}

# The holders are sessions, each with a transaction that has what the worker will wait for.
sub hold
{
	my ($held, $holder, $command) = @_;
	$held->{holders}{$holder} = $node->background_psql('postgres');
	$held->{holders}{$holder}->query_safe("BEGIN; $command");
	return;
}

sub release
{
	my ($held, $holder) = @_;
	$held->{holders}{$holder}->query_safe('ROLLBACK');
	return;
}

# The phases of a worker's life, what is then true of its partition when it has been killed, and how it is let go there
# from the phase before.
my @phases = (
	[ 'before it writes the departure down', 'attached', sub {
		my ($held) = @_;
		@$held{qw(pid partition)} = find_waiting($held->{set}, 'transactionid');
	} ],
	[ 'between its transactions', 'pending', sub {
		my ($held) = @_;
		release($held, 'writer');
		find_waiting($held->{set}, 'virtualxid');
	} ],
	[ 'before it locks the partition', 'pending', sub {
		my ($held) = @_;
		hold($held, 'user', "LOCK TABLE $held->{partition} IN ACCESS SHARE MODE");
		release($held, 'reader');
		find_waiting($held->{set}, 'relation', $held->{partition});
	} ],
	[ 'before it logs what it has done', 'pending', sub {
		my ($held) = @_;
		hold($held, 'log', 'LOCK TABLE warden.partition_log IN SHARE MODE');
		release($held, 'user');
		find_waiting($held->{set}, 'relation', 'warden.partition_log');
	} ],
	# A commit that waits for a standby is on disk already.
	[ 'after its last commit', 'gone', sub {
		my ($held) = @_;
		$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
		$node->reload;
		$node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'})
		  or die 'no commit waits for a standby';
		release($held, 'log');
		find_waiting($held->{set}, 'SyncRep');
		$node->adjust_conf('postgresql.conf', 'synchronous_standby_names', undef);
	} ]);

# Maintenance of which a worker will be held: the set is never free, so that there is one, and whoever is met on the way
# may wait for long.
sub start_held
{
	my ($set) = @_;
	my $held = { set => $set };
	hold($held, 'reader', "LOCK TABLE ONLY $set IN ACCESS SHARE MODE");
	hold($held, 'writer', qq{INSERT INTO warden.partition_departures
		SELECT inhrelid, inhparent, 'held' FROM pg_inherits WHERE inhparent = '$set'::regclass});
	$held->{load} = start_load('maintain', 1, q{ options='-c warden.lock_timeout=30s'});
	return $held;
}

sub kill_held
{
	my ($held, $last) = @_;
	$_->[2]->($held) for @phases[0 .. $last];
	usleep(int(rand(20_000)));
	kill_or_restart($held->{pid});
	$node->reload;
	$_->{run}->finish for values %{ $held->{holders} };
	my ($name, $state) = @{ $phases[$last] };
	is($node->safe_psql('postgres', qq{SELECT coalesce((SELECT CASE WHEN inhdetachpending THEN 'pending' ELSE 'attached' END
		FROM pg_inherits WHERE inhrelid = to_regclass('$held->{partition}')), 'gone')}), $state, "$held->{set}: the worker is killed $name");
	is($node->safe_psql('postgres', q{SELECT coalesce(string_agg(partition || ' ' || action, ''), '')
		FROM warden.partition_departures WHERE action <> 'move'}),
		$state eq 'pending' ? "$held->{partition} $sets{$held->{set}}[0]" : '', 'a departure is written down as long as it is pending');
	return "worker $name";
}

# Whatever is wrong, as text.
sub wrong
{
	my @wrong;
	my $note = sub { my ($what, $found) = @_; push @wrong, "$what: $found" if $found ne ''; };
	my $found = sub { return join ' ', split /\n/, $node->safe_psql('postgres', "SET client_min_messages = warning; $_[0]") };
	$note->('pending', $found->('SELECT inhrelid::regclass FROM pg_inherits WHERE inhdetachpending'));
	$note->('errors', $found->('SELECT parent::regclass, last_error FROM warden.partition_states WHERE last_error IS NOT NULL'));
	$note->('unfinished', $found->('SELECT partition, action FROM warden.partition_departures'));
	$note->('not moved', $found->(q{SELECT c.oid::regclass FROM pg_class c JOIN pg_am a ON a.oid = relam
		WHERE relnamespace = 'attic'::regnamespace AND relkind = 'r' AND amname <> 'heap2'}));
	$note->('expired and there', $found->(q{SELECT partition, expires_at FROM warden.partitions WHERE expires_at < now() - interval '10 seconds'}));
	for my $set (sort keys %sets)
	{
		my ($on_expiry, $default) = @{ $sets{$set} };
		$note->("rows of $set in the default partition", $found->("SELECT count(*) FROM ${set}_rest HAVING count(*) > 0")) if $default;
		# Tables that look like partitions: those that there are, and those that were detached.
		my $orphans = qq{SELECT c.oid::regclass FROM pg_class c WHERE relkind = 'r' AND relname ~ '^${set}_p\\d' AND NOT relispartition};
		if ($on_expiry eq 'drop')
		{
			$note->("left of $set", $found->($orphans));
			$note->("missing of $set", $found->(qq{SELECT count(*) FROM ledger l WHERE set = '$set'
				AND at >= (SELECT min(lower_bound::timestamptz) FROM warden.partitions p WHERE parent = '$set'::regclass AND kind = 'range')
				AND NOT EXISTS (SELECT FROM $set s WHERE s.at = l.at AND s.id = l.id) HAVING count(*) > 0}));
			next;
		}
		$note->("left of $set", $found->("$orphans AND relnamespace = 'public'::regnamespace")) if $on_expiry eq 'archive';
		my @tables = split /\n/, $node->safe_psql('postgres', $orphans);
		my $all = join ' UNION ALL ', map { "SELECT at, id FROM $_" } $set, @tables;
		$note->("rows of $set", $found->(qq{SELECT (SELECT count(*) FROM ledger WHERE set = '$set'), count(*), count(DISTINCT id) FROM ($all) a
			HAVING count(*) <> (SELECT count(*) FROM ledger WHERE set = '$set') OR count(*) <> count(DISTINCT id)}));
		$node->safe_psql('postgres', "DELETE FROM ledger WHERE set = '$set'; TRUNCATE $set;" . join '', map { "DROP TABLE $_;" } @tables);
	}
	return join "\n", @wrong;
}

# Of four rounds each is another; so are the phases of as many held workers as there are.
my (@kinds, @held_phases);
for my $round (1 .. $rounds)
{
	@kinds = shuffle(qw(maintenance server worker held)) if !@kinds;
	my $kind = shift @kinds;
	my $held = $kind eq 'held' ? start_held((qw(dropped archived))[ int(rand(2)) ]) : undef;
	my @load = (start_load('write', 2), start_load('read', 1), start_load('busy', 6),
		$held ? $held->{load} : start_load('maintain', 1));
	if ($held)
	{
		@held_phases = shuffle(0 .. $#phases) if !@held_phases;
		$killed{ kill_held($held, shift @held_phases) }++;
	}
	else
	{
		usleep(800_000 + int(rand(1_200_000)));
		$killed{ { maintenance => \&kill_maintenance, server => \&stop_server, worker => \&kill_worker }->{$kind}->() }++;
	}
	$_->finish for @load;
	$node->safe_psql('postgres', 'CALL warden.maintain()') for 1 .. 2;
	is(wrong(), '', "round $round");
}
my $concurrently = $node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_log WHERE command ~ 'CONCURRENTLY'});
isnt($concurrently, '0', 'some left concurrently');
my $finalized = $node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_log WHERE command ~ 'FINALIZE'});
is_deeply([ grep { !$killed{"worker $_->[0]"} } @phases ], [], 'the worker was killed in each phase') if $rounds >= 4 * @phases;
diag("$concurrently partitions left concurrently, $finalized were finalized");
diag("killed: $_: $killed{$_}") for sort keys %killed;

finish(qr/terminated by signal 9/, $node);
