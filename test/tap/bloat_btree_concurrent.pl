# A B-tree that is measured while others split its pages, delete them and use them again: nothing fails, the account sums to
# the file, no entry is counted twice, and the size is what REINDEX makes afterwards, as far as it has not grown.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('server', "fsync = off\n");
$node->safe_psql('postgres', q{
	CREATE TABLE busy (id bigint, key int);
	CREATE INDEX busy_id ON busy (id);
	CREATE INDEX busy_key ON busy (key);
	CREATE SEQUENCE numbers;
	INSERT INTO busy SELECT nextval('numbers'), n % 1000 FROM generate_series(1, 20000) n;});

# The oldest rows go, so that pages become empty at one end while others are split at random places.
my $script = $node->basedir . '/churn.sql';
append_to_file($script, q{
	INSERT INTO busy SELECT hashint8(nextval('numbers')), random() * 1000 FROM generate_series(1, 200);
	DELETE FROM busy WHERE id IN (SELECT id FROM busy ORDER BY id LIMIT 180);
});
my ($out, $err) = ('', '');
my $churn = IPC::Run::start(
	[ 'pgbench', '-n', '-c', 3, '-T', 60, '-f', $script, '-d', $node->connstr('postgres') ], '>', \$out, '2>', \$err);
my ($wrong, $vacuumed) = ('', 0);
for (1 .. 60)
{
	my $vacuum = launch($node, 'postgres', 'VACUUM busy');
	for my $method ('exact', 'sample')
	{
		my $rows = $node->safe_psql('postgres', qq{
			SELECT relation, status, reason, caveats, rewrite_bytes, bytes, live_bytes FROM warden.bloat_measure('busy', '$method')
			WHERE kind = 'index'
			  AND (status <> 'ok' OR caveats <> '{}' OR rewrite_bytes > bytes * 1.1
			       OR live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes <> bytes)});
		$wrong .= $rows;
	}
	$vacuumed += (result($vacuum))[0] == 0;
}
is($wrong, '', 'nothing is wrong while others write');
is($vacuumed, 60, 'VACUUM goes on');
$churn->signal('INT');
$churn->finish;
unlike($err, qr/ERROR/, 'no statement failed');

$node->safe_psql('postgres', 'CREATE TABLE predicted AS SELECT relation, rewrite_bytes FROM warden.bloat_measure($$busy$$, $$exact$$)');
$node->safe_psql('postgres', 'REINDEX TABLE busy');
is($node->safe_psql('postgres', q{SELECT relation, pg_relation_size(relation) - rewrite_bytes FROM predicted
	WHERE relation::text ~ '_' AND abs(pg_relation_size(relation) - rewrite_bytes) > 8192}), '', 'the size is right afterwards');

finish(undef, $node);
