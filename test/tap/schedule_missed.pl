# What becomes of the slots that a stopped server could not start, and of those that are due while a job is running: as
# the policies say, and nothing is run twice or forgotten.
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
use Time::HiRes qw(usleep);
use Warden;

my $node = start_scheduler('missed');

# Runs of a job and those that overlap: at, until.
$node->safe_psql('postgres', 'CREATE TABLE spans (job text, slot timestamptz, start timestamptz, stop timestamptz)');
my $span = q{INSERT INTO spans SELECT current_setting('warden.job_name'), current_setting('warden.job_scheduled_for')::timestamptz,
	statement_timestamp(), clock_timestamp()};
add_job($node, 'postgres', $_, '2 seconds', missed => $_) for 'skip', 'once', 'all';
add_job($node, 'postgres', 'default', '2 seconds', missed => 'skip');
add_job($node, 'postgres', 'paused', '2 seconds');
ok(defined within(10, $node, 'postgres', 'SELECT count(DISTINCT job) = 5 FROM ran'), 'all jobs run');
is($node->safe_psql('postgres', qq{
	SELECT warden.schedule_add('by default', '2 seconds', 'SELECT');
	SELECT warden.schedule_add('cron by default', '1 1 1 1 *', 'SELECT');
	SELECT string_agg(missed, ' ' ORDER BY name) FROM warden.schedule_jobs WHERE name LIKE '%by default'}) =~ s/.*\n//sr,
	'skip once', 'the default is to skip missed slots of intervals, and to make up for one of others');
$node->safe_psql('postgres', q{SELECT warden.schedule_remove('by default'), warden.schedule_pause('paused')});
is($node->safe_psql('postgres', q{SELECT next_run, waiting_for ~ 'paused' FROM warden.schedule_jobs WHERE name = 'paused'}), '|t',
	'a paused job has no next run');
my $paused = count_of($node, 'postgres', 'paused');

# Redefining a job keeps its id.
my $id = $node->safe_psql('postgres', q{SELECT id FROM warden.schedule_jobs WHERE name = 'default'});
add_job($node, 'postgres', 'default', '2 seconds', missed => 'all');
is($node->safe_psql('postgres', q{SELECT id FROM warden.schedule_jobs WHERE name = 'default'}), $id, 'the job is the same');
$node->safe_psql('postgres', q{SELECT warden.schedule_remove('default')});

# The server is down for three slots or so, and for one or two more where to stop and start it takes long.
my $down = now_at($node);
$node->stop;
usleep(6_500_000);
$node->start;
my $up = now_at($node);
# An interval job has a slot that is not late whenever the server comes back; it makes up for the missed ones before it.
my %explained = (all => 'false', skip => q{status = 'missed'}, once => q{status = 'missed'});
is_accounted($node, 'postgres', $_, 'after the server was down', explained => $explained{$_}, until => $up) for sort keys %explained;
is($node->safe_psql('postgres', q{
	SELECT job, count(*), sum(slots) BETWEEN 2 AND 5 FROM warden.schedule_runs WHERE status = 'missed' GROUP BY job ORDER BY job}),
	"once|1|t\nskip|1|t", 'one row tells of all slots that were missed');
is($node->safe_psql('postgres', q{
	SELECT r.job, count(*) FROM ran r JOIN warden.schedule_runs m ON m.job = r.job AND m.status = 'missed'
	WHERE r.slot = m.scheduled_for + m.slots * interval '2 seconds' GROUP BY 1 ORDER BY 1}), "once|1\nskip|1",
	'the slot after those that were missed runs');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT slot, lag(slot) OVER (ORDER BY at) AS before FROM ran WHERE job = 'all') o WHERE before > slot}), 0,
	'if all are to run, they do so one after the other');
is(count_of($node, 'postgres', 'paused'), $paused, 'nothing runs of a job that is paused');
$node->safe_psql('postgres', 'SELECT warden.schedule_pause(name) FROM warden.schedule_jobs');

# While it was paused nothing was due: it goes on with its next slot.
my $resumed = now_at($node);
$node->safe_psql('postgres', q{SELECT warden.schedule_resume('paused')});
ok(defined within(10, $node, 'postgres', "SELECT count(*) > $paused FROM ran WHERE job = 'paused'"), 'it goes on when resumed');
is($node->safe_psql('postgres', "SELECT count(*) FROM ran WHERE job = 'paused' AND at > '$resumed' AND slot < '$resumed'"), 0,
	'from its next slot on');
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE job = 'paused' AND status <> 'succeeded'}), 0,
	'nothing was missed meanwhile');
$node->safe_psql('postgres', q{SELECT warden.schedule_pause('paused')});

# Slots that are due while the job is running: most are skipped, or one is queued and is next without a pause.
add_job($node, 'postgres', "overlap $_", '1 second', missed => 'skip', overlap => $_,
	command => "WITH pause AS MATERIALIZED (SELECT pg_sleep(2.4)) $span FROM pause")
  for 'skip', 'queue';
add_job($node, 'postgres', 'backlog', '1 second', command => "WITH pause AS MATERIALIZED (SELECT pg_sleep(1.1)) $span FROM pause");
ok(defined within(20, $node, 'postgres', 'SELECT count(*) >= 9 FROM spans'), 'jobs that take longer than their interval run');
my $waiting = $node->safe_psql('postgres', q{
	SELECT count(*) FROM warden.schedule_runs WHERE job = 'overlap queue' AND status = 'waiting'});
cmp_ok($waiting, '<=', 1, 'one slot at most is waiting');
$node->safe_psql('postgres', q{SELECT warden.schedule_pause(name) FROM warden.schedule_jobs});
$node->safe_psql('postgres', q{SELECT warden.schedule_cancel(name) FROM warden.schedule_jobs});
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 0 FROM warden.schedule_runs WHERE status IN ('running', 'waiting')}),
	'all are over');
is($node->safe_psql('postgres', q{
	SELECT a.job, a.slot FROM spans a JOIN spans b ON a.job = b.job AND a.slot <> b.slot AND a.start < b.stop AND b.start < a.stop}), '',
	'no job runs twice at a time');
is($node->safe_psql('postgres', q{
	SELECT job, bool_and(status IN ('succeeded', 'skipped', 'canceled', 'missed')), bool_or(status = 'skipped')
	FROM warden.schedule_runs WHERE job IN ('overlap skip', 'overlap queue', 'backlog') GROUP BY job ORDER BY job}),
	"backlog|t|f\noverlap queue|t|t\noverlap skip|t|t", 'the slots it could not have are skipped');
is($node->safe_psql('postgres', q{
	SELECT job, count(*) FROM (SELECT job, slot, count(*) FROM spans GROUP BY 1, 2 HAVING count(*) > 1) s GROUP BY 1}), '',
	'none twice');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT start - slot AS delay FROM spans WHERE job = 'overlap queue' ORDER BY slot OFFSET 1 LIMIT 1) s
	WHERE delay > '1 second'}), 1, 'a queued slot starts when the one before it is over');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT slot - lag(slot) OVER (ORDER BY slot) AS gap FROM spans WHERE job = 'backlog') s
	WHERE gap <> '1 second'}), 0, 'a backlog leaves none out');

finish(undef, $node);
