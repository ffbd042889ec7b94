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
		VALUES ('events', '{fillfactor=55,toast.autovacuum_enabled=off}', '{SET (parallel_workers = 3)}');});
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

# A dump while the tables of jobs are there, whatever is on them: it has neither these nor anything of theirs.
$node->safe_psql('postgres', q{
	DELETE FROM warden.partition_move_jobs;
	CREATE ROLE move_dump_reader;
	CREATE TABLE switch (is_on boolean);
	INSERT INTO switch VALUES (false);
	CREATE FUNCTION fragile(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
		BEGIN IF current_database() = 'postgres' AND (SELECT is_on FROM public.switch) THEN RAISE 'not now'; END IF; RETURN v; END $$;
	CREATE TABLE converted (id serial, at timestamptz NOT NULL, v int CHECK (v > 0), w int);
	ALTER TABLE converted ENABLE ROW LEVEL SECURITY;
	CREATE POLICY few ON converted USING (v > 3);
	GRANT SELECT ON converted TO move_dump_reader;
	GRANT UPDATE (v) ON converted TO move_dump_reader;
	CREATE STATISTICS converted_stat ON v, w FROM converted;
	COMMENT ON STATISTICS converted_stat IS 'of both';
	COMMENT ON COLUMN converted.v IS 'a column';
	CREATE TABLE drained (LIKE converted INCLUDING ALL) PARTITION BY RANGE (at);
	CREATE TABLE drained_rest PARTITION OF drained DEFAULT;
	CREATE INDEX ON converted (fragile(w));
	CREATE INDEX ON drained (fragile(w));
	CREATE TRIGGER own AFTER INSERT ON converted FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
	ALTER TABLE converted DISABLE TRIGGER own;
	INSERT INTO converted (at, v, w) SELECT timestamptz '2024-01-01' + i * interval '5 minutes', i, i FROM generate_series(1, 12000) i;
	INSERT INTO drained SELECT * FROM converted;
	SELECT count(*) FROM warden.partition_by_time('drained', '1 month', ahead => '1 month');
	UPDATE switch SET is_on = true;});
my %calls = (converted => q{CALL warden.partition_convert('converted', 'at', '1 month', ahead => '1 month')}, drained => q{CALL warden.partition_drain('drained')});
for my $table (sort keys %calls)
{
	like(($node->psql('postgres', $calls{$table}))[2], qr/not now/, "$table: a job stops in the middle");
}
is($node->safe_psql('postgres', q{SELECT count(*) > 6, bool_and(relnamespace = 'warden'::regnamespace) FROM warden.partition_move_sides JOIN pg_class c ON c.oid = relation}),
	't|t', 'its tables are there');
my $middle = $node->basedir . '/middle.sql';
$node->command_ok([ 'pg_dump', '-f', $middle, '-d', $node->connstr('postgres') ], 'dump in the middle');
unlike(slurp_file($middle), qr/_p2024|_side\b|move_log_|move_map_/, 'it has nothing of the jobs');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $middle, '-d', $node->connstr('again') ], 'restore of it');
is($node->safe_psql('again', 'SELECT (SELECT count(*) FROM converted), (SELECT count(*) FROM drained)'), '12000|12000', 'with all rows');
$node->safe_psql('postgres', 'UPDATE switch SET is_on = false');
for my $table (sort keys %calls)
{
	$node->safe_psql('postgres', "CALL warden.partition_resume('$table')");
	is($node->safe_psql('postgres', qq{
		SELECT count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
		WHERE inhparent = '$table'::regclass AND relname ~ '2024' AND EXISTS (
			SELECT FROM pg_statistic_ext s WHERE stxrelid = c.oid AND obj_description(s.oid, 'pg_statistic_ext') = 'of both')}),
		$table eq 'drained' ? 2 : 12, "$table: each partition has the statistics that the table has");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_class WHERE relrewrite <> 0'), 0, 'nothing is marked as a heap to be');

finish(undef, $node);
