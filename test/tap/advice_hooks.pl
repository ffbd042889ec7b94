# Planning for advice beside the hooks of others, loaded before and after us: what they plan is theirs, and of what we
# plan they count and log nothing.  Settings of roles, cancels, standbys.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Warden;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @nodes;
my $setup = q{
CREATE TABLE t (id int PRIMARY KEY, a int, b text);
INSERT INTO t SELECT g, g % 1000, md5(g::text) FROM generate_series(1, 50000) g;
CREATE TABLE u (id int, t_id int);
INSERT INTO u SELECT g, g % 5000 FROM generate_series(1, 20000) g;
ANALYZE t, u;
CREATE EXTENSION pg_stat_statements;
};
my $ask = q{SELECT used FROM warden.advice_what_if('SELECT /* planned */ * FROM t JOIN u ON u.t_id = t.id WHERE t.a = 5 AND t.b = ''x''',
	ARRAY['CREATE INDEX t_a ON t (a)', 'CREATE INDEX u_t ON u (t_id)'])};

for my $libraries ('pg_warden, auto_explain, pg_stat_statements', 'auto_explain, pg_stat_statements, pg_warden')
{
	my $node = start_server('hooks_' . ($libraries =~ /^pg_warden/ ? 'before' : 'after'), <<END, allows_streaming => 1);
shared_preload_libraries = '$libraries'
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
pg_stat_statements.track = all
pg_stat_statements.track_planning = on
END
	$node->safe_psql('postgres', $setup);
	$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
	is($node->safe_psql('postgres', $ask), '{public.t_a,public.u_t}', "answered with $libraries");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_statements
		WHERE query LIKE '%planned%' AND query NOT LIKE '%advice_what_if%' AND query NOT LIKE '%pg_stat_statements%'}),
		'0', 'what was planned is not counted');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%advice_what_if%'}),
		'1', 'the call is');
	my $log = slurp_file($node->logfile);
	my @plans = grep { /planned/ && /Query Text/ && !/advice_what_if/ } split /\n(?=\d{4}-)/, $log;
	is(scalar @plans, 0, 'nor logged');
	unlike($log, qr/Index Name: t_a|using t_a/, 'no plan with an index that does not exist');

	# Plans of the session's own are not touched, also after an error inside.
	is($node->safe_psql('postgres', qq{
		DO \$\$ BEGIN PERFORM warden.advice_what_if('SELECT 1 / (a - a) FROM t WHERE id = 1 / 0', ARRAY['CREATE INDEX t_a ON t (a)']);
		EXCEPTION WHEN division_by_zero THEN NULL; END \$\$;
		SELECT count(*) FROM t WHERE a = 5;
		PREPARE p AS SELECT count(*) FROM t WHERE a = 6; $ask; EXECUTE p; EXECUTE p}),
		"50\n{public.t_a,public.u_t}\n50\n50", 'what is executed has no hypothetical index');
	unlike(slurp_file($node->logfile), qr/could not open relation|cache lookup failed/, 'nothing looks for it');

	# A cancel ends it at once.
	$node->safe_psql('postgres', q{CREATE FUNCTION slow() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
		$$ BEGIN PERFORM pg_sleep(1000); RETURN 1; END $$});
	my $client = launch($node, 'postgres', q{SET application_name = 'asker'},
		q{SELECT used FROM warden.advice_what_if('SELECT * FROM t WHERE a = slow()')});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'asker' AND wait_event = 'PgSleep'});
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'asker'});
	my ($status, undef, $stderr) = result($client);
	like($stderr, qr/57014: canceling statement due to user request/, 'a cancel is one');
	(undef, undef, $stderr) = $node->psql('postgres', q{\set VERBOSITY verbose
		SELECT used FROM warden.advice_what_if('SELECT * FROM t WHERE a = slow()')});
	like($stderr, qr/57014: it took longer than 5000 ms/, 'and a plan that never ends is given up');
	(undef, undef, $stderr) = $node->psql('postgres', q{\set VERBOSITY verbose
		SET statement_timeout = '50ms'; SELECT used FROM warden.advice_what_if('SELECT * FROM t WHERE a = slow()')});
	like($stderr, qr/57014: canceling statement due to statement timeout/, 'statement_timeout holds');

	if ($libraries =~ /^pg_warden/)
	{
		$node->backup('base');
		my $standby = PostgreSQL::Test::Cluster->new('hooks_standby');
		$standby->init_from_backup($node, 'base', has_streaming => 1);
		$standby->start;
		$node->wait_for_catchup($standby);
		is($standby->safe_psql('postgres', $ask), '{public.t_a,public.u_t}', 'a standby can be asked too');
		push @nodes, $standby;
	}
	push @nodes, $node;
}
finish(undef, reverse @nodes);
