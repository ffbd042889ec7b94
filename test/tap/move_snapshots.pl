# Whoever keeps a snapshot while rows are moved sees after the swap what he has seen before: each row once, as it was, by
# sequential and by index scan, whatever was changed, and replayed, in between; and what he changes is a serialization
# failure where it has changed since.
#
# Needs TAP, because sessions of many moments last until after the swap.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use Moves;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('snapshots', <<'END');
max_connections = 60
warden.lock_timeout = '100ms'
warden.partition_drain_direct_rows = 0
END
my $begin = q{timestamptz '2026-01-01 UTC'};
my %statements = (
	convert => q{CALL warden.partition_convert('t', 'at', '1 month', timezone => 'UTC', widen_key => true)},
	drain => q{CALL warden.partition_drain('t')},
	revert => q{CALL warden.partition_revert('t')});

# A psql that stays; what it has said to its last question.
sub open_session
{
	my %session = (in => '', out => '', err => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err},
		$session{timer} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%session;
}

sub ask
{
	my ($session, $sql) = @_;
	($session->{out}, $session->{err}) = ('', '');
	$session->{timer}->start;
	$session->{in} .= "$sql\n\\echo :end:\n\\warn :end:\n";
	$session->{run}->pump until $session->{out} =~ /:end:\n/ && $session->{err} =~ /:end:\n/;
	s/:end:\n// for $session->{out}, $session->{err};
	chomp($session->{out}, $session->{err});
	return $session->{out} . $session->{err};
}

sub close_session
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	$session->{run}->finish;
	return;
}

my $sequential = q{SELECT count(*), sum(n), md5(string_agg(format('%s %s %s %s', id, at, n, md5(text)), ',' ORDER BY id, at)) FROM t};
# By the index of the key, and of each row.
my $by_index = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; " . $sequential =~ s/FROM t$/FROM t WHERE id > 0/r;

# Someone with a snapshot of this moment, who has not touched the table; and what the snapshot sees.
sub keep_snapshot
{
	my $session = open_session();
	my $snapshot = ask($session, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot();');
	my $sees = $node->safe_psql('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'; $sequential");
	return { session => $session, sees => $sees };
}

sub make
{
	my ($kind) = @_;
	my $columns = 'id bigint, at timestamptz NOT NULL, n int, text text, PRIMARY KEY (id' . ($kind eq 'convert' ? '' : ', at') . ')';
	$node->safe_psql('postgres', "CREATE TABLE t ($columns)" . ($kind eq 'convert' ? ';' : " PARTITION BY RANGE (at);"));
	my @months = map { "2026-0$_-01 UTC" } 1 .. 6;
	my $partitions = join ' ', map { "CREATE TABLE t_$_ PARTITION OF t FOR VALUES FROM ('$months[$_]') TO ('$months[$_ + 1]');" } 0 .. 4;
	$node->safe_psql('postgres', 'CREATE TABLE t_rest PARTITION OF t DEFAULT') if $kind ne 'convert';
	$node->safe_psql('postgres', $partitions) if $kind eq 'revert';
	$node->safe_psql('postgres', qq{INSERT INTO t SELECT i, $begin + i * interval '1 day', 0, repeat('x', 10) FROM generate_series(1, 100) i;
		CREATE INDEX ON t (n); VACUUM ANALYZE t});
	$node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_by_time('t', every => '1 month', timezone => 'UTC')}) if $kind ne 'convert';
	return;
}

