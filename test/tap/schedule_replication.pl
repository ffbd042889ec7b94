# A publication FOR ALL TABLES has the tables of extensions too.  It works with ours, and at a subscriber that has pg_warden
# for itself nothing of the publisher's jobs arrives: each runs its own.
#
# Needs TAP, for two servers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schedule;
use Test::More;
use Warden;

my $publisher = start_scheduler('publisher', "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
my $subscriber = start_scheduler('subscriber', "wal_level = logical\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
for my $node ($publisher, $subscriber)
{
	$node->safe_psql('postgres', q{
		CREATE TABLE events (at timestamptz NOT NULL) PARTITION BY RANGE (at);
		SELECT count(*) FROM warden.partition_by_time('events', '1 year', ahead => '1 year')});
}
add_job($publisher, 'postgres', 'published', '1 second');
add_job($subscriber, 'postgres', 'own', '1 second');
$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
my $connection = $publisher->connstr('postgres') =~ s/'/''/gr;
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION everything CONNECTION '$connection' PUBLICATION everything");
ok(defined within(60, $subscriber, 'postgres', q{SELECT count(*) > 5 AND bool_and(srsubstate = 'r') FROM pg_subscription_rel}),
	'all tables are in step');

# Changes of all kinds, that are decoded from the log.
add_job($publisher, 'postgres', 'published later', '1 second');
add_job($publisher, 'postgres', 'removed', '1 second');
$publisher->safe_psql('postgres', q{
	SELECT warden.schedule_pause('removed'), warden.schedule_remove('removed');
	SELECT count(*) FROM warden.partition_by_time('events', '1 year', ahead => '2 years');
	SELECT warden.partition_unmanage('events')});
my $now = now_at($publisher);
ok(defined within(30, $subscriber, 'postgres', "SELECT count(DISTINCT slot) > 3 FROM ran WHERE job = 'published later' AND slot > '$now'"),
	'what the jobs of the publisher write arrives');

is($subscriber->safe_psql('postgres', 'SELECT name FROM warden.schedule_jobs ORDER BY name'), "maintain\nown",
	'their jobs do not');
ok(defined within(30, $subscriber, 'postgres', q{SELECT waiting_for = 'its time' FROM warden.schedule_jobs WHERE name = 'maintain'}),
	'maintenance waits for its time');
is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM warden.schedule_runs WHERE job NOT IN ('own', 'maintain')}), 0,
	'nor do their runs');
is($subscriber->safe_psql('postgres', 'SELECT ahead FROM warden.partition_sets'), '1 year', 'nor what is said of tables there');
is_accounted($subscriber, 'postgres', 'own', 'at the subscriber', least => 4);
is_accounted($publisher, 'postgres', 'published', 'at the publisher', least => 4);
for my $node ($publisher, $subscriber)
{
	is(join("\n", said($node, 0, qr/ (ERROR|FATAL|PANIC): /)), '', 'no error at ' . $node->name);
}
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION everything');

finish(undef, $publisher, $subscriber);
