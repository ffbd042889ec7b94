# A DROP is verified with the workload: statements are planned without the index, and if one becomes dearer it stays.
#
# Needs TAP, because the workload is what pg_stat_statements and the sampler have seen, which are preloaded.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('server', q{
shared_preload_libraries = 'pg_stat_statements, pg_warden'
warden.scheduler = off
warden.advice_sample_rate = 1
max_parallel_workers_per_gather = 0
});
$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_stat_statements;
	CREATE TABLE w (a int, b int, c text, d int, e int, f int, h int);
	INSERT INTO w SELECT g, g % 5000, repeat(md5(g::text), 8), g % 1000, g % 2, g, g % 100 FROM generate_series(1, 20000) g;
	CREATE INDEX w_a ON w (a);
	CREATE INDEX w_ac ON w (a, c);
	CREATE INDEX w_b ON w (b);
	CREATE INDEX w_be ON w (b, e);
	CREATE INDEX w_all ON w (d, a);
	CREATE INDEX w_some ON w (d) WHERE a > 0;
	CREATE INDEX w_hall ON w (h, a);
	CREATE INDEX w_half ON w (h) WHERE e = 1;
	CREATE INDEX w_no ON w (d) WHERE b > 10;
	CREATE INDEX w_rare ON w (f);});
$node->safe_psql('postgres', 'VACUUM ANALYZE w');

sub value
{
	return $node->safe_psql('postgres', $_[0]);
}

sub verdict
{
	my ($index) = @_;
	return value("SELECT concat_ws('|', verdict, covered_by, array_length(caveats, 1)) FROM warden.advice_indexes('$index')");
}
sub reason
{
	my ($index) = @_;
	return value("SELECT reason FROM warden.advice_indexes('$index')");
}

is(verdict('w_some'), 'keep|w_all', 'what has fewer rows stays as long as no statement is known');

# The sampler takes the statements with their constants.
$node->safe_psql('postgres', 'SELECT count(*) FROM w WHERE a BETWEEN 100 AND 4000') for 1 .. 5;
$node->safe_psql('postgres', 'SELECT * FROM w WHERE b = 77') for 1 .. 5;
$node->safe_psql('postgres', 'SELECT * FROM w WHERE d = 77 AND a > 0') for 1 .. 5;
$node->safe_psql('postgres', 'SELECT * FROM w WHERE h = 8 AND e = 1') for 1 .. 5;
$node->safe_psql('postgres', 'SELECT count(*) FROM w WHERE f = 5') for 1 .. 5;
$node->safe_psql('postgres', 'CALL warden.maintain()');
cmp_ok(value(q{SELECT count(*) FROM warden.advice_workload WHERE query ~ 'FROM w ' AND skipped_reason IS NULL}), '>=', 5,
	'there is a workload');

like(reason('w_a'), qr/w_ac covers it, but without it query -?\d+ would cost [\d.]+ instead of [\d.]+/, 'one that is much smaller stays');
is(value(q{SELECT verdict, command IS NULL FROM warden.advice_indexes('w_a')}), 'keep|t', 'and there is no command');
is(verdict('w_b'), 'redundant|w_be', 'one that is as good is redundant, which is verified');
is(verdict('w_some'), 'redundant|w_all', 'also with fewer rows, if that does not matter');
is(verdict('w_no'), 'keep|w_all', 'but not if no statement shows that');
like(reason('w_no'), qr/no statement is known/, 'which is said');
like(reason('w_half'), qr/without it query/, 'or if it matters');

# What was not scanned for so long, though statements of the workload would.
$node->safe_psql('postgres', 'SELECT pg_stat_reset()');
$node->safe_psql('postgres', q{
	DELETE FROM warden.advice_index_use; DELETE FROM warden.advice_servers;
	CALL warden.maintain();
	UPDATE warden.advice_servers SET began_at = began_at - interval '36 days';
	UPDATE warden.advice_index_use SET observed_since = observed_since - interval '36 days';});
like(reason('w_rare'), qr/^it was not scanned in 36 days of observation, with 0 writes, but without it query/,
	'what was not used but would be missed stays');

# None of this was noticed by anybody, or kept a lock.
is(value(q{SELECT count(*) FROM pg_locks WHERE relation = 'w'::regclass}), 0, 'no lock is left');
is(value(q{BEGIN; SELECT count(*) AS n FROM warden.advice_indexes('w') \gset
	SELECT count(*) FROM pg_locks WHERE relation IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'w'::regclass UNION SELECT 'w'::regclass)}),
	0, 'also in a transaction');

# A table that is locked is not waited for.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE w');
is($node->safe_psql('postgres', q{SELECT DISTINCT verdict FROM warden.advice_indexes('w')}), 'unknown', 'what is locked was not looked at');
$locker->query_safe('ROLLBACK');
$locker->quit;

# Tables that go while they are judged stop nothing.
my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/ddl.sql", q{
	CREATE TABLE parent (a int PRIMARY KEY);
	CREATE TABLE gone (a int REFERENCES parent, b int);
	CREATE INDEX gone_a ON gone (a); CREATE INDEX gone_ab ON gone (a, b); CREATE INDEX gone_b ON gone (b);
	DROP TABLE gone, parent;});
append_to_file("$directory/judge.sql", "SELECT count(*) FROM warden.advice_indexes();\n");
my $ddl = IPC::Run::start([ 'pgbench', '-n', '-T', 60, '-f', "$directory/ddl.sql", $node->connstr('postgres') ],
	'<', \undef, '>', "$directory/ddl.out", '2>&1');
command_like([ 'pgbench', '-n', '-t', 300, '-f', "$directory/judge.sql", $node->connstr('postgres') ],
	qr{actually processed: 300/300}, 'advice while tables come and go');
$ddl->signal('TERM');
$ddl->finish;

finish(undef, $node);
