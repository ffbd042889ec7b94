# What else may happen while a partition leaves by DETACH CONCURRENTLY: the extension, the role or the database of its
# worker is dropped, who waits for the worker is terminated, or the server is replaced by its standby.
#
# Needs TAP, because of what happens between the transactions of the worker, and because of the standby.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('departing', '', allows_streaming => 1);
$node->safe_psql('postgres', q{DROP EXTENSION pg_warden; CREATE ROLE keeper; CREATE ROLE heir});

my $worker = q{FROM pg_stat_activity WHERE backend_type = 'pg_warden worker' AND query ~ '^ALTER TABLE public\.events DETACH'};
my $is_pending = q{SELECT count(*) FROM pg_inherits WHERE inhdetachpending};

sub waits
{
	my ($event) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $worker AND wait_event = '$event'"), "the worker waits: $event");
}

sub start_holder
{
	my ($database, $command) = @_;
	my $holder = $node->background_psql($database);
	$holder->query_safe("BEGIN; $command");
	return $holder;
}

# Makes a set in a database of its own, and brings the detachment of its oldest partition to where it waits for a reader.
# The partitions are another role's than the set.
sub start_detachment
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, q{
		CREATE EXTENSION pg_warden;
		GRANT heir TO keeper;
		GRANT CREATE ON SCHEMA public TO keeper, heir;
		CREATE TABLE events (at timestamptz NOT NULL, id integer) PARTITION BY RANGE (at);
		CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2001-01-01 UTC') TO ('2002-01-01 UTC');
		SELECT count(*) FROM warden.partition_by_time('events', every => '1 year', ahead => '1 year', keep => '1 year',
			on_expiry => 'drop', timezone => 'UTC');
		SELECT format('ALTER TABLE %s OWNER TO heir', inhrelid::regclass) FROM pg_inherits WHERE inhparent = 'events'::regclass \gexec
		ALTER TABLE events OWNER TO keeper;
		INSERT INTO events SELECT '2001-06-01 UTC', n FROM generate_series(1, 10) n});
	my $reader = start_holder($name, 'LOCK TABLE ONLY events IN ACCESS SHARE MODE');
	my $maintenance = launch($node, $name, q{SET warden.lock_timeout = '30s'}, 'CALL warden.maintain()');
	waits('virtualxid');
	is($node->safe_psql($name, $is_pending), 1, "$name: the partition is pending");
	return ($reader, $maintenance);
}

# It has been detached, and has its rows.
sub is_kept
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($name, $is_pending), 0, "$name: nothing is pending");
	is($node->safe_psql($name, q{SELECT count(*), (SELECT relispartition FROM pg_class WHERE relname = 'events_old') FROM events_old}), '10|f',
		'and the table is there');
	return;
}

# The extension is dropped while it waits.  Nobody would finalize it later.
my ($reader, $maintenance) = start_detachment('dropped');
$node->safe_psql('dropped', 'DROP EXTENSION pg_warden');
$reader->quit;
like((result($maintenance))[2], qr/3F000/, 'maintenance ends without the extension');
is_kept('dropped');

# It is just being dropped when the worker comes to its end, or not after all.
($reader, $maintenance) = start_detachment('dropping');
my $dropper = start_holder('dropping', 'DROP EXTENSION pg_warden');
$reader->quit;
waits('object');
$dropper->query_safe('COMMIT');
$dropper->quit;
like((result($maintenance))[2], qr/3F000/, 'maintenance ends without the extension');
is_kept('dropping');
($reader, $maintenance) = start_detachment('undropped');
$dropper = start_holder('undropped', 'DROP EXTENSION pg_warden');
$reader->quit;
waits('object');
$dropper->query_safe('ROLLBACK');
$dropper->quit;
is_deeply([ result($maintenance) ], [ 0, '', '' ], 'maintenance goes on, as the extension was not dropped');
is($node->safe_psql('undropped', q{SELECT to_regclass('events_old'), count(*) FROM warden.partition_departures}), '|0', 'and drops the partition');

# The set goes to somebody else, and whom the worker works for is dropped.
($reader, $maintenance) = start_detachment('orphaned');
my $user = start_holder('orphaned', 'LOCK TABLE events_old IN ACCESS SHARE MODE');
my $thief = launch($node, 'orphaned', 'BEGIN', 'ALTER TABLE events OWNER TO heir', 'DROP OWNED BY keeper', 'COMMIT');
ok($node->poll_query_until('orphaned', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'events'::regclass AND NOT granted}),
	'somebody waits to give the set away');
$reader->quit;
is_deeply([ result($thief) ], [ 0, '', '' ], 'and does');
$node->safe_psql($_, 'REASSIGN OWNED BY keeper TO heir; DROP OWNED BY keeper') for qw(dropped dropping undropped);
$node->safe_psql('postgres', 'DROP ROLE keeper');
waits('relation');
$user->quit;
like((result($maintenance))[2], qr/^WARNING:  55000: .* was detached and not retired any further/, 'the worker ends');
is_kept('orphaned');
$node->safe_psql('postgres', 'CREATE ROLE keeper');

# The whole database goes.
for my $event (qw(virtualxid relation))
{
	($reader, $maintenance) = start_detachment("gone_$event");
	if ($event eq 'relation')
	{
		$user = start_holder("gone_$event", 'LOCK TABLE events_old IN ACCESS SHARE MODE');
		$reader->quit;
		waits('relation');
	}
	$node->safe_psql('postgres', "DROP DATABASE gone_$event WITH (FORCE)");
	like((result($maintenance))[2], qr/57P01/, 'maintenance ends with the database');
	is($node->safe_psql('postgres', "SELECT count(*) $worker"), 0, 'and its worker');
	$_->{run}->finish for $event eq 'relation' ? $user : $reader;
}

# Who waits for the worker is terminated, or has no time left; and another server takes over what is pending then.
($reader, $maintenance) = start_detachment('terminated');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'CALL warden.maintain()'});
like((result($maintenance))[2], qr/57P01/, 'maintenance is terminated');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 $worker"), 'and its worker ends');
$reader->quit;
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('departing_standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
like(($standby->psql('terminated', 'CALL warden.maintain()'))[2], qr/NOTICE:  maintenance runs on the primary server only/, 'the standby does nothing');
is($standby->safe_psql('terminated', q{SELECT partition FROM warden.partitions WHERE kind = 'detaching'}), 'events_old', 'but tells of it');
$standby->promote;
for my $server ($standby, $node)
{
	is_deeply([ $server->psql('terminated', 'CALL warden.maintain()') ], [ 0, '', '' ], 'maintenance of ' . $server->name);
	is($server->safe_psql('terminated', q{SELECT command FROM warden.partition_log WHERE partition = 'public.events_old'}),
		"ALTER TABLE public.events DETACH PARTITION public.events_old FINALIZE;\nDROP TABLE public.events_old", 'finalizes and drops');
	is($server->safe_psql('terminated', $is_pending), 0, 'so that nothing is pending');
}

finish(undef, $standby, $node);
