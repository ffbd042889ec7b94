# A table as it was, by the times at which transactions were committed: with track_commit_timestamp exactly, without it a
# transaction is committed when its last event is written. And marks, which need neither, while others write.
#
# Needs TAP, for a setting that only a start changes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('server', "track_commit_timestamp = on\nmax_prepared_transactions = 5\n");
$node->safe_psql('postgres', q{
	CREATE TABLE audited (id int PRIMARY KEY, v text);
	CREATE TABLE other (id int PRIMARY KEY);
	SELECT count(*) FROM warden.audit_enable('audited');
	SELECT count(*) FROM warden.audit_enable('other');
	INSERT INTO audited VALUES (1, 'before'), (2, 'before'), (3, 'before');});

sub as_of
{
	my ($moment) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg(id || v, ' ' ORDER BY id) FROM warden.audit_as_of(NULL::audited, '$moment')");
}
sub moment { return $node->safe_psql('postgres', 'SELECT clock_timestamp()'); }

# Begun before the moment, committed after it: with all of its events before, in parts, and by two-phase commit.
my $open = $node->background_psql('postgres', on_error_stop => 1);
$open->query_safe(q{BEGIN; UPDATE audited SET v = 'open' WHERE id = 1; DELETE FROM audited WHERE id = 2});
$node->safe_psql('postgres', q{BEGIN; INSERT INTO audited VALUES (4, 'prepared'); PREPARE TRANSACTION 'p'});
my $during = moment();
is(as_of($during), '1before 2before 3before', 'not committed yet');
$open->query_safe('COMMIT');
my $committed = moment();
$node->safe_psql('postgres', q{UPDATE audited SET v = 'later' WHERE id = 3});
is(as_of($during), '1before 2before 3before', 'committed after the moment, though all was written before');
is(as_of($committed), '1open 3before', 'committed before it');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
is(as_of($committed), '1open 3before', 'prepared before, committed after');
is(as_of(moment()), '1open 3later 4prepared', 'now');

# What was rolled back is not there at any time, what a subtransaction did is the transaction's.
$open->query_safe(q{BEGIN; SAVEPOINT a; UPDATE audited SET v = 'sub' WHERE id = 3; RELEASE a;
	SAVEPOINT b; DELETE FROM audited; ROLLBACK TO b});
$during = moment();
$open->query_safe('COMMIT');
is(as_of($during), '1open 3later 4prepared', 'a subtransaction');

# Off, there are no times of commits: the last event counts, in whatever table.
$open->quit;
$node->append_conf('postgresql.conf', 'track_commit_timestamp = off');
$node->restart;
$open = $node->background_psql('postgres', on_error_stop => 1);
$open->query_safe(q{BEGIN; UPDATE audited SET v = 'unseen' WHERE id = 1});
$during = moment();
$open->query_safe('COMMIT');
is(as_of($during), '1unseen 3sub 4prepared', 'off: written before the moment, though committed after it');
$open->query_safe(q{BEGIN; UPDATE audited SET v = 'seen' WHERE id = 1});
$during = moment();
$open->query_safe('INSERT INTO other VALUES (1); COMMIT');
is(as_of($during), '1unseen 3sub 4prepared', 'off: it went on after the moment');

# A mark within a transaction, after which others have committed: what it has done by then is before, what it does later is after.
$open->query_safe(q{BEGIN; UPDATE audited SET v = 'mine' WHERE id = 1});
$node->safe_psql('postgres', q{UPDATE audited SET v = 'theirs' WHERE id = 3});
my $mark = $open->query_safe('SELECT warden.audit_mark()');
$open->query_safe(q{DELETE FROM audited WHERE id = 4; COMMIT});
is( $node->safe_psql('postgres',
		"SELECT string_agg(id || v, ' ' ORDER BY id) FROM warden.audit_as_of(NULL::audited, mark => $mark)"),
	'1mine 3theirs 4prepared', 'a mark within a transaction');

# Marks while others write: each is what its snapshot has seen.
$node->safe_psql('postgres', q{
	CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL);
	CREATE TABLE sums (mark bigint, rows text);
	SELECT count(*) FROM warden.audit_enable('counters');
	INSERT INTO counters SELECT i, 0 FROM generate_series(1, 50) i;});
my $script = $node->basedir . '/writer.sql';
append_to_file($script, <<'END');
\set one random(1, 50)
\set how random(1, 6)
BEGIN;
UPDATE counters SET n = n + 1 WHERE id = :one;
\if :how = 1
DELETE FROM counters WHERE id = :one + 1;
\elif :how = 2
INSERT INTO counters VALUES (:one + 1, 0) ON CONFLICT (id) DO NOTHING;
\elif :how = 3
SAVEPOINT s;
UPDATE counters SET n = 0 WHERE id = :one;
ROLLBACK TO s;
\endif
COMMIT;
END
my $marker = $node->basedir . '/marker.sql';
append_to_file($marker, <<'END');
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO sums SELECT warden.audit_mark(), string_agg(id || ':' || n, ' ' ORDER BY id) FROM counters;
COMMIT;
END
$node->safe_psql('postgres', q{ALTER SYSTEM SET deadlock_timeout = '10ms'; SELECT pg_reload_conf()});
my @command = ('pgbench', '-n', '-d', $node->connstr('postgres'), '--max-tries=100');
my $writers = IPC::Run::start([ @command, '-c', '6', '-t', '300', '-f', $script ], '>', \my $out, '2>', \my $err);
$node->command_ok([ @command, '-c', '2', '-t', '30', '-f', $marker ], 'marks are made');
ok($writers->finish, 'writers') or diag($err);
is($node->safe_psql('postgres', q{
		SELECT count(*), count(*) FILTER (WHERE rows IS DISTINCT FROM
			(SELECT string_agg(id || ':' || n, ' ' ORDER BY id) FROM warden.audit_as_of(NULL::counters, mark => mark)))
		FROM sums}),
	'60|0', 'each mark is what its snapshot has seen');

finish(undef, $node);
