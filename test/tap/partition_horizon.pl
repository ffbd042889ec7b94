# A set that cannot get its partitions says in the log how far it reaches still, when that is less than half as far as
# it should be; one that gets them is silent.
#
# Needs TAP, because the messages have dates in them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('horizon');

# What one maintenance has logged; and the warnings in it, but for those of single steps.
my $log;

sub warnings
{
	my $offset = -s $node->logfile;
	$node->safe_psql('postgres', 'CALL warden.maintain()');
	$log = slurp_file($node->logfile, $offset);
	return grep { !/could not/ } map { /WARNING:  (.*)/ ? $1 : () } split /\n/, $log;
}

# The table has no partition any more that begins so many days from now or later, and cannot get one.
sub cut_at
{
	my ($days, $table) = @_;
	$node->safe_psql('postgres', qq{
		DELETE FROM ${table}_rest;
		DO \$\$ BEGIN
			EXECUTE (SELECT coalesce(string_agg(format('DROP TABLE %s', partition), ';'), 'SELECT') FROM warden.partitions
				WHERE parent = '$table'::regclass AND kind = 'range'
				AND lower_bound::timestamptz >= $anchor + $days * interval '1 day');
		END \$\$;
		INSERT INTO ${table}_rest (at) SELECT $anchor + n * interval '1 day' FROM generate_series($days, 12) n;});
	return;
}

$node->safe_psql('postgres', qq{
	CREATE TABLE short (at timestamptz) PARTITION BY RANGE (at);
	SELECT count(*) FROM warden.partition_by_time('short', '1 day', ahead => '10 days', anchor => $anchor);
	CREATE TABLE short_rest PARTITION OF short DEFAULT;});
is_deeply([ warnings() ], [], 'a set that has its partitions is silent');
cut_at(7, 'short');
is_deeply([ warnings() ], [], 'nor is anything said while more than half is there');
cut_at(3, 'short');
my $until = $node->safe_psql('postgres', "SELECT $anchor + interval '3 days'");
is_deeply([ warnings() ], ["table public.short has partitions only up to $until"], 'then it is said how far it reaches');
like($log, qr/HINT:  The reason is in warden\.partition_sets\.$/m, 'and where the reason is');
cut_at(-1, 'short');
is_deeply([ warnings() ], ['table public.short has no partition for new rows'], 'and when that is not even now');
$node->safe_psql('postgres', 'DELETE FROM short_rest');
is_deeply([ warnings() ], [], 'with its partitions it is silent again');

# Below a set.
$node->safe_psql('postgres', qq{
	CREATE TABLE tenants (tenant text, at timestamptz) PARTITION BY LIST (tenant);
	SELECT count(*) FROM warden.partition_by_list('tenants');
	SELECT count(*) FROM warden.partition_subdivide('tenants', 'range', 'at', every => '1 day', ahead => '10 days');
	SELECT count(*) FROM warden.partition_by_list('tenants', keys => '{NULL}');
	CREATE TABLE tenants_null_rest PARTITION OF tenants_null DEFAULT;});
is_deeply([ warnings() ], [], 'a set below another is silent as well');
cut_at(-2, 'tenants_null');
is_deeply([ warnings() ], ['table public.tenants_null has no partition for new rows'], 'until it has no partitions');
is(() = $log =~ /could not create a partition of table public\.tenants_null: default/g, 10, 'ten ranges that collide are told of');
like($log, qr/could not create 1[12] partitions of table public\.tenants_null$/m, 'and how many there are');
like($log, qr/HINT:  The reason is in warden\.partition_sets_below\.$/m, 'with the view that has the reason');
is($node->safe_psql('postgres',
		"SELECT colliding > 0 FROM warden.partition_sets_below WHERE parent = 'tenants_null'::regclass"), 't', 'which it has');
$node->safe_psql('postgres', 'DROP TABLE tenants');

# Numbers.
$node->safe_psql('postgres', q{
	CREATE TABLE numbers (id int GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (id);
	SELECT count(*) FROM warden.partition_by_number('numbers', 10, ahead => 100);
	CREATE TABLE numbers_rest PARTITION OF numbers DEFAULT;
	DROP TABLE numbers_p40, numbers_p50, numbers_p60, numbers_p70, numbers_p80, numbers_p90;
	INSERT INTO numbers_rest OVERRIDING SYSTEM VALUE SELECT generate_series(40, 120, 10);});
is_deeply([ warnings() ], ['table public.numbers has partitions only up to 40'], 'numbers run out as well');

finish(undef, $node);