# What happens, statement by statement; "look" is where somebody takes a snapshot.
my $elsewhere = "$begin + interval '80 days'";
my @story = (
	'look',
	'UPDATE t SET n = n + 1 WHERE id <= 5', 'look', 'UPDATE t SET n = n + 1 WHERE id <= 5', 'look',
	'DELETE FROM t WHERE id = 6', 'look', qq{INSERT INTO t VALUES (6, $begin + interval '6 days', 60, 'again')}, 'look',
	'UPDATE t SET n = n + 1 WHERE id IN (6, 7)', 'UPDATE t SET n = n + 1 WHERE id IN (6, 7)', 'look',
	qq{INSERT INTO t VALUES (1000, $begin, 1, 'short'); UPDATE t SET n = 2 WHERE id = 1000; DELETE FROM t WHERE id = 1000},
	qq{INSERT INTO t VALUES (1001, $begin, 1, 'seen')}, 'look', 'DELETE FROM t WHERE id = 1001', 'look',
	qq{UPDATE t SET at = $elsewhere WHERE id = 8}, 'look', qq{UPDATE t SET at = $begin + interval '8 days', n = 9 WHERE id = 8}, 'look',
	'BEGIN; UPDATE t SET n = 100 WHERE id = 9; SAVEPOINT a; UPDATE t SET n = 101 WHERE id = 9; DELETE FROM t WHERE id = 10;
		ROLLBACK TO a; UPDATE t SET n = n + 1 WHERE id = 9; COMMIT', 'look',
	'BEGIN; UPDATE t SET n = 7 WHERE id = 11; SAVEPOINT a; UPDATE t SET n = 8 WHERE id = 11; COMMIT', 'look',
	'BEGIN; UPDATE t SET n = 1 WHERE id = 12; ROLLBACK',
	q{UPDATE t SET text = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i) WHERE id IN (13, 14)}, 'look',
	q{UPDATE t SET text = reverse(text) WHERE id = 13; DELETE FROM t WHERE id = 14}, 'look',
	qq{BEGIN; SELECT FROM t WHERE id = 15 FOR KEY SHARE; UPDATE t SET n = n + 1 WHERE id = 15; COMMIT}, 'look');

# A few rows are moved at once, if nobody may miss what has changed; otherwise as all others.
sub move_at_once
{
	my ($changed) = @_;
	my $name = $changed ? 'at once, changed' : 'at once';
	make('drain');
	my $one_month = $sequential =~ s/FROM t$/FROM t WHERE at >= $begin AND at < $begin + interval '20 days'/r;
	my $frozen = $node->safe_psql('postgres', 'VACUUM FREEZE t; INSERT INTO t SELECT 200 + i, at, n, text FROM t, generate_series(1, 2) i WHERE id = 3; SELECT count(*) FROM t');
	my @kept = keep_snapshot();
	$node->safe_psql('postgres', $changed ? 'UPDATE t SET n = n + 1 WHERE id < 10' : "INSERT INTO t VALUES (300, $begin + interval '1 hour', 1, 'new')");
	push @kept, keep_snapshot();
	my $jobs = $node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_moves});
	my @sees = ($kept[0]{sees}, $kept[1]{sees});
	my $month = $node->safe_psql('postgres', $one_month);
	my $client = launch($node, 'postgres', 'SET warden.partition_drain_direct_rows = 1000', $statements{drain});
	if ($changed)
	{
		$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM warden.partition_moves WHERE phase = 'wait' AND waiting_for IS NOT NULL})
		  or die 'nobody waits';
		ask($_->{session}, 'COMMIT;') for @kept;
	}
	is((result($client))[0], 0, "$name: is done");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_moves') - $jobs, $changed, "$name: by a job or not");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM t_rest'), 0, "$name: the default partition is empty");
	is($node->safe_psql('postgres', $one_month), $month, "$name: the rows are in their partition");
	for my $i ($changed ? () : (0, 1))
	{
		my $month = ask($kept[$i]{session}, "$one_month;") =~ s/\|.*//r;
		is(ask($kept[$i]{session}, "$sequential;"), $sees[$i], "$name: who came " . qw(before after)[$i] . ' sees what he saw');
		is(ask($kept[$i]{session}, "$by_index;"), $sees[$i], "$name: by index");
		is($month, 21 + $i, "$name: and in one partition");
	}
	close_session($_->{session}) for @kept;
	my $now = $node->safe_psql('postgres', $sequential);
	is($node->safe_psql('postgres', "VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) t; $sequential"), $now, "$name: VACUUM agrees");
	is_sound($node, 't', $name);
	$node->safe_psql('postgres', 'DROP TABLE t; CALL warden.maintain()');
	return;
}

