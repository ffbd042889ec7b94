# Whatever process is killed at whatever moment, and however the server is stopped: each slot of a command in a
# transaction runs exactly once, one that is in none is marked, and nothing is left running.
#
# Needs TAP, because processes are killed and the server comes back.
# expects: terminated by signal 9
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

my $node = start_scheduler('crash', "restart_after_crash = on\n");

# Jobs that are likely to be hit in the middle: one statement, one of three steps that each are to happen once, and a
# transaction of two statements.
$node->safe_psql('postgres', q{
	CREATE TABLE steps (slot timestamptz, step text);
	CREATE PROCEDURE note_twice() LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO steps VALUES (current_setting('warden.job_scheduled_for')::timestamptz, 'call');
			COMMIT;
			PERFORM pg_sleep(3600);
		END $$;});
my $slow = "WITH pause AS MATERIALIZED (SELECT pg_sleep(random() * 0.4)) $body FROM pause";
my $step = q{INSERT INTO steps SELECT current_setting('warden.job_scheduled_for')::timestamptz, };
my %every = (all => 'true', skip => q{status IN ('missed', 'skipped')}, once => q{status IN ('missed', 'skipped')});
add_job($node, 'postgres', $_, '1 second', command => $slow, missed => $_) for sort keys %every;
add_job($node, 'postgres', 'steps', '2 seconds', command => "$step 'a'; SELECT pg_sleep(0.3); $slow; $step 'c'");
add_job($node, 'postgres', 'transaction', '2 seconds', command => "BEGIN; $step 'first'; $slow; COMMIT");
ok(defined within(10, $node, 'postgres', 'SELECT count(DISTINCT job) = 5 FROM ran'), 'all jobs run');

# A seed that is told makes what was seen once happen again, as far as a matter of time can.
my $seed = $ENV{PG_WARDEN_SEED} // int(time);
srand($seed);
note("PG_WARDEN_SEED=$seed");
my @rounds = (qw(job worker launcher job stop job worker stop job));
for my $round (0 .. $#rounds)
{
	my $what = $rounds[$round];
	my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM ran');
	usleep(int rand 600_000);
	if ($what eq 'stop')
	{
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		my $offset = -s $node->logfile;
		kill_one($node, $what);
		$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
		back_again($node);
	}
	ok(defined within(10, $node, 'postgres', "SELECT count(*) > $before FROM ran"), "jobs run again after round $round: $what");
}

# On a busy machine there is little time between the crashes.
my $jobs = join ', ', map { "'$_'" } sort keys %every;
ok(defined within(60, $node, 'postgres', "SELECT count(*) = @{[ scalar keys %every ]}
	FROM (SELECT FROM ran WHERE job IN ($jobs) GROUP BY job HAVING count(DISTINCT slot) >= 5) enough"), 'each has run some times');

# No interrupted run is lost, none runs twice.  A run that was interrupted five times would be given up.
my $given_up = q{(status = 'crashed' AND attempts = 5)};
for my $job (sort keys %every)
{
	my $explained = $job eq 'all' ? $given_up : "$every{$job} OR $given_up";
	is_accounted($node, 'postgres', $job, 'after crashes', explained => $explained, least => 5, within => 60);
}
is_accounted($node, 'postgres', 'transaction', 'after crashes', explained => $given_up, least => 3, within => 60);
$node->safe_psql('postgres', 'SELECT warden.schedule_pause(name) FROM warden.schedule_jobs');
ok(defined within(20, $node, 'postgres', q{SELECT count(*) = 0 FROM warden.schedule_runs WHERE status IN ('running', 'waiting')}),
	'nothing is left running');

# A command of several transactions ends when it is interrupted after the first of them has been committed.
my $done = q{
	SELECT scheduled_for, status, concat(a, b, c) AS done FROM warden.schedule_runs
	LEFT JOIN (SELECT slot, string_agg(step, '') AS a FROM steps WHERE step = 'a' GROUP BY 1) a ON a.slot = scheduled_for
	LEFT JOIN (SELECT slot, string_agg('b', '') AS b FROM ran WHERE job = 'steps' GROUP BY 1) b ON b.slot = scheduled_for
	LEFT JOIN (SELECT slot, string_agg(step, '') AS c FROM steps WHERE step = 'c' GROUP BY 1) c ON c.slot = scheduled_for
	WHERE job = 'steps'};
is($node->safe_psql('postgres', qq{SELECT * FROM ($done) d
	WHERE status = 'succeeded' AND done <> 'abc' OR status = 'crashed' AND done NOT IN ('a', 'ab')
		-- one that waited when the job was paused
		OR status = 'canceled' AND done <> '' OR status NOT IN ('succeeded', 'crashed', 'canceled')}),
	'', 'of several statements each is done once, or those up to the crash');
is($node->safe_psql('postgres', qq{SELECT slot FROM ran WHERE job = 'steps' AND slot NOT IN (SELECT scheduled_for FROM ($done) d)}), '',
	'in slots that are known');
is($node->safe_psql('postgres', qq{
	SELECT slot FROM (SELECT min(scheduled_for) AS first, max(scheduled_for) AS last FROM ($done) d) s,
		generate_series(first, last, '2 seconds') slot WHERE slot NOT IN (SELECT scheduled_for FROM ($done) d)}), '', 'with no slot between them left out');
is($node->safe_psql('postgres', q{
	SELECT slot FROM (SELECT slot FROM steps WHERE step = 'first') s
	FULL JOIN (SELECT slot FROM ran WHERE job = 'transaction') r USING (slot) WHERE s.slot IS NULL OR r.slot IS NULL}), '',
	'a transaction is done as a whole');

# What is in no transaction is not done again.
add_job($node, 'postgres', 'call', '1 hour', command => 'CALL note_twice()');
$node->safe_psql('postgres', q{SELECT warden.schedule_run('call')});
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 1 FROM steps WHERE step = 'call'}), 'a procedure has committed');
$node->stop('immediate');
$node->start;
my $end_of_call = q{FROM warden.schedule_runs WHERE job = 'call'};
ok(defined within(10, $node, 'postgres', "SELECT status <> 'running' $end_of_call"), 'it is over after the crash');
is($node->safe_psql('postgres', "SELECT status, attempts, ended IS NOT NULL, ended >= started $end_of_call"), 'crashed|1|t|t',
	'and says that it crashed');

