# A page that cannot be read is told of with its relation, and the others are measured all the same.
#
# Needs TAP, because a file is damaged.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('damaged', '', extra => ['--data-checksums']);
$node->safe_psql('postgres', q{
	CREATE TABLE torn (id int PRIMARY KEY, n bigint);
	INSERT INTO torn SELECT g, g FROM generate_series(1, 5000) g;
	CREATE TABLE whole (id int PRIMARY KEY)});
my $file = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('torn')});
$node->stop;
open(my $handle, '+<:raw', $file) or die "$file: $!";
seek($handle, 2 * 8192 + 4000, 0);
print $handle 'damage';
close($handle);
$node->start;

my $path = $node->safe_psql('postgres', q{SELECT pg_relation_filepath('torn')});
like($node->safe_psql('postgres', q{SELECT relation, status, reason, verdict, bytes, command FROM warden.bloat_measure('torn', 'exact') WHERE kind = 'table'}),
	qr/^torn\|error\|XX001: invalid page in block 2 of relation "?$path"?\|unknown\|\|$/, 'the error is in the row');
is($node->safe_psql('postgres', q{
	BEGIN;
	SELECT count(*) FILTER (WHERE status = 'error'), count(*) > 300,
		count(*) FILTER (WHERE of_table = 'whole'::regclass AND status = 'ok') FROM warden.bloat_measure(method => 'exact');
	SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'torn'::regclass;
	CREATE TABLE afterwards (id int);
	COMMIT}), "2|t|2\n0", 'the others are measured, no lock is left, and the transaction goes on');
is($node->safe_psql('postgres', q{SELECT relation::text FROM warden.bloat_measure(method => 'exact') WHERE status = 'error' ORDER BY 1}),
	"torn\ntorn_pkey", 'to know what is dead in an index, its table is read');

finish(undef, $node);