# Without a copy: a row that comes meanwhile and does not belong into the first partition moves its bound.
sub move_beyond
{
	make('convert');
	$node->safe_psql('postgres', 'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, at)');
	my $holder = open_session();
	ask($holder, 'BEGIN; LOCK TABLE t IN ACCESS SHARE MODE;');
	my $client = launch($node, 'postgres', q{CALL warden.partition_convert('t', 'at', '1 year', timezone => 'UTC', metadata_only => true)});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM warden.partition_moves WHERE ended IS NULL AND phase = 'swap' AND swap_tries > 0})
	  or die 'the swap does not begin';
	my $definition = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'c'});
	is($definition, 0, 'beyond: meanwhile the table has nothing that it had not');
	my $kept = keep_snapshot();
	$node->safe_psql('postgres', q{INSERT INTO t VALUES (2000, '2090-05-05', 7, 'far'); UPDATE t SET n = n + 1 WHERE id < 10});
	my $now = $node->safe_psql('postgres', $sequential);
	ask($holder, 'COMMIT;');
	my ($status, $out, $err) = result($client);
	is($status, 0, 'beyond: is done') or diag($err);
	is($node->safe_psql('postgres', 'SELECT restarts FROM warden.partition_moves ORDER BY id DESC LIMIT 1'), 1, 'beyond: it has begun anew');
	is($node->safe_psql('postgres', 'SELECT count(DISTINCT tableoid) FROM t'), 1, 'beyond: all rows are in one partition');
	is($node->safe_psql('postgres', $sequential), $now, 'beyond: nothing is lost');
	is(ask($kept->{session}, "$sequential;"), $kept->{sees}, 'beyond: who sees what he saw');
	close_session($_) for $holder, $kept->{session};
	is_sound($node, 't', 'beyond');
	$node->safe_psql('postgres', 'DROP TABLE t; CALL warden.maintain()');
	return;
}

sub replayed { return $node->safe_psql('postgres', 'SELECT coalesce(sum(changes_replayed), 0) FROM warden.partition_moves'); }

sub move
{
	my ($kind) = @_;
	make($kind);
	# ACCESS SHARE keeps nobody but the swap away.
	my $holder = open_session();
	ask($holder, 'BEGIN; LOCK TABLE t IN ACCESS SHARE MODE;');
	my $client = launch($node, 'postgres', $statements{$kind});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM warden.partition_moves WHERE ended IS NULL AND phase = 'swap' AND swap_tries > 0})
	  or die 'the swap does not begin: ' . ($client->{run}->pumpable ? '' : $client->{stderr});
	my ($open, @kept) = open_session();
	# One that began before a snapshot, and commits after it.
	ask($open, 'BEGIN; UPDATE t SET n = n + 1000 WHERE id = 20; DELETE FROM t WHERE id = 21;');
	# All of it in one replay, or two; then in several; then in that of the swap, if no other comes before.
	my ($step, $before) = (0, replayed());
	for my $round (1 .. 3)
	{
		for my $statement (@story)
		{
			if ($statement eq 'look') { push @kept, keep_snapshot() if $round == 1 || $step % 3 == 0; }
			else
			{
				$node->safe_psql('postgres', $statement);
				$node->poll_query_until('postgres', "SELECT coalesce(sum(changes_replayed), 0) > $before FROM warden.partition_moves") or die 'no replay'
				  if $round == 2 && $step % 4 == 1 && $statement !~ /ROLLBACK$/;
				$before = replayed();
			}
			++$step;
		}
		if ($round == 1)
		{
			ask($open, 'COMMIT;');
			push @kept, keep_snapshot();
		}
	}
	is($node->safe_psql('postgres', q{SELECT phase FROM warden.partition_moves WHERE ended IS NULL}), 'swap', "$kind: the swap is still to come");
	my $now = $node->safe_psql('postgres', $sequential);
	ask($holder, 'COMMIT;');
	close_session($_) for $holder, $open;
	my ($status, $out, $err) = result($client);
	is($status, 0, "$kind: is done while " . @kept . ' sessions keep their snapshots') or diag($err);
	is($node->safe_psql('postgres', q{SELECT relkind FROM pg_class WHERE oid = 't'::regclass}), $kind eq 'revert' ? 'r' : 'p', "$kind: and was done");
	is($node->safe_psql('postgres', $sequential), $now, "$kind: nothing is lost");
	my @wrong = grep { ask($_->{session}, "$sequential;") ne $_->{sees} || ask($_->{session}, "$by_index;") ne $_->{sees} } @kept;
	is(scalar(@wrong), 0, "$kind: each sees what he saw") or diag(join "\n", map { "saw $_->{sees}, sees " . ask($_->{session}, "$sequential;") } @wrong);
	is(ask($kept[0]{session}, 'UPDATE t SET n = 0 WHERE id = 1;'), 'ERROR:  40001', "$kind: what has changed since cannot be changed");
	is(ask($kept[1]{session}, 'UPDATE t SET n = n WHERE id = 50;'), '', "$kind: what has not can be");
	close_session($_->{session}) for @kept;
	is($node->safe_psql('postgres', "VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) t; $sequential"), $now, "$kind: VACUUM takes away what nobody sees any more");
	is_sound($node, 't', $kind);
	$node->safe_psql('postgres', 'DROP TABLE t; CALL warden.maintain()');
	return;
}

