# DROP, RENAME and copies of databases never wait for the scheduler, whose jobs go on; copies wait for a confirmation,
# templates and closed databases are left alone, and one that gets the extension is found.
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
use Time::HiRes qw(time usleep);
use Warden;

my $node = start_scheduler('database', "deadlock_timeout = '100ms'\n");
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'busy', 'plain', 'source';
$node->safe_psql($_, 'CREATE EXTENSION pg_warden') for 'busy', 'source';
prepare($node, $_) for 'busy', 'source';
add_job($node, 'postgres', 'every second', '1 second');
add_job($node, 'busy', 'every second', '1 second');

# A statement that must take less than two seconds.
my $slowest = 0;
sub swift
{
	my ($statement) = @_;
	my $start = time;
	my ($status, $out, $err) = $node->psql('postgres', $statement);
	my $time = time - $start;
	$slowest = $time if $time > $slowest;
	ok($status == 0 && $time < 2, $statement) or diag(sprintf '%s after %.1f s', $err, $time);
	return;
}
sub waits_for_confirmation
{
	my ($database) = @_;
	return $node->safe_psql($database, q{SELECT name FROM warden.schedule_jobs
		WHERE waiting_for ~ 'schedule_resume_restored' AND next_run IS NULL ORDER BY name});
}

# Any database, while jobs run.
for my $round (1 .. 5)
{
	swift('CREATE DATABASE empty');
	swift('DROP DATABASE empty');
}
swift($_) for 'ALTER DATABASE plain RENAME TO simple', 'DROP DATABASE simple';

# One that has jobs which run at that moment: it is never the scheduler that keeps it, only a job at most.
add_job($node, 'source', 'every second', '1 second');
add_job($node, 'source', 'mine', '1 second');
ok(defined within(10, $node, 'source', 'SELECT count(DISTINCT job) = 2 FROM ran'), 'jobs run in the source');
my $start = time;
for (my $round = 1; $round < 3 || time - $start < 4; ++$round)
{
	swift('CREATE DATABASE copy TEMPLATE source');
	is(waits_for_confirmation('copy'), "every second\nmaintain\nmine", 'jobs of a copy wait to be confirmed');
	usleep(1_500_000) if $round == 1;
	is($node->safe_psql('copy', 'SELECT count(*) FROM ran r WHERE at > (SELECT (pg_stat_file($$base/$$ || oid || $$/PG_VERSION$$)).modification
		+ interval $$1 second$$ FROM pg_database WHERE datname = current_database())'), 0, 'and do not run');
	swift('DROP DATABASE copy');
}
$start = time;
while (time - $start < 3)
{
	swift('ALTER DATABASE source RENAME TO renamed');
	swift('ALTER DATABASE renamed RENAME TO source');
}
is_accounted($node, 'source', $_, 'in a database that is renamed and copied', least => 5) for 'every second', 'mine';
is($node->safe_psql('source', q{SELECT count(*) FROM warden.schedule_runs WHERE status NOT IN ('succeeded', 'running', 'waiting')}), 0,
	'no run has failed');

# A copy with jobs that are confirmed.
swift('CREATE DATABASE copy TEMPLATE source');
my $copied = now_at($node);
$node->safe_psql('copy', q{SELECT warden.schedule_resume('mine')});
ok(defined within(10, $node, 'copy', "SELECT count(*) > 1 FROM ran WHERE job = 'mine' AND at > '$copied'"), 'one is confirmed, and runs');
is($node->safe_psql('copy', "SELECT count(*) FROM ran WHERE job = 'every second' AND slot > '$copied'"), 0, 'the other does not');
is($node->safe_psql('copy', "SELECT count(*) FROM ran WHERE job = 'mine' AND at > '$copied' AND slot < '$copied'"), 0,
	'nothing is made up for');
is($node->safe_psql('copy', 'SELECT warden.schedule_resume_restored()'), 2, 'the others are confirmed');
ok(defined within(10, $node, 'copy', "SELECT count(*) > 1 FROM ran WHERE job = 'every second' AND slot > '$copied'"), 'and run');
is(waits_for_confirmation('copy'), '', 'none waits');
is(waits_for_confirmation('source'), '', 'the source is as it was');

# Long jobs in it.
add_job($node, 'copy', 'long', '1 hour', command => 'SELECT pg_sleep(3600)');
$node->safe_psql('copy', q{SELECT warden.schedule_run('long')});
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'long'}), 'a long job runs');
swift('DROP DATABASE copy WITH (FORCE)');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'long'}), 0, 'it is gone');
swift('DROP DATABASE source');

# Templates and closed databases.
$node->safe_psql('postgres', 'CREATE DATABASE pattern IS_TEMPLATE true; CREATE DATABASE closed; CREATE DATABASE limited');
for my $database ('pattern', 'closed', 'limited')
{
	$node->safe_psql($database, 'CREATE EXTENSION pg_warden');
	prepare($node, $database);
}
add_job($node, $_, 'every second', '1 second') for 'pattern', 'limited';
add_job($node, 'closed', 'every second', '1 second', missed => 'skip');
ok(defined within(10, $node, 'closed', 'SELECT count(*) > 1 FROM ran'), 'a job runs');
$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false; ALTER DATABASE limited CONNECTION LIMIT 0');
my $closed = now_at($node);
my $visited = 0;
for (1 .. 20)
{
	$visited += $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'pattern'});
	usleep(100_000);
}
is($visited, 0, 'a template is not visited');
is(count_of($node, 'pattern', 'every second'), 0, 'nor are its jobs run');
$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS true');
is($node->safe_psql('closed', "SELECT count(*) FROM ran WHERE at > timestamptz '$closed' + interval '1 second'"), 0,
	'no job runs in a closed database');
ok(defined within(40, $node, 'closed', "SELECT count(*) > 1 FROM ran WHERE slot > '$closed'"), 'when it is open again they do');
is_accounted($node, 'closed', 'every second', 'in a database that was closed', explained => q{status IN ('missed', 'skipped')});
ok(defined within(10, $node, 'postgres', sub {
	return (ask($node, 'limited', 'SELECT count(*) > 1 FROM ran') // '') eq 't';
}), 'a limit of connections does not concern a superuser\'s job');

# A database that comes later.
$node->safe_psql('postgres', 'CREATE DATABASE late');
prepare($node, 'late');
$node->safe_psql('late', 'CREATE EXTENSION pg_warden');
is($node->safe_psql('late', q{SELECT name, next_run IS NOT NULL AND next_run < now() + interval '10 minutes', waiting_for
	FROM warden.schedule_jobs}), 'maintain|t|its time', 'the built-in job is at work') if defined within(5, $node, 'late',
	'SELECT bool_and(next_run IS NOT NULL) FROM warden.schedule_jobs');
my $added = time;
add_job($node, 'late', 'every second', '1 second');
ok(defined within(5, $node, 'late', 'SELECT count(*) > 0 FROM ran'), 'a job of a new database runs at once');

# The others have been at work all the time.
is_accounted($node, $_, 'every second', "in $_", least => 10) for 'postgres', 'busy';
is_on_time($node, $_, 'every second', 5, "on time in $_") for 'postgres', 'busy';
note("slowest: $slowest s");
my @errors = grep { !/ client backend / } said($node, 0, qr/ (WARNING|ERROR|FATAL|PANIC): /);
is(scalar(grep { !/ 57P01 pg_warden job / } @errors), 0, 'nothing but the terminated job is an error') or diag(join "\n", @errors);

finish(undef, $node);
