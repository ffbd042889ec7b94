# Advice from end to end: what was really run, the indexes for it, what they brought; a table where an index would cost
# its writers more than it saves; an index that does not help, which is to go again.
#
# Needs TAP, because of shared_preload_libraries.  Counts and verdicts are looked at, never times.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('workload', <<'END');
shared_preload_libraries = 'pg_stat_statements, pg_warden'
warden.scheduler = off
pg_stat_statements.track = top
warden.advice_sample_rate = 1
warden.advice_sample_min_duration = -1
warden.advice_measure_every = 0
warden.advice_outcome_after = 0
warden.advice_outcome_calls = 20
max_parallel_workers_per_gather = 0
jit = off
END

sub ask
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

# Each as a statement of its own, with the numbers from one to another in the place of %d.
sub repeat
{
	my ($format, $from, $to) = @_;
	return join ';', map { sprintf $format, $_ } $from .. $to;
}

# What there is until then counts no more.
sub forget
{
	return ask('SELECT pg_stat_statements_reset() IS NULL, pg_stat_reset() IS NULL; SET warden.advice_sample_rate = 0; CALL warden.maintain();'
		. ' DELETE FROM warden.advice_samples');
}

ask(q{SET warden.advice_sample_rate = 0;
	CREATE EXTENSION pg_stat_statements;
	CREATE TABLE orders (id integer PRIMARY KEY, customer integer, status text, touched integer DEFAULT 0, fill text) WITH (fillfactor = 80);
	INSERT INTO orders SELECT i, i % 5000, CASE WHEN i % 100 = 0 THEN 'open' WHEN i % 100 = 1 THEN 'held' ELSE 'done' END, 0, repeat('x', 400)
		FROM generate_series(1, 30000) i;
	CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject integer, fill text) WITH (fillfactor = 40);
	INSERT INTO events (subject, fill) SELECT i % 15000, repeat('x', 400) FROM generate_series(1, 30000) i;
	CREATE FUNCTION orders_of(of integer) RETURNS bigint LANGUAGE plpgsql AS
		$$BEGIN RETURN (SELECT count(fill) FROM orders WHERE customer = of); END$$;});
ask('VACUUM ANALYZE');
forget();

# A shop: its orders by customer, also in a function; those of a status; and who writes.
my $by_customer = repeat('SELECT fill FROM orders WHERE customer = %d', 1, 40);
my $by_function = repeat('SELECT orders_of(%d)', 1, 20);
my $held = repeat(q{SELECT count(fill) FROM orders WHERE status = 'held' AND id > %d}, 1, 20);
my $any_status = join ';', map { "SELECT max(fill) FROM orders WHERE status = '$_'" } qw(open held done);
my $touch = repeat('UPDATE orders SET touched = touched + 1 WHERE id = %d', 1, 30);
my $close = repeat(q{UPDATE orders SET status = 'done' WHERE id = %d}, 40, 50);
ask("$by_customer; $by_function; $held; $any_status; $touch; $close; SELECT pg_stat_force_next_flush()");
ask('SET warden.advice_sample_rate = 0; CALL warden.maintain()');

is(ask(q{SELECT count(*) FROM (SELECT query_id, sum(calls) AS calls, sum(total_ms) AS ms FROM warden.advice_workload
		WHERE source = 'pg_stat_statements' GROUP BY query_id) w
	JOIN pg_stat_statements s ON s.queryid = w.query_id
	WHERE s.query ~ ' (FROM|UPDATE) *orders' AND (w.calls <> s.calls OR abs(w.ms - s.total_exec_time) > 1e-6 * s.total_exec_time)}),
	0, 'samples of a statement together are what was counted of it');
is(ask(q{SELECT bool_and(abs(ms_per_day - total_ms * 24) < 1e-6 * ms_per_day) FROM warden.advice_workload WHERE since > now() - interval '30 minutes'}),
	't', 'a short time is taken for an hour');

ask('SET warden.advice_sample_rate = 0; CREATE TABLE advised AS SELECT * FROM warden.advice_missing()');
is(ask(q{SELECT count(*) FROM advised WHERE command LIKE '%(customer)%' AND relation = 'orders'::regclass}), 1, 'an index for the clear case');
is(ask(q{SELECT sum(CASE WHEN q -> 'saved_ms' IS NULL THEN 1 ELSE 0 END) FROM advised, jsonb_array_elements(queries) q}), 0, 'queries say what they save');
is(ask(q{SELECT bool_and((SELECT count(*) = count(DISTINCT q -> 'id') FROM jsonb_array_elements(queries) q)) FROM advised}), 't',
	'samples of a query are one query');
is(ask(q{SELECT count(*) FROM advised a WHERE saved_ms > (SELECT sum(ms_per_day) FROM warden.advice_workload w
	WHERE w.query_id IN (SELECT (q ->> 'id')::bigint FROM jsonb_array_elements(a.queries) q))}), 0, 'no more is saved than is taken');
