# Rows are moved while the application works with them: at every instant each is seen once, no increment is lost, no
# statement fails, no trigger fires, and what refers to them stays.
#
# Needs TAP, because of many clients that do not wait for each other.  PG_WARDEN_MOVE_ROWS=1000000,
# PG_WARDEN_MOVE_INCREMENTS=10000 and PG_WARDEN_MOVE_RATE=0 are the long form, which needs a PG_WARDEN_MOVE_LOCK_TIMEOUT
# that the statements that count leave a gap for.  PG_WARDEN_MOVE_CASES="drain:referenced ..."
# are those that run; PG_WARDEN_MOVE_DEBUG=1 tells how long each part of a swap has taken.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use List::Util qw(max);
use Moves;
use Test::More;
use Time::HiRes qw(time);
use Warden;

my $rows = $ENV{PG_WARDEN_MOVE_ROWS} // 60_000;
my $increments = $ENV{PG_WARDEN_MOVE_INCREMENTS} // 2_000;
my $rate = $ENV{PG_WARDEN_MOVE_RATE} // 300;    # transactions a second of each client that writes; 0: as it can
my $seed = $ENV{PG_WARDEN_SEED} // int(time * 1000) % 1_000_000;
diag("PG_WARDEN_SEED=$seed, $rows rows");
my $lock_timeout = $ENV{PG_WARDEN_MOVE_LOCK_TIMEOUT} // '100ms';
my $node = start_server('load', <<END);
max_connections = 40
shared_buffers = '256MB'
warden.lock_timeout = '$lock_timeout'
warden.lock_retries = 100
warden.lock_retry_delay = '50ms'
END

sub move_under_load
{
	my ($kind, $variant) = @_;
	my $name = "$kind, $variant";
	make_table($node, $kind, $rows, $variant);
	my $state = state_of($node);
	my $last = $node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_move_jobs');
	my $application = start_application($node, $rows, seed => $seed, rate => $rate);
	# Each of the clients that count has been there, and so have those that write.
	$node->poll_query_until('postgres', q{SELECT count(DISTINCT who) = 5 AND (SELECT count(*) > 50 FROM load.ledger) FROM load.counts})
	  or die 'the application does not work';
	my $begin = time;
	local $ENV{PGAPPNAME} = 'mover';
	my ($status, $out, $err) = result(launch($node, 'postgres', $ENV{PG_WARDEN_MOVE_DEBUG} ? 'SET client_min_messages = debug1' : (),
		# A swap that never gets its locks would try for ever.
		"SET statement_timeout = '@{[ 60 + int($rows / 1000) ]} s'", job_of($kind)));
	diag(join "\n", $err =~ /DEBUG:.*?(move \d+: .*)/g) if $ENV{PG_WARDEN_MOVE_DEBUG};
	my $seconds = time - $begin;
	$node->poll_query_until('postgres', "SELECT count(*) >= $increments FROM load.ledger WHERE rows = 0 AND n = 1")
	  or die 'the application does not work any more';
	my ($failed, $longest) = stop_application($application);
	is($status, 0, "$name: is done") or diag("$out$err");
	is($failed, '', "$name: no statement of the application fails");
	my ($wrong, $counts) = books_differ($node);
	is($wrong, '', "$name: each of $counts counts is right");
	is(left_over($node, $state), '', "$name: nothing is left over");
	my ($logged) = grep { / app (ERROR|FATAL|WARNING):/ } split /\n/, slurp_file($node->logfile);
	is($logged // '', '', "$name: the server's log tells of nothing");
	is_sound($node, 'load.t', $name);
	check_layout($kind, $name) if $status == 0;
	my $pause = $node->safe_psql('postgres', "SELECT round(pause_ms::numeric, 1) FROM warden.partition_move_jobs ORDER BY id OFFSET $last") || '-';
	diag(sprintf '%s: %.1f s; swap held its locks for %s ms; longest statement of %s', $name, $seconds, $pause,
		join ', ', map { sprintf '%s %.0f ms', $_, $longest->{$_} // -1 } grep { /increments(_prepared)?$|edges_prepared/ } sort keys %$longest);
	return;
}

# Where the rows are now.
sub check_layout
{
	my ($kind, $name) = @_;
	my $days = q{(SELECT count(DISTINCT tableoid), count(DISTINCT date_bin('1 day', at, } . $base . q{)) FROM load.t WHERE at < } . $base . ')';
	my ($kind_now, $tables, $days_now) = split /\|/, $node->safe_psql('postgres', qq{SELECT relkind, d.* FROM pg_class, $days d WHERE oid = 'load.t'::regclass});
	if ($kind eq 'revert')
	{
		is("$kind_now $tables", 'r 1', "$name: it is a plain table");
		is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_policies WHERE parent = 'load.t'::regclass}), 0, "$name: and not managed");
	}
	elsif ($kind eq 'metadata')
	{
		is("$kind_now $tables", 'p 1', "$name: what was the table is its first partition");
	}
	elsif ($kind ne 'none')
	{
		is("$kind_now $tables", "p $days_now", "$name: each day has its partition");
		is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT at::text, ' ') FROM load.t WHERE tableoid =
			(SELECT inhrelid FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'load.t'::regclass
				AND pg_get_expr(relpartbound, oid) = 'DEFAULT')}), 'infinity', "$name: the default partition has what has no day");
		is($node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_maintain()'), 0, "$name: and is maintained");
	}
	is($node->safe_psql('postgres', q{WITH i AS (INSERT INTO load.t (at) SELECT now() FROM generate_series(1, 100) RETURNING id)
		SELECT count(*) FROM i JOIN load.t USING (id)}), 0, "$name: identity goes on");
	return;
}

my @cases = $ENV{PG_WARDEN_MOVE_CASES} ? map { [ split /:/ ] } split / /, $ENV{PG_WARDEN_MOVE_CASES}
  : ([ qw(drain referenced) ], [ qw(convert referenced) ], [ qw(metadata referenced) ], [ qw(revert keyless) ]);
move_under_load(@$_) for @cases;
finish(undef, $node);
