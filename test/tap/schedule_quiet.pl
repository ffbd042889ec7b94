# The scheduler can be turned off by a reload.  Where it is not preloaded every function works or says what to do.
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

my $node = start_scheduler('quiet');
my %defaults = (scheduler => 'on', max_running_jobs => 10, schedule_history => '30d');
is($node->safe_psql('postgres', "SHOW warden.$_"), $defaults{$_}, "warden.$_") for sort keys %defaults;
add_job($node, 'postgres', 'all', '1 second');
add_job($node, 'postgres', 'skip', '1 second', missed => 'skip');
ok(defined within(10, $node, 'postgres', 'SELECT count(DISTINCT job) = 2 FROM ran'), 'jobs run');

# Off.
$node->append_conf('postgresql.conf', 'warden.scheduler = off');
$node->reload;
ok(defined within(5, $node, 'postgres', 'SELECT NOT current_setting($$warden.scheduler$$)::boolean'), 'off by reload');
usleep(1_500_000);
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_warden job'}),
	'jobs that were running come to their end');
my $ran = $node->safe_psql('postgres', 'SELECT count(*) FROM ran');
usleep(3_000_000);
is($node->safe_psql('postgres', 'SELECT count(*) FROM ran'), $ran, 'nothing runs');
is($node->safe_psql('postgres', 'SELECT DISTINCT waiting_for FROM warden.schedule_jobs WHERE name <> $$maintain$$'),
	'warden.scheduler to be on', 'jobs say so');
$node->restart;
usleep(1_000_000);
is($node->safe_psql('postgres', 'SELECT count(*) FROM ran'), $ran, 'nor after a restart');
$node->safe_psql('postgres', q{SELECT warden.schedule_run('skip')});
$node->append_conf('postgresql.conf', 'warden.scheduler = on');
$node->reload;
my $on = now_at($node);
ok(defined within(10, $node, 'postgres', "SELECT count(DISTINCT job) = 2 FROM ran WHERE slot > '$on'"), 'on by reload');
is_accounted($node, 'postgres', 'all', 'after the scheduler was off', least => 5);
cmp_ok($node->safe_psql('postgres', q{SELECT sum(slots) FROM warden.schedule_runs WHERE job = 'skip' AND status = 'missed'}), '>=', 2,
	'missed slots are told');

# A job that is running when the scheduler is turned off goes on.
add_job($node, 'postgres', 'long', '1 hour', command => "WITH pause AS MATERIALIZED (SELECT pg_sleep(4)) $body FROM pause");
$node->safe_psql('postgres', q{SELECT warden.schedule_run('long')});
add_job($node, 'postgres', 'failing', '1 hour', command => q{DO 'BEGIN PERFORM pg_sleep(4); RAISE division_by_zero; END'});
$node->safe_psql('postgres', q{SELECT warden.schedule_run('failing')});
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name IN ('long', 'failing')}),
	'jobs run');
$node->append_conf('postgresql.conf', 'warden.scheduler = off');
$node->reload;
ok(defined within(10, $node, 'postgres', q{SELECT count(*) = 1 FROM ran WHERE job = 'long'}), 'one that is running goes on');
ok(defined within(10, $node, 'postgres',
		q{SELECT status = 'failed' AND sqlstate = '22012' FROM warden.schedule_runs WHERE job = 'failing'}),
	'and one that fails is accounted for');

# Without preloading.
$node->safe_psql('postgres', q{SELECT warden.schedule_pause('skip')});
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
is(scalar(processes($node, 'launcher')), 0, 'there is no launcher without preloading');
sub refused
{
	my ($call, $pattern) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT warden.schedule_$call");
	like($err, qr/ERROR:  55000: /, "schedule_$call is refused");
	like($err, qr/shared_preload_libraries/, 'and says what is needed');
	like($err, $pattern, 'and what to do') if defined $pattern;
	return $err;
}
my $database = 'postgres';
refused(q{add('nightly', '30 2 * * mon-fri', 'CALL warden.maintain()')}, qr/HINT: .*\b30 2 \* \* mon-fri\b.*psql.*CALL warden\.maintain\(\)/s);
refused(q{add('odd', '@daily', 'SELECT ''it''''s 100%'', "x"')}, qr/HINT: .*psql/s);
refused(q{run('all')});
refused(q{cancel('all')});
refused(q{import_pg_cron()});
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_jobs WHERE waiting_for ~ 'shared_preload_libraries'}), 4,
	'jobs wait for it') or diag($node->safe_psql('postgres', 'SELECT name, waiting_for FROM warden.schedule_jobs'));
is($node->safe_psql('postgres', 'SELECT count(*) > 5 FROM warden.schedule_runs'), 't', 'the history can be read');
for my $call ("pause('all')", "resume('skip')", "resume('all')", "remove('skip')")
{
	my ($status, $out, $err) = $node->psql('postgres', "SELECT warden.schedule_$call");
	is($status, 0, "schedule_$call works") or diag($err);
	like($err, qr/NOTICE: .*shared_preload_libraries/s, 'with a notice');
}

# The line for cron, given to a shell as cron would, does what the command does.
for my $command ('INSERT INTO lines VALUES ($it\'s 100%, "so" \\ and `so`$)', "INSERT INTO lines VALUES ('a'); INSERT INTO lines VALUES ('b')",
	"INSERT INTO lines\nVALUES ('two lines')")
{
	my $sql = $command =~ s/\$(.*)\$/'@{[ $1 =~ s,','',gr ]}'/r;
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS lines; CREATE TABLE lines (line text)');
	my ($status, $out, $err) = $node->psql('postgres', "SELECT warden.schedule_add('line', '5 4 * * *', \$command\$$sql\$command\$)");
	my ($line) = $err =~ /^(?:HINT: .*?)?(5 4 \* \* \* .*)$/m;
	ok(defined $line, 'there is a line for cron') or diag($err) or next;
	$line =~ s/^5 4 \* \* \* //;
	# cron ends the command at a % that has no backslash, and takes the backslash from others.
	unlike($line, qr/(?<!\\)%/, 'in which % is not special');
	$line =~ s/\\%/%/g;
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGUSER} = 'postgres';
	is(system('/bin/sh', '-c', $line), 0, "it works: $line");
	my $lines = $node->safe_psql('postgres', 'TABLE lines');
	$node->safe_psql('postgres', "TRUNCATE lines; $sql");
	is($lines, $node->safe_psql('postgres', 'TABLE lines'), 'and does what the command does');
}

# Preloaded again all goes on.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_warden'\nwarden.scheduler = on");
$node->restart;
$on = now_at($node);
ok(defined within(10, $node, 'postgres', "SELECT count(*) > 0 FROM ran WHERE slot > '$on' AND job = 'all'"), 'preloaded again it goes on');

finish(undef, $node);
