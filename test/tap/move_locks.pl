# What others do while rows are moved: who has the table locked keeps a job waiting, and no third one; definitions that
# change have it begin anew; whoever wants it to stop is heard.
#
# Needs TAP, because a job waits without a lock, which isolation tests do not see.  PG_WARDEN_MOVE_CASES=. is the long
# form: all cases of all kinds.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Moves;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);
use Warden;

my $rows = 8000;
my $node = start_server('locks', <<'END');
max_connections = 40
max_prepared_transactions = 5
warden.lock_timeout = '100ms'
warden.lock_retries = 1000
warden.lock_retry_delay = '50ms'
warden.partition_drain_direct_rows = 0
END
# The cases whose names match: each for one kind.
my $only = $ENV{PG_WARDEN_MOVE_CASES} // join '|', 'drain, a row is updated', 'revert, it is read',
	'metadata, a table that refers to it', 'revert, an old snapshot', 'convert, a session', 'revert, a lock', 'a prepared transaction', 'drain, a new check',
	'convert, rewritten', 'convert, emptied', 'drain, dropped', 'convert, stopped', 'given up';
my @small = qw(increments edges_prepared count);
my $open = 'SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL';

# The job, slow enough that something can be done meanwhile.
sub begin_job
{
	my ($kind, $more) = @_;
	local $ENV{PGAPPNAME} = 'mover';
	return launch($node, 'postgres', job_of($kind, $more // ($kind eq 'metadata' ? '' : 'max_rows_per_second => 4000')));
}

sub await { my ($what, $query) = @_; return $node->poll_query_until('postgres', $query) || die "not seen: $what"; }
sub await_phase { my ($phase) = @_; return await($phase, "SELECT phase = '$phase' FROM warden.partition_move_jobs WHERE ended IS NULL"); }

# As the application, whose triggers do not tell that they have fired.
sub as_app
{
	my ($commands) = @_;
	local $ENV{PGAPPNAME} = 'app';
	return $node->safe_psql('postgres', $commands);
}

# An open transaction.
sub hold
{
	my (@commands) = @_;
	local $ENV{PGAPPNAME} = 'app';
	my $session = $node->background_psql('postgres');
	$session->query_safe($_) for 'BEGIN', @commands;
	return $session;
}

sub is_ended
{
	my ($kind, $client, $name, $state) = @_;
	my ($status, $out, $err) = result($client);
	is($status, 0, "$name: the job is done") or diag($err);
	my ($wrong) = books_differ($node);
	is($wrong, '', "$name: the books are right");
	is(left_over($node, $state), '', "$name: nothing is left over");
	is_sound($node, 'load.t', $name);
	is($node->safe_psql('postgres', q{SELECT relkind FROM pg_class WHERE oid = 'load.t'::regclass}), $kind eq 'revert' ? 'r' : 'p', "$name: the table is what it should be");
	return;
}

# Somebody holds something for two seconds; the others must not notice more than lock_timeout, whatever the job asks for.
# Of the table itself the job needs more than they leave; of tables that foreign keys join with it maybe not.
sub hold_against
{
	my ($kind, $name, $must_wait, @commands) = @_;
	$name = "$kind, $name";
	return if $name !~ /$only/;
	make_table($node, $kind, $rows, 'referenced');
	my $state = state_of($node);
	my $application = start_application($node, $rows, rate => 100, only => \@small);
	await('the application', 'SELECT count(*) > 5 FROM load.ledger');
	my $holder = hold(@commands);
	my $client = begin_job($kind, $kind eq 'metadata' ? '' : 'max_rows_per_second => 100000');
	await('what is waited for', 'SELECT waiting_for IS NOT NULL FROM warden.partition_move_jobs WHERE ended IS NULL') if $must_wait;
	# So long that it is tried several times, if it is tried at all.
	usleep(1_500_000);
	is($node->safe_psql('postgres', $open), 1, "$name: the job waits") if $must_wait;
	# It may have something to do still.
	ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM warden.partition_move_jobs WHERE ended IS NULL AND waiting_for IS NULL'),
		"$name: if it waits, it tells for what");
	$holder->query_safe('COMMIT');
	$holder->quit;
	is_ended($kind, $client, $name, $state);
	my ($failed, $longest) = stop_application($application);
	is($failed, '', "$name: nothing fails");
	my ($most) = sort { $b <=> $a } map { $longest->{$_} // 0 } qw(increments edges_prepared);
	cmp_ok($most, '<', 1000, "$name: nobody else waits for long");
	diag(sprintf '%s: the longest statement took %.0f ms', $name, $most);
	return;
}

my $update = q{WITH u AS (UPDATE load.t SET n = n + 1 WHERE id = 10 RETURNING id) INSERT INTO load.ledger SELECT 0, 0, 1, 0 FROM u};
for my $kind (qw(drain convert metadata revert))
{
	hold_against($kind, 'a row is updated', 1, $update);
	hold_against($kind, 'it is read', 1, 'SELECT count(*) FROM load.t WHERE id < 10');
	hold_against($kind, 'a table that it refers to is written', 0, q{INSERT INTO load.kinds VALUES (1000)});
	hold_against($kind, 'a table that refers to it is read', 0, 'SELECT count(*) FROM load.items');
}

# A snapshot that is older than the job, of one that has not read the table yet; when it does, it sees what there was.
for my $kind (qw(drain convert revert))
{
	my $name = "$kind, an old snapshot";
	next if $name !~ /$only/;
	make_table($node, $kind, $rows, 'referenced');
	my $state = state_of($node);
	my $books = $node->safe_psql('postgres', 'SELECT * FROM load.books');
	my $reader = $node->background_psql('postgres');
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$reader->query_safe('SELECT count(*) FROM load.kinds');
	my $pid = $reader->query_safe('SELECT pg_backend_pid()');
	as_app($update);
	my $client = begin_job($kind, 'max_rows_per_second => 100000');
	await_phase('wait');
	usleep(500_000);
	is($node->safe_psql('postgres', 'SELECT phase FROM warden.partition_move_jobs WHERE ended IS NULL'), 'wait', "$name: is waited for");
	like($node->safe_psql('postgres', 'SELECT waiting_for FROM warden.partition_move_jobs WHERE ended IS NULL'), qr/\b$pid\b/, "$name: and told of");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE application_name = 'mover' AND relation = 'load.t'::regclass AND mode <> 'AccessShareLock'}), 0, "$name: without a lock");
	is($reader->query_safe('SELECT * FROM load.books'), $books, "$name: sees what there was");
	$reader->query_safe('COMMIT');
	$reader->quit;
	is_ended($kind, $client, $name, $state);
}

