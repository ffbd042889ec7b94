# What maintenance leaves in its session: no memory after thousands of calls, and after a cancel, a termination or a
# statement_timeout, which all end it within two seconds, nothing at all.
#
# Needs TAP, because one session acts on another.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Warden;

my $node = start_server('session');
$node->safe_psql('postgres', qq{
	CREATE ROLE keeper;
	GRANT CREATE ON SCHEMA public TO keeper;
	SET ROLE keeper;
	CREATE TABLE events (at timestamptz NOT NULL, id bigint) PARTITION BY RANGE (at);
	CREATE TABLE events_rest PARTITION OF events DEFAULT;
	CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ($anchor - interval '10 days') TO ($anchor - interval '9 days');
	CREATE INDEX ON events (id);
	CREATE TABLE plain (at timestamptz);
	RESET ROLE;
	SELECT count(*) FROM warden.partition_by_time('events', every => '1 day', ahead => '3 days', keep => '2 days',
		timezone => 'UTC', anchor => $anchor);});

# Memory: of the process, of its contexts, and of those that live for ever.  A relation that is made and dropped costs
# the server's own caches some memory, so that the real work is done before the first measurement as often as after it.
my $measure = q{SELECT 'memory', substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s*(\d+)'), sum(total_bytes),
	(SELECT total_bytes - free_bytes FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext') FROM pg_backend_memory_contexts;};
my @calls = (
	'CALL warden.maintain();',
	'SELECT count(*) FROM warden.partition_maintain();',
	q{SELECT count(*) FROM warden.partition_maintain('events', dry_run => true);},
	q{SELECT count(*) FROM warden.partition_maintain('plain');},
	q{SELECT count(*) FROM warden.partition_by_time('plain', every => '1 day');},
	q{SELECT count(*) FROM warden.partition_by_time('events', every => '1 month 1 day');},
	q{SELECT count(*) FROM warden.partition_by_time('events', every => '1 day', timezone => 'Nowhere');},
	q{SELECT count(*) FROM warden.partition_by_time('events', every => '1 day', ahead => '3 days', keep => '2 days');},
	'SELECT count(*) FROM warden.partition_sets;',
	'SELECT count(*) FROM warden.partitions;');
my $work = q{DO $$
	DECLARE
		last regclass;
	BEGIN
		SELECT partition INTO last FROM warden.partitions WHERE kind = 'range' ORDER BY lower_bound::timestamptz DESC LIMIT 1;
		EXECUTE format('DROP TABLE %s', last);
	END $$;
	CALL warden.maintain();};
my $round = join("\n", @calls) . "\n";
my ($status, $out, $err) = $node->psql('postgres',
	"SET log_min_messages = panic; SET client_min_messages = error;\n"
	  . join($measure, $work x 20 . $round x 50, $round x 200, $work x 20 . $round) . $measure, on_error_stop => 0);
my ($first, $second, $third) = map { [ split /\|/ ] } grep { /^memory/ } split /\n/, $out;
note("RssAnon kB, contexts, TopMemoryContext used: @$_[1 .. 3]") for $first, $second, $third;
cmp_ok($second->[1] - $first->[1], '<', 1024, 'memory of the process is flat over 2000 calls');
cmp_ok($second->[2] - $first->[2], '<', 65536, 'so are its memory contexts');
cmp_ok($second->[3] - $first->[3], '<', 4096, 'and the one that is never freed');
cmp_ok($third->[3] - $second->[3], '<', 4096, 'that also when there is work');
unlike($err, qr/WARNING|leak/, 'no warnings');
is((() = $err =~ /ERROR:/g), 4 * 251, 'bad input is an error every time');

# Somebody holds what maintenance needs, to make a partition and to retire one.
$node->safe_psql('postgres', qq{
	SET ROLE keeper;
	CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ($anchor - interval '10 days') TO ($anchor - interval '9 days');
	RESET ROLE;
	SELECT format('DROP TABLE %s', partition) FROM warden.partitions
		WHERE kind = 'range' AND lower_bound::timestamptz > now() + interval '1 day' \\gexec});
my $reader = $node->background_psql('postgres');
my $read = 'ROLLBACK; BEGIN; SELECT count(*) FROM events';
$reader->query_safe('BEGIN');
my %waits = (
	'for a lock' => [ q{SET warden.lock_timeout = '1h'}, "wait_event_type = 'Lock'" ],
	'between retries' => [
		q{SET warden.lock_timeout = '300ms'; SET warden.lock_retries = 1000; SET warden.lock_retry_delay = '1h'},
		"wait_event_type NOT IN ('Lock', 'LWLock', 'IO', 'Client')" ]);
my $backend = q{FROM pg_stat_activity WHERE state = 'active' AND query ~ '^(CALL|SELECT \*)' AND pid <> pg_backend_pid()};
my %ends = (pg_cancel_backend => '57014', pg_terminate_backend => '57P01');
my $unchanged = q{SELECT current_setting('lock_timeout'), current_setting('search_path'), current_user, pg_backend_pid()};

sub check_end
{
	my ($how, $wait, $command, $end) = @_;
	my ($settings, $state) = @{ $waits{$wait} };
	$reader->query_safe($read); # a transaction that has been open for long is not waited for
	my $client = launch($node, 'postgres', $settings, $command);
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $backend AND $state"), "$command waits $wait");
	my $start = time;
	$node->safe_psql('postgres', "SELECT $how(pid) $backend");
	my (undef, undef, $err) = result($client);
	cmp_ok(time - $start, '<', 2, "$how is quick");
	like($err, qr/$ends{$how}/, 'and it is what ends it');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE relation = 'events'::regclass AND mode <> 'AccessShareLock'}),
		0, 'no lock is left');
	return;
}
for my $how (sort keys %ends)
{
	check_end($how, $_, 'CALL warden.maintain()') for sort keys %waits;
	check_end($how, 'for a lock', 'SELECT * FROM warden.partition_maintain()');
}

