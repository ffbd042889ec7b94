# On a standby maintenance does nothing and says so, and the views work; after promotion maintenance works.
#
# Needs TAP, because of the standby.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $primary = start_server('primary', '', allows_streaming => 1);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# A set with a partition to make and one to retire.
$primary->safe_psql('postgres', qq{
	CREATE TABLE events (at timestamptz, id bigint) PARTITION BY RANGE (at);
	CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ($anchor - interval '10 days') TO ($anchor - interval '9 days');
	SELECT warden.partition_by_time('events', every => '1 day', ahead => '3 days', keep => '2 days', timezone => 'UTC',
		anchor => $anchor);
	SELECT format('DROP TABLE %s', partition) FROM warden.partitions
		WHERE kind = 'range' AND lower_bound::timestamptz > now() + interval '1 day' \\gexec});
$primary->wait_for_catchup($standby);

my @views = (
	'SELECT * FROM warden.partitions ORDER BY lower_bound',
	'SELECT parent, every, ahead, keep, anchor, covered_until, partitions, last_success, last_error FROM warden.partition_sets');
my @before = map { $primary->safe_psql('postgres', $_) } @views;
my @commands = ('CALL warden.maintain()', 'SELECT * FROM warden.partition_maintain()',
	q{SELECT * FROM warden.partition_maintain('events')}, 'SELECT * FROM warden.partition_maintain(dry_run => true)');

for my $command (@commands)
{
	my ($status, $out, $err) = $standby->psql('postgres', $command);
	is("$status $out", '0 ', "on the standby, $command does nothing");
	like($err, qr/NOTICE:/, 'and says so');
	unlike($err, qr/ERROR|WARNING/, 'but not as an error');
}
is_deeply([ map { $standby->safe_psql('postgres', $_) } @views ], \@before, 'the views work');
for my $command ("warden.partition_by_time('events', every => '1 day', ahead => '9 days')", "warden.partition_unmanage('events')")
{
	my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT $command");
	like($err, qr/ERROR:  25006/, "$command is an error");
}

$standby->promote;
is_deeply([ $standby->psql('postgres', 'CALL warden.maintain()') ], [ 0, '', '' ], 'after promotion maintenance works');
is($standby->safe_psql('postgres', q{SELECT covered_until > now() + interval '3 days', last_error IS NULL FROM warden.partition_sets}),
	't|t', 'it makes partitions');
is($standby->safe_psql('postgres', q{SELECT to_regclass('events_old')}), '', 'and retires them');
is_deeply([ map { $primary->safe_psql('postgres', $_) } @views ], \@before, 'while the other server is as it was');

finish(undef, $standby, $primary);
