# While the server cannot start processes slots stay due, and nothing is stuck when it can again.
#
# Needs TAP, because the limits of the server's processes are changed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schedule;
use Test::More;
use Time::HiRes qw(usleep);
use Warden;

my $node = start_scheduler('fork');
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
add_job($node, 'postgres', "every second $_", '1 second') for 1 .. 3;
add_job($node, 'postgres', 'skip', '1 second', missed => 'skip');
ok(defined within(10, $node, 'postgres', 'SELECT count(DISTINCT job) = 4 FROM ran'), 'jobs run');
my ($launcher) = processes($node, 'launcher');

# Sets how many processes its user may have when the server wants one more.
my ($hard) = slurp_file("/proc/$postmaster/limits") =~ /^Max processes +\S+ +(\S+)/m;
sub limit
{
	my ($processes) = @_;
	system('prlimit', "--pid=$postmaster", "--nproc=$processes:$hard") == 0 or die 'cannot limit the processes';
	return;
}
for my $round (1 .. 3)
{
	my $offset = -s $node->logfile;
	limit(1);
	usleep(2_500_000);
	is(ask($node, 'postgres', 'SELECT 1'), undef, 'no process can be started');
	my $used = cpu_seconds($launcher);
	usleep(1_000_000);
	cmp_ok(cpu_seconds($launcher) - $used, '<', 0.1, 'the launcher does not spin');
	limit($hard);
	my $free = now_at($node);
	ok(defined within(8, $node, 'postgres', "SELECT count(DISTINCT job) = 4 FROM ran WHERE slot > '$free'"), 'all jobs run again');
	cmp_ok(scalar said($node, $offset, qr/could not fork/), '<', 60, 'the log stays short');
	cmp_ok(scalar said($node, $offset, qr/ pg_warden \w+ (LOG|WARNING|ERROR|FATAL): /), '<=', 2, 'what the scheduler says, even more');
}
is_accounted($node, 'postgres', "every second $_", 'when processes could not be started', least => 10) for 1 .. 3;
is_accounted($node, 'postgres', 'skip', 'when processes could not be started', least => 3, explained => q{status IN ('missed', 'skipped')});
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE status NOT IN ('succeeded', 'missed', 'skipped', 'running', 'waiting')}),
	0, 'no run has failed');
is((processes($node, 'launcher'))[0], $launcher, 'the launcher is still the same');

finish(undef, $node);
