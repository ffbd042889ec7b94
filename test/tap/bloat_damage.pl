# A page that cannot be read, or that says what cannot be, is told of with its relation, and the others are measured all
# the same.
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

# Without checksums a page is believed to be whole if its header is: what it leads to may be anywhere.
# From version 18 on they are the default.
my $plain = start_server('plain', "autovacuum = off\n", extra => $node->pg_version >= 18 ? ['--no-data-checksums'] : []);
$plain->safe_psql('postgres', q{
	CREATE TABLE lengths (gone int, t text, n int);
	INSERT INTO lengths SELECT g, 'text', g FROM generate_series(1, 1000) g;
	ALTER TABLE lengths DROP COLUMN gone;
	CREATE TABLE lists (t text, n int);
	INSERT INTO lists SELECT 'key ' || g % 10, g FROM generate_series(1, 20000) g;
	CREATE INDEX pointers ON lists (t);
	CREATE INDEX keys ON lists (t, n);
	CREATE INDEX nowhere ON lists (n);
	CREATE INDEX buckets ON lists USING hash (n)});
my @relations = ('lengths', 'pointers', 'keys', 'nowhere', 'buckets');
my %path = map { $_ => $plain->data_dir . '/' . $plain->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") } @relations;
my %size = map { $_ => -s $path{$_} } @relations;
$plain->stop;

# Calls change(page) for each page of a file, which returns it as it is to be.
sub damage
{
	my ($relation, $change) = @_;
	open(my $file, '+<:raw', $path{$relation}) or die "$relation: $!";
	for my $block (0 .. $size{$relation} / 8192 - 1)
	{
		seek($file, $block * 8192, 0);
		read($file, my $page, 8192);
		my $changed = $change->($page, $block);
		seek($file, $block * 8192, 0);
		print $file $changed;
	}
	close($file);
}

# Calls change(page, offset, length) for each item of a page; the page is a reference.
sub each_item
{
	my ($page, $change) = @_;
	for (my $pointer = 24; $pointer < unpack('v', substr($page, 12, 2)); $pointer += 4)
	{
		my $item = unpack('V', substr($page, $pointer, 4));
		$change->(\$page, $pointer, $item & 0x7fff, $item >> 17);
	}
	return $page;
}

# A value that says that it is a gigabyte long; items beyond the page; a list with more rows than the page has room for.
damage('lengths', sub { each_item($_[0], sub { my ($page, undef, $at) = @_; substr($$page, $at + 28, 4) = pack('V', 0xfffffffc) }) });
damage('pointers', sub { $_[1] == 0 ? $_[0] : each_item($_[0], sub { my ($page, $pointer) = @_; substr($$page, $pointer, 4) = pack('V', 100 << 17 | 1 << 15 | 32000) }) });
damage('keys', sub { $_[1] == 0 ? $_[0] : each_item($_[0], sub { my ($page, undef, $at) = @_; substr($$page, $at, 8) = pack('vvvv', 0, 0, 0x2fff, unpack('v', substr($$page, $at + 6, 2)) | 0x2000) }) });
# A root that is, as a number, a new page at the end of the file; and more entries and buckets than there are numbers.
damage('nowhere', sub { my ($page, $block) = @_; substr($page, 32, 4) = pack('V', 0xffffffff) if $block == 0; $page });
damage('buckets', sub { my ($page, $block) = @_; substr($page, 32, 20) = pack('d<vvvvV', 9**9**9, 1, 1, 1, 1, 0xffffffff) if $block == 0; $page });
$plain->start;
is($plain->safe_psql('postgres', q{
	SET statement_timeout = '100s';
	SELECT relation, method, status, split_part(reason, ':', 1) FROM warden.bloat_measure('lengths', 'exact') WHERE kind = 'table';
	SELECT relation, method, status, split_part(reason, ':', 1) FROM warden.bloat_measure('lists', 'exact') WHERE status <> 'ok' ORDER BY relation::text;
	SELECT relation, method, status, split_part(reason, ':', 1) FROM warden.bloat_measure('lists', 'sample', max_pages => 30) WHERE kind = 'index' AND status <> 'ok' ORDER BY relation::text;
	SELECT count(*) FROM warden.bloat_measure('lists', 'exact') WHERE relation = 'buckets'::regclass}),
	"lengths||error|XX001\n" . "keys||error|XX002\nnowhere||error|XX001\npointers||error|XX002\n" . "keys||error|XX002\npointers||error|XX002\n" . '1',
	'what cannot be is told of');
is(-s $path{$_}, $size{$_}, "$_ has not grown") for @relations;

finish(undef, $node, $plain);