# Sessions that were there before: prepared statements, functions and cursors go on.
for my $kind (qw(drain convert metadata revert))
{
	my $name = "$kind, a session";
	next if $name !~ /$only/;
	make_table($node, $kind, $rows, 'referenced');
	$node->safe_psql('postgres', q{CREATE FUNCTION load.one(k bigint) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r load.t; BEGIN
		SELECT * INTO STRICT r FROM load.t WHERE id = k; UPDATE load.t SET note = r.note WHERE id = k; IF NOT FOUND THEN RAISE 'lost'; END IF; RETURN r.n; END $$});
	my $state = state_of($node);
	my $session = $node->background_psql('postgres');
	local $ENV{PGAPPNAME} = 'app';
	$session->query_safe("SET application_name = 'app'");
	$session->query_safe('SET plan_cache_mode = force_generic_plan');
	$session->query_safe('PREPARE counted AS SELECT count(*) FROM load.t WHERE id < $1');
	$session->query_safe('PREPARE updated AS UPDATE load.t SET n = n WHERE id = $1 RETURNING id');
	my $use = sub { return join ' ', map { $session->query_safe($_) } 'EXECUTE counted(100)', 'EXECUTE updated(12)', 'SELECT load.one(15)'; };
	my $before = $use->();
	$session->query_safe('BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM load.t WHERE id < 100 ORDER BY id; COMMIT');
	is_ended($kind, begin_job($kind, $kind eq 'metadata' ? '' : 'max_rows_per_second => 100000'), $name, $state);
	is($use->(), $before, "$name: what was prepared goes on");
	is($session->query_safe('FETCH 3 FROM c'), "1\n2\n3", "$name: and so does a cursor");
	$session->quit;
}

# A prepared transaction that has changed rows.
if ('convert, a prepared transaction' =~ /$only/)
{
	make_table($node, 'convert', $rows, 'referenced');
	my $state = state_of($node);
	as_app("BEGIN; $update; PREPARE TRANSACTION 'two'");
	my $client = begin_job('convert');
	usleep(1_000_000);
	$node->safe_psql('postgres', "COMMIT PREPARED 'two'");
	is_ended('convert', $client, 'a prepared transaction', $state);
}

