# kill -9 of a process that maintains, or of the whole server, at random moments while partitions are created, detached
# (concurrently where there is no default partition), dropped and archived under load: the next maintenance puts
# everything right, no row is lost, and nothing is left over.
#
# Needs TAP, because processes are killed.  PG_WARDEN_ROUNDS=50 is the long form.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
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
max_worker_processes = 16
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
# Those from which partitions are to leave concurrently are hardly ever free.
append_to_file("$directory/busy.sql", join '', map { "BEGIN;\nSELECT count(*) FROM $_;\n\\sleep 20 ms\nEND;\n" }
	grep { !$sets{$_}[1] } sort keys %sets);

# A command that runs until it fails, because the server has gone.
sub start_load
{
	my (@command) = @_;
	my %load = (out => '');
	$load{run} = IPC::Run::start([ @command, '-d', $node->connstr('postgres') ], '<', \undef, '>', \$load{out}, '2>&1');
	return \%load;
}

sub maintain_until_killed
{
	append_to_file("$directory/maintain.sql", "CALL warden.maintain();\n") unless -e "$directory/maintain.sql";
	return start_load('pgbench', '-n', '-c', 1, '-T', 600, '-f', "$directory/maintain.sql");
}

sub wait_for_server
{
	my ($offset) = @_;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	my $tries = 0;
	while (system('pg_isready', '-q', '-d', $node->connstr('postgres')) != 0)
	{
		die 'the server did not come back' if ++$tries > 600;
		usleep(100_000);
	}
	return;
}

# The workers of this server, by their titles: they are there for some ten milliseconds only.
sub workers
{
	my $server = $node->{_pid};
	return grep { (read_line("/proc/$_/cmdline") // '') =~ /pg_warden worker/ }
	  split / /, read_line("/proc/$server/task/$server/children") // '';
}

sub read_line
{
	my ($file) = @_;
	open(my $handle, '<', $file) or return undef;
	my $line = <$handle>;
	close $handle;
	return $line;
}

my %killed;
sub kill_one
{
	# The worker is there for milliseconds only: it is looked for again and again.
	my $what = ('maintenance', 'worker', 'worker', 'server')[ int(rand(4)) ];
	my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query ~ 'warden.maintain' AND pid <> pg_backend_pid()});
	if ($what eq 'worker')
	{
		my $end = time + 3;
		my $worker;
		($worker) = workers() while !$worker && time < $end;
		usleep(int(rand(20_000)));
		$what = 'maintenance' if !$worker;
		$pid = $worker if $worker;
	}
	$killed{$what}++;
	if ($what eq 'server')
	{
		$node->stop('immediate');
		$node->start;
		return;
	}
	my $offset = -s $node->logfile;
	if ($pid eq '' || !kill(9, $pid))
	{
		$node->restart; # it has ended by itself in the same moment
		return;
	}
	wait_for_server($offset);
	return;
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

for my $round (1 .. $rounds)
{
	my @load = (
		start_load('pgbench', '-n', '-c', 2, '-T', 600, '-f', "$directory/write.sql"),
		start_load('pgbench', '-n', '-c', 1, '-T', 600, '-f', "$directory/read.sql"),
		start_load('pgbench', '-n', '-c', 6, '-T', 600, '-f', "$directory/busy.sql"), maintain_until_killed());
	usleep(800_000 + int(rand(1_200_000)));
	kill_one();
	$_->{run}->finish for @load;
	$node->safe_psql('postgres', 'CALL warden.maintain()') for 1 .. 2;
	is(wrong(), '', "round $round");
}
my $concurrently = $node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_log WHERE command ~ 'CONCURRENTLY'});
isnt($concurrently, '0', 'some left concurrently');
diag("$concurrently partitions left concurrently");
diag(join ', ', map { "$_: $killed{$_}" } sort keys %killed);

finish(qr/terminated by signal 9/, $node);
