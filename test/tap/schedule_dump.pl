# Jobs go with a dump in each of its forms, also of one who is no superuser; those that were restored do not fire until
# somebody says so; and a restore does not fail because a role or the job that was changed is not there.
#
# Needs TAP, because of pg_dump and pg_restore.
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

my $node = start_scheduler('dump');
my $folder = PostgreSQL::Test::Utils::tempdir;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

# Jobs with all that can be said of one, of several owners, one of them gone when it is restored.
$node->safe_psql('postgres', q{
	CREATE ROLE keeper LOGIN;
	CREATE ROLE "Odd = ""name"" \ ü" LOGIN;
	CREATE ROLE leaving LOGIN;
	CREATE DATABASE shop OWNER keeper});
$node->safe_psql('shop', q{
	CREATE EXTENSION pg_warden;
	GRANT EXECUTE ON FUNCTION warden.schedule_add TO keeper, leaving, "Odd = ""name"" \ ü";});
prepare($node, 'shop');
add_job($node, 'shop', 'every second', '1 second');
$node->safe_psql('shop', qq{
	SELECT warden.schedule_add('super', '\@daily', 'SELECT ''of a superuser''', timezone => 'Europe/Berlin');
	SET SESSION AUTHORIZATION keeper;
	SELECT warden.schedule_add('kept', '1 second', '$_');
	RESET SESSION AUTHORIZATION;
	SET SESSION AUTHORIZATION "Odd = ""name"" \\ ü";
	SELECT warden.schedule_add('odd', '5,35 1-7/3 L jan,DEC *', 'SELECT ''back\\slash'', E''\\t'';' || chr(10) || '-- tab' || chr(9),
		timezone => 'America/New_York', max_runtime => '1 hour', max_retries => 3, retry_delay => '7 seconds', missed => 'all',
		overlap => 'queue', start_window => 'Mon-Fri 22:00-06:00; Sat,Sun');
	RESET SESSION AUTHORIZATION;
	SET SESSION AUTHORIZATION leaving;
	SELECT warden.schedule_add('orphan', '1 second', '$_');
	RESET SESSION AUTHORIZATION;
	SELECT warden.schedule_add('paused', '1 second', '$_');
	SELECT warden.schedule_pause('paused');
	SELECT warden.schedule_add('maintain', '\@hourly', 'CALL warden.maintain()');
	SELECT warden.schedule_add('moment', '2222-01-01 00:00+00', 'SELECT');}) for $body =~ s/'/''/gr;
my $jobs = q{SELECT name, owner, schedule, timezone, command, paused, max_runtime, max_retries, retry_delay, missed, overlap, start_window
	FROM warden.schedule_jobs ORDER BY name COLLATE "C"};
my $expected = $node->safe_psql('shop', $jobs);
my $number = $node->safe_psql('shop', 'SELECT count(*) FROM warden.schedule_jobs');
like($expected, qr/^maintain\|postgres\|\@hourly/m, 'the built-in job was changed');
ok(defined within(10, $node, 'shop', 'SELECT count(DISTINCT job) = 3 FROM ran'), 'jobs run');

# Runs a command that must not say anything.
sub quiet
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	ok($ok && $err eq '', $name) or diag("@command: $out$err");
	return $out;
}
my @psql = qw(psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null);
my $count = 0;
sub new_database
{
	my ($owner) = @_;
	my $database = 'restored_' . ++$count;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 OWNER " . ($owner // 'postgres'));
	return $database;
}

# What was restored is what was dumped, and does nothing.
my %restored;
sub check
{
	my ($database, $name) = @_;
	is_same($node->safe_psql($database, $jobs), $expected, "$name: every job is there");
	is($node->safe_psql($database, q{SELECT count(*) FROM warden.schedule_jobs
		WHERE next_run IS NOT NULL OR (waiting_for !~ 'schedule_resume_restored' AND NOT paused)}), 0, 'each waits to be confirmed');
	is($node->safe_psql($database, q{SELECT count(*) FROM warden.schedule_runs}), 0, 'without a history');
	$restored{$database} //= now_at($node);
	return;
}

