# Autovacuum on what maintenance needs does not keep it waiting: it is cancelled, as every statement would do.
#
# Needs TAP, because of autovacuum and of the server's log.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Warden;

my $node = start_server('autovacuum', <<'END');
autovacuum = on
autovacuum_naptime = '1s'
log_autovacuum_min_duration = 0
END

# A vacuum of these takes minutes: it sleeps after each page.
my $slow = 'autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,
	autovacuum_vacuum_scale_factor = 0, autovacuum_enabled = off';
$node->safe_psql('postgres', qq{
	CREATE TABLE events (at timestamptz NOT NULL, filler text) PARTITION BY RANGE (at);
	CREATE TABLE events_rest PARTITION OF events DEFAULT WITH ($slow);
	CREATE INDEX ON events (at);
	SELECT warden.partition_by_time('events', every => '1 day', ahead => '3 days', keep => '30 days', timezone => 'UTC',
		anchor => $anchor, storage_parameters => '{autovacuum_enabled=off}');
	INSERT INTO events SELECT $anchor - interval '500 days', repeat('x', 1000) FROM generate_series(1, 4000);
	DELETE FROM events;
	SELECT format('DROP TABLE %s', partition) FROM warden.partitions WHERE kind = 'range'
		AND lower_bound::timestamptz > now() + interval '1 day' \\gexec});

# Has autovacuum begin with the tables, and waits until it has.
sub start_vacuum
{
	my (@tables) = @_;
	$node->safe_psql('postgres', "ALTER TABLE $_ SET (autovacuum_enabled = on)") for @tables;
	my $list = join ', ', map { "'$_'::regclass" } @tables;
	ok($node->poll_query_until('postgres', qq{SELECT count(*) = @{[ scalar @tables ]} FROM pg_stat_progress_vacuum
		JOIN pg_stat_activity a USING (pid) WHERE relid IN ($list) AND backend_type = 'autovacuum worker'}),
		"autovacuum is at work on @tables");
	return;
}

# Runs maintenance, which is not kept waiting.
sub maintain
{
	my ($command) = @_;
	my $position = -s $node->logfile;
	my $start = time;
	# More than once where a worker that has been cancelled takes long to go.
	my ($status, $out, $err);
	for my $try (1 .. 3)
	{
		($status, $out, $err) = $node->psql('postgres', $command);
		last if $out !~ /blocked/;
	}
	my $seconds = time - $start;
	note("$command took $seconds s");
	is("$status $err", '0 ', "$command succeeds");
	cmp_ok($seconds, '<', 10, 'at once');
	like(slurp_file($node->logfile, $position), qr/canceling autovacuum task/, 'autovacuum has given way');
	return $out;
}

start_vacuum('events_rest');
is(maintain("SELECT DISTINCT action, status FROM warden.partition_maintain()"), 'create|done', 'what is missing is there');
# To retire, on the partition and on the default one, of which the lock is needed as well.
$node->safe_psql('postgres', qq{
	CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ($anchor - interval '99 days') TO ($anchor - interval '98 days')
		WITH ($slow);
	INSERT INTO events SELECT $anchor - interval '99 days', repeat('x', 1000) FROM generate_series(1, 4000);
	DELETE FROM events});
start_vacuum('events_rest', 'events_old');
my $position = -s $node->logfile;
my $start = time;
# More than once where a worker that has been cancelled takes long to go: while they hold a lock that others notice,
# steps wait for nobody.
for my $try (1 .. 3)
{
	$node->psql('postgres', 'CALL warden.maintain()');
	last if $node->safe_psql('postgres', q{SELECT to_regclass('events_old')}) eq '';
}
cmp_ok(time - $start, '<', 30, 'CALL maintain() waits for no vacuum');
is($node->safe_psql('postgres', q{SELECT to_regclass('events_old')}), '', 'what has expired is gone');
is($node->safe_psql('postgres', q{SELECT last_error, blocked_by FROM warden.partition_sets}), '|', 'and there is no error');
like(slurp_file($node->logfile, $position), qr/canceling autovacuum task.*events_old/s, 'autovacuum has given way');

finish(undef, $node);