# Nor is there a moment at which the work is done and the run does not say so, also when somebody is at DROP EXTENSION.
add_job($node, 'postgres', 'under drop', '1 hour', command => "WITH pause AS MATERIALIZED (SELECT pg_sleep(1.5)) $body FROM pause");
$node->safe_psql('postgres', q{SELECT warden.schedule_run('under drop')});
my $working = q{FROM pg_stat_activity WHERE application_name = 'under drop' AND wait_event = 'PgSleep'};
ok(defined within(10, $node, 'postgres', "SELECT count(*) = 1 $working"), 'a job is at work');
my $dropper = launch($node, 'postgres', 'SET client_min_messages = error', 'BEGIN', 'DROP EXTENSION pg_warden', 'SELECT pg_sleep(3)', 'ROLLBACK');
my $before_drop = count_of($node, 'postgres', 'under drop');
within(5, $node, 'postgres', q{SELECT count(*) > 0 FROM ran WHERE job = 'under drop'}) if $before_drop == 0;
$node->stop('immediate');
result($dropper);
$node->start;
ok(defined within(20, $node, 'postgres', q{
	SELECT status NOT IN ('running', 'waiting') FROM warden.schedule_runs WHERE job = 'under drop'}), 'its run is over after a crash');
is($node->safe_psql('postgres', q{
	SELECT (SELECT count(*) FROM ran WHERE job = 'under drop'), status FROM warden.schedule_runs WHERE job = 'under drop'}), '1|succeeded',
	'and has happened once');

# A job that crashes the server is started again, later each time, and meanwhile the others have their turn.
my $crashes = $node->basedir . '/crashes';
add_job($node, 'postgres', 'killer', '1 hour',
	command => "COPY (SELECT 1) TO PROGRAM 'date +%s.%N >> $crashes; kill -9 \$PPID; sleep 10'");
add_job($node, 'postgres', 'beside', '1 second');
$node->safe_psql('postgres', q{SELECT warden.schedule_run('killer')});
my $times = sub { return -e $crashes ? split(/\n/, slurp_file($crashes)) : () };
ok(defined within(30, $node, 'postgres', sub { $times->() >= 3 }), 'it is tried a third time');
my @times = $times->();
note("crashes at @times");
cmp_ok($times[1] - $times[0], '>=', 0.9, 'the second time after a second');
cmp_ok($times[2] - $times[1], '>=', 3.9, 'the third time after four more');
back_again($node);
my $waits = q{FROM warden.schedule_runs WHERE job = 'killer'};
ok(defined within(10, $node, 'postgres', "SELECT status = 'waiting' $waits"), 'it waits for the fourth');
is($node->safe_psql('postgres', "SELECT attempts $waits"), 3, 'as three have failed');
like($node->safe_psql('postgres', q{SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'killer'}), qr/next try/,
	'and the job says so');
is($node->safe_psql('postgres', q{SELECT warden.schedule_cancel('killer')}), 't', 'it can be cancelled');
is($node->safe_psql('postgres', "SELECT status $waits"), 'canceled', 'and then is');
is_accounted($node, 'postgres', 'beside', 'beside a job that crashes the server', explained => $given_up, least => 3, within => 60);
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE status = 'running' AND job <> 'beside'}), 0,
	'nothing is left running');

finish(qr/terminated by signal 9/, $node);
