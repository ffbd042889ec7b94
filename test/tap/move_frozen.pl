# Transaction ids that have gone round: rows that were frozen more than half a round ago are moved, and are not there
# twice; and copies of rows that ended before what VACUUM has left of a side's age are no riddle to VACUUM, which can end.
#
# Needs TAP, because the server's next transaction id is set.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('frozen');
$node->safe_psql('postgres', 'UPDATE pg_database SET datallowconn = true');

$node->safe_psql('postgres', q{
	CREATE TABLE d (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
	CREATE TABLE d_rest PARTITION OF d DEFAULT;
	INSERT INTO d SELECT i, timestamptz '2026-01-01 UTC' + i * interval '1 minute' FROM generate_series(1, 1000) i;
	SELECT count(*) FROM warden.partition_by_time('d', '1 month', ahead => '1 month', timezone => 'UTC')});

# Not farther at a time than the server can look back.
for my $next (1_500_000_000, 3_000_000_000)
{
	$node->stop;
	$node->command_ok([ 'pg_resetwal', '-x', $next, $node->data_dir ], "the next transaction is $next");
	my $segment = sprintf '%s/pg_xact/%04X', $node->data_dir, $next / 32768 / 32;
	append_to_file($segment, "\0" x 262_144) if !-e $segment;
	$node->start;
	$node->command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet' ], 'everything is frozen');
}
my $drained = q{SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE tableoid = 'd_rest'::regclass) FROM d};
$node->safe_psql('postgres', q{CALL warden.partition_drain('d')});
is($node->safe_psql('postgres', $drained), '1000|1000|0', 'rows that are older than half a round are moved');

$node->safe_psql('postgres', q{
	CREATE TABLE t (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at));
	INSERT INTO t SELECT i, timestamptz '2026-01-01 UTC' + i * interval '1 minute' FROM generate_series(1, 1000) i});

my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current()');
my ($status, $stdout, $stderr) = $node->psql('postgres',
	q{SET warden.partition_move_wait = '1s'; CALL warden.partition_convert('t', 'at', '1 month', timezone => 'UTC')});
like($stderr, qr/have not ended within 1 s/, 'a conversion is paused when all is copied');
$old->quit;
$node->safe_psql('postgres', 'DELETE FROM t WHERE id <= 100');
$node->safe_psql('postgres', "VACUUM FREEZE $_") for split /\n/,
  $node->safe_psql('postgres', q{SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'warden'::regnamespace AND relname ~ '^t_p'});
$node->safe_psql('postgres', q{CALL warden.partition_resume('t')});
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), 900, 'what was deleted meanwhile is gone');

my $vacuum = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'VACUUM (FREEZE) t', '-c', 'VACUUM (FREEZE) d' ],
	my $timeout = IPC::Run::timeout(60));
my $has_ended = eval { $vacuum->finish; 1 };
$vacuum->kill_kill if !$has_ended;
ok($has_ended, 'VACUUM ends');
if (!$has_ended)
{
	$node->stop('immediate'); # nothing less ends it
	done_testing();
	exit;
}
$node->safe_psql('postgres', 'CREATE EXTENSION amcheck');
is($node->safe_psql('postgres', q{SELECT inhrelid::regclass, v.* FROM pg_inherits, verify_heapam(inhrelid) v WHERE inhparent IN ('t'::regclass, 'd'::regclass)}),
	'', 'and finds nothing to complain of');
is($node->safe_psql('postgres', $drained), '1000|1000|0', 'nor is there anything else than before');

finish(undef, $node);
