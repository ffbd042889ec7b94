# "Unused" is said of what was observed for long enough: over resets of statistics, restarts, crashes and promotions, and
# of what standbys do.
#
# Needs TAP, because servers are restarted, crash and are promoted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('primary', "max_worker_processes = 10\n", allows_streaming => 1);

sub value
{
	my ($query, $server) = @_;
	return ($server // $node)->safe_psql('postgres', $query);
}

sub verdict
{
	my ($index, $server) = @_;
	return value("SELECT verdict FROM warden.advice_indexes('$index')", $server);
}

sub reason
{
	my ($index, $server) = @_;
	return value("SELECT reason FROM warden.advice_indexes('$index')", $server);
}

# Uses an index, and waits until the server has counted it.
sub scan
{
	my ($column, $server) = @_;
	my $index = "t_$column";
	my $before = value("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = '$index'", $server);
	value("SET enable_seqscan = off; SELECT count(*) FROM t WHERE $column = 1", $server);
	($server // $node)->poll_query_until('postgres', "SELECT idx_scan > $before FROM pg_stat_user_indexes WHERE indexrelname = '$index'")
	  or die 'the scan was not counted';
}

# All that is remembered is so much older.
sub later
{
	my ($time, $server) = @_;
	value("UPDATE warden.advice_servers SET seen_at = seen_at - interval '$time', began_at = began_at - interval '$time',
	           observed_at = observed_at - interval '$time', reset_at = reset_at;
	       UPDATE warden.advice_index_use SET observed_since = observed_since - interval '$time',
	           last_used_at = last_used_at - interval '$time'", $server);
}

sub observe
{
	my ($server) = @_;
	value('CALL warden.maintain()', $server);
}

$node->safe_psql('postgres', q{
	CREATE TABLE t (a int, b int, c int, d int, e int PRIMARY KEY, f int);
	CREATE INDEX t_a ON t (a);
	CREATE INDEX t_b ON t (b);
	CREATE INDEX t_c ON t (c);
	CREATE INDEX t_d ON t ((d + 1));
	CREATE INDEX t_f ON t (f);
	INSERT INTO t SELECT g, g, g, g, g, g FROM generate_series(1, 1000) g;
	ANALYZE t;});
like(reason('t_a'), qr/not observed yet/, 'at first nothing is known');
observe();
like(reason('t_a'), qr/in 0 days of observation, which is 35 too few/, 'then it is too early');
my $observed = value('SELECT observed_at FROM warden.advice_servers');
my $rows = value('SELECT count(*), sum(xmin::text::bigint) FROM warden.advice_index_use');
observe();
is(value('SELECT observed_at FROM warden.advice_servers'), $observed, 'it is not noted more than once an hour');
is(value('SELECT count(*), sum(xmin::text::bigint) FROM warden.advice_index_use'), $rows, 'and nothing is written');

# The time passes.
scan('b');
later('2 hours');
observe();
is(value(q{SELECT scans > 0 AND last_used_at IS NOT NULL FROM warden.advice_index_use WHERE name = 't_b'}), 't', 'a scan is seen');
later('34 days');
observe();
is(verdict('t_a'), 'keep', 'after 34 days it is too early still');
later('1 day');
observe();
is(verdict('t_a'), 'unused', 'after 35 days it is unused');
is(verdict('t_b'), $node->pg_version >= 16 ? 'keep' : 'unused', 'what was used long ago is too, unless the server knows better');
is(verdict('t_pkey'), 'keep', 'a primary key is not');
is(value(q{SELECT command FROM warden.advice_indexes('t_a')}), 'DROP INDEX CONCURRENTLY public.t_a;', 'there is a command');
like(value(q{SELECT caveats::text FROM warden.advice_indexes('t_d')}), qr/CREATE STATISTICS ON .+ FROM public\.t keeps them/,
	'an expression has statistics');
scan('a');
is(verdict('t_a'), 'keep', 'a scan is known before it is noted');

# A reset that was seen soon loses nothing; and what was counted since then counts.
later('90 minutes');
observe();
value('SELECT pg_stat_reset()');
scan('c');
later('70 minutes');
observe();
later('1 day');
is(verdict('t_c'), 'keep', 'what was scanned after a reset of the statistics was used');
is(verdict('t_f'), 'unused', 'what was not was not');
ok(value(q{SELECT bool_and(scans > 0) FROM warden.advice_index_use WHERE name IN ('t_a', 't_b', 't_c')}) eq 't', 'scans are summed over it');

# Neither does a restart.
$node->restart;
observe();
is(verdict('t_f'), 'unused', 'a restart is no gap');

# A crash does, if the last look was long ago.
later('65 minutes');
$node->stop('immediate');
$node->start;
observe();
is(verdict('t_f'), 'unused', 'a crash within two hours is none either');
later('3 hours');
$node->stop('immediate');
$node->start;
observe();
like(reason('t_f'), qr/in 0 days of observation/, 'a crash after longer is one');
later('36 days');
observe();
is(verdict('t_f'), 'unused', 'it begins anew after it');

# An index that is made anew has its history; one of the same name that is another has not.
value('REINDEX INDEX CONCURRENTLY t_f');
later('61 minutes');
observe();
is(verdict('t_f'), 'unused', 'REINDEX CONCURRENTLY changes nothing');
value('DROP INDEX t_f; CREATE INDEX t_f ON t (f DESC)');
later('61 minutes');
observe();
like(reason('t_f'), qr/in 0 days/, 'another index is young');
later('36 days');
observe();
is(verdict('t_f'), 'unused', 'until it is not');

# A standby.
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM warden.advice_standbys WHERE connected') or die 'there is no standby';
like(reason('t_f'), qr/standby "standby" has not reported/, 'while a standby may use it it is not unused');
is($node->safe_psql('postgres', q{SET warden.advice_standbys = off; SELECT verdict FROM warden.advice_indexes('t_f')}), 'unused',
	'unless no query runs there');
like(reason('t_f', $standby), qr/on a standby/, 'on the standby there is a report');
my ($status, $out, $err) = $standby->psql('postgres', q{SELECT warden.advice_report_usage('x', warden.advice_usage())});
like($err, qr/read-only|recovery/, 'but nothing to write');

sub report_standby
{
	my $usage = value('SELECT warden.advice_usage()', $standby);
	return value("SELECT warden.advice_report_usage('standby', '$usage')");
}
is(report_standby(), 't', 'a standby tells what it has counted');
like(reason('t_f'), qr/in 0 days/, 'from then on it is observed');
later('36 days');
is(report_standby(), 't', 'and again');
observe();
is(verdict('t_f'), 'unused', 'not used anywhere for so long is unused');
scan('f', $standby);
later('61 minutes');
report_standby();
observe();
is(verdict('t_f'), 'keep', 'used on the standby is used');
is(verdict('t_a'), 'unused', 'others are not');
later('3 days');
observe();
like(reason('t_a'), qr/has not reported/, 'a standby that tells nothing any more is not known');
($status, $out, $err) = $node->psql('postgres', q{\set VERBOSITY sqlstate
	SELECT warden.advice_report_usage('standby', '{"database": "other"}')});
like($err, qr/22023/, 'of another database is refused');

# Promotion: the counters are those of another server. It may have been used in the meantime.
$node->wait_for_catchup($standby);
$node->stop('immediate');
$standby->promote;
value(q{SELECT warden.advice_report_usage('standby', NULL)}, $standby);
later('3 hours', $standby);
observe($standby);
like(reason('t_a', $standby), qr/in 0 days/, 'a promotion after long is a gap');
is(verdict('t_f', $standby), 'keep', 'and what was used there was used');
later('36 days', $standby);
observe($standby);
is(verdict('t_a', $standby), 'unused', 'then it goes on');

finish(undef, $node, $standby);
