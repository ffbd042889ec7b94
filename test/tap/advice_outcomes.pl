# What an index has brought, by pg_stat_statements: times before and after of the queries that it was built for and of those
# that write, resets passed over, and nothing that its server's restart or a standby would disturb.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('outcomes', <<END, allows_streaming => 1);
shared_preload_libraries = 'pg_stat_statements, pg_warden'
warden.scheduler = off
warden.advice_measure_every = 0
warden.advice_outcome_after = 0
warden.advice_outcome_calls = 50
max_parallel_workers_per_gather = 0
END
$node->safe_psql('postgres', <<'END');
CREATE EXTENSION pg_stat_statements;
CREATE TABLE slow (id integer PRIMARY KEY, a integer, b integer, fill text);
INSERT INTO slow SELECT i, i, i, repeat('x', 500) FROM generate_series(1, 20000) i;
CREATE TABLE written (id integer, a integer, fill text);
INSERT INTO written SELECT i, i, repeat('x', 500) FROM generate_series(1, 5000) i;
ANALYZE slow, written;
SELECT pg_stat_statements_reset();
END
my $reads = join ';', map { "SELECT fill FROM slow WHERE a = $_" } 1 .. 60;
my $others = join ';', map { "SELECT count(fill) FROM slow WHERE fill LIKE '%y' AND b % 70 <> $_" } 1 .. 60;
my $writes = join ';', map { "UPDATE slow SET fill = repeat('z', 500) WHERE id = $_" } 1 .. 10;
$node->safe_psql('postgres', "$reads; $others; $writes");

sub id_of
{
	return $node->safe_psql('postgres', qq{SELECT queryid FROM pg_stat_statements WHERE query LIKE '$_[0]%'});
}
my ($read, $other) = (id_of('SELECT fill FROM slow WHERE a ='), id_of('SELECT count(fill)'));

# The advice of this workload, which is remembered with the queries that it is for, and with who writes to the table.
is($node->safe_psql('postgres', 'SELECT count(*) FROM warden.advice_missing()'), 1, 'one index is advised');
is($node->safe_psql('postgres', q{SELECT relation, verdict, command LIKE 'CREATE INDEX CONCURRENTLY % (a);', predicted_bytes > 0, predicted_saved_ms > 0,
	jsonb_array_length(queries), queries -> 0 -> 'query_id', (queries -> 0 ->> 'calls_before')::int,
	(queries -> 0 ->> 'mean_ms_before')::float8 > (queries -> 0 ->> 'predicted_mean_ms')::float8, queries -> 0 -> 'calls_after'
	FROM warden.advice_outcomes}), "slow|not_built|t|t|t|1|$read|60|t|null", 'it is remembered with what was predicted');
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.advice_measures m JOIN pg_stat_statements s ON s.queryid = m.query_id
	WHERE m.is_write AND s.query LIKE 'UPDATE slow%'}), 1, 'and with the statement that writes to the table');

# The same again is the same advice; what only reads does not write.
$node->safe_psql('postgres', 'SELECT count(*) FROM warden.advice_missing()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM warden.advice_given'), 1, 'the same advice is remembered once');
is($node->safe_psql('postgres', 'BEGIN READ ONLY; SELECT count(*) FROM warden.advice_missing(); COMMIT'), 1, 'advice can be had in a transaction that is read-only');

