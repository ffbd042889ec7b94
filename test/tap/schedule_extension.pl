# DROP EXTENSION, rolled back any number of times, never collides with jobs that run each second: no deadlock, no error.
# Dropped for good nothing of it is left; created again it is at work again.
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

my $node = start_scheduler('extension', "deadlock_timeout = '100ms'\n");
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pg_warden');
prepare($node, 'other');
add_job($node, 'postgres', "job $_", '1 second') for 1 .. 3;
add_job($node, 'postgres', 'steps', '1 second', command => "SELECT 1; $body; SELECT 2");
add_job($node, 'postgres', 'slow', '1 second', command => "WITH pause AS MATERIALIZED (SELECT pg_sleep(0.4)) $body FROM pause");
add_job($node, 'other', 'elsewhere', '1 second');
ok(defined within(10, $node, 'postgres', 'SELECT count(DISTINCT job) = 5 FROM ran'), 'jobs run');

# Rolled back, at once and after a while, in several sessions.
my $statements = join ' ', map { 'BEGIN; DROP EXTENSION pg_warden;' . ($_ % 5 ? '' : ' SELECT pg_sleep(0.5);') . ' ROLLBACK;' . ($_ % 7 ? '' :
	' BEGIN; ALTER EXTENSION pg_warden UPDATE; ROLLBACK;') } 1 .. 25;
my $script = $node->basedir . '/drops.sql';
append_to_file($script, join "\n", split / (?=BEGIN)/, $statements);
my @clients = map { IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $script, '-d', $node->connstr('postgres') ],
		'<', \undef, '>', '/dev/null', '2>', \my $err) } 1 .. 2;
$_->finish for @clients;
is("@{[ map { $_->result(0) } @clients ]}", '0 0', '50 times DROP EXTENSION and ROLLBACK');
is_accounted($node, 'postgres', $_, 'under DROP EXTENSION', least => 5) for (map { "job $_" } 1 .. 3), 'steps', 'slow';
is_accounted($node, 'other', 'elsewhere', 'in another database', least => 5);
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE status NOT IN ('succeeded', 'running', 'waiting')}), 0,
	'no run has failed');
my @errors = said($node, 0, qr/ (WARNING|ERROR|FATAL|PANIC): |deadlock/);
is("@errors", '', 'there is no error in the log');

# Whatever of it is locked is waited for by none of our processes: who waits may be part of a deadlock.
# Not the built-in job: it is a command like those of others, which may wait for as long as warden.lock_timeout says.
$node->safe_psql('postgres', q{SELECT warden.schedule_pause('maintain')});
ok(defined within(10, $node, 'postgres', q{SELECT NOT EXISTS (SELECT FROM warden.schedule_runs WHERE job = 'maintain' AND status = 'running')}),
	'the built-in job rests');
my @waiting;
my @tables = split /\n/, $node->safe_psql('postgres', q{
	SELECT objid::regclass FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND classid = 'pg_class'::regclass
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_warden')
		-- Not views: LOCK TABLE would lock the catalogues behind them.
		AND (SELECT relkind FROM pg_class WHERE oid = objid) = 'r'});
cmp_ok(scalar @tables, '>', 5, 'there are tables');
for my $table (@tables)
{
	my $locker = $node->background_psql('postgres');
	$locker->query_safe("BEGIN; LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
	for (1 .. 12)
	{
		push @waiting, split /\n/, $node->safe_psql('postgres', q{
			SELECT format('%s waits for %s in %s', backend_type, relation::regclass, mode)
			FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND backend_type ~ 'pg_warden'});
		usleep(100_000);
	}
	$locker->query_safe('COMMIT');
	$locker->quit;
}
my %seen = map { $_ => 1 } @waiting;
is(join("\n", sort keys %seen), '', 'no process of ours waits for a lock on them');
is_accounted($node, 'postgres', $_, 'under locks', least => 10) for 'job 1', 'steps', 'slow';

# For good, with a run that is under way; and created again, at once in the same transaction or later.
$node->safe_psql('postgres', 'SELECT warden.schedule_pause(name) FROM warden.schedule_jobs');
add_job($node, 'postgres', 'long', '1 hour', command => 'SELECT pg_sleep(3)');
add_job($node, 'postgres', 'still', '1 second');
$node->safe_psql('postgres', q{SELECT warden.schedule_run('long')});
ok(defined within(10, $node, 'postgres', q{SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'long'}), 'a job runs');
my $dropped = ask($node, 'postgres', 'SET client_min_messages = warning; DROP EXTENSION pg_warden');
ok(defined $dropped, 'the extension is dropped');
my $moment = now_at($node);
my $process = q{FROM pg_stat_activity WHERE datname = 'postgres' AND backend_type ~ 'pg_warden'};
ok(defined within(10, $node, 'postgres', "SELECT count(*) = 0 $process"), 'no process remains in the database');
my $seen = 0;
for (1 .. 20)
{
	$seen += $node->safe_psql('postgres', "SELECT count(*) $process");
	usleep(100_000);
}
is($seen, 0, 'and none comes back');
is($node->safe_psql('postgres', "SELECT count(*) FROM ran WHERE job = 'still' AND slot > timestamptz '$moment' + interval '1 second'"), 0,
	'no job runs any more');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE relation IN (SELECT oid FROM pg_class WHERE relname ~ 'schedule')}),
	0, 'no lock is left');
$node->safe_psql('postgres', 'TRUNCATE ran; CREATE EXTENSION pg_warden');
is($node->safe_psql('postgres', 'SELECT string_agg(name, $$ $$) FROM warden.schedule_jobs'), 'maintain', 'created again it has the built-in job');
add_job($node, 'postgres', 'again', '1 second');
ok(defined within(10, $node, 'postgres', 'SELECT count(*) > 1 FROM ran'), 'and runs jobs');
$node->safe_psql('postgres', "BEGIN; DROP EXTENSION pg_warden; CREATE EXTENSION pg_warden; TRUNCATE ran; COMMIT");
add_job($node, 'postgres', 'once more', '1 second');
ok(defined within(10, $node, 'postgres', 'SELECT count(*) > 1 FROM ran'), 'also when this was one transaction');
is(count_of($node, 'postgres', 'again'), 0, 'jobs of before are forgotten');
is_accounted($node, 'postgres', 'once more', 'after all');
is_accounted($node, 'other', 'elsewhere', 'all the time', least => 10);
@errors = said($node, 0, qr/ (ERROR|FATAL|PANIC): |deadlock/);
is("@errors", '', 'there is no error in the log');

finish(undef, $node);
