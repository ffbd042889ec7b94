# While the server is read-only by default slots stay due and are made up for; a locked history and a missing synchronous
# standby stop no job but those that wait for it themselves.
#
# Needs TAP, because settings of the server are changed.
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

my $node = start_scheduler('read_only', "warden.max_running_jobs = 20\n", allows_streaming => 1);
$node->safe_psql('postgres', q{
	CREATE ROLE asynchronous LOGIN;
	ALTER ROLE asynchronous SET synchronous_commit = local;
	GRANT EXECUTE ON FUNCTION warden.schedule_add TO asynchronous;
	CREATE DATABASE other});
$node->safe_psql('other', 'CREATE EXTENSION pg_warden');
prepare($node, 'other');
add_job($node, 'postgres', 'all', '1 second');
add_job($node, 'postgres', 'skip', '1 second', missed => 'skip');
add_job($node, 'postgres', 'once', '1 second', missed => 'once');
add_job($node, 'other', 'elsewhere', '1 second');
ok(defined within(10, $node, 'postgres', 'SELECT count(DISTINCT job) = 3 FROM ran'), 'jobs run');

# Changes a setting of the server, and waits until it is in force.
sub set
{
	my ($setting, $value) = @_;
	$node->psql('postgres', "SET default_transaction_read_only = off; ALTER SYSTEM SET $setting = '$value'");
	$node->reload;
	ok(defined within(5, $node, 'postgres', "SELECT current_setting('$setting') = '$value'"), "$setting = $value");
	return;
}

# Read-only.
my $offset = -s $node->logfile;
my $writable_until = now_at($node);
set('default_transaction_read_only', 'on');
usleep(1_000_000);
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_warden job'}),
	'jobs that were running come to their end');
my $waiting = $node->safe_psql('postgres', q{SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'all'});
my $quiet = count_of($node, 'postgres', 'all');
usleep(4_000_000);
is(count_of($node, 'postgres', 'all'), $quiet, 'no job runs while the server is read-only');
like($node->safe_psql('postgres', q{SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'all'}),
	qr/default_transaction_read_only/, 'the jobs say so') or diag("a second after it, it said: $waiting");
my @lines = said($node, $offset, qr/ pg_warden \w+ (LOG|WARNING|ERROR|FATAL): /);
cmp_ok(scalar @lines, '<=', 4, 'the log does so a few times at most') or diag(join "\n", @lines);
set('default_transaction_read_only', 'off');
my $writable = now_at($node);
ok(defined within(10, $node, 'postgres', "SELECT count(DISTINCT job) = 3 FROM ran WHERE slot > '$writable'"), 'then they go on');
is_accounted($node, 'postgres', 'all', 'after the server was read-only', least => 5);
is_accounted($node, 'other', 'elsewhere', 'after the server was read-only', least => 5);
is_accounted($node, 'postgres', $_, 'after the server was read-only', explained => q{status IN ('missed', 'skipped')}, least => 3)
  for 'skip', 'once';
is($node->safe_psql('postgres', qq{
	SELECT job, sum(slots) BETWEEN 2 AND extract(epoch FROM timestamptz '$writable' - timestamptz '$writable_until') + 2
	FROM warden.schedule_runs WHERE status = 'missed' AND scheduled_for BETWEEN '$writable_until' AND '$writable' GROUP BY job ORDER BY job}), "once|t\nskip|t",
	'what was missed is told');
is($node->safe_psql('postgres', qq{SELECT count(*) FROM warden.schedule_runs WHERE status NOT IN
	('succeeded', 'missed', 'skipped', 'running', 'waiting')}), 0, 'no run has failed');

