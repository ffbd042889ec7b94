# Jobs that are broken in every way leave the others alone: those run on time, each slot once; what is wrong is said by
# the job it is wrong with, and the log stays short.
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
use Warden;

my $node = start_scheduler('poisoned', "warden.max_running_jobs = 20\n");
$node->safe_psql('postgres', q{
	CREATE DATABASE other;
	CREATE ROLE dropped LOGIN; CREATE ROLE renamed LOGIN; CREATE ROLE nologin LOGIN; CREATE ROLE locked_out LOGIN;
	CREATE ROLE expired LOGIN PASSWORD 'x';
	CREATE ROLE healthy LOGIN; CREATE ROLE limited LOGIN;
	GRANT EXECUTE ON FUNCTION warden.schedule_add TO dropped, renamed, nologin, locked_out, healthy, limited, expired;
	CREATE FUNCTION recurse() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM recurse(); END $$;
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
	CREATE FUNCTION warn() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			FOR n IN 1 .. 100000 LOOP
				RAISE WARNING 'warning %', n;
			END LOOP;
		END $$;
	CREATE FUNCTION huge() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			RAISE '%', repeat('huge ', 10000000);
		END $$;
	ALTER ROLE limited SET statement_timeout = '300ms';
	ALTER ROLE healthy SET statement_timeout = '60s';});

# The healthy ones: of a plain role and of a superuser, in two databases.
$node->safe_psql('other', 'CREATE EXTENSION pg_warden');
prepare($node, 'other');
add_job($node, 'postgres', 'healthy 1', '1 second');
add_job($node, 'postgres', 'healthy 2', '2 seconds', owner => 'healthy');
add_job($node, 'other', 'healthy 3', '1 second');

# Owners that cannot run anything any more.
my %owners = (dropped => '42704', nologin => '28000', locked_out => '42501');
add_job($node, 'postgres', "of $_", '2 seconds', owner => $_) for sort keys %owners;
add_job($node, 'postgres', 'of renamed', '1 second', owner => 'renamed');
add_job($node, 'postgres', 'of expired', '2 seconds', owner => 'expired');
ok(defined within(10, $node, 'postgres', q{SELECT count(DISTINCT job) >= 5 FROM ran WHERE job LIKE 'of %'}), 'at first they may run');
$node->safe_psql('postgres', q{
	SELECT warden.schedule_pause(name) FROM warden.schedule_jobs WHERE name LIKE 'of %' AND name <> 'of renamed'});
ok(defined within(10, $node, 'postgres', q{
	SELECT count(*) = 0 FROM warden.schedule_runs WHERE job LIKE 'of %' AND job <> 'of renamed' AND status IN ('running', 'waiting')}),
	'no run is under way');
$node->safe_psql('postgres', q{
	REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
	GRANT CONNECT ON DATABASE postgres TO healthy, renamed, nologin, limited, expired;
	ALTER ROLE nologin NOLOGIN;
	ALTER ROLE renamed RENAME TO "new name";
	ALTER ROLE expired VALID UNTIL '2001-01-01';
	REVOKE EXECUTE ON FUNCTION warden.schedule_add FROM dropped;
	DROP ROLE dropped;});
my %before = map { $_ => count_of($node, 'postgres', "of $_") } keys %owners, 'renamed';
my $offset = -s $node->logfile;
$node->safe_psql('postgres', q{SELECT warden.schedule_resume(name) FROM warden.schedule_jobs WHERE paused});

# Commands that do harm, with the status and the SQLSTATE that is expected of them.
my @poisoned = (
	[ unparsable   => 'SELEC 1; nonsense ((', 'failed', '42601' ],
	[ missing      => 'SELECT missing()', 'failed', '42883' ],
	[ second       => "$body; SELECT 1 / 0; $body", 'failed', '22012' ],
	[ huge         => 'SELECT huge()', 'failed', 'P0001' ],
	[ warnings     => 'SELECT warn()', 'succeeded', undef ],
	[ recursion    => 'SELECT recurse()', 'failed', '54001' ],
	[ endless      => 'SELECT pg_sleep(3600)', 'timed_out', '57014', max_runtime => '1 second' ],
	[ swallowing   => 'SELECT swallow()', 'timed_out', '57P01', max_runtime => '1 second' ],
	[ loop         => 'DO $$ BEGIN LOOP END LOOP; END $$', 'timed_out', '57014', max_runtime => '1 second' ],
	[ terminating  => 'SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)', 'canceled', '57P01' ],
	[ cancelling   => 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)', '(failed|canceled)', '57014' ],
	[ transaction  => "BEGIN; $body", 'failed', '25001' ],
	[ copying      => 'COPY ran FROM STDIN', 'failed', '0A000' ],
	[ printing     => 'COPY ran TO STDOUT', 'failed', '0A000' ],
	[ limited      => 'SELECT pg_sleep(3600)', 'failed', '57014', owner => 'limited' ],
	[ memory       => q{SELECT length(repeat('four', 1000000000))}, 'failed', '54000' ],
	[ empty        => ' ; -- nothing', 'succeeded', undef ]);
