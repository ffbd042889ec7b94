# The sampler in sessions of all kinds: beside pg_stat_statements, in many sessions at once, within its limits, over a
# crash and a restart, on a standby; without a word of what is nobody's business.
#
# Needs TAP, because of shared_preload_libraries.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Kill;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('sampler', <<'END', allows_streaming => 1);
shared_preload_libraries = 'pg_warden, pg_stat_statements'
warden.scheduler = off
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
warden.advice_sample_rate = 1
warden.advice_sample_queries = 40
restart_after_crash = on
END

sub ask
{
	my ($query, $server) = @_;
	return ($server // $node)->safe_psql('postgres', $query);
}

# What advice_workload has of statements that match.
sub shown
{
	my ($columns, $pattern, $server) = @_;
	return ask("SELECT $columns FROM (SELECT * FROM warden.advice_workload WHERE query ~ '$pattern'
		ORDER BY query COLLATE \"C\", parameters) w", $server);
}

ask(q{
	CREATE SCHEMA counted;
	CREATE EXTENSION pg_stat_statements SCHEMA counted;
	CREATE TABLE items (id int PRIMARY KEY, name text);
	INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 1000) i;
	ANALYZE items;});

# The figures are those of pg_stat_statements, the text is that of the sample, whether a function ran it or not.
ask(q{
	CREATE FUNCTION nested() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) AS n FROM items WHERE id < 10';
	SELECT count(*) AS n FROM items WHERE id < 10;
	SELECT count(*) AS n FROM items WHERE id < 20;
	SELECT nested();});
is(shown('query, calls, source, skipped_reason', '^SELECT count'),
	"SELECT count(*) AS n FROM items WHERE id < 10|1.5|pg_stat_statements|\nSELECT count(*) AS n FROM items WHERE id < 20|1.5|pg_stat_statements|",
	'a statement at the top and in a function is one, with each of its constants');
ok(ask(q{SELECT bool_and(shared_blks_hit > 0) FROM counted.pg_stat_statements WHERE query ~ '^SELECT count'}) eq 't',
	'who comes after us still counts blocks');
is(shown('count(*)', 'nothing'), '0', 'nothing is what was not run');

# What was replaced so that it cannot be parsed is repaired.
ask(q{SET warden.advice_sample_rate = 0;
	SELECT name AS repaired FROM items WHERE now() - interval '1 day' > date '2020-01-01' AND EXTRACT(year FROM now()) > 3;
	SELECT name AS repaired, extract('month' FROM now()) FROM items WHERE id IN (1, 2, 3);});
is(ask(q{SELECT count(*) FROM warden.advice_workload WHERE query ~ 'AS repaired' AND skipped_reason IS NULL AND parameters IS NULL}), '2',
	'texts with parameters can be planned');

# Neither passwords nor what is ours.
ask(q{CREATE ROLE somebody PASSWORD 'swordfish'; ALTER ROLE somebody PASSWORD 'codfish'; CALL warden.maintain()});
is(shown('count(*)', 'fish|\mwarden\.'), '0', 'of a utility command there are no constants, of ours nothing');
is(ask(q{SELECT count(*) FROM warden.advice_samples WHERE text ~ 'fish|warden|pg_catalog|pg_class'}), '0', 'nor taken in');

# Values of a type of the user's own would have to be made text by its functions.
ask(q{
	CREATE TYPE own;
	CREATE FUNCTION own_in(cstring) RETURNS own LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
	CREATE FUNCTION own_out(own) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
	CREATE TYPE own (INPUT = own_in, OUTPUT = own_out, LIKE = int4);
	CREATE TYPE mood AS ENUM ('good', 'bad');
	PREPARE of_own (own, text) AS SELECT 'of own' FROM items WHERE name = $2 AND $1 IS NOT NULL;
	EXECUTE of_own ('3', 'x');
	PREPARE of_many (mood, int[], timestamptz, numeric) AS SELECT 'of many' FROM items WHERE $1 = 'bad' AND id = ANY ($2) AND now() > $3 AND id < $4;
	SET datestyle = 'SQL, DMY';
	EXECUTE of_many ('bad', '{1,2}', '2020-02-01 00:00+00', 4.50);
	PREPARE of_large (text) AS SELECT 'of large' FROM items WHERE name = $1;
	SELECT format('EXECUTE of_large (%L)', repeat('x', 100000)) \gexec});
is(shown('parameters, skipped_reason', '^SELECT .of (own|many|large)'), "|\n{bad,\"{1,2}\",\"2020-02-01 00:00:00+00\",4.50}|\n|", 'values that are safe to be had, in one form');

# A parallel query is one run, a cursor too, and one that fails is none.
ask(q{
	SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
	SELECT count(*) AS parallel FROM items WHERE name <> 'x';
	BEGIN; DECLARE c CURSOR FOR SELECT id AS cursor FROM items; FETCH 3 FROM c; COMMIT;});
my ($status) = $node->psql('postgres', q{SELECT id / 0 AS failing FROM items});
isnt($status, 0, 'a statement fails');
is(ask(q{SELECT calls FROM warden.advice_workload WHERE query ~ 'AS parallel' AND skipped_reason IS NULL}), '1', 'a parallel query is one');
is(ask(q{SELECT count(*) FROM warden.advice_workload WHERE query ~ 'AS cursor' AND skipped_reason IS NULL AND source = 'pg_stat_statements'}) > 0, 1, 'a cursor is planned as its query');
is(ask(q{SELECT count(*) FROM warden.advice_samples WHERE text ~ 'failing'}), '0', 'what fails is not sampled');