# One database that is read-only leaves the others alone.
$node->safe_psql('postgres', 'ALTER DATABASE other SET default_transaction_read_only = on');
ok(defined within(10, $node, 'postgres', sub {
	my $before = count_of($node, 'other', 'elsewhere');
	usleep(1_500_000);
	return $before == count_of($node, 'other', 'elsewhere');
}), 'a database that is read-only by default has no jobs');
my $before = count_of($node, 'postgres', 'all');
ok(defined within(5, $node, 'postgres', "SELECT count(*) > $before + 1 FROM ran WHERE job = 'all'"), 'while others have');
$node->safe_psql('postgres', 'ALTER DATABASE other RESET default_transaction_read_only');
is_accounted($node, 'other', 'elsewhere', 'after its database was read-only', least => 5);

# The history is locked.
$node->safe_psql('postgres', q{SELECT warden.schedule_pause('skip'), warden.schedule_pause('once')});
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE warden.schedule_log IN ACCESS EXCLUSIVE MODE');
my $locked = now_at($node);
ok(defined within(10, $node, 'postgres', "SELECT count(*) >= 4 FROM ran WHERE job = 'all' AND slot > '$locked'"),
	'jobs run while the history is locked');
is($node->safe_psql('postgres', "SELECT count(*) FROM ran WHERE slot > '$locked' AND at - slot > '3 seconds'"), 0, 'on time');
$locker->query_safe('COMMIT');
$locker->quit;
is_accounted($node, 'postgres', 'all', 'after the history was locked', least => 8);
$locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE warden.schedule_slots IN ACCESS EXCLUSIVE MODE');
usleep(3_000_000);
my $elsewhere = count_of($node, 'other', 'elsewhere');
ok(defined within(5, $node, 'other', "SELECT count(*) > $elsewhere + 1 FROM ran"), 'a lock on the slots stops no other database');
$locker->query_safe('COMMIT');
$locker->quit;
is_accounted($node, 'postgres', 'all', 'after the slots were locked', least => 8);

# No synchronous standby: who waits for it is stuck, and nobody else.
add_job($node, 'postgres', 'asynchronous', '1 second', owner => 'asynchronous');
set('synchronous_standby_names', '*');
$before = count_of($node, 'postgres', 'asynchronous');
ok(defined within(10, $node, 'postgres', q{SELECT count(*) >= 2 FROM pg_stat_activity
	WHERE backend_type = 'pg_warden job' AND wait_event = 'SyncRep'}), 'jobs wait for the standby');
ok(defined within(10, $node, 'postgres', "SELECT count(*) >= $before + 4 FROM ran WHERE job = 'asynchronous'"),
	'a job that does not want to wait runs');
is_on_time($node, 'postgres', 'asynchronous', 4, 'on time');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity
	WHERE backend_type ~ 'pg_warden (launcher|worker)' AND wait_event = 'SyncRep'}), 0, 'the scheduler itself never waits for it');
my $start = time;
$node->stop('fast');
cmp_ok(time - $start, '<', 3, 'the server stops in 3 s');
$node->append_conf('postgresql.auto.conf', "synchronous_standby_names = ''");
$node->start;
is_accounted($node, 'postgres', 'asynchronous', 'without a standby', least => 4);
is_accounted($node, 'postgres', 'all', 'which waited for a standby', least => 8);
is_accounted($node, 'other', 'elsewhere', 'which waited for a standby', least => 8);
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs
	WHERE status NOT IN ('succeeded', 'missed', 'skipped', 'running', 'waiting')}), 0, 'no run has failed');

# A crash in that state: what waits has been committed here, so it is not to be run again.
set('synchronous_standby_names', '*');
ok(defined within(10, $node, 'postgres', q{SELECT count(*) >= 1 FROM pg_stat_activity
	WHERE backend_type = 'pg_warden job' AND wait_event = 'SyncRep'}), 'jobs wait for the standby again');
$node->stop('immediate');
$node->append_conf('postgresql.auto.conf', "synchronous_standby_names = ''");
$node->start;
is_accounted($node, 'postgres', $_, 'after a crash while it waited for a standby', least => 4) for 'all', 'asynchronous';
is_accounted($node, 'other', 'elsewhere', 'after a crash while it waited for a standby', least => 8);

finish(undef, $node);
