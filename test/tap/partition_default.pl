# A default partition with many rows never stops the application: partitions are made beside it with one pass over it,
# or none, while everybody works; and the constraint that makes this possible is gone afterwards, however it ends.
#
# Needs TAP, because of what several sessions see of each other, pgbench, and a server that is killed.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Kill;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('default', <<'END');
restart_after_crash = on
shared_buffers = 128MB
warden.lock_retries = 2
warden.lock_retry_delay = '100ms'
END
my $rows = 300_000;

# Three sets that have their next days.  Then there are many late rows, in a default partition without an index on the
# key and in a structured one; and few in the default partition of the third.
for my $name ('plain', 'structured', 'small')
{
	my $default = $name eq 'structured' ? "SELECT warden.partition_add_default('structured')"
	  : "CREATE TABLE ${name}_default PARTITION OF $name DEFAULT";
	my $count = $name eq 'small' ? 10 : $rows;
	$node->safe_psql('postgres', qq{
		CREATE TABLE $name (at timestamptz, n int) PARTITION BY RANGE (at);
		SELECT warden.partition_by_time('$name', every => '1 day', ahead => '3 days', timezone => 'UTC', anchor => $anchor);
		$default;
		INSERT INTO $name SELECT '2001-01-01', i FROM generate_series(1, $count) i});
}

sub one { return $node->safe_psql('postgres', $_[0]); }

# What has been read of a table so far, when all who did have said so.
sub reads
{
	my ($table) = @_;
	return one("SELECT pg_stat_force_next_flush()") . one("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = '$table'");
}

sub ahead { return one("UPDATE warden.partition_policies SET ahead = '$_[1]' WHERE parent = '$_[0]'::regclass"); }

sub maintain
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply([ $node->psql('postgres', 'CALL warden.maintain()') ], [ 0, '', '' ], $name);
}

my $left_over = q{SELECT count(*) || ' ' || (SELECT count(*) FROM warden.partition_checks) FROM pg_constraint
	WHERE conname ~ 'pg_warden'};

# Many partitions, with writers to the current one and late ones.
my $logs = PostgreSQL::Test::Utils::tempdir;
append_to_file("$logs/write.sql", join "\n", map { ("INSERT INTO $_ VALUES (now(), 1);", "INSERT INTO $_ VALUES ('2002-01-01', 1);") }
	'plain', 'structured');
my ($bench_out, $bench_err) = ('', '');
my $bench = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-R', 200, '-T', 6, '-l', '--log-prefix', "$logs/latency", '-f',
		"$logs/write.sql", $node->connstr('postgres') ], '<', \undef, '>', \$bench_out, '2>', \$bench_err);
$node->poll_query_until('postgres', 'SELECT count(*) > 10 FROM plain WHERE at > now() - interval $$1 minute$$');
my %before = map { $_ => reads($_) } 'plain_default', 'structured_default_late';
ahead($_, '60 days') for 'plain', 'structured';
maintain('many partitions are made, and nobody needs a warning');
$bench->finish;
is($bench->result(0), 0, 'no writer had an error') or diag("$bench_out $bench_err");
is(one(q{SELECT string_agg(parent::text || ' ' || (partitions > 60) || ' ' || colliding || ' ' || skipped, ', ' ORDER BY parent::text)
	FROM warden.partition_sets WHERE parent <> 'small'::regclass}), 'plain true 0 0, structured true 0 0', 'all are there');
# Who has read it may not have gone, and said so, yet.
$node->poll_query_until('postgres', "SELECT seq_tup_read >= $before{plain_default} + $rows FROM pg_stat_user_tables WHERE relname = 'plain_default'");
my $read = reads('plain_default') - $before{plain_default};
cmp_ok($read, '>=', $rows, 'the default partition was read');
cmp_ok($read, '<=', one('SELECT count(*) FROM plain_default'), 'once');
is(reads('structured_default_late') - $before{structured_default_late}, 0, 'and the structured one not at all');
is(one($left_over), '0 0', 'nothing is left behind');
my @latencies = sort { $a <=> $b } map { (split)[2] / 1000 } map { split /\n/, slurp_file($_) } glob "$logs/latency.*";
diag(sprintf '%d transactions of writers meanwhile: p50 %.1f ms, p99 %.1f ms, longest %.1f ms',
	scalar @latencies, @latencies[ @latencies / 2, @latencies * .99, -1 ]);

# Stops maintenance at a step of its own until told to go on: before a statement on the default partition whose constraint
# is not there, not valid or valid yet, or before a partition is made.
one(q{
	CREATE TABLE stop (step text);
	CREATE FUNCTION pass() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
	DECLARE
		here text := CASE
			WHEN tg_tag = 'CREATE TABLE' THEN 'creating'
			WHEN tg_tag <> 'ALTER TABLE' THEN NULL
			ELSE (SELECT CASE WHEN convalidated THEN 'dropping' ELSE 'validating' END FROM pg_constraint
				WHERE conname ~ 'pg_warden') END;
	BEGIN
		WHILE EXISTS (SELECT FROM stop WHERE step = here) LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END $$;
	CREATE EVENT TRIGGER pass ON ddl_command_start EXECUTE FUNCTION pass()});

