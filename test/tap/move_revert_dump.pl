# A dump that is made while a table is being reverted: what is restored is not waiting for a job that is not there; and
# what the table was before it was converted is restored with it.
#
# Needs TAP, for pg_dump and another database.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('main');
$node->safe_psql('postgres', q{
	CREATE TABLE events (id int, at timestamptz NOT NULL) PARTITION BY RANGE (at);
	SELECT count(*) FROM warden.partition_by_time('events', '1 day', ahead => '2 days');
	INSERT INTO events SELECT i, now() + i * interval '1 minute' FROM generate_series(1, 100) i;
	INSERT INTO warden.partition_move_jobs (target, target_name, kind, state, phase) VALUES ('events'::regclass, 'public.events', 'revert', 'paused', 'copy');
	INSERT INTO warden.partition_origins (parent, storage_parameters, statements)
		VALUES ('events'::regclass, '{fillfactor=55,toast.autovacuum_enabled=off}', '{SET (parallel_workers = 3)}');});
is($node->safe_psql('postgres', 'SELECT next_step FROM warden.partition_sets'), 'suspended', 'while a job is open, the set is suspended');
is($node->safe_psql('postgres', "SELECT action, status FROM warden.partition_maintain('events')"), 'maintain|skipped', 'maintenance skips it');

my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('postgres') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('restored') ], 'restore');
is($node->safe_psql('restored', 'SELECT count(*) FROM warden.partition_moves'), 0, 'the job is not restored');
is($node->safe_psql('restored', q{SELECT next_step IS DISTINCT FROM 'suspended' FROM warden.partition_sets}), 't', 'nor is the set suspended');
is($node->safe_psql('restored', q{SELECT count(*) > 0 AND bool_and(status = 'done')
	FROM warden.partition_by_time('events', '1 day', ahead => '5 days')}), 't', 'it is maintained');
my ($status, $stdout, $stderr) = $node->psql('restored', q{CALL warden.partition_revert('events')});
is($status, 0, 'it can be reverted') or diag($stderr);
is($node->safe_psql('restored', q{SELECT relkind, c.reloptions, (SELECT reloptions FROM pg_class t WHERE t.oid = c.reltoastrelid), (SELECT count(*) FROM events)
	FROM pg_class c WHERE oid = 'events'::regclass}), 'r|{fillfactor=55,parallel_workers=3}||100', 'and is what it was');
is($node->safe_psql('restored', 'SELECT count(*) FROM warden.partition_origins'), 0, 'which is forgotten then');

finish(undef, $node);
