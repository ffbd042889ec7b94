# The library gets along with others that hook into the server, whichever is first; and with settings of roles and
# databases that change what statements mean.
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

my @others = qw(pg_stat_statements auto_explain);
my $node = start_scheduler('preload', <<'END');
auto_explain.log_min_duration = 0
auto_explain.log_analyze = on
auto_explain.log_nested_statements = on
auto_explain.log_triggers = on
pg_stat_statements.track = all
END
my $procedure = q{CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO ran VALUES (current_setting('warden.job_name'), current_setting('warden.job_scheduled_for')::timestamptz);
		COMMIT;
		PERFORM count(*) FROM ran;
	END $$};
$node->safe_psql('postgres', "$procedure; CREATE TABLE swept (n integer)");
my %commands = (
	insert => $body,
	call => 'CALL twice()',
	several => "VACUUM swept; BEGIN; $body; COMMIT; REINDEX TABLE CONCURRENTLY swept");
for my $libraries ('pg_warden, pg_stat_statements, auto_explain', 'auto_explain, pg_stat_statements, pg_warden')
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$libraries'");
	$node->restart;
	my ($first) = $libraries =~ /^(\w+)/;
	add_job($node, 'postgres', "$_, $first", '1 second', command => $commands{$_}) for sort keys %commands;
	ok(defined within(10, $node, 'postgres', qq{SELECT count(*) = 3 FROM
		(SELECT job FROM ran WHERE job ~ '$first' GROUP BY job HAVING count(*) >= 2) j}), "$libraries: jobs run");
	is($node->safe_psql('postgres', q{
		CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
		SELECT count(*) FROM pg_stat_statements WHERE query = $$CALL twice()$$ AND calls > 0}), 1, 'and are seen by the others');
	is_accounted($node, 'postgres', "$_, $first", $libraries) for sort keys %commands;
	$node->safe_psql('postgres', "SELECT warden.schedule_pause(name) FROM warden.schedule_jobs");
}
cmp_ok(scalar(said($node, 0, qr/ pg_warden job .*duration: .*plan:/)), '>', 5, 'plans of jobs are logged');

# Settings that change what a statement means.
$node->safe_psql('postgres', q{
	CREATE DATABASE odd TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
	CREATE ROLE odd LOGIN CONNECTION LIMIT 0;});
$node->safe_psql('odd', 'CREATE EXTENSION pg_warden; GRANT EXECUTE ON FUNCTION warden.schedule_add TO odd');
prepare($node, 'odd');
add_job($node, 'odd', 'super', '1 second');
add_job($node, 'odd', 'plain', '1 second', owner => 'odd');
ok(defined within(10, $node, 'odd', 'SELECT count(DISTINCT job) = 2 FROM ran'), 'jobs run, also of a role with a limit of connections')
  or diag($node->safe_psql('odd', 'SELECT job, status, sqlstate, message FROM warden.schedule_runs LIMIT 9'));
my @odd = (
	[ 'DateStyle', "'SQL, DMY'" ], [ 'IntervalStyle', "'sql_standard'" ], [ 'TimeZone', "'Asia/Kathmandu'" ],
	[ 'standard_conforming_strings', 'off' ], [ 'row_security', 'off' ], [ 'search_path', "'nowhere'" ], [ 'quote_all_identifiers', 'on' ],
	[ 'statement_timeout', "'10s'" ], [ 'lock_timeout', "'1s'" ], [ 'idle_in_transaction_session_timeout', "'1s'" ],
	[ 'default_transaction_isolation', 'serializable' ], [ 'default_transaction_deferrable', 'on' ], [ 'enable_seqscan', 'off' ],
	[ 'enable_indexscan', 'off' ], [ 'array_nulls', 'off' ], [ 'bytea_output', 'escape' ], [ 'client_min_messages', 'error' ],
	[ 'session_replication_role', 'replica' ], [ 'xmloption', 'document' ],
	[ 'extra_float_digits', '-15' ], [ 'transform_null_equals', 'on' ], [ 'log_statement', "'all'" ],
	[ 'track_activities', 'off' ], [ 'check_function_bodies', 'off' ], [ 'plan_cache_mode', 'force_generic_plan' ]);
for my $target ('DATABASE odd', 'ROLE odd', 'ROLE postgres')
{
	$node->safe_psql('postgres', join ' ', map { "ALTER $target SET $_->[0] = $_->[1];" } @odd);
}
my $odd = now_at($node);
ok(defined within(20, $node, 'odd', "SELECT count(*) = 2 FROM (SELECT job FROM public.ran WHERE slot > '$odd' GROUP BY job HAVING count(*) >= 3) j"),
	'nor do settings of the database or the roles keep them');
add_job($node, 'odd', 'late', '1 second');
ok(defined within(10, $node, 'odd', q{SELECT count(*) > 1 FROM public.ran WHERE job = 'late'}), 'jobs can be added with them');
is($node->safe_psql('odd', q{SET default_transaction_isolation = 'read committed';
	SELECT warden.schedule_pause('late'), warden.schedule_resume('late'), count(*) > 1
	FROM warden.schedule_jobs, warden.schedule_runs}), '||t', 'and looked at');
$node->safe_psql('postgres', "ALTER $_ RESET ALL") for 'DATABASE odd', 'ROLE odd', 'ROLE postgres';
is_accounted($node, 'odd', $_, 'with odd settings', least => 5) for 'super', 'plain';

# No network, no pg_hba.conf.
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
open(my $file, '>', $node->data_dir . '/pg_hba.conf') or die $!;
print $file "local all all reject\nhost all all all reject\n";
close $file;
$node->reload;
within(5, $node, 'odd', sub { !defined ask($node, 'odd', 'SELECT 1') }) // fail('clients are rejected');
usleep(2_500_000);
open($file, '>', $node->data_dir . '/pg_hba.conf') or die $!;
print $file $hba;
close $file;
$node->reload;
ok(defined within(5, $node, 'odd', 'SELECT true'), 'clients are let in again');
is_accounted($node, 'odd', $_, 'while nobody could connect', least => 5) for 'super', 'plain';
is_on_time($node, 'odd', 'plain', 5, 'on time');

finish(undef, $node);