quiet('pg_dump', 'pg_dump', '-f', "$folder/plain.sql", 'shop');
my $plain = new_database();
quiet('psql', @psql, '-f', "$folder/plain.sql", $plain);
check($plain, 'plain');
sub copies { return [ map { s/^(SELECT pg_catalog.setval\('warden[^\n]*).*/$1/sr } slurp_file($_[0]) =~ /^(COPY warden\..*?^\\\.)$/msg ]; }
quiet('pg_dump of what was restored', 'pg_dump', '-f', "$folder/again.sql", $plain);
is_deeply(copies("$folder/again.sql"), copies("$folder/plain.sql"), 'dumped again, the jobs are the same');

quiet('pg_dump --clean', 'pg_dump', '--clean', '--if-exists', '--column-inserts', '-f', "$folder/clean.sql", 'shop');
my $clean = new_database();
quiet("psql, --clean", @psql, '-c', 'SET client_min_messages = warning', '-f', "$folder/clean.sql", $clean);
check($clean, 'clean');
quiet('psql, --clean, over what is there', @psql, '-c', 'SET client_min_messages = warning', '-f', "$folder/clean.sql", $clean);
check($clean, 'clean, over what is there');

quiet('pg_dump -Fc', 'pg_dump', '-Fc', '-f', "$folder/custom", 'shop');
my $parallel = new_database();
quiet('pg_restore -j', 'pg_restore', '--exit-on-error', '-j', 4, '-d', $parallel, "$folder/custom");
check($parallel, 'parallel');
my $sections = new_database();
quiet("pg_restore $_", 'pg_restore', '--exit-on-error', "--section=$_", '-d', $sections, "$folder/custom")
  for 'pre-data', 'data', 'post-data';
check($sections, 'in sections');
my $data = new_database();
quiet('pg_dump -s', 'pg_dump', '-s', '-f', "$folder/schema.sql", 'shop');
quiet('schema', @psql, '-f', "$folder/schema.sql", $data);
quiet('pg_dump -a', 'pg_dump', '-a', '-f', "$folder/data.sql", 'shop');
quiet('data', @psql, '-f', "$folder/data.sql", $data);
check($data, 'schema and data');
my $single = new_database();
quiet('pg_restore in one transaction', 'pg_restore', '-1', '-d', $single, "$folder/custom");
check($single, 'in one transaction');

# By the owner of the database, who may not see the commands of others.
$node->safe_psql('shop', 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO keeper');
quiet('pg_dump by the owner of the database', 'pg_dump', '-U', 'keeper', '-f', "$folder/keeper.sql", 'shop');
my ($definitions) = grep { /schedule_definitions/ } @{ copies("$folder/keeper.sql") };
unlike($definitions, qr/of a superuser|back\\\\slash/, 'it has no commands of others');
like($definitions, qr/<insufficient privilege>/, 'but says that there are some');
like($definitions, qr/\tkept\t.*keeper=INSERT/, 'and its own');
my $seen = new_database();
quiet('psql', @psql, '-f', "$folder/keeper.sql", $seen);
is($node->safe_psql($seen, 'SELECT count(*) FROM warden.schedule_jobs'), $number, 'all jobs can be restored');
is($node->safe_psql($seen, q{SELECT warden.schedule_resume_restored() > 0}), 't', 'and confirmed');
ok(defined within(10, $node, $seen, q{SELECT count(*) > 0 FROM ran WHERE at > (SELECT max(at) FROM ran) - interval '2 seconds' AND job = 'kept'}),
	'those with a command run');

# Without the role of an owner.
$node->safe_psql('shop', q{SELECT warden.schedule_remove('orphan')});
$node->safe_psql('postgres', "DROP DATABASE $_") for grep { $_ ne $plain } sort keys %restored;
$node->safe_psql('postgres', "DROP DATABASE $seen");
$node->safe_psql($_, 'REVOKE ALL ON FUNCTION warden.schedule_add FROM leaving') for 'shop', $plain;
$node->safe_psql('postgres', 'DROP ROLE leaving');
my $without = new_database();
my $text = slurp_file("$folder/plain.sql") =~ s/^GRANT [^\n]* TO leaving;\n//mgr;
append_to_file("$folder/without.sql", $text);
quiet('psql without a role', @psql, '-f', "$folder/without.sql", $without);
is($node->safe_psql($without, q{SELECT owner, waiting_for ~ 'schedule_resume_restored' FROM warden.schedule_jobs WHERE name = 'orphan'}),
	'|t', 'a job without an owner is there');
is_same($node->safe_psql($without, $jobs) =~ s/^orphan.*\n?//mr, $expected =~ s/^orphan.*\n?//mr, 'as are all others');
$node->safe_psql($without, 'TRUNCATE ran; SELECT warden.schedule_resume_restored()');
is($node->safe_psql($without, q{SELECT waiting_for ~ 'role' FROM warden.schedule_jobs WHERE name = 'orphan'}), 't', 'it lacks its role');
ok(defined within(10, $node, $without, 'SELECT count(DISTINCT job) = 2 FROM ran'), 'when confirmed, the others run');
is(count_of($node, $without, 'orphan'), 0, 'but not that one');
is(count_of($node, $without, 'paused'), 0, 'nor one that was paused');
is($node->safe_psql($without, q{SELECT schedule FROM warden.schedule_jobs WHERE name = 'maintain'}), '@hourly',
	'the built-in job is as it was changed');
$node->safe_psql($without, q{SELECT warden.schedule_remove('orphan')});
add_job($node, $without, 'new', '1 second');
ok(defined within(10, $node, $without, q{SELECT count(*) > 0 FROM ran WHERE job = 'new'}), 'new jobs do not collide with those restored');

# All the while nothing has fired in the first that was restored; one by one, and all others, they can be confirmed.
is($node->safe_psql($plain, "SELECT count(*) FROM ran WHERE slot > '$restored{$plain}'"), 0, 'what was restored has not fired');
my $moment = now_at($node);
$node->safe_psql($plain, q{SELECT warden.schedule_resume('every second')});
ok(defined within(10, $node, $plain, "SELECT count(*) > 1 FROM ran WHERE slot > '$moment'"), 'one that is confirmed does');
is($node->safe_psql($plain, "SELECT count(DISTINCT job) FROM ran WHERE slot > '$moment'"), 1, 'and no other');
is($node->safe_psql($plain, "SELECT count(*) FROM ran WHERE at > '$moment' AND slot < '$moment'"), 0, 'from now on');
is($node->safe_psql($plain, q{SET ROLE keeper; SELECT count(*) FROM warden.schedule_jobs WHERE waiting_for ~ 'schedule_resume_restored'}),
	$number - 2, 'the others wait, but for the one that is paused');

finish(undef, $node);
