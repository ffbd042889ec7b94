# The launcher comes back within 5 seconds of a termination, does not mind a cancel, and loses no slot over either; it is
# in no database, and no database has a connection while there is nothing to do in it.
#
# Needs TAP, because of shared_preload_libraries.
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

my $node = start_scheduler('launcher');
$node->safe_psql('postgres', 'CREATE DATABASE idle; CREATE ROLE signaller LOGIN; GRANT pg_signal_backend TO signaller');
$node->safe_psql('idle', 'CREATE EXTENSION pg_warden');
prepare($node, 'idle');
add_job($node, 'idle', 'rare', '1 hour');
add_job($node, 'postgres', 'every second', '1 second');

my $launcher = q{FROM pg_stat_activity WHERE backend_type = 'pg_warden launcher'};
ok(defined within(10, $node, 'postgres', "SELECT count(*) = 1 $launcher"), 'there is one launcher');
is($node->safe_psql('postgres', "SELECT datid $launcher"), '', 'in no database');
ok(defined within(10, $node, 'postgres', q{SELECT count(*) > 2 FROM ran}), 'a job runs');

# What it does not mind.
my ($pid) = processes($node, 'launcher');
is($node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)"), 't', 'a cancel') for 1 .. 5;
$node->reload;
is($node->safe_psql('postgres', "SELECT pg_reload_conf(), pg_log_backend_memory_contexts($pid)"), 't|t', 'other signals');
kill('USR2', $pid);
my $seen = count_of($node, 'postgres', 'every second');
ok(defined within(10, $node, 'postgres', "SELECT count(*) > $seen + 1 FROM ran"), 'jobs go on');
is((processes($node, 'launcher'))[0], $pid, 'with the same launcher');

# Terminations, by who may.
my $slowest = 0;
for my $round (1 .. 6)
{
	($pid) = processes($node, 'launcher');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	my $time = within(20, $node, 'postgres', "SELECT count(*) = 1 $launcher AND pid <> $pid");
	ok(defined $time, "a launcher is back after termination $round") or last;
	$slowest = $time if $time > $slowest;
}
cmp_ok($slowest, '<', 5, 'within 5 s');
($pid) = processes($node, 'launcher');
my ($status, $out, $err) = $node->psql('postgres', "SET ROLE signaller; SELECT pg_terminate_backend($pid)");
ok(defined within(5, $node, 'postgres', "SELECT count(*) = 1 $launcher"), 'nor does a member of pg_signal_backend stop it');
$seen = count_of($node, 'postgres', 'every second');
ok(defined within(10, $node, 'postgres', "SELECT count(*) > $seen + 1 FROM ran"), 'jobs go on');

# Workers, too, may be terminated at any moment.
my $terminated = 0;
within(3, $node, 'postgres', sub {
	$terminated += ask($node, 'postgres',
		q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'pg_warden worker'}) // 0;
	return 0;
});
note("$terminated workers terminated");
is_accounted($node, 'postgres', 'every second', 'after terminations', least => 8);
is($node->safe_psql('postgres', "SELECT count(*) FROM warden.schedule_runs WHERE status NOT IN ('succeeded', 'running', 'waiting')"),
	0, 'each by a run that succeeded');
my @errors = grep { !/ 57P01 pg_warden | client backend / } said($node, 0, qr/ (WARNING|ERROR|PANIC|FATAL): /);
is("@errors", '', 'no error but the terminations is logged');

# Nobody is in a database where nothing is to be done.
$node->safe_psql('postgres', q{SELECT warden.schedule_pause('every second')});
# Not the built-in jobs, which are due every ten minutes, whenever that is.
$node->safe_psql($_, q{SELECT warden.schedule_pause('maintain')}) for 'postgres', 'idle';
my $connected = q{FROM pg_stat_activity WHERE datname = 'idle'};
ok(defined within(10, $node, 'postgres', "SELECT count(*) = 0 $connected"), 'the idle database is left');
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type ~ 'pg_warden (worker|job)'}),
	'and every other');
my $visits = 0;
for (1 .. 30)
{
	$visits += $node->safe_psql('postgres', "SELECT count(*) $connected");
	usleep(50_000);
}
is($visits, 0, 'and nobody comes back to it before a job is due');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'pg_warden (worker|job)'}), 0,
	'nor to any other');
my $used = cpu_seconds((processes($node, 'launcher'))[0]);
usleep(1_500_000);
cmp_ok(cpu_seconds((processes($node, 'launcher'))[0]) - $used, '<=', 0.03, 'an idle launcher uses no processor time');

finish(undef, $node);