# Starts maintenance of a set that has partitions to make, and waits until it is at a step; returns the client and its
# process.
sub stop_at
{
	my ($step, $table) = @_;
	one("SELECT format('DROP TABLE %s', partition) FROM warden.partitions WHERE parent = '$table'::regclass
		AND kind = 'range' AND lower_bound::timestamptz > now() + interval '4 days' \\gexec\n");
	one("INSERT INTO stop VALUES ('$step')");
	my $client = launch($node, 'postgres', 'CALL warden.maintain()');
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
	  or die "maintenance did not come to $step";
	# Which does not sleep at every moment.
	return ($client, one("SELECT pid FROM pg_stat_activity WHERE query = 'CALL warden.maintain()' AND state = 'active'"));
}

sub go_on { return one('DELETE FROM stop'); }
my $future = "INSERT INTO plain VALUES (now() + interval '30 days', 1)";

# Another maintenance leaves the constraint of one that is at work alone, and so does whoever stops managing the set.
ahead('small', '3 days');
my ($client, $pid) = stop_at('validating', 'plain');
is(one($left_over), '1 1', 'validating: the constraint is there, and noted');
my ($status, $out, $err) = $node->psql('postgres', $future);
like($err, qr/pg_warden_no_rows_of_new_partitions/, 'it refuses rows of partitions that are to come');
one("INSERT INTO plain VALUES (now(), 1), ('2003-01-01', 1), (now() + interval '2 days', 1), (NULL, 1), ('infinity', 1)");
pass('and no others');
($status, $out, $err) = $node->psql('postgres', 'CALL warden.maintain()');
is($status, 0, 'another maintenance goes by');
like($err, qr/WARNING.*could not obtain lock on public.plain_default.*Held by process $pid/s, 'and says why');
is(one($left_over), '1 1', 'and leaves the constraint to who has added it');

# What is dumped at that moment is cleared where it is restored.
my $dump = PostgreSQL::Test::Utils::tempdir . '/dump.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'a dump is made meanwhile');
go_on();
is_deeply([ result($client) ], [ 0, '', '' ], 'it comes to its end');
is(one($left_over), '0 0', 'and has taken its constraint away');
one('CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ], 'the dump is restored');
is($node->safe_psql('restored', $left_over), '1 1', 'with the constraint, and the note of it');
$node->safe_psql('restored', 'DROP EVENT TRIGGER pass; CALL warden.maintain()');
is($node->safe_psql('restored', $left_over), '0 0', 'which the first maintenance there takes away');

# Canceled.
($client, $pid) = stop_at('validating', 'plain');
one("SELECT pg_cancel_backend($pid)");
go_on();
($status, $out, $err) = result($client);
like($err, qr/57014/, 'canceled');
is(one($left_over), '0 0', 'it takes the constraint away before it ends');
maintain('the next one goes on');

# Terminated, and killed with the whole server; between two steps, and when all is valid.
for my $step ('validating', 'dropping')
{
	for my $how ('terminated', 'killed')
	{
		($client, $pid) = stop_at($step, 'plain');
		if ($how eq 'terminated')
		{
			one("SELECT pg_terminate_backend($pid)");
		}
		else
		{
			kill_process($node, $pid) or die 'there was nothing to kill';
		}
		result($client);
		$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)");
		is(one($left_over), '1 1', "$how while $step: the constraint has stayed");
		go_on();
		# Nothing is to be made, so that rows of the future are for the default partition.
		ahead('plain', '3 days');
		if ($step eq 'validating')
		{
			($status, $out, $err) = $node->psql('postgres', $future);
			like($err, qr/pg_warden_no_rows_of_new_partitions/, 'rows of the future are refused');
		}
		maintain('the next maintenance puts that right');
		is(one($left_over), '0 0', 'the constraint is gone');
		($status, $out, $err) = $node->psql('postgres', "$future; DELETE FROM plain WHERE at BETWEEN now() + interval '29 days' AND 'infinity'::timestamptz - interval '1 day'");
		is("$status $err", '0 ', 'rows of the future are welcome');
		ahead('plain', '60 days');
		maintain('and partitions are made again');
	}
}

# Rows that come after we have looked.
ahead('small', '10 days');
($client, $pid) = stop_at('creating', 'small');
one("INSERT INTO small VALUES (now() + interval '6 days', 1)");
go_on();
($status, $out, $err) = result($client);
is($status, 0, 'a row comes when nobody looks any more');
like($err, qr/WARNING.*23514.*small/s, 'one warning');
is(one("SELECT colliding || ' ' || (partitions > 8) || ' ' || (last_error IS NULL) FROM warden.partition_sets WHERE parent = 'small'::regclass"),
	'1 true true', 'its range is colliding, and the others are made');
one('DELETE FROM small WHERE at > now()');
maintain('moved out of the way');
is(one("SELECT colliding FROM warden.partition_sets WHERE parent = 'small'::regclass"), 0, 'it is made');

finish(qr/terminated by signal 9/, $node);
