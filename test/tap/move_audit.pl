# An audited table whose rows are moved: no event for what is only moved, no gap, and the history goes on.
#
# Needs TAP, because an application writes meanwhile.
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
	CREATE TABLE converted (id int, at timestamptz NOT NULL, v int NOT NULL, body text, PRIMARY KEY (id, at));
	CREATE TABLE drained (LIKE converted INCLUDING ALL) PARTITION BY RANGE (at);
	CREATE TABLE drained_rest PARTITION OF drained DEFAULT;
	CREATE TABLE reverted (LIKE converted INCLUDING ALL) PARTITION BY RANGE (at);
	CREATE TABLE reverted_1 PARTITION OF reverted FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
	CREATE TABLE reverted_rest PARTITION OF reverted DEFAULT;
	INSERT INTO converted SELECT i, timestamptz '2024-01-01' + i * interval '2 minutes', 0, repeat('x', i % 300) FROM generate_series(1, 40000) i;
	INSERT INTO drained SELECT * FROM converted;
	INSERT INTO reverted SELECT * FROM converted;
	SELECT count(*) FROM warden.partition_by_time('drained', '1 month', ahead => '1 month');
	SELECT count(*) FROM unnest(ARRAY['drained', 'converted', 'reverted']) t, warden.audit_enable(t::regclass);
	CREATE TABLE journal (target text, changes int);
	CREATE TABLE stop (id int PRIMARY KEY);
	CREATE PROCEDURE work(target text) LANGUAGE plpgsql AS $$
	DECLARE
		n int; round int := 0;
	BEGIN
		WHILE NOT EXISTS (SELECT FROM stop) LOOP
			round := round + 1;
			EXECUTE format('UPDATE %I SET v = v + 1 WHERE id IN (5, ($1 * 31) %% 40000, ($1 * 17) %% 40000)', target) USING round;
			GET DIAGNOSTICS n = ROW_COUNT;
			INSERT INTO journal VALUES (target, n);
			COMMIT;
		END LOOP;
	END $$;});
my %jobs = (
	drained => q{CALL warden.partition_drain('drained')},
	converted => q{CALL warden.partition_convert('converted', 'at', '1 month', ahead => '1 month')},
	reverted => q{CALL warden.partition_revert('reverted')});
for my $table (sort keys %jobs)
{
	my $application = launch($node, 'postgres', "CALL work('$table')");
	$node->poll_query_until('postgres', "SELECT count(*) > 50 FROM journal WHERE target = '$table'") or die;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $jobs{$table});
	is($status, 0, "$table: the job ends") or diag($stderr);
	my $so_far = $node->safe_psql('postgres', "SELECT count(*) FROM journal WHERE target = '$table'");
	$node->poll_query_until('postgres', "SELECT count(*) > $so_far + 50 FROM journal WHERE target = '$table'") or die;
	$node->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
	($status, $stdout, $stderr) = result($application);
	is($stderr, '', "$table: no statement of the application failed");
	$node->safe_psql('postgres', 'DELETE FROM stop');

	is($node->safe_psql('postgres', "SELECT enabled, gaps FROM warden.audit_tables WHERE relation = '$table'::regclass"), 't|',
		"$table: is audited without gaps");
	is($node->safe_psql('postgres', qq{SELECT count(*) - (SELECT sum(changes) FROM journal WHERE target = '$table'), count(DISTINCT operation)
		FROM warden.audit_events WHERE relation_name = 'public.$table'}), '0|1', "$table: an event for each change, and none for a move");
	is($node->safe_psql('postgres', qq{
		SELECT count(*) = (SELECT v FROM $table WHERE id = 5), max((new->>'v')::int) = (SELECT v FROM $table WHERE id = 5)
		FROM warden.audit_events WHERE relation_name = 'public.$table' AND key->>'id' = '5'}), 't|t', "$table: the history of a row goes on");
	$node->safe_psql('postgres', "INSERT INTO $table VALUES (200000, '2024-01-20', 0, 'later'); DELETE FROM $table WHERE id = 200000; TRUNCATE $table");
	is($node->safe_psql('postgres', qq{SELECT operation, count(*) > 1 FROM warden.audit_events
		WHERE relation_name = 'public.$table' AND operation <> 'UPDATE' GROUP BY 1 ORDER BY 1}), "DELETE|f\nINSERT|f\nTRUNCATE|t",
		"$table: what comes later is audited, TRUNCATE of each part");
}

finish(undef, $node);
