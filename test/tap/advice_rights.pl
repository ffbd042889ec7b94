# Whose rights code of others has while we plan: whatever is in a query, an index, a policy, a view or an operator runs as who
# planned it asks for or as its table's owner, never as the one who calls advice_*, and it can neither write nor be executed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('rights', <<END);
shared_preload_libraries = 'pg_stat_statements, pg_warden'
warden.scheduler = off
log_min_messages = notice
max_parallel_maintenance_workers = 0
max_parallel_workers_per_gather = 0
END
$node->safe_psql('postgres', 'CREATE SCHEMA counters; CREATE EXTENSION pg_stat_statements SCHEMA counters');

# Each function of mallory's tells in the server's log as whom it was run; and tries to write, by a function that says that
# it does not, and to become somebody else.
$node->safe_psql('postgres', <<'END');
CREATE ROLE mallory LOGIN;
CREATE ROLE victim LOGIN SUPERUSER;
CREATE ROLE monitor LOGIN IN ROLE pg_monitor;
CREATE ROLE friend LOGIN IN ROLE mallory;
GRANT CREATE ON DATABASE postgres TO mallory;
GRANT CREATE ON SCHEMA public TO mallory;
CREATE TABLE secret (id integer);
CREATE TABLE written (by name);
GRANT INSERT ON written TO PUBLIC;
SET ROLE mallory;
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.spy(place text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'spy in % as %', place, current_user;
    BEGIN
        EXECUTE 'INSERT INTO public.written VALUES (current_user)';
        RAISE NOTICE 'spy in % has written', place;
    EXCEPTION WHEN OTHERS THEN END;
    BEGIN
        EXECUTE 'GRANT pg_read_all_data TO mallory';
        RAISE NOTICE 'spy in % has granted', place;
    EXCEPTION WHEN OTHERS THEN END;
    BEGIN
        EXECUTE 'SET ROLE postgres';
        RAISE NOTICE 'spy in % has become %', place, current_user;
    EXCEPTION WHEN OTHERS THEN END;
    BEGIN
        EXECUTE 'SET SESSION AUTHORIZATION victim';
        RAISE NOTICE 'spy in % has become %', place, session_user;
    EXCEPTION WHEN OTHERS THEN END;
    BEGIN
        EXECUTE 'SET search_path = trap';
    EXCEPTION WHEN OTHERS THEN END;
END$$;
CREATE FUNCTION trap.immutable(place text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM trap.spy(place); RETURN 1; END';
CREATE FUNCTION trap.stable(place text) RETURNS integer STABLE LANGUAGE plpgsql AS 'BEGIN PERFORM trap.spy(place); RETURN 1; END';
CREATE FUNCTION trap.volatile(place text) RETURNS integer VOLATILE LANGUAGE plpgsql AS 'BEGIN PERFORM trap.spy(place); RETURN 1; END';
CREATE FUNCTION trap.of(value integer, place text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM trap.spy(place); RETURN value; END';
CREATE FUNCTION trap.same(integer, integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
    $$BEGIN PERFORM trap.spy('operator'); RETURN $1 = $2; END$$;
CREATE OPERATOR trap.=== (FUNCTION = trap.same, LEFTARG = integer, RIGHTARG = integer, RESTRICT = eqsel);
CREATE DOMAIN trap.number AS integer CHECK (trap.of(VALUE, 'domain') > 0);
CREATE TABLE trap.plain (id integer, a integer, b integer, fill text) WITH (autovacuum_enabled = false);
INSERT INTO trap.plain SELECT i, i % 5000, i % 7, repeat('x', 500) FROM generate_series(1, 20000) i;
CREATE TABLE trap.secured (LIKE trap.plain) WITH (autovacuum_enabled = false);
INSERT INTO trap.secured SELECT * FROM trap.plain;
CREATE TABLE trap.indexed (LIKE trap.plain) WITH (autovacuum_enabled = false);
INSERT INTO trap.indexed SELECT * FROM trap.plain;
CREATE VIEW trap.view AS SELECT * FROM trap.plain WHERE a = trap.immutable('view') AND b = trap.stable('view, stable');
ALTER TABLE trap.secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON trap.secured USING (a = trap.immutable('policy') AND b = trap.stable('policy, stable'));
CREATE INDEX expression ON trap.indexed ((a + trap.of(1, 'index expression')));
CREATE INDEX predicate ON trap.indexed (b) WHERE a > trap.of(1, 'index predicate');
CREATE TABLE trap.parent (LIKE trap.plain) PARTITION BY RANGE (id);
CREATE TABLE trap.child PARTITION OF trap.parent FOR VALUES FROM (0) TO (30000) WITH (autovacuum_enabled = false);
INSERT INTO trap.parent SELECT * FROM trap.plain;
CREATE INDEX ON trap.child ((a + trap.of(1, 'index expression')));
GRANT SELECT ON ALL TABLES IN SCHEMA trap TO PUBLIC;
RESET ROLE;
ANALYZE trap.plain, trap.secured, trap.indexed, trap.parent;
CREATE TABLE public.own (id integer, a integer, fill text) WITH (autovacuum_enabled = false);
INSERT INTO public.own SELECT i, i % 5000, repeat('x', 500) FROM generate_series(1, 20000) i;
ANALYZE public.own;
GRANT SELECT ON public.own TO PUBLIC;
TRUNCATE written; -- what building the indexes has done
END

my %queries = (
	constant => q{SELECT id FROM trap.plain WHERE a = trap.immutable('constant') AND b = trap.stable('stable')},
	volatile => q{SELECT trap.volatile('volatile') FROM trap.plain WHERE a = 1},
	operator => q{SELECT id FROM trap.plain WHERE a OPERATOR(trap.===) 5},
	domain => q{SELECT id FROM trap.plain WHERE a = 5::trap.number},
	view => q{SELECT id FROM trap.view},
	policy => q{SELECT id FROM trap.secured},
	index => q{SELECT id FROM trap.indexed WHERE a + 1 = 5},
	partition => q{WITH x AS MATERIALIZED (SELECT id FROM trap.parent WHERE a + 1 = 5) SELECT 1 WHERE EXISTS (SELECT FROM x)},
	write => q{UPDATE trap.plain SET a = trap.volatile('update') WHERE b = trap.immutable('update') AND a = 3},
	insert => q{INSERT INTO trap.plain SELECT trap.volatile('insert'), 1, trap.immutable('insert')},
	set => q{SELECT set_config('search_path', 'trap', false) FROM trap.plain WHERE a = 3});
my $list = join ', ', map { "\$q\$$queries{$_}\$q\$" } sort keys %queries;
my @calls = (
	(map { "SELECT cost_before FROM warden.advice_what_if(\$q\$$queries{$_}\$q\$)" } sort keys %queries),
	(map { "SELECT cost_before FROM warden.advice_what_if('SELECT id FROM trap.plain WHERE a = 3', ARRAY[\$q\$$_\$q\$])" }
			"CREATE INDEX ON trap.plain ((a + trap.of(1, 'new expression')))",
			"CREATE INDEX ON trap.plain (b) WHERE a = trap.immutable('new predicate')"),
	"SELECT count(*) FROM warden.advice_candidates(\$q\$$queries{constant}\$q\$)",
	"SELECT count(*) FROM warden.advice_candidates(\$q\$$queries{index}\$q\$)",
	"SELECT count(*) FROM warden.advice_candidates(\$q\$$queries{partition}\$q\$)",
	"SELECT count(*) FROM warden.advice_missing(queries => ARRAY[$list])",
	"SELECT count(*) FROM warden.advice_indexes('trap.indexed')",
	"SELECT count(*) FROM warden.advice_indexes()",
	"SELECT count(*) FROM warden.advice_workload");

# What mallory's functions have told since a place in the log.
sub told
{
	my ($from) = @_;
	return join "\n", sort grep { defined } map { /NOTICE: +(spy in .*)/ ? $1 : undef } split /\n/, slurp_file($node->logfile, $from);
}

# As whom the queries' own functions run is no secret: as the caller, who asked for it, as EXPLAIN would have it. But it is in
# a restricted operation that writes nothing; and what belongs to the table is the owner's.
for my $caller (qw(postgres monitor mallory friend))
{
	my @bad;
	for my $call (@calls)
	{
		my $from = -s $node->logfile;
		my ($status, $stdout, $stderr) = $node->psql('postgres', $call, connstr => $node->connstr('postgres') . " user=$caller");
		unlike($stderr, qr/XX000|internal|cache lookup|server closed/, "no internal error as $caller: $call");
		push @bad, map { "$_: $call" } grep {
			/has written|has granted|has become|^spy in volatile|index (expression|predicate) as (?!mallory)| as (?!mallory|$caller)/ }
		  split /\n/, told($from);
	}
	my %bad = map { $_ => 1 } @bad;
	is(join("\n", sort keys %bad), '', "nothing is written, granted or assumed as $caller, nor anything run that is another's");
}
is($node->safe_psql('postgres', q{SELECT pg_has_role('mallory', 'pg_read_all_data', 'MEMBER')}), 'f', 'mallory has become nobody');

is($node->safe_psql('postgres', 'SELECT count(*) FROM written'), 0, 'no row was written');

# What mallory has run is planned as mallory, if at all, when a superuser has the workload advised; and not by who is not a member.
$node->safe_psql('postgres', 'SELECT counters.pg_stat_statements_reset()');
$node->safe_psql('postgres', join(";\n", map { ($queries{$_}) x 3 } qw(constant operator view policy index)),
	connstr => $node->connstr('postgres') . ' user=mallory');
for my $caller (qw(postgres monitor friend))
{
	my $from = -s $node->logfile;
	my ($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(*) FROM warden.advice_missing()', connstr => $node->connstr('postgres') . " user=$caller");
	is($status, 0, "the workload is looked at by $caller") or diag $stderr if $caller ne 'friend';
	unlike(told($from), qr/ as (?!mallory)/, "what mallory has run is planned as mallory for $caller");
	is(told($from), '', 'or not at all') if $caller eq 'monitor';
}

# Maintenance looks at indexes of tables that something was advised for.
my $from = -s $node->logfile;
my $written = $node->safe_psql('postgres', 'SELECT count(*) FROM written');
$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', 'SELECT count(*) FROM written'), $written, 'maintenance has nothing written');
unlike(told($from), qr/ as (?!mallory)/, 'maintenance runs what is in indexes as their owner');

# Nothing is ever executed of what is given as a query.
for my $text ('SELECT 1; DROP TABLE secret', 'COMMIT', 'ROLLBACK', 'SET ROLE mallory', q{DO $$BEGIN DROP TABLE secret; END$$},
	'DROP TABLE secret', 'TRUNCATE secret', 'SELECT 1; COMMIT; DROP TABLE secret', 'CALL warden.maintain()',
	'COPY secret TO PROGRAM $$touch /tmp/never$$', 'CREATE TABLE made AS SELECT * FROM own WHERE a = 3', 'SELECT * INTO made FROM own',
	'EXPLAIN ANALYZE DELETE FROM own', 'WITH gone AS (DELETE FROM own RETURNING *) SELECT * FROM gone', 'PREPARE x AS DELETE FROM own',
	'LOCK TABLE own', 'NOTIFY x', 'SELECT pg_advisory_lock(17) FROM own WHERE a = 3', q{SELECT nextval('warden.advice_given_ids')})
{
	$node->psql('postgres', $_, on_error_stop => 0)
	  for "SELECT cost_before FROM warden.advice_what_if(\$q\$$text\$q\$)",
		"BEGIN; SELECT count(*) FROM warden.advice_missing(queries => ARRAY[\$q\$$text\$q\$, 'SELECT id FROM own WHERE a = 3'])";
	is( $node->safe_psql('postgres', q{SELECT to_regclass('secret') IS NOT NULL, to_regclass('made') IS NULL, (SELECT count(*) FROM own),
		current_user, (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 17)}),
		't|t|20000|postgres|0', "not executed: $text");
}
is($node->safe_psql('postgres', 'SELECT is_called FROM warden.advice_given_ids'),
	$node->safe_psql('postgres', 'SELECT count(*) > 0 FROM warden.advice_given'), 'no number was taken but for what was advised');
for my $command ('CREATE INDEX ON own (a); DROP TABLE secret', 'DROP TABLE secret', 'CREATE TABLE made (a integer)',
	q{CREATE INDEX ON own ((pg_notify('x', 'y')))}, 'CREATE INDEX made ON own (a)')
{
	$node->psql('postgres', "SELECT cost_before FROM warden.advice_what_if('SELECT id FROM own WHERE a = 3', ARRAY[\$q\$$command\$q\$])",
		on_error_stop => 0);
	is($node->safe_psql('postgres', q{SELECT to_regclass('secret') IS NOT NULL, to_regclass('made') IS NULL}), 't|t', "not executed: $command");
}

# Names: what mallory puts in the way of ours and the server's is passed by.
$node->safe_psql('postgres', <<'END');
SET ROLE mallory;
CREATE FUNCTION public.count(text) RETURNS integer LANGUAGE plpgsql AS $$BEGIN PERFORM trap.spy('public.count'); RETURN 1; END$$;
CREATE FUNCTION public.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$BEGIN PERFORM trap.spy('public.format'); RETURN 1; END$$;
CREATE FUNCTION public.eq(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN PERFORM trap.spy('public.='); RETURN true; END$$;
CREATE OPERATOR public.= (FUNCTION = public.eq, LEFTARG = oid, RIGHTARG = oid);
CREATE TABLE public.pg_class (oid oid);
CREATE TABLE public.pg_stat_statements (queryid bigint, query text, calls bigint);
CREATE FUNCTION public.pg_stat_statements(boolean) RETURNS SETOF public.pg_stat_statements LANGUAGE plpgsql AS
    $$BEGIN PERFORM trap.spy('pg_stat_statements'); END$$;
END
$from = -s $node->logfile;
my $ours = join ";\n", 'SET search_path = public, pg_catalog',
	q{CREATE TEMPORARY TABLE pg_index (indexrelid oid); CREATE TEMPORARY TABLE advice_given (id integer)},
	q{CREATE TEMPORARY TABLE own AS SELECT 1 AS a},
	q{SELECT relation, command FROM warden.advice_missing(queries => ARRAY['SELECT id FROM public.own WHERE a = 3'])},
	q{SELECT used FROM warden.advice_what_if('SELECT id FROM public.own WHERE a = 3', ARRAY['CREATE INDEX x ON public.own (a)'])},
	q{SELECT verdict FROM warden.advice_indexes('public.own')}, q{SELECT verdict FROM warden.advice_outcomes},
	q{SELECT pg_catalog.count(*) FROM warden.advice_workload}, q{CALL warden.maintain()};
my ($status, $stdout, $stderr) = $node->psql('postgres', $ours);
is($status, 0, 'names of others are no hindrance') or diag $stderr;
like($stdout, qr/public\.own.*\(a\)/, 'and the advice is of the table that was meant');
unlike(told($from), qr/public|pg_stat_statements| as (?!mallory)/, 'nothing of mallory\'s is run for its name');

# Whose query it is: rights and row security of him who asks.
my $monitor = $node->connstr('postgres') . ' user=monitor';
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA trap TO monitor');
($status, $stdout, $stderr) = $node->psql('postgres', q{SELECT cost_before FROM warden.advice_what_if('SELECT * FROM secret')}, connstr => $monitor);
like($stderr, qr/permission denied for table secret/, 'who may not read a table is told nothing of it');
($status, $stdout, $stderr) = $node->psql('postgres', q{SELECT command, reason FROM warden.advice_missing(queries => ARRAY['SELECT * FROM secret WHERE id = 1'])},
	connstr => $monitor);
like($stdout, qr/^\|.*permission denied for table secret/, 'nor advised for it');
$node->safe_psql('postgres', q{ALTER TABLE own ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON own USING (a = 17)});
my $plan = q{SELECT plan_before::text LIKE '%(a = 17)%' FROM warden.advice_what_if('SELECT id FROM own')};
is($node->safe_psql('postgres', $plan), 'f', 'a superuser\'s query has no policies');
is($node->safe_psql('postgres', $plan, connstr => $monitor), 't', 'that of others has');
like($node->safe_psql('postgres', q{SELECT command FROM warden.advice_missing(queries => ARRAY['SELECT id FROM own'])}, connstr => $monitor),
	qr/\(a\)/, 'and is advised for them');

finish(undef, $node);
