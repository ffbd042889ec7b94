# Expired partitions of a busy set leave by DETACH CONCURRENTLY, in a worker: nobody waits meanwhile, and whatever is
# killed on the way, the next maintenance puts it right.  What a user has begun in order to keep a partition is finished
# and never dropped.
#
# Needs TAP, because processes are killed and servers restart.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

# Who maintains is a member of the role that owns the tables; that role cannot log in.
my $rights = q{
	CREATE ROLE keeper;
	CREATE ROLE clerk LOGIN IN ROLE keeper;
	GRANT EXECUTE ON PROCEDURE warden.maintain TO clerk;
	GRANT EXECUTE ON FUNCTION warden.partition_hold TO clerk;
	CREATE SCHEMA app AUTHORIZATION keeper;};
my $node = start_server('concurrently', "restart_after_crash = on\n");
$node->safe_psql('postgres', $rights);

# Makes the set anew: a partition that has expired and one that has not, each with rows.
sub make_set
{
	my ($server, %option) = @_;
	my ($columns, $expiry, $kind) = ($option{columns} // '', $option{on_expiry} // 'drop', $option{kind} // '');
	$server->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		DROP TABLE IF EXISTS app.events, app.events_old;
		SET ROLE keeper;
		CREATE TABLE app.events (at timestamptz NOT NULL, id integer $columns) PARTITION BY RANGE (at);
		CREATE TABLE app.events_old PARTITION OF app.events FOR VALUES FROM ('2001-01-01 UTC') TO ('2002-01-01 UTC') $kind;
		RESET ROLE;
		SELECT count(*) FROM warden.partition_by_time('app.events', every => '1 year', ahead => '1 year', keep => '1 year',
			on_expiry => '$expiry', timezone => 'UTC');
		TRUNCATE warden.partition_log});
	my $owner = $option{owner} // 'keeper';
	$server->safe_psql('postgres', "CREATE TABLE app.events_part PARTITION OF app.events_old DEFAULT;
		ALTER TABLE app.events_part OWNER TO $owner") if $kind;
	$server->safe_psql('postgres', q{
		INSERT INTO app.events (at, id) SELECT '2001-06-01 UTC', n FROM generate_series(1, 10) n;
		INSERT INTO app.events (at, id) SELECT now(), n FROM generate_series(1, 20) n});
	return;
}

# A transaction that has read the set and stays.  It has read nothing of the old partition, and holds no snapshot.
sub start_reader
{
	my ($server) = @_;
	my $reader = $server->background_psql('postgres');
	$reader->query_safe(q{BEGIN; SELECT count(*) FROM app.events WHERE at > '2020-01-01 UTC'});
	return $reader;
}

# Maintenance for which nobody who is there now is old.
my $call = 'SET warden.lock_timeout = \'30s\'; CALL warden.maintain()';

sub start_maintenance
{
	my ($server) = @_;
	return launch($server, 'postgres', 'SET ROLE clerk', q{SET warden.lock_timeout = '30s'}, 'CALL warden.maintain()');
}

my $worker = q{backend_type = 'pg_warden worker' AND query ~ '^ALTER TABLE app\.events DETACH' };
my $pending = 'SELECT coalesce(string_agg(inhrelid::regclass::text, \' \'), \'\') FROM pg_inherits WHERE inhdetachpending';

# Brings the detachment of app.events_old to where it waits for a reader.
sub start_detachment
{
	my $reader = start_reader($node);
	my $maintenance = start_maintenance($node);
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE $worker AND wait_event = 'virtualxid'"),
		'the worker waits for the reader');
	is($node->safe_psql('postgres', $pending), 'app.events_old', 'the partition is on its way');
	return ($reader, $maintenance);
}

sub is_log
{
	my ($server, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($server->safe_psql('postgres', q{SELECT action || ': ' || replace(command, E';\n', '; ')
		FROM warden.partition_log WHERE partition = 'app.events_old'}), $expected, $name);
}

sub exists_old
{
	return $node->safe_psql('postgres', q{SELECT to_regclass('app.events_old') IS NOT NULL});
}

# Nothing is on its way any more, and nothing that is to stay has gone.
sub is_over
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', $pending), '', "$name: nothing is pending");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_departures'), 0, "$name: nor written down");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM app.events'), 20, "$name: the rows of the set are there");
	return;
}

