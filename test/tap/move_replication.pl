# What others see of a move: subscribers get each change of the application's once and nothing of what the job writes, a
# slot decodes the same, and a standby has the same rows.
#
# Needs TAP, for several servers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $logical = "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\nmax_logical_replication_workers = 10\n";
my $publisher = start_server('publisher', $logical, allows_streaming => 'logical');
my %subscribers = map { $_ => start_server($_, $logical) } 'everything', 'one_by_one';

# The subscribers have plain tables: what is published by its root has that name, whatever partitions there are.
my @tables = ('drained', 'converted', 'reverted');
$_->safe_psql('postgres', join '', map { "CREATE TABLE $_ (id int, at timestamptz NOT NULL, v int NOT NULL, body text, PRIMARY KEY (id, at));" } @tables)
  for values %subscribers;
$publisher->safe_psql('postgres', q{
	CREATE TABLE converted (id int, at timestamptz NOT NULL, v int NOT NULL, body text, PRIMARY KEY (id, at));
	CREATE TABLE drained (LIKE converted INCLUDING ALL) PARTITION BY RANGE (at);
	CREATE TABLE drained_rest PARTITION OF drained DEFAULT;
	CREATE TABLE reverted (LIKE converted INCLUDING ALL) PARTITION BY RANGE (at);
	CREATE TABLE reverted_1 PARTITION OF reverted FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
	CREATE TABLE reverted_rest PARTITION OF reverted DEFAULT;
	INSERT INTO converted SELECT i, timestamptz '2024-01-01' + i * interval '2 minutes', 0, repeat('x', i % 300) FROM generate_series(1, 40000) i;
	ALTER TABLE converted ALTER body SET STORAGE EXTERNAL;
	INSERT INTO converted SELECT 50000 + i, '2024-01-20', 0, repeat('outside ', 1000) FROM generate_series(1, 20) i;
	INSERT INTO drained SELECT * FROM converted;
	INSERT INTO reverted SELECT * FROM converted;
	SELECT count(*) FROM warden.partition_by_time('drained', '1 month', ahead => '1 month');
	CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true);
	CREATE PUBLICATION one_by_one FOR TABLE drained, converted, reverted WITH (publish_via_partition_root = true);

	-- An application, which keeps books in the same transaction.
	CREATE TABLE journal (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, target text, changes int);
	CREATE TABLE stop (id int PRIMARY KEY);
	CREATE PROCEDURE work(target text) LANGUAGE plpgsql AS $$
	DECLARE
		n int; round int := 0;
	BEGIN
		WHILE NOT EXISTS (SELECT FROM stop) LOOP
			round := round + 1;
			EXECUTE format(CASE round % 5
				WHEN 4 THEN 'UPDATE %I SET v = v + 1, body = repeat(''outside'' || $1, 1000) WHERE id = 50000 + $1 %% 20'
				WHEN 0 THEN 'INSERT INTO %I VALUES (100000 + $1, timestamptz ''2024-01-01'' + ($1 %% 40000) * interval ''2 minutes'', $1, ''new'')'
				WHEN 1 THEN 'DELETE FROM %I WHERE id = ($1 * 7919) %% 40000 + 1'
				ELSE 'UPDATE %I SET v = v + 1 WHERE id IN (($1 * 31) %% 40000, ($1 * 17) %% 40000)' END, target) USING round;
			GET DIAGNOSTICS n = ROW_COUNT;
			INSERT INTO journal (target, changes) VALUES (target, n);
			COMMIT;
		END LOOP;
	END $$;});
$_->safe_psql('postgres', q{
	CREATE TABLE journal (id bigint PRIMARY KEY, target text, changes int);
	CREATE TABLE stop (id int PRIMARY KEY);}) for values %subscribers;