# Who begins late may have a snapshot that is older than he is, of somebody who is gone by then.
sub move_passed_on
{
	make('convert');
	my ($old, $young) = (keep_snapshot(), open_session());
	my $snapshot = ask($old->{session}, 'SELECT pg_export_snapshot();');
	my $client = launch($node, 'postgres', $statements{convert});
	my $waits = q{SELECT count(*) = 1 FROM warden.partition_moves WHERE phase = 'wait' AND waiting_for ~ };
	$node->poll_query_until('postgres', "$waits 'older snapshots'") or die 'nobody waits';
	my $pid = ask($young, "BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'; SELECT pg_backend_pid();");
	ask($old->{session}, 'COMMIT;');
	ok($node->poll_query_until('postgres', "SELECT ($waits 'process $pid ') OR relkind = 'p' FROM pg_class WHERE oid = 't'::regclass"), 'passed on: it goes on');
	is(ask($young, "$sequential;"), $old->{sees}, 'passed on: who has got a snapshot sees what is in it');
	ask($young, 'COMMIT;');
	is((result($client))[0], 0, 'passed on: is done then');
	close_session($_) for $old->{session}, $young;
	$node->safe_psql('postgres', 'DROP TABLE t; CALL warden.maintain()');
	return;
}

# A table that is dropped meanwhile is told of by its name, and nothing is left of the job.
sub move_dropped
{
	make('convert');
	my $old = keep_snapshot();
	my $client = launch($node, 'postgres', $statements{convert});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM warden.partition_moves WHERE waiting_for ~ 'older snapshots'}) or die 'nobody waits';
	$node->safe_psql('postgres', 'DROP TABLE t');
	like((result($client))[2], qr/42P01: table public\.t was dropped while its rows were moved/, 'dropped: is said');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'warden'::regnamespace AND relname ~ '^(t_p|partition_move_(log|map)_\d)'}), 0, 'dropped: nothing is left');
	close_session($old->{session});
	return;
}