# The hint of a warning says how.
sub is_attached_again
{
	my ($warning, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($warning, qr/^HINT:  .*To have it in the set again use (ALTER TABLE [^;]* ATTACH PARTITION .*)\.$/m, "$name: a hint");
	my ($attach) = $warning =~ /again use (.*)\.$/m;
	$node->safe_psql('postgres', $attach // 'SELECT');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM app.events'), 30, "$name: what it says attaches the table again");
	return;
}

my $detach = 'ALTER TABLE app.events DETACH PARTITION app.events_old';
my $concurrently = "drop: $detach CONCURRENTLY; DROP TABLE app.events_old";
my $finalized = "drop: $detach FINALIZE; DROP TABLE app.events_old";

# While somebody reads.  Event triggers tell as whom the worker works; it cannot become anybody else.
make_set($node);
$node->safe_psql('postgres', q{
	CREATE TABLE seen (tag text, who text, attempts text);
	GRANT INSERT ON seen TO PUBLIC;
	CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE command;
		RETURN 'became ' || current_user;
	EXCEPTION WHEN OTHERS THEN
		RETURN sqlstate;
	END $$;
	CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO public.seen VALUES (tg_tag || ', ' || tg_event, current_user || ' ' || session_user, concat_ws(' ',
			public.attempt('RESET ROLE'), public.attempt('SET ROLE clerk'), public.attempt('SET SESSION AUTHORIZATION postgres'),
			public.attempt('RESET SESSION AUTHORIZATION'), public.attempt($x$SELECT set_config('session_authorization', 'postgres', false)$x$)));
	END $$;
	CREATE EVENT TRIGGER look_start ON ddl_command_start EXECUTE FUNCTION look();
	CREATE EVENT TRIGGER look_end ON ddl_command_end EXECUTE FUNCTION look();
	CREATE EVENT TRIGGER look_drop ON sql_drop EXECUTE FUNCTION look()});
my ($reader, $maintenance) = start_detachment();
is($node->safe_psql('postgres', qq{SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
	WHERE $worker AND relation IN ('app.events'::regclass, 'app.events_old'::regclass) AND mode <> 'ShareUpdateExclusiveLock'}), 0,
	'it holds no lock that readers or writers notice');
is_deeply([ $node->psql('postgres', q{SET lock_timeout = '1s'; SET statement_timeout = '10s';
	INSERT INTO app.events VALUES (now(), 21); UPDATE app.events SET id = 22 WHERE id = 21; DELETE FROM app.events WHERE id = 22;
	SELECT count(*) FROM app.events}) ], [ 0, '20', '' ], 'others read and write');
like(($node->psql('postgres', q{SET ROLE clerk; SET warden.lock_timeout = '100ms'; SELECT warden.partition_hold('app.events_old', 'mine')}))[2],
	qr/could not obtain lock on app\.events_old/, 'it is too late to hold it');
$reader->query_safe('COMMIT');
is_deeply([ result($maintenance) ], [ 0, '', '' ], 'when the reader is done, so is maintenance');
is(exists_old(), 'f', 'the partition is gone');
is_over('while somebody reads');
is_log($node, $concurrently, 'without a lock on its set');
is($node->safe_psql('postgres', q{SELECT DISTINCT who FROM seen}), 'keeper keeper', 'the worker is the owner');
is($node->safe_psql('postgres', q{SELECT DISTINCT attempts FROM seen WHERE tag LIKE 'ALTER TABLE%'}),
	'became keeper 42501 55P02 55P02 55P02', 'and cannot become anybody else');
is($node->safe_psql('postgres', q{SELECT count(DISTINCT tag) FROM seen}), 5, 'event triggers see each command begin and end, and the drop');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER look_start; DROP EVENT TRIGGER look_end; DROP EVENT TRIGGER look_drop');

# If nobody is in the way, the lock of the set is taken as it costs nothing.
make_set($node);
is_deeply([ $node->psql('postgres', $call) ], [ 0, '', '' ], 'maintenance of an idle set');
is_log($node, 'drop: DROP TABLE app.events_old', 'needs no worker');

# Detached to stay: it has a CHECK like its bounds, so that it can be attached again without a scan.
make_set($node, on_expiry => 'detach');
($reader, $maintenance) = start_detachment();
$reader->query_safe('COMMIT');
is_deeply([ result($maintenance) ], [ 0, '', '' ], 'maintenance detaches');
is_over('detached');
is_log($node, "detach: $detach CONCURRENTLY", 'and does no more');
is($node->safe_psql('postgres', q{SELECT count(*), (SELECT count(*) FROM pg_constraint WHERE contype = 'c'
	AND conrelid = 'app.events_old'::regclass) FROM app.events_old}), '10|1', 'the table has its rows, and the CHECK');

# What cannot be dropped then stays as a table, and maintenance says why.
make_set($node);
($reader, $maintenance) = start_detachment();
$node->safe_psql('postgres', 'CREATE VIEW app.old AS SELECT * FROM app.events_old');
$reader->query_safe('COMMIT');
my @result = result($maintenance);
like("$result[0] $result[2]", qr/^0 WARNING:  2BP01: could not drop a partition of table app\.events: cannot drop app\.events_old/,
	'a view keeps it from being dropped');
is_over('a view');
is_log($node, "detach: $detach CONCURRENTLY", 'a view: it is detached');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.old'), 10, 'a view: and still there');
is_attached_again($result[2], 'a view');
$node->safe_psql('postgres', 'DROP VIEW app.old');

# Nor is one dropped of which something else was said meanwhile.
make_set($node);
($reader, $maintenance) = start_detachment();
$node->safe_psql('postgres', q{UPDATE warden.partition_policies SET keep = '1000 years'});
$reader->query_safe('COMMIT');
@result = result($maintenance);
like("$result[0] $result[2]", qr/^0 WARNING:  55000: .*table app\.events_old was detached and not retired any further/,
	'another policy meanwhile');
is_over('another policy meanwhile');
is_attached_again($result[2], 'another policy meanwhile');

# One with partitions of its own goes with them.
make_set($node, kind => 'PARTITION BY LIST (id)');
($reader, $maintenance) = start_detachment();
$reader->query_safe('COMMIT');
is_deeply([ result($maintenance) ], [ 0, '', '' ], 'a partition that is partitioned leaves');
is($node->safe_psql('postgres', q{SELECT to_regclass('app.events_part')}), '', 'as a whole');
is_over('partitioned');

# An old transaction is looked for first.
make_set($node);
$reader = start_reader($node);
my $pid = $reader->query_safe('SELECT pg_backend_pid()');
ok($node->poll_query_until('postgres', "SELECT now() - xact_start > '200 ms' FROM pg_stat_activity WHERE pid = $pid"), 'an old transaction');
my ($status, $out, $err) = $node->psql('postgres', q{SET warden.lock_timeout = '10ms'; CALL warden.maintain()});
like("$status $err", qr/^0 .*WARNING:  could not drop a partition of table app\.events: app\.events is in use by a long transaction.*process $pid /s,
	'keeps the detachment from being begun');
like($node->safe_psql('postgres', q{SELECT blocked_by FROM warden.partition_sets}), qr/process $pid /, 'and is told of');
is($node->safe_psql('postgres', $pending), '', 'nothing is pending');
is_deeply([ $node->psql('postgres', q{SET lock_timeout = '1s'; INSERT INTO app.events VALUES ('2001-07-01 UTC', 11)}) ], [ 0, '', '' ],
	'and the partition still takes rows');
$reader->query_safe('COMMIT');

# Who cancels maintenance ends the worker.
make_set($node);
($reader, $maintenance) = start_detachment();
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL warden.maintain%' AND pid <> pg_backend_pid()});
like((result($maintenance))[2], qr/57014/, 'maintenance is cancelled');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE $worker"), 'and its worker ends');
is($node->safe_psql('postgres', $pending), 'app.events_old', 'the partition is left pending');
is($node->safe_psql('postgres', q{SELECT action, status, detail FROM warden.partition_maintain()}),
	'finalize|planned|CALL warden.maintain() does it.', 'which partition_maintain() tells of');
is($node->safe_psql('postgres', q{SELECT command FROM warden.partition_maintain(dry_run => true)}), "$detach FINALIZE;\nDROP TABLE app.events_old", 'with what will be done');
# An old snapshot of whatever table is looked for, as the server would wait for it.
my $old = $node->background_psql('postgres');
my $old_pid = $old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_backend_pid()');
ok($node->poll_query_until('postgres', "SELECT now() - xact_start > '200 ms' FROM pg_stat_activity WHERE pid = $old_pid"), 'an old snapshot');
like(($node->psql('postgres', q{SET warden.lock_timeout = '10ms'; CALL warden.maintain()}))[2],
	qr/could not finalize a partition of table app\.events: a long transaction may still see.*process $old_pid /s, 'keeps it from being finalized');
$old->query_safe('COMMIT');
$old->quit;
is_deeply([ $node->psql('postgres', $call) ], [ 0, '', '' ], 'the next maintenance');
is_log($node, $finalized, 'completes it, although the reader is still there');
is_over('cancelled');
$reader->query_safe('COMMIT');

# A worker that is terminated: the same maintenance goes on.
make_set($node);
($reader, $maintenance) = start_detachment();
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $worker");
is_deeply([ result($maintenance) ], [ 0, '', '' ], 'maintenance survives its worker');
is_log($node, $finalized, 'and finalizes');
is_over('terminated');
$reader->query_safe('COMMIT');
$reader->quit;

# Those whose server has crashed.
sub bury_clients
{
	$_->{run}->finish for $maintenance, $reader;
	return;
}

# The worker is killed, and the server crashes with it; or the server is.
sub kill_worker
{
	my $worker_pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $worker");
	kill 'KILL', $worker_pid;
	bury_clients();
	await_server($node);
	return;
}

sub kill_server
{
	$node->stop('immediate');
	bury_clients();
	$node->start;
	return;
}
for my $way ([ 'the worker is killed', \&kill_worker ], [ 'the server is killed', \&kill_server ])
{
	my ($name, $disturb) = @$way;
	make_set($node);
	($reader, $maintenance) = start_detachment();
	$disturb->();
	is($node->safe_psql('postgres', $pending), 'app.events_old', "$name: it is pending");
	is($node->safe_psql('postgres', 'SELECT partition::regclass, parent::regclass, action FROM warden.partition_departures'),
		'app.events_old|app.events|drop', "$name: and written down");
	is_deeply([ $node->psql('postgres', $call) ], [ 0, '', '' ], "$name: the next maintenance");
	is_log($node, $finalized, "$name: completes it");
	is_over($name);
}

# What came between: a hold, another policy.  Then the table stays.
for my $way ([ 'held', q{SELECT warden.partition_hold('app.events_old', 'mine')} ],
	[ 'another policy', q{SELECT count(*) FROM warden.partition_by_time('app.events', every => '1 year', keep => '1 year', on_expiry => 'detach')} ],
	[ 'kept for longer', q{SELECT count(*) FROM warden.partition_by_time('app.events', every => '1 year', keep => '1000 years')} ])
{
	my ($name, $command) = @$way;
	make_set($node);
	($reader, $maintenance) = start_detachment();
	kill_server();
	$node->safe_psql('postgres', $command);
	is_deeply([ $node->psql('postgres', $call) ], [ 0, '', '' ], "$name: the next maintenance finalizes");
	is(exists_old(), 't', "$name: and does not drop");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM app.events_old'), 10, "$name: nothing is lost");
	is_over($name);
}

# A user's own detachment that was interrupted, and one that he has finalized by himself.
make_set($node);
$reader = start_reader($node);
isnt(($node->psql('postgres', "SET lock_timeout = '100ms'; $detach CONCURRENTLY"))[0], 0, 'a detachment of a user fails');
is($node->safe_psql('postgres', $pending), 'app.events_old', 'and is pending');
is_deeply([ $node->psql('postgres', $call) ], [ 0, '', '' ], 'maintenance finalizes it');
is_log($node, "finalize: $detach FINALIZE", 'and does no more');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.events_old'), 10, 'the table is as it was');
is_over('of a user');
$reader->query_safe('COMMIT');
make_set($node);
($reader, $maintenance) = start_detachment();
kill_server();
$node->safe_psql('postgres', "$detach FINALIZE");
is_deeply([ $node->psql('postgres', $call) ], [ 0, '', '' ], 'what a user has finalized');
is(exists_old(), 't', 'is not dropped');
is_over('finalized by hand');

# Where it is not possible, or not better, the lock is waited for.
sub is_dropped_attached
{
	my ($server, $name) = @_;
	my $busy = launch($server, 'postgres', q{BEGIN; SELECT count(*) FROM app.events WHERE at > '2020-01-01 UTC'; SELECT pg_sleep(3); COMMIT});
	ok($server->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}), "$name: a reader");
	is_deeply([ result(start_maintenance($server)) ], [ 0, '', '' ], "$name: maintenance");
	result($busy);
	is_log($server, 'drop: DROP TABLE app.events_old', "$name: drops it as it is");
	return;
}
$node->safe_psql('postgres', 'SET ROLE keeper; CREATE TABLE app.kinds (kind integer PRIMARY KEY)');
make_set($node, columns => ', kind integer REFERENCES app.kinds');
is_dropped_attached($node, 'a foreign key');
make_set($node);
$node->safe_psql('postgres', 'CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT');
is_dropped_attached($node, 'a default partition');
make_set($node, kind => 'PARTITION BY LIST (id)', owner => 'postgres');
is_dropped_attached($node, 'a partition of another owner in the partition');
my $full = start_server('full', "max_worker_processes = 0\n");
$full->safe_psql('postgres', $rights);
make_set($full);
is_dropped_attached($full, 'no worker process is free');
like(slurp_file($full->logfile), qr/53400.*no background worker process is free to detach a partition/, 'which the log tells');

finish(qr/terminated by signal 9/, $node, $full);