is(ask(q{SELECT count(*) FROM advised, jsonb_array_elements(queries) q JOIN pg_stat_statements s ON s.queryid = (q ->> 'id')::bigint
	WHERE s.query ~ 'orders_of'}), 0, 'who only calls a function has no part in it');
is(ask(q{SELECT count(*) FROM advised WHERE command ~ 'WHERE .*open'}), 0, 'no partial index for one of several constants');
is(ask(q{SELECT count(*) FROM advised WHERE contribution NOT BETWEEN 0 AND 1 OR write_ms < 0 OR saved_ms <= write_ms}), 0, 'shares and costs are in order');

# What writes is noted although it takes next to no time.
is(ask(q{SELECT count(*) > 0 FROM advised WHERE EXISTS (SELECT FROM unnest(caveats) c WHERE c ~ 'HOT updates a day would no longer')}),
	ask(q{SELECT count(*) > 0 FROM advised WHERE command ~ 'status'}), 'an index on what an update sets says so');

# Built, it is used, and after the observation there is nothing more to say.
ask('SET warden.advice_sample_rate = 0; SELECT command FROM advised ORDER BY rank \gexec');
ask('VACUUM ANALYZE');
ask('CALL warden.maintain()');
ask("$by_customer; SELECT pg_stat_force_next_flush()");
ask('CALL warden.maintain()');
is(ask(q{SELECT verdict, command IS NULL, scans >= 40 FROM warden.advice_outcomes WHERE command IS NULL
	AND index IN (SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'orders'::regclass AND indkey[0] = 2)}), 'helped|t|t', 'it has helped');
is(ask(q{SELECT sum(w.total_ms) < min(s.total_exec_time) AND abs(sum(w.total_ms) / sum(w.calls) - min((o.query ->> 'mean_ms_after')::float8)) < 1e-6
	FROM pg_stat_statements s JOIN warden.advice_workload w ON w.query_id = s.queryid
	JOIN (SELECT jsonb_array_elements(queries) AS query FROM warden.advice_outcomes WHERE index IS NOT NULL) o ON (o.query ->> 'query_id')::bigint = s.queryid
	WHERE s.query ~ '^SELECT fill FROM orders WHERE customer'}), 't', 'what was slow before counts no more');
ask('SET warden.advice_sample_rate = 0; CREATE TABLE advised_again AS SELECT * FROM warden.advice_missing()');
is(ask(q{SELECT count(*) FROM advised_again WHERE command LIKE '%(customer)%'}), 0, 'what is there is not advised again');
forget();

# One that is built and that the planner then does not take, whatever for, is to go again: its queries take as long as
# before, or longer by chance.
my $by_subject = repeat('SELECT fill FROM events WHERE subject = %d', 1, 30);
ask($by_subject);
ask(q{SET warden.advice_sample_rate = 0; SELECT command FROM warden.advice_missing() WHERE relation = 'events'::regclass ORDER BY rank \gexec});
ask('CALL warden.maintain()');
ask("SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off; $by_subject; SELECT pg_stat_force_next_flush()");
ask('CALL warden.maintain()');
my $useless = q{FROM warden.advice_outcomes WHERE relation = 'events'::regclass};
is(ask("SELECT verdict IN ('no_effect', 'harmful'), command LIKE 'DROP INDEX CONCURRENTLY %', scans $useless"), 't|t|0', 'an index that did not help is to go');
ask("SELECT command $useless \\gexec");
ask('CALL warden.maintain()');
is(ask("SELECT verdict, command IS NULL $useless"), 'dropped|t', 'and is remembered when it has gone');
forget();

# Few reads, many updates that are HOT now, of the column that is read by.
ask(join ';', repeat('SELECT fill FROM events WHERE subject = %d', 1, 3),
	q{DO $$BEGIN FOR i IN 1 .. 30000 LOOP UPDATE events SET subject = subject + 1 WHERE id = i; END LOOP; END$$},
	'SELECT pg_stat_force_next_flush()');
ask('SET warden.advice_sample_rate = 0; CALL warden.maintain()');
is(ask(q{SELECT n_tup_hot_upd > 20000 FROM pg_stat_user_tables WHERE relname = 'events'}), 't', 'updates are HOT');
ask('SET warden.advice_sample_rate = 0; CREATE TABLE advised_events AS SELECT * FROM warden.advice_missing()');
is(ask(q{SELECT string_agg(command || ' ' || saved_ms || ' ' || write_ms, E'\n') FROM advised_events WHERE relation = 'events'::regclass}), '', 'an index that costs more than it saves is not advised');

# A restart does not make rates of what was counted before it.
my $rate = q{SELECT calls_per_day FROM warden.advice_workload WHERE query ~ '^UPDATE events' LIMIT 1};
$node->restart;
is(ask(q{SET warden.advice_sample_rate = 0; SELECT count(*) FROM warden.advice_missing() WHERE relation = 'events'::regclass}), 0, 'nor after a restart');

finish(undef, $node);