# More calls until it is built count as before; those in the interval in which it was built count not at all.
$node->safe_psql('postgres', $reads);
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', q{SELECT queries -> 0 ->> 'calls_before' FROM warden.advice_outcomes}), 120, 'calls before it is built are added up');
$node->safe_psql('postgres', "$reads; CREATE INDEX any_name ON slow (a); $reads");
$node->safe_psql('postgres', 'CALL warden.maintain()');
my $calls = q{SELECT verdict, queries -> 0 ->> 'calls_before', queries -> 0 ->> 'calls_after' FROM warden.advice_outcomes WHERE index = 'any_name'::regclass};
is($node->safe_psql('postgres', $calls), 'waiting|120|0', 'the interval in which it was built is neither');
$node->safe_psql('postgres', "$reads; $writes; SELECT pg_stat_force_next_flush()");
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', $calls), 'helped|120|60', 'calls since then are those after');
is($node->safe_psql('postgres', q{SELECT scans >= 60, saved_ms > 0, bytes > 0, command, (writes ->> 'rows_per_day_after')::float8 > 0,
	(writes ->> 'mean_ms_after')::float8 > 0, (queries -> 0 ->> 'mean_ms_after')::float8 < (queries -> 0 ->> 'mean_ms_before')::float8 / 2
	FROM warden.advice_outcomes}), 't|t|t||t|t|t', 'scans, time, size and writes are measured');

# Counters that begin anew.
$node->safe_psql('postgres', "SELECT pg_stat_statements_reset(); SELECT pg_stat_reset(); $reads; SELECT pg_stat_force_next_flush()");
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', $calls), 'helped|120|120', 'after a reset counters count from nothing');
is($node->safe_psql('postgres', q{SELECT scans >= 120 FROM warden.advice_outcomes}), 't', 'scans too');
$node->restart;
$node->safe_psql('postgres', $reads);
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', $calls), 'helped|120|180', 'a restart disturbs nothing');

# One whose queries do not use it.
my $shape = q{(SELECT shape FROM warden.advice_given WHERE index = 'any_name'::regclass::oid)};
$node->safe_psql('postgres', qq{INSERT INTO warden.advice_given (relation, shape, command, predicted_bytes)
	VALUES ('slow'::regclass::oid, replace($shape, '; 2 ', '; 3 '), 'CREATE INDEX CONCURRENTLY ON public.slow (b)', 8192);
	INSERT INTO warden.advice_measures (advice, query_id, is_write) SELECT max(id), $other, false FROM warden.advice_given});
$node->safe_psql('postgres', $others);
$node->safe_psql('postgres', 'CALL warden.maintain()');
$node->safe_psql('postgres', 'CREATE INDEX useless ON slow (b)');
$node->safe_psql('postgres', 'CALL warden.maintain()');
$node->safe_psql('postgres', $others);
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', q{SELECT verdict, command, saved_ms IS NOT NULL FROM warden.advice_outcomes WHERE index = 'useless'::regclass}),
	'no_effect|DROP INDEX CONCURRENTLY public.useless|t', 'an index that did not help is to go');
$node->safe_psql('postgres', 'DROP INDEX useless');
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', q{SELECT index IS NULL, verdict, command IS NULL, dropped_at IS NOT NULL FROM warden.advice_outcomes WHERE bytes IS NOT NULL AND index IS NULL}),
	't|dropped|t|t', 'and is remembered when it has gone');

# A table that somebody has locked is passed over, without waiting.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE slow IN ACCESS EXCLUSIVE MODE');
my $before = $node->safe_psql('postgres', 'SELECT max(measured_at) FROM warden.advice_given');
my ($status, $stdout, $stderr) = $node->psql('postgres', 'CALL warden.maintain()', timeout => 60);
is($status, 0, 'maintenance does not fail because of a lock') or diag $stderr;
unlike($stderr, qr/advised/, 'nor warn');
$locker->query_safe('COMMIT');
$locker->quit;

# A standby gives advice, and remembers none; it maintains nothing.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
($status, $stdout, $stderr) = $standby->psql('postgres', q{SELECT count(*) FROM warden.advice_missing(queries => ARRAY['SELECT a FROM written WHERE a = 7'])});
is("$status|$stderr", '0|', 'advice on a standby');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM warden.advice_outcomes'), $node->safe_psql('postgres', 'SELECT count(*) FROM warden.advice_outcomes'),
	'a standby shows what its primary has measured');
($status, $stdout, $stderr) = $standby->psql('postgres', 'CALL warden.maintain()');
is($status, 0, 'maintenance of a standby') or diag $stderr;

finish(undef, $standby, $node);