# A session that is cancelled by statement_timeout goes on as it was.
my $session = $node->background_psql('postgres', on_error_stop => 0);
$session->query_safe(q{SET search_path = pg_catalog; SET lock_timeout = '1234ms'});
my $expected = $session->query_safe($unchanged);
for my $wait (sort keys %waits)
{
	$session->query_safe($waits{$wait}[0]);
	for my $command ('CALL warden.maintain()', 'SELECT * FROM warden.partition_maintain()')
	{
		next if $wait eq 'between retries' && $command =~ /SELECT/;
		$reader->query_safe($read);
		my $start = time;
		$session->query("SET statement_timeout = '900ms';\n$command;\nRESET statement_timeout");
		my $took = time - $start;
		like($session->{stderr}, qr/canceling statement due to statement timeout/, "statement_timeout ends $command that waits $wait");
		cmp_ok($took, '<', 2, 'at once');
		$session->{stderr} = '';
		is($session->query_safe($unchanged), $expected, 'the session is as before');
	}
}
$session->query_safe(q{SET warden.lock_timeout = '50ms'; SET warden.lock_retries = 0});
$session->query('CALL warden.maintain()');
like($session->{stderr}, qr/WARNING/, 'blocked');
$session->{stderr} = '';
is($session->query_safe($unchanged), $expected, 'the session is as before');

# The reader goes; what was cancelled is done now.
$reader->query_safe('COMMIT');
$reader->quit;
$session->query_safe('CALL warden.maintain()');
is($session->query_safe(q{SELECT last_error, blocked_by FROM warden.partition_sets}), '|', 'no error is left');
is($session->query_safe(q{SELECT count(*) FROM pg_class WHERE relname = 'events_old'}), '0', 'what had expired is gone');
is($session->query_safe($unchanged), $expected, 'the session is as before');
$session->quit;

finish(undef, $node);