# Many sessions at once, and many values of one statement.
my @clients = map {
	launch($node, 'postgres',
		q{DO $$BEGIN FOR i IN 1 .. 300 LOOP EXECUTE format('SELECT id AS busy FROM items WHERE id = %s', i); END LOOP; END$$})
} 1 .. 4;
for my $client (@clients)
{
	my ($exit, undef, $errors) = result($client);
	is("$exit $errors", '0 ', 'a session is not disturbed');
}
is(shown('count(*), sum(calls)', 'AS busy FROM'), '3|1200', 'three of all that were run stand for them');
ask('CALL warden.maintain()');
is(shown('count(*), sum(calls)', 'AS busy FROM'), '3|1200', 'also when they were taken in');

# The room is limited.
ask(q{SELECT format('SELECT %s FROM items AS limited', string_agg('id AS c' || i, ', ')) FROM generate_series(1, 200) n, generate_series(1, n) i GROUP BY n \gexec});
ask('CALL warden.maintain()');
cmp_ok(ask(q{SELECT count(DISTINCT query_id) FROM warden.advice_samples WHERE text ~ 'AS limited'}), '<=', 40, 'there is room for so many');
cmp_ok(ask('SELECT count(*) FROM warden.advice_samples'), '>', 10, 'which is used');

# Maintenance that finds nothing writes nothing.
my $written = q{SELECT pg_current_wal_insert_lsn()};
ask('SET warden.advice_sample_rate = 0; CALL warden.maintain()');
is(ask(q{SET warden.advice_sample_rate = 0; SET warden.bloat_snapshot_budget = 0;
	SELECT max(xmin::text::bigint) = (SELECT max(xmin::text::bigint) FROM warden.advice_samples) FROM warden.advice_samples}), 't', 'quiet');

# On a standby what was run there is seen there.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
ask('SELECT name AS on_standby FROM items WHERE id = 77', $standby);
is(shown('query, skipped_reason', 'AS on_standby', $standby), 'SELECT name AS on_standby FROM items WHERE id = 77|', 'a sample of the standby');
is(shown('count(*)', 'AS on_standby'), '0', 'is not of the primary');
ask('CALL warden.maintain()', $standby);
is(shown('count(*)', 'AS on_standby', $standby), '1', 'maintenance leaves it there');

# A crash forgets what is in memory, and nothing else.
ask('SELECT name AS before_crash FROM items WHERE id = 1');
my $session = $node->background_psql('postgres', on_error_stop => 0);
ok(kill_process($node, $session->query_safe('SELECT pg_backend_pid()')), 'a session is killed');
$session->{run}->finish;
is(shown('count(*)', 'AS before_crash FROM items WHERE id = 1$'), '0', 'a sample in memory is gone');
is(ask(q{SELECT count(*) > 0 FROM warden.advice_samples WHERE text ~ 'AS busy'}), 't', 'one in the table is there');

# Without query ids we have our own; without pg_stat_statements the figures are ours.
$node->append_conf('postgresql.conf', "compute_query_id = off\nshared_preload_libraries = 'pg_warden'");
$node->restart;
ask(q{SELECT name AS own_id FROM items WHERE id = 1; select name as OWN_ID from items where id = 2;});
is(shown('query, calls, source, query_id = min(query_id) OVER ()', 'own_id|OWN_ID'),
	"SELECT name AS own_id FROM items WHERE id = 1|1|sample|t\nselect name as OWN_ID from items where id = 2|1|sample|t", 'other constants are the same statement');
ask(q{DROP EXTENSION pg_stat_statements});
is(shown('count(*)', 'own_id'), '1', 'pg_stat_statements may go');

# The rate makes up for what is not seen.
ask(q{SET warden.advice_sample_rate = 0.5; SELECT format('SELECT id AS estimated FROM items WHERE id = %s', i) FROM generate_series(1, 1000) i \gexec});
ok(abs(shown('sum(calls)', 'AS estimated FROM') - 1000) < 200, 'half of all stand for all');
ask(q{SET warden.advice_sample_rate = 0; SET warden.advice_sample_min_duration = '500 ms';
	SELECT max(CASE WHEN a.id = 1 AND b.id = 1 THEN pg_sleep(0.6)::text END) AS slow FROM items a, items b WHERE a.id < 100;
	SELECT 'fast' FROM items});
is(shown('calls, total_ms >= 500', 'AS slow|fast'), '1|t', 'what is slow is always sampled');

# The extension may go while the library stays.
ask('DROP EXTENSION pg_warden; SELECT count(*) FROM items; CREATE EXTENSION pg_warden; CALL warden.maintain()');
is(ask('SELECT count(*) > 0 FROM warden.advice_workload'), 't', 'and come again');

# Not preloaded: there is what was taken in.
ask('SELECT name AS at_last FROM items WHERE id = 5; CALL warden.maintain()');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
ask('CALL warden.maintain()');
is(shown('count(*)', 'AS at_last'), '1', 'the table is read without preloading');

finish(qr/terminated by signal 9/, $node, $standby);
