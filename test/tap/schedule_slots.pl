# When others have taken all worker processes, slots stay due and run as soon as one is free; the log says so, and
# the launcher does not burn a processor meanwhile.
#
# Needs TAP, because of max_worker_processes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schedule;
use Test::More;
use Time::HiRes qw(time usleep);
use Warden;

# The launcher has one; seven are left.
my $node = start_scheduler('slots', <<'END');
max_logical_replication_workers = 0
max_worker_processes = 8
max_parallel_workers = 7
END
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pg_warden launcher'}),
	'the launcher is there');
my ($launcher) = processes($node, 'launcher');

my $always_parallel = $node->pg_version >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
my @holders;
sub holding { return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}) }

# Takes worker processes until the given number is taken.
sub take
{
	my ($number) = @_;
	my $start = time;
	while (holding() < $number)
	{
		die 'could not take the worker processes' if time - $start > 20;
		push @holders, launch($node, 'postgres', "SET $always_parallel = on", q{SELECT 'holder', pg_sleep(3600)});
		# It sleeps in a worker process, or by itself if it has got none.  One that had not begun when the next is launched
		# would take one too many.
		my $sleeping = q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'SELECT ''holder''%'};
		$node->poll_query_until('postgres', $sleeping, scalar @holders) or die 'a holder does not sleep';
	}
	return;
}

sub give_back
{
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		WHERE query LIKE 'SELECT ''holder''%' AND backend_type = 'client backend'});
	result($_) for splice @holders;
	return;
}

# With one that is free, everything works.
add_job($node, 'postgres', 'every second', '1 second');
add_job($node, 'postgres', 'every other', '2 seconds');
add_job($node, 'postgres', 'skipping', '1 second', missed => 'skip');
take(6);
my $offset = -s $node->logfile;
my $start = now_at($node);
ok(defined within(20, $node, 'postgres', qq{
	SELECT count(*) FILTER (WHERE job = 'every second') > 3 AND count(*) FILTER (WHERE job = 'every other') > 1
	FROM ran WHERE at > '$start'}), 'one free worker process is enough for jobs to run');
usleep(4_000_000);
my @lines = said($node, $offset, qr/ pg_warden \w+ (LOG|WARNING|ERROR|FATAL): /);
cmp_ok(scalar @lines, '<=', 2, 'and the log does not fill with their waiting for each other') or diag(join "\n", @lines);
is_on_time($node, 'postgres', $_, 4, "$_ has its turn") for 'every second', 'every other';
give_back();
is_accounted($node, 'postgres', $_, 'with one', least => 4) for 'every second', 'every other';

# With none.
sub episode
{
	my ($name) = @_;
	my $offset = -s $node->logfile;
	take(7);
	my $used = cpu_seconds($launcher);
	my $taken = now_at($node);
	my $begin = time;
	ok(!defined within(5, $node, 'postgres', sub { holding() < 7 }), "$name: all are taken for 5 s");
	my $share = (cpu_seconds($launcher) - $used) / (time - $begin);
	my $free = now_at($node);
	is($node->safe_psql('postgres', "SELECT count(*) FROM ran WHERE at > timestamptz '$taken' + interval '1 second'"), 0, 'no job runs');
	my @lines = said($node, $offset, qr/ pg_warden \w+ (LOG|WARNING|ERROR|FATAL): /);
	cmp_ok(scalar @lines, '<=', 2, 'which is not said again and again') or diag(join "\n", @lines);
	cmp_ok($share, '<', 0.05, 'the launcher waits without working');
	give_back();
	my $back = within(10, $node, 'postgres', "SELECT count(DISTINCT job) = 3 FROM ran WHERE at > '$free'");
	ok(defined $back, 'jobs run when one is free again');
	cmp_ok($back // 99, '<', 5, 'soon');
	is_accounted($node, 'postgres', $_, $name, least => 5) for 'every second', 'every other';
	is_accounted($node, 'postgres', 'skipping', $name, least => 2, explained => q{status IN ('missed', 'skipped')});
	return;
}
episode('the first time');
episode('the second time');
my @said = said($node, 0, qr/ pg_warden launcher LOG: .*no background worker process/);
cmp_ok(scalar @said, '>=', 1, 'that there was none is said');
is((processes($node, 'launcher'))[0], $launcher, 'the launcher is still the same');

finish(undef, $node);
