# One transaction takes no more than half of the server's lock table, however much is due of however many sets: others
# must be able to go on.  What is left is told of, and done by CALL maintain().
#
# Needs TAP, because the size of the lock table is a setting of the server's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my ($connections, $each) = (20, 64);
my $node = start_server('budget', "max_connections = $connections\nmax_locks_per_transaction = $each\n");
my $budget = $connections * $each / 2;
# One for each object, however many modes it is locked in.
my $places = q{SELECT count(DISTINCT (locktype, relation, classid, objid)) FROM pg_locks WHERE pid = pg_backend_pid()};

# Of each set much is due, and each partition has several indexes; the last has nothing to do, the one before only a little.
my @sets = map { "set_$_" } 1 .. 5;
for my $set (@sets, 'little', 'ready')
{
	$node->safe_psql('postgres', qq{
		CREATE TABLE $set (at timestamptz NOT NULL, a integer, b text, PRIMARY KEY (at)) PARTITION BY RANGE (at);
		CREATE INDEX ON $set (a); CREATE INDEX ON $set (b); CREATE INDEX ON $set (a, b);
		CREATE TABLE ${set}_first PARTITION OF $set FOR VALUES FROM ($anchor - interval '1 day') TO ($anchor);
		SELECT warden.partition_by_time('$set', every => '1 day', ahead => '2 days', keep => '30 days', timezone => 'UTC',
			anchor => $anchor)});
}
my $due = 60;
$node->safe_psql('postgres', qq{UPDATE warden.partition_policies SET ahead = '$due days' WHERE parent::regclass::text LIKE 'set%'});
$node->safe_psql('postgres', qq{
	CREATE TABLE set_1_old_$_ PARTITION OF set_1 FOR VALUES FROM ($anchor - interval '@{[ 100 + $_ ]} days')
		TO ($anchor - interval '@{[ 99 + $_ ]} days')}) for 1 .. 5;
$node->safe_psql('postgres', q{
	SELECT format('DROP TABLE %s', partition) FROM warden.partitions WHERE parent = 'little'::regclass
	ORDER BY upper_bound::timestamptz DESC LIMIT 1 \gexec});

my $session = $node->background_psql('postgres');
$session->query_safe('BEGIN');
$session->query_safe('CREATE TEMPORARY TABLE outcomes AS SELECT * FROM warden.partition_maintain()');
my $locks = $session->query_safe($places);
note("$locks locks of $budget");
cmp_ok($locks, '<=', $budget, 'one transaction takes at most half of the locks');
cmp_ok($locks, '>', $budget / 4, 'and not much less');
is($session->query_safe(q{SELECT count(*) FROM outcomes WHERE status IN ('failed', 'blocked')}), 0, 'nothing fails');
cmp_ok($session->query_safe(q{SELECT count(*) FROM outcomes WHERE status = 'done'}), '>', 10, 'much is done');
like($session->query_safe(q{SELECT string_agg(DISTINCT detail, '; ') FROM outcomes WHERE (action, status) = ('maintain', 'planned')}),
	qr/^More is due.*CALL warden\.maintain\(\)/, 'and it says that more is due');
is($session->query_safe(q{SELECT string_agg(parent::text, ' ' ORDER BY parent::text) FROM outcomes
	WHERE (action, status) = ('maintain', 'planned')}), join(' ', 'little', @sets), 'of which sets');
# Meanwhile others work.
for my $other (1 .. 3)
{
	my ($status, $out, $err) = $node->psql('postgres', "CREATE TABLE other_$other (a integer PRIMARY KEY, b text)");
	is("$status $err", '0 ', 'another session creates a table');
}
$session->query_safe('ROLLBACK');

# Nor does a declaration take more.
$node->safe_psql('postgres', q{CREATE TABLE declared (at timestamptz NOT NULL, a integer, b text) PARTITION BY RANGE (at)});
$node->safe_psql('postgres', "CREATE INDEX declared_$_ ON declared (at) WHERE a = $_") for 1 .. 12;
$session->query_safe('BEGIN');
like($session->query_safe(qq{SELECT action, status, count(*) FROM warden.partition_by_time('declared', every => '1 day',
	ahead => '$due days', timezone => 'UTC') GROUP BY 1, 2 ORDER BY 1}),
	qr/^create\|done\|\d+\nmaintain\|planned\|1$/, 'a declaration creates what it may');
cmp_ok($session->query_safe($places), '<=', $budget, 'within the same limit');
$session->query_safe('COMMIT');
$session->quit;

# CALL does it all.
is_deeply([ $node->psql('postgres', 'CALL warden.maintain()') ], [ 0, '', '' ], 'CALL maintain() goes on');
is($node->safe_psql('postgres', qq{SELECT count(*) FROM warden.partition_sets WHERE last_error IS NULL
	AND covered_until > now() + ahead}), @sets + 3, 'until everything is there');
is($node->safe_psql('postgres', 'SELECT * FROM warden.partition_maintain()'), '', 'nothing is left to do, and nothing said to be');

finish(undef, $node);