my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;
for my $name (sort keys %subscribers)
{
	$subscribers{$name}->safe_psql('postgres', "CREATE SUBSCRIPTION $name CONNECTION '$connection' PUBLICATION $name");
	ok($subscribers{$name}->poll_query_until('postgres', q{SELECT count(*) >= 3 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel}),
		"$name: all tables are in step");
}
$publisher->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('decoded', 'test_decoding')});
$publisher->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($publisher, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 0\nhot_standby_feedback = off\n");
$standby->start;

my %jobs = (
	drained => q{CALL warden.partition_drain('drained')},
	converted => q{CALL warden.partition_convert('converted', 'at', '1 month', ahead => '1 month')},
	reverted => q{CALL warden.partition_revert('reverted')});
my $content = sub { "SELECT '$_[0]', count(*), sum(v), sum(hashtextextended((id, at, v, body)::text, 0)), count(DISTINCT id) FROM $_[0]" };
for my $table (@tables)
{
	my $application = launch($publisher, 'postgres', "CALL work('$table')");
	$publisher->poll_query_until('postgres', "SELECT count(*) > 100 FROM journal WHERE target = '$table'") or die;
	my ($status, $stdout, $stderr) = $publisher->psql('postgres', $jobs{$table});
	is($status, 0, "$table: the job ends") or diag($stderr);
	is($publisher->safe_psql('postgres', "SELECT state FROM warden.partition_moves WHERE target_name = 'public.$table'"), 'done', "$table: done");
	my $so_far = $publisher->safe_psql('postgres', "SELECT count(*) FROM journal WHERE target = '$table'");
	$publisher->poll_query_until('postgres', "SELECT count(*) > $so_far + 100 FROM journal WHERE target = '$table'") or die;
	$publisher->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
	($status, $stdout, $stderr) = result($application);
	is($stderr, '', "$table: no statement of the application failed");
	$publisher->safe_psql('postgres', 'DELETE FROM stop');

	my $expected = $publisher->safe_psql('postgres', $content->($table));
	for my $name (sort keys %subscribers)
	{
		$publisher->wait_for_catchup($name);
		is($subscribers{$name}->safe_psql('postgres', $content->($table)), $expected, "$table: subscriber $name has the same rows");
	}
	$publisher->wait_for_catchup('standby', 'replay', $publisher->lsn('flush'));
	is($standby->safe_psql('postgres', $content->($table)), $expected, "$table: the standby has the same rows");
}

# The job's tables, which nobody else has, and the copies of rows are not decoded: nothing but what the application wrote.
is($publisher->safe_psql('postgres', q{
	WITH changes AS (
		SELECT (regexp_match(data, '^table ([^:]*): ([A-Z]*):'))[1] AS name FROM pg_logical_slot_get_changes('decoded', NULL, NULL)
		WHERE data LIKE 'table %'),
	counted AS (
		SELECT (regexp_match(name, '^public\.(drained|converted|reverted)'))[1] AS target, count(*) AS changes FROM changes GROUP BY 1)
	SELECT target, c.changes - (SELECT sum(changes) FROM journal j WHERE j.target = c.target)
	FROM counted c WHERE target IS NOT NULL ORDER BY 1}), "converted|0\ndrained|0\nreverted|0", 'each change is decoded once');
for my $name (sort keys %subscribers)
{
	unlike(slurp_file($subscribers{$name}->logfile), qr/ERROR/, "$name: nothing failed");
}

is($publisher->safe_psql('postgres', 'SELECT count(*) FROM pg_class WHERE relrewrite <> 0'), 0, 'what is stored from now on is decoded, TOAST too');

# A subscription copies a table first, by a walsender's snapshot: it is waited for as anybody else's.
$publisher->safe_psql('postgres', q{
	CREATE TABLE copied (id int, at timestamptz NOT NULL, PRIMARY KEY (id, at));
	INSERT INTO copied SELECT i, timestamptz '2024-01-01' + i * interval '2 minutes' FROM generate_series(1, 1000) i});
my %session = (in => '', out => '');
$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $publisher->connstr('postgres') . ' replication=database' ],
	'<', \$session{in}, '>', \$session{out}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
$session{in} .= q{BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ;
CREATE_REPLICATION_SLOT first_copy TEMPORARY LOGICAL pgoutput (SNAPSHOT 'use');
\echo :slot:
};
$session{run}->pump until $session{out} =~ /:slot:/;
my $conversion = launch($publisher, 'postgres', q{CALL warden.partition_convert('copied', 'at', '1 month', ahead => '1 month')});
ok($publisher->poll_query_until('postgres', q{
	SELECT state = 'done' OR waiting_for LIKE 'older snapshots:%' FROM warden.partition_moves WHERE target_name = 'public.copied'}),
	'the first copy of a subscription is waited for');
$session{in} .= "COPY copied TO STDOUT;\n\\echo :end:\nCOMMIT;\n\\q\n";
$session{run}->finish;
is(scalar(() = $session{out} =~ /^\d+\t/mg), 1000, 'it has each row');
is((result($conversion))[0], 0, 'then the conversion ends');

# On a standby a job is not touched.
like(($standby->psql('postgres', q{CALL warden.partition_revert('converted')}))[2], qr/recovery|read-only/, 'a standby refuses a job');
like(($standby->psql('postgres', q{CALL warden.partition_resume('converted')}))[2], qr/ERROR/, 'also to resume one');
is(($standby->psql('postgres', 'CALL warden.maintain()'))[0], 0, 'maintenance does nothing there');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_moves'), 4, 'what there was is seen there');
$standby->stop;
$subscribers{$_}->safe_psql('postgres', "DROP SUBSCRIPTION $_") for sort keys %subscribers;

finish(undef, $publisher, values %subscribers);