# What was read, and is written by somebody who could not see that, is a conflict, wherever the row is by then.
sub move_serializable
{
	my ($kind) = @_;
	my $at_once = $kind eq 'drain';
	make($kind);
	$node->safe_psql('postgres', 'CREATE TABLE other AS SELECT 0 AS n');
	my ($old, $reader, $writer) = ($at_once ? undef : keep_snapshot(), open_session(), open_session());
	my $waits = q{SELECT count(*) = 1 FROM warden.partition_moves WHERE state = 'running' AND waiting_for ~ };
	my $start = sub { return launch($node, 'postgres', 'SET warden.partition_drain_direct_rows = 1000', $statements{$kind}) };
	my $client = $at_once ? undef : $start->();
	$at_once || $node->poll_query_until('postgres', "$waits 'older snapshots'") or die 'nobody waits';
	ask($writer, 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT n FROM other;');
	is(ask($reader, 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT n FROM t WHERE id = 7; UPDATE other SET n = n + 1; COMMIT;'), '0', "$kind: somebody has read");
	$client //= $start->();
	ask($old->{session}, 'COMMIT;') if $old;
	ok($node->poll_query_until('postgres', "$waits '" . ($at_once ? 'older snapshots' : 'SERIALIZABLE') . q{'}), "$kind: what was read is waited for");
	like(ask($writer, 'UPDATE t SET n = n + 1 WHERE id = 7; COMMIT;'), qr/40001/, "$kind: who writes to it is in conflict");
	is((result($client))[0], 0, "$kind: is done then");
	is($node->safe_psql('postgres', 'SELECT count(DISTINCT tableoid) > 1, count(*), sum(n) FROM t'), 't|100|0', "$kind: with what was there");
	close_session($_) for $reader, $writer, $old ? $old->{session} : ();
	$node->safe_psql('postgres', 'DROP TABLE t, other; CALL warden.maintain()');
	return;
}

# Who asks for a pause, and does not commit, has the lock of the job's row: the job waits for it, with no lock of the table.
sub move_asked
{
	make('convert');
	my ($old, $asker) = (keep_snapshot(), open_session());
	my $client = launch($node, 'postgres', "SET warden.lock_retries = 1000; SET warden.lock_retry_delay = '10ms'", $statements{convert});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM warden.partition_moves WHERE waiting_for ~ 'older snapshots'}) or die 'nobody waits';
	ask($asker, q{BEGIN; SELECT warden.partition_pause('t');});
	ask($old->{session}, 'COMMIT;');
	my $waits = q{SELECT count(*) = 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND query ~ '^CALL' AND locktype = 'transactionid'};
	ok($node->poll_query_until('postgres', $waits), 'asked: waits for the lock of its row');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock'}), 0, 'asked: without the table');
	ask($asker, 'ROLLBACK;');
	my ($status, undef, $err) = result($client);
	is($status, 0, 'asked: is done then') or diag($err);
	close_session($_) for $old->{session}, $asker;
	$node->safe_psql('postgres', 'DROP TABLE t; CALL warden.maintain()');
	return;
}

# Maintenance, a slice after the other until what is asked for is as expected: how far one gets is a matter of the machine.
# Returns what there is in the end.
sub maintain_until
{
	my ($query, $expected) = @_;
	my $seen;
	for (1 .. 100)
	{
		$node->safe_psql('postgres', q{SET client_min_messages = error; SET warden.partition_move_slice = '1s'; CALL warden.maintain()});
		$seen = $node->safe_psql('postgres', $query);
		last if $seen eq $expected;
	}
	return $seen;
}

# Maintenance goes on with a job that was interrupted, a slice at a time: it does not begin to wait for others each time.
sub move_in_slices
{
	my ($altered) = @_;
	make('convert');
	my $old = keep_snapshot();
	my $client = launch($node, 'postgres', $statements{convert});
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM warden.partition_moves WHERE phase = 'wait' AND waiting_for IS NOT NULL})
	  or die 'nobody waits';
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid, 60000) FROM warden.partition_moves WHERE ended IS NULL});
	isnt((result($client))[0], 0, 'slices: the job is interrupted');
	is(maintain_until('SELECT state, phase FROM warden.partition_moves WHERE ended IS NULL', 'interrupted|wait'), 'interrupted|wait', 'slices: it still waits');
	my $young = keep_snapshot();
	$node->safe_psql('postgres', 'UPDATE t SET n = n + 1');
	ask($old->{session}, 'COMMIT;');
	if ($altered)
	{
		# Everything is copied anew, after the one who is young now.
		$node->safe_psql('postgres', 'ALTER TABLE t ADD more int');
		is(maintain_until('SELECT state, phase, restarts FROM warden.partition_moves WHERE ended IS NULL', 'interrupted|wait|1'), 'interrupted|wait|1',
			'slices: it waits anew');
		is(ask($young->{session}, "$sequential;"), $young->{sees}, 'slices: who sees what he saw');
		ask($young->{session}, 'COMMIT;');
	}
	is(maintain_until(q{SELECT relkind FROM pg_class WHERE oid = 't'::regclass}, 'p'), 'p', 'slices: not for who came after the first one');
	is(ask($young->{session}, "$sequential;"), $young->{sees}, 'slices: who sees what he saw') if !$altered;
	close_session($_->{session}) for $old, $young;
	$node->safe_psql('postgres', 'DROP TABLE t; CALL warden.maintain()');
	return;
}

move($_) for qw(convert drain revert);
move_in_slices($_) for 0, 1;
move_at_once($_) for 0, 1;
move_beyond();
move_passed_on();
move_asked();
move_dropped();
move_serializable($_) for qw(convert drain);
finish(undef, $node);