# Somebody has the table for himself while rows are copied; nothing else goes on then either.
for my $kind (qw(drain convert revert))
{
	my $name = "$kind, a lock";
	next if $name !~ /$only/;
	make_table($node, $kind, $rows, 'referenced');
	my $state = state_of($node);
	my $client = begin_job($kind);
	await('rows copied', 'SELECT rows_copied > 1000 FROM warden.partition_move_jobs WHERE ended IS NULL');
	my $holder = hold('LOCK TABLE load.t IN ACCESS EXCLUSIVE MODE');
	await('what is waited for', "SELECT waiting_for ~ 'lock' FROM warden.partition_move_jobs WHERE ended IS NULL");
	$holder->query_safe('COMMIT');
	$holder->quit;
	is_ended($kind, $client, $name, $state);
}

# Definitions that change while rows are copied.
my %changes = (
	'a new column' => [ q{ALTER TABLE load.t ADD fresh int DEFAULT 5}, q{SELECT count(*) FROM load.t WHERE fresh IS DISTINCT FROM 5} ],
	'a column less' => [ q{ALTER TABLE load.t DROP note CASCADE}, q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'load.t'::regclass AND attname = 'note'} ],
	'another type' => [ q{ALTER TABLE load.t ALTER kind TYPE bigint}, q{SELECT count(*) FROM load.t WHERE pg_typeof(kind) <> 'bigint'::regtype} ],
	'a new index' => [ q{CREATE INDEX fresh ON load.t (n)}, q{SELECT count(*) FROM pg_index WHERE NOT indisvalid} ],
	'a new check' => [ q{ALTER TABLE load.t ADD CHECK (id > 0)}, q{SELECT count(*) FROM pg_constraint WHERE NOT convalidated} ],
	'a new trigger' => [ q{CREATE TRIGGER fresh AFTER INSERT ON load.t FOR EACH ROW EXECUTE FUNCTION load.fire()}, 'SELECT 0' ],
	'a new owner' => [ q{CREATE ROLE somebody; GRANT USAGE, CREATE ON SCHEMA load TO somebody;
		DO $$ DECLARE t regclass; BEGIN
			FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'load'::regnamespace AND relname ~ '^t' AND relkind IN ('r', 'p') ORDER BY oid
			LOOP EXECUTE 'ALTER TABLE ' || t || ' OWNER TO somebody'; END LOOP;
		END $$}, q{SELECT count(*) FROM pg_class WHERE relnamespace = 'load'::regnamespace AND relname ~ '^t' AND relkind IN ('r', 'p') AND relowner <> 'somebody'::regrole} ],
	'a new name' => [ q{ALTER TABLE load.t RENAME TO s; ALTER TABLE load.s RENAME TO t}, 'SELECT 0' ],
	# A drain has nothing to do then, and says so.
	'emptied' => [ q{TRUNCATE load.t CASCADE; TRUNCATE load.ledger; INSERT INTO load.ledger VALUES (0, 0, 0, 0); INSERT INTO load.t (at, kind) VALUES (now(), 1);
		INSERT INTO load.ledger SELECT 1, hashint8(id), 0, (SELECT count(*) FROM load.items) FROM load.t}, 'SELECT count(*) - 1 FROM load.t' ],
	'rewritten' => [ q{VACUUM FULL load.t}, 'SELECT 0' ],
	'sorted' => [ q{ALTER TABLE load.t CLUSTER ON t_id}, 'SELECT 0' ],
	'many changes' => [ q{UPDATE load.t SET note = 'u' WHERE id % 3 = 0}, q{SELECT count(*) FROM load.t WHERE id % 3 = 0 AND note <> 'u'} ]);
for my $what (sort keys %changes)
{
	for my $kind ($what =~ /sorted|rewritten/ ? 'convert' : $what eq 'emptied' ? qw(convert revert) : qw(drain convert revert))
	{
		next if "$kind, $what" !~ /$only/;
		make_table($node, $kind, $rows, 'keyless');
		my ($change, $check) = @{ $changes{$what} };
		my $state = state_of($node);
		my $client = begin_job($kind);
		await('rows copied', 'SELECT rows_copied > 1000 FROM warden.partition_move_jobs WHERE ended IS NULL');
		local $ENV{PGAPPNAME} = 'app';
		my ($status, $out, $err) = $node->psql('postgres', "SET lock_timeout = '20s'; $change");
		is($status, 0, "$kind, $what: can be done meanwhile") or diag($err);
		# Definitions may be more than they were.
		$state .= "\n" . join "\n", grep { !/capture|rewritten|source|side|index|job|member|schema of/ } split /\n/, state_of($node);
		is_ended($kind, $client, "$kind, $what", $state);
		is($node->safe_psql('postgres', $check), 0, "$kind, $what: and is done");
		$node->safe_psql('postgres', 'DROP SCHEMA load CASCADE');
		$node->safe_psql('postgres', 'DROP ROLE IF EXISTS somebody');
	}
}

