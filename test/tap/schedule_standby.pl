# A standby starts nothing and says so; ten seconds after its promotion it is at work, and the run that the primary was
# in the middle of is run again there, or marked.
#
# Needs TAP, because of the standby.
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

my $primary = start_scheduler('primary', '', allows_streaming => 1);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# Jobs, three of which will be in the middle of their work.
$primary->safe_psql('postgres', q{
	CREATE TABLE slow (what text, slot timestamptz);
	CREATE PROCEDURE note_and_wait() LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO slow VALUES ('call', current_setting('warden.job_scheduled_for')::timestamptz);
			COMMIT;
			PERFORM pg_sleep(3600);
		END $$;});
my $slow = q{INSERT INTO slow SELECT 'statement', current_setting('warden.job_scheduled_for')::timestamptz};
add_job($primary, 'postgres', 'every second', '1 second');
add_job($primary, 'postgres', 'skip', '1 second', missed => 'skip');
add_job($primary, 'postgres', 'statement', '1 hour', command =>
	"WITH pause AS MATERIALIZED (SELECT pg_sleep(CASE WHEN (SELECT count(*) FROM warden.schedule_runs WHERE attempts > 1) = 0
	THEN 3600 ELSE 0 END)) $slow FROM pause");
add_job($primary, 'postgres', 'call', '1 hour', command => 'CALL note_and_wait()');
$primary->safe_psql('postgres', q{SELECT warden.schedule_run('statement'), warden.schedule_run('call')});
ok(defined within(10, $primary, 'postgres', 'SELECT count(*) > 3 FROM ran'), 'jobs run on the primary');
ok(defined within(10, $primary, 'postgres', q{SELECT (SELECT count(*) = 1 FROM slow) AND count(*) = 2
	FROM warden.schedule_runs WHERE job IN ('statement', 'call') AND status = 'running'}), 'two of them are in the middle');
$primary->wait_for_catchup($standby);

# The standby.
my $process = q{FROM pg_stat_activity WHERE backend_type ~ 'pg_warden (worker|job)'};
my $seen = 0;
for (1 .. 10)
{
	$seen += $standby->safe_psql('postgres', "SELECT count(*) $process");
	usleep(100_000);
}
is($seen, 0, 'nothing is started on the standby');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_jobs WHERE name = 'every second'}), 1, 'the views work');
is($standby->safe_psql('postgres', q{SELECT waiting_for ~ 'promotion' FROM warden.schedule_jobs WHERE name = 'every second'}), 't',
	'and say what the jobs wait for');
cmp_ok($standby->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE status = 'succeeded'}), '>', 2,
	'the history is there');
for my $call ("add('x', '1 second', 'SELECT')", map { "$_('every second')" } qw(remove pause resume run cancel))
{
	my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT warden.schedule_$call");
	like($err, qr/ERROR:  25006/, "schedule_$call is refused");
}
my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT warden.schedule_resume_restored()");
like($err, qr/ERROR:  25006/, 'schedule_resume_restored() is refused');

# Promotion, while the primary dies.
$primary->stop('immediate');
my $ran = count_of($standby, 'postgres', 'every second');
$standby->promote;
my $promoted = now_at($standby);
ok(defined within(10, $standby, 'postgres', qq{SELECT count(*) > 0 FROM ran WHERE slot > '$promoted' AND job = 'every second'}),
	'it is at work 10 s after promotion');
ok(defined within(10, $standby, 'postgres', q{SELECT count(*) = 1 FROM slow WHERE what = 'statement'}),
	'the statement that was interrupted is run again');
ok(defined within(10, $standby, 'postgres', q{
	SELECT count(*) = 0 FROM warden.schedule_runs WHERE status = 'running' AND job IN ('statement', 'call')}), 'nothing is left running');
is($standby->safe_psql('postgres', q{SELECT job, status, attempts FROM warden.schedule_runs WHERE job IN ('statement', 'call') ORDER BY 1}),
	"call|crashed|1\nstatement|succeeded|2", 'what had committed a part is marked');
is($standby->safe_psql('postgres', 'SELECT what, count(*) FROM slow GROUP BY 1 ORDER BY 1'), "call|1\nstatement|1",
	'and neither has happened twice');
is_accounted($standby, 'postgres', 'every second', 'after promotion', least => $ran + 1);
is_accounted($standby, 'postgres', 'skip', 'after promotion', explained => q{status IN ('missed', 'skipped')}, least => 2);

# A clone that is to be quiet.
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($primary, 'backup');
$clone->append_conf('postgresql.conf', 'warden.scheduler = off');
$clone->start;
is($clone->safe_psql('postgres', "SELECT count(*) $process"), 0, 'a clone with warden.scheduler = off is quiet');
is($clone->safe_psql('postgres', 'SELECT DISTINCT waiting_for ~ $$warden.scheduler$$ FROM warden.schedule_jobs'), 't', 'its jobs say why');

finish(undef, $standby, $clone);
