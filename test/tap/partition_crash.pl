# Killing the backend at any step of CALL warden.maintain() or partition_maintain() leaves nothing that the next run does
# not put right: in the end everything is as in a database where nobody was killed.
#
# Needs TAP, because backends are killed and the server comes back.  Every step is tried in a database of its own, so
# that all backends can stop at their steps and be killed together.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('crash', "restart_after_crash = on\nmax_connections = 200\n");

# Two sets with all that a partition can get from its parent.  Each has two partitions to make and two to retire.
$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE ROLE reader; CREATE DATABASE original');
my $tables = join '', map {
	my ($name, $expiry, $default) = @$_;
	qq{
	SET ROLE keeper;
	CREATE TABLE app.$name (at timestamptz, id bigint, kind integer REFERENCES app.kinds, note text CHECK (note <> ''),
		PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
	CREATE INDEX ON app.$name (kind);
	GRANT SELECT ON app.$name TO reader;
	GRANT UPDATE (note) ON app.$name TO reader;
	CREATE TRIGGER same BEFORE UPDATE ON app.$name FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
	SELECT format('CREATE TABLE app.${name}_old%s PARTITION OF app.$name FOR VALUES FROM (%L) TO (%L)',
		n, $anchor - n * interval '1 day', $anchor - (n - 1) * interval '1 day') FROM generate_series(10, 11) n \\gexec
	$default
	INSERT INTO app.$name SELECT $anchor - interval '10 days', n, 1 FROM generate_series(1, 100) n;
	RESET ROLE;
	SELECT warden.partition_by_time('app.$name', every => '1 day', ahead => '3 days', keep => '2 days',
		on_expiry => '$expiry', timezone => 'UTC', anchor => $anchor);
	SELECT format('DROP TABLE %s', partition) FROM warden.partitions
		WHERE parent = 'app.$name'::regclass AND kind = 'range' AND lower_bound::timestamptz > now() + interval '1 day' \\gexec
	}
} [ 'dropped', 'drop', 'CREATE TABLE app.dropped_rest PARTITION OF app.dropped DEFAULT;' ], [ 'detached', 'detach', '' ];

# Where maintenance passes a step, it stops if it is the one in probe.stop.
my $probe = q{
	CREATE SCHEMA probe;
	CREATE SEQUENCE probe.step;
	CREATE TABLE probe.stop (step bigint);
	CREATE TABLE probe.steps (step bigint, what text);
	GRANT USAGE ON SCHEMA probe TO PUBLIC;
	GRANT USAGE ON probe.step TO PUBLIC;
	GRANT SELECT ON probe.stop TO PUBLIC;
	GRANT INSERT ON probe.steps TO PUBLIC;
	CREATE FUNCTION probe.pass(what text) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			step bigint := pg_catalog.nextval('probe.step');
		BEGIN
			INSERT INTO probe.steps VALUES (step, what);
			IF step OPERATOR(pg_catalog.=) (SELECT s.step FROM probe.stop s) THEN
				PERFORM pg_catalog.pg_sleep(3600);
			END IF;
		END $$;
	CREATE FUNCTION probe.pass_command() RETURNS event_trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM probe.pass(pg_catalog.concat(tg_tag, ', ', tg_event)); END $$;
	CREATE FUNCTION probe.pass_row() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM probe.pass(pg_catalog.concat(tg_op, ' ', tg_table_name, ', ', tg_when)); RETURN NULL; END $$;
	CREATE TRIGGER pass AFTER INSERT OR UPDATE ON warden.partition_log FOR EACH ROW EXECUTE FUNCTION probe.pass_row();
	CREATE TRIGGER pass AFTER INSERT OR UPDATE ON warden.partition_states FOR EACH ROW EXECUTE FUNCTION probe.pass_row();
	CREATE EVENT TRIGGER pass_start ON ddl_command_start EXECUTE FUNCTION probe.pass_command();
	CREATE EVENT TRIGGER pass_drop ON sql_drop EXECUTE FUNCTION probe.pass_command();
	CREATE EVENT TRIGGER pass_end ON ddl_command_end EXECUTE FUNCTION probe.pass_command();};
my $remove_probe = q{
	DROP EVENT TRIGGER pass_start;
	DROP EVENT TRIGGER pass_drop;
	DROP EVENT TRIGGER pass_end;
	DROP TRIGGER pass ON warden.partition_log;
	DROP TRIGGER pass ON warden.partition_states;};

$node->safe_psql('original', qq{
	CREATE EXTENSION pg_warden;
	CREATE SCHEMA app AUTHORIZATION keeper;
	CREATE TABLE app.kinds AS SELECT 1 AS kind;
	ALTER TABLE app.kinds OWNER TO keeper, ADD PRIMARY KEY (kind);
	$tables});
my $before = describe($node, 'original');
$node->safe_psql('original', $probe);

# The steps of an undisturbed run.
sub steps_of
{
	my ($database, $command) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE original");
	$node->safe_psql($database, $command);
	my @steps = split /\n/, $node->safe_psql($database, 'SELECT what FROM probe.steps ORDER BY step');
	$node->safe_psql($database, $remove_probe);
	return @steps;
}
my %commands = (call => 'CALL warden.maintain()', function => 'SELECT count(*) FROM warden.partition_maintain()');
my %steps = map { $_ => [ steps_of("never_killed_$_", $commands{$_}) ] } sort keys %commands;
my $reference = describe($node, 'never_killed_call');
isnt($reference, $before, 'there was something to do');
is_same(describe($node, 'never_killed_function'), $reference, 'both commands do the same');
is($node->safe_psql('never_killed_call', 'SELECT action, count(*) FROM warden.partition_log WHERE partition LIKE $$%old%$$
	GROUP BY 1 ORDER BY 1'), "detach|2\ndrop|2", 'what had expired has gone');
for my $step ('CREATE TABLE, ddl_command_start', 'ALTER TABLE, ddl_command_end', 'DROP TABLE, sql_drop')
{
	ok((grep { $_ eq $step } @{ $steps{call} }), "stops are tried at: $step");
}

# Runs a command in a database for each of its steps, ends them all there in the given way, and has the next run mend it.
sub disturb
{
	my ($how, $which, $end) = @_;
	my @steps = @{ $steps{$which} };
	my @databases = map { "disturbed_$_" } 1 .. @steps;
	for my $n (1 .. @steps)
	{
		$node->safe_psql('postgres', "CREATE DATABASE disturbed_$n TEMPLATE original");
		$node->safe_psql("disturbed_$n", "INSERT INTO probe.stop VALUES ($n)");
	}
	$node->safe_psql('postgres', 'CHECKPOINT');
	my @clients = map { launch($node, $_, $commands{$which}) } @databases;
	my $asleep = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname LIKE 'disturbed%'";
	$node->poll_query_until('postgres', "SELECT count(*) = @{[ scalar @steps ]} $asleep")
	  or die 'not every backend reached its step: ' . $node->safe_psql('postgres', "SELECT datname $asleep");
	$end->(split /\n/, $node->safe_psql('postgres', "SELECT pid $asleep"));
	result($_) for @clients;

	for my $n (1 .. @steps)
	{
		my $name = "$how during $commands{$which} at step $n: $steps[$n - 1]";
		$node->safe_psql("disturbed_$n", $remove_probe);
		my ($status, $out, $err) = $node->psql("disturbed_$n", 'CALL warden.maintain()');
		is("$status $err", '0 ', $name);
		is_same(describe($node, "disturbed_$n"), $reference, 'is put right');
		$node->safe_psql('postgres', "DROP DATABASE disturbed_$n");
	}
	return;
}

sub kill_backends
{
	my (@pids) = @_;
	my $offset = -s $node->logfile;
	kill(9, @pids);
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	await_server($node);
	return;
}

disturb('kill -9', 'call', \&kill_backends);
disturb('kill -9', 'function', \&kill_backends);
disturb('immediate stop', 'call', sub { $node->stop('immediate'); $node->start; });

finish(qr/terminated by signal 9/, $node);
