# A fast stop takes less than three seconds whatever jobs are doing, and what it interrupted is run again at once after
# the next start, or marked.
#
# Needs TAP, because the server is stopped.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schedule;
use Test::More;
use Time::HiRes qw(time);
use Warden;

my $node = start_scheduler('stop');
$node->safe_psql('postgres', q{
	CREATE TABLE big AS SELECT n FROM generate_series(1, 200000) n;
	CREATE TABLE locked (n integer);
	CREATE TABLE tries (job text, slot timestamptz);
	CREATE FUNCTION swallow() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			LOOP
				BEGIN
					PERFORM pg_sleep(0.01);
				EXCEPTION WHEN query_canceled THEN
					NULL;
				END;
			END LOOP;
		END $$;
	CREATE PROCEDURE note_and_wait() LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO tries VALUES ('call', now());
			COMMIT;
			PERFORM pg_sleep(3600);
		END $$;});

# All that a job may be doing.  What ends by itself does so only the second time.
my $again = q{SELECT attempts > 1 FROM warden.schedule_runs r WHERE r.job = current_setting('warden.job_name') AND status = 'running'};
my %jobs = (
	sleeping => "WITH pause AS MATERIALIZED (SELECT pg_sleep(CASE WHEN ($again) THEN 0 ELSE 3600 END)) $body FROM pause",
	waiting => "WITH pause AS MATERIALIZED (SELECT CASE WHEN ($again) THEN 0 ELSE (SELECT count(*) FROM big a, big b, big c) END)
		$body FROM pause",
	locking => "LOCK TABLE locked; $body",
	loop => 'DO $$ BEGIN LOOP END LOOP; END $$',
	swallowing => 'SELECT swallow()',
	call => 'CALL note_and_wait()',
	index => 'CREATE INDEX CONCURRENTLY ON locked (n)');
$jobs{locking} = "BEGIN; LOCK TABLE locked; $body; COMMIT";
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE');
add_job($node, 'postgres', $_, '1 hour', command => $jobs{$_}) for sort keys %jobs;
add_job($node, 'postgres', "often $_", '1 second') for 1 .. 3;
$node->safe_psql('postgres', "SELECT warden.schedule_run('$_')") for sort keys %jobs;
ok(defined within(15, $node, 'postgres', q{SELECT count(*) = 7 FROM pg_stat_activity
	WHERE backend_type = 'pg_warden job' AND application_name !~ 'often'}), 'jobs of every kind are running');
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 1 FROM tries}), 'the procedure has committed');
ok(defined within(10, $node, 'postgres', q{SELECT count(DISTINCT job) = 3 FROM ran}), 'the short ones, too');

my $start = time;
$node->stop('fast');
my $time = time - $start;
cmp_ok($time, '<', 3, sprintf 'a fast stop takes %.1f s', $time);
eval { $locker->quit; };
my $stopped = slurp_file($node->logfile);
unlike($stopped, qr/ (PANIC|WARNING): /, 'without a warning');

$node->start;
my %status = (sleeping => 'succeeded|2', waiting => 'succeeded|2', locking => 'succeeded|2', call => 'crashed|1', loop => 'crashed|1',
	index => 'crashed|1');
my $begin = time;
for my $job (sort keys %status)
{
	my $row = "FROM warden.schedule_runs WHERE job = '$job'";
	ok(defined within(10, $node, 'postgres', "SELECT status NOT IN ('running', 'waiting') $row"), "$job is over");
	is($node->safe_psql('postgres', "SELECT status, attempts $row"), $status{$job}, 'and is what it should be');
	is(count_of($node, 'postgres', $job), 1, 'it was done once') if $status{$job} =~ /succeeded/;
}
cmp_ok(time - $begin, '<', 8, 'at once: what a clean shutdown has interrupted need not wait');
is($node->safe_psql('postgres', 'SELECT count(*) FROM tries'), 1, 'the procedure is not called again');
ok(defined within(10, $node, 'postgres', q{SELECT attempts = 2 FROM warden.schedule_runs WHERE job = 'swallowing'}),
	'the other one is run again');
is($node->safe_psql('postgres', q{SELECT warden.schedule_cancel('swallowing')}), 't', 'until it is cancelled');
ok(defined within(8, $node, 'postgres', q{SELECT status = 'canceled' FROM warden.schedule_runs WHERE job = 'swallowing'}),
	'which ends also what does not heed a cancel');
is_accounted($node, 'postgres', "often $_", 'over a fast stop', least => 3) for 1 .. 3;

# A smart stop does not wait for jobs either, as there is no client.
$node->safe_psql('postgres', q{SELECT warden.schedule_run('loop')});
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'loop'}), 'a job runs');
$start = time;
$node->stop('smart');
cmp_ok(time - $start, '<', 5, 'a smart stop ends it');
$node->start;

finish(undef, $node);