for my $job (@poisoned)
{
	my ($name, $command, $status, $sqlstate, %options) = @$job;
	add_job($node, 'postgres', $name, '3 seconds', command => $command, %options);
}

# All of them have been through their slots twice.
my $finished = q{SELECT count(*) = %d FROM (
	SELECT job FROM warden.schedule_runs WHERE job IN (%s) AND ended IS NOT NULL GROUP BY job HAVING count(*) >= 2) j};
my $names = join ', ', map { "'$_->[0]'" } @poisoned;
ok(defined within(60, $node, 'postgres', sprintf($finished, scalar @poisoned, $names)), 'all of them have done their worst')
  or diag($node->safe_psql('postgres', "SELECT job, status, count(*) FROM warden.schedule_runs WHERE job IN ($names) GROUP BY 1, 2"));
for my $job (@poisoned)
{
	my ($name, $command, $status, $sqlstate) = @$job;
	$sqlstate //= '(none|01000)';
	like($node->safe_psql('postgres', qq{
		SELECT DISTINCT status, coalesce(sqlstate, 'none') FROM warden.schedule_runs
		WHERE job = '$name' AND ended IS NOT NULL AND status <> 'skipped'}),
		qr/^$status\|$sqlstate$/, "$name is known as what it is");
}
cmp_ok($node->safe_psql('postgres', q{SELECT max(length(message)) FROM warden.schedule_runs WHERE job = 'huge'}), '<', 20_000,
	'a giant message is cut');
like($node->safe_psql('postgres', q{SELECT message FROM warden.schedule_runs
	WHERE job = 'warnings' AND status = 'succeeded' ORDER BY scheduled_for LIMIT 1}), qr/warning 1\b/,
	'of many warnings the first is kept');
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs
	WHERE job IN ('endless', 'loop', 'swallowing') AND ended - started > '8 seconds'}), 0, 'max_runtime is kept');
is($node->safe_psql('postgres', q{SELECT DISTINCT count(*) FROM ran WHERE job = 'second' GROUP BY slot}), 1,
	'statements before the one that fails have been done, those after it not');
is(count_of($node, 'postgres', 'transaction'), 0, 'a transaction that is left open is rolled back');

# Owners.
for my $owner (sort keys %owners)
{
	is($node->safe_psql('postgres', "SELECT DISTINCT status, sqlstate FROM warden.schedule_runs
		WHERE job = 'of $owner' AND ended IS NOT NULL AND status NOT IN ('succeeded', 'skipped')"), "failed|$owners{$owner}",
		"owner $owner: the run has failed");
	is(count_of($node, 'postgres', "of $owner"), $before{$owner}, 'and nothing was done');
	like($node->safe_psql('postgres', "SELECT waiting_for FROM warden.schedule_jobs WHERE name = 'of $owner'"),
		qr/role.*(exist|log in|connect)/, 'which the job says, too');
}
cmp_ok($node->safe_psql('postgres', q{SELECT consecutive_failures FROM warden.schedule_jobs WHERE name = 'unparsable'}), '>=', 2,
	'failures are counted');

# The others, and the log.
is_accounted($node, @$_, 'beside poisoned ones', least => 10) for [ 'postgres', 'healthy 1' ], [ 'other', 'healthy 3' ];
is_accounted($node, 'postgres', 'healthy 2', 'beside poisoned ones', least => 5);
is_accounted($node, 'postgres', 'of renamed', 'with an owner of another name', least => 5);
is_on_time($node, @$_, 5, "$_->[1] is on time") for [ 'postgres', 'healthy 1' ], [ 'postgres', 'healthy 2' ], [ 'other', 'healthy 3' ];
$node->safe_psql('postgres', q{SELECT warden.schedule_pause(name) FROM warden.schedule_jobs});
my $runs = $node->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE job NOT LIKE 'healthy%'});
my @lines = said($node, $offset, qr/./);
cmp_ok(scalar @lines, '<', 20 * $runs, "the log is short: @{[ scalar @lines ]} lines for $runs runs");
cmp_ok((-s $node->logfile) - $offset, '<', 1_000_000, 'also in bytes');
my @processes = said($node, $offset, qr/(ERROR|FATAL|PANIC): /);
is(scalar(grep { / pg_warden (launcher|worker) / } @processes), 0, 'none of it is an error of the launcher or a worker')
  or diag(join "\n", @processes);

finish(undef, $node);