# Tables that go away.
for my $kind (qw(drain convert revert))
{
	next if "$kind, dropped" !~ /$only/;
	make_table($node, $kind, $rows, 'referenced');
	my $members = grep { /^member/ } split /\n/, state_of($node);
	my $client = begin_job($kind);
	await('rows copied', 'SELECT rows_copied > 1000 FROM warden.partition_move_jobs WHERE ended IS NULL');
	my ($dropped, undef, $said) = $node->psql('postgres', "SET client_min_messages = error; SET lock_timeout = '20s'; DROP TABLE load.t CASCADE");
	is($dropped, 0, "$kind: the table can be dropped meanwhile") or diag($said);
	my ($status, $out, $err) = result($client);
	unlike($err, qr/XX000|cache lookup/, "$kind: its job fails decently");
	$node->safe_psql('postgres', 'SET client_min_messages = error; CALL warden.maintain()');
	is(scalar(grep { /^member/ } split /\n/, state_of($node)), $members, "$kind: nothing is left over of a table that is gone");
	is($node->safe_psql('postgres', $open), 0, "$kind: nor its job");
}

# Stopped by others.
for my $kind (qw(drain convert revert))
{
	next if "$kind, stopped" !~ /$only/;
	make_table($node, $kind, $rows, 'referenced');
	my $state = state_of($node);
	my $application = start_application($node, $rows, rate => 50, only => \@small);
	my $client = begin_job($kind, 'max_rows_per_second => 2500');
	await('rows copied', 'SELECT rows_copied > 1000 FROM warden.partition_move_jobs WHERE ended IS NULL');
	like(($node->psql('postgres', job_of($kind)))[2], qr/ERROR/, "$kind: there can be but one job");
	like(($node->psql('postgres', q{CALL warden.partition_resume('load.t')}))[2], qr/ERROR/, "$kind: what runs cannot be resumed");
	$node->safe_psql('postgres', q{SELECT warden.partition_pause('load.t')});
	my ($status, $out, $err) = result($client);
	unlike($err, qr/XX000|cache lookup/, "$kind: what is paused ends decently");
	is($node->safe_psql('postgres', 'SELECT state FROM warden.partition_move_jobs WHERE ended IS NULL'), 'paused', "$kind: it is paused");
	$node->safe_psql('postgres', 'CALL warden.maintain()');
	is($node->safe_psql('postgres', 'SELECT state FROM warden.partition_move_jobs WHERE ended IS NULL'), 'paused', "$kind: and stays so");
	my $copied = $node->safe_psql('postgres', 'SELECT rows_copied FROM warden.partition_move_jobs WHERE ended IS NULL');
	$client = launch($node, 'postgres', q{CALL warden.partition_resume('load.t')});
	await('more rows', "SELECT rows_copied > $copied FROM warden.partition_move_jobs WHERE ended IS NULL");
	is_deeply([ $node->psql('postgres', q{CALL warden.partition_cancel('load.t')}) ], [ 0, '', '' ], "$kind: it is taken back by another one");
	($status, $out, $err) = result($client);
	unlike($err, qr/XX000|cache lookup/, "$kind: what is taken back ends decently");
	is($node->safe_psql('postgres', $open), 0, "$kind: it has ended");
	is(left_over($node, $state), '', "$kind: nothing is left over");
	# By a signal: what fails can be resumed.
	$client = begin_job($kind, 'max_rows_per_second => 2500');
	await('rows copied', 'SELECT rows_copied > 1000 FROM warden.partition_move_jobs WHERE ended IS NULL');
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ 'warden.partition' AND pid <> pg_backend_pid()});
	($status, $out, $err) = result($client);
	like($err, qr/57014/, "$kind: a query that is cancelled says so");
	is($node->safe_psql('postgres', $open), 1, "$kind: its job is there");
	my ($failed) = stop_application($application);
	is($failed, '', "$kind: nothing fails");
	is_ended($kind, launch($node, 'postgres', q{CALL warden.partition_resume('load.t')}), "$kind, cancelled", $state);
}

# It gives up in the end, and can be resumed.
if ('convert, given up' =~ /$only/)
{
	make_table($node, 'convert', $rows, 'referenced');
	my $state = state_of($node);
	my $holder = hold($update);
	my ($status, $out, $err) = result(launch($node, 'postgres', 'SET warden.lock_retries = 2', job_of('convert')));
	like($err, qr/55P03/, 'a job that never has its lock gives up');
	$holder->query_safe('COMMIT');
	$holder->quit;
	is_ended('convert', launch($node, 'postgres', q{CALL warden.partition_resume('load.t')}), 'given up, and resumed', $state);
}
finish(undef, $node);
