# With wal_level = minimal, a transaction that has made the partition of the log that it writes to writes no write-ahead
# log for its events: their numbers are before those of the next transaction all the same.
#
# Needs TAP, because of wal_level.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('minimal', "wal_level = minimal\nmax_wal_senders = 0\nwal_skip_threshold = 0\n");
$node->safe_psql('postgres', 'CREATE TABLE audited (id int PRIMARY KEY, v int)');
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT count(*) FROM warden.audit_enable('audited');
	COPY (SELECT i, 0 FROM generate_series(1, 20000) i) TO PROGRAM 'cat > copied.data';
	COPY audited FROM PROGRAM 'cat copied.data';
	COMMIT;});
$node->safe_psql('postgres', 'UPDATE audited SET v = 1 WHERE id = 1');
$node->safe_psql('postgres', 'UPDATE audited SET v = 2 WHERE id = 2');

is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT id) FROM warden.audit_log'), '20002|20002',
	'each event has a number of its own');
is( $node->safe_psql('postgres', 'SELECT operation, key, new FROM warden.audit_events ORDER BY id DESC LIMIT 3'),
	qq(UPDATE|{"id": 2}|{"v": 2}\nUPDATE|{"id": 1}|{"v": 1}\nINSERT|{"id": 20000}|{"v": 0, "id": 20000}),
	'they are in the order of the changes');

$node->stop;
done_testing();
