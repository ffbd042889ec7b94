# The extension preloaded, its settings from postgresql.conf, and what CREATE and DROP EXTENSION leave.
#
# Needs TAP, because the server is configured and started again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('restart');

# Two sets in every database, with two partitions to make and one to retire.
sub make_sets
{
	my ($database) = @_;
	for my $set ([ 'dropped', 'drop' ], [ 'detached', 'detach' ])
	{
		my ($name, $expiry) = @$set;
		$node->safe_psql($database, qq{
		CREATE TABLE $name (at timestamptz, id bigint, UNIQUE (at)) PARTITION BY RANGE (at);
		CREATE TABLE ${name}_old PARTITION OF $name FOR VALUES FROM ($anchor - interval '10 days') TO ($anchor - interval '9 days');
		SELECT warden.partition_by_time('$name', every => '1 day', ahead => '3 days', keep => '2 days', timezone => 'UTC',
			on_expiry => '$expiry', anchor => $anchor);
		SELECT format('DROP TABLE %s', partition) FROM warden.partitions WHERE parent = '$name'::regclass
			AND kind = 'range' AND lower_bound::timestamptz > now() + interval '1 day' \\gexec});
	}
	return;
}
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'lazy', 'preloaded';
$node->safe_psql($_, 'CREATE EXTENSION pg_warden') for 'lazy', 'preloaded';
make_sets($_) for 'lazy', 'preloaded';

# Settings.
my %defaults = (lock_timeout => '200ms', lock_retries => 5, lock_retry_delay => '1s', partition_history => '90d');
for my $setting (sort keys %defaults)
{
	is($node->safe_psql('lazy', "LOAD 'pg_warden'; SHOW warden.$setting"), $defaults{$setting}, "default of warden.$setting");
}
is_deeply([ $node->psql('lazy', 'CALL warden.maintain()') ], [ 0, '', '' ], 'works without preloading');

$node->append_conf('postgresql.conf', <<'END');
shared_preload_libraries = 'pg_warden'
warden.lock_timeout = '123ms'
warden.lock_retries = 0
warden.lock_retry_delay = '2min'
warden.partition_history = '1d'
END
$node->restart;
is($node->safe_psql('preloaded', "SHOW warden.$_->[0]"), $_->[1], "warden.$_->[0] from postgresql.conf")
  for [ lock_timeout => '123ms' ], [ lock_retries => 0 ], [ lock_retry_delay => '2min' ], [ partition_history => '1d' ];
is_deeply([ $node->psql('preloaded', 'CALL warden.maintain()') ], [ 0, '', '' ], 'works preloaded');
is_same(describe($node, 'preloaded'), describe($node, 'lazy'), 'and does the same');

my $session = $node->background_psql('preloaded');
$node->append_conf('postgresql.conf', "warden.lock_timeout = '77ms'");
$node->reload;
ok($node->poll_query_until('preloaded', "SELECT current_setting('warden.lock_timeout') = '77ms'"), 'reloaded');
$session->query_safe('CALL warden.maintain()');
is($session->query_safe('SHOW warden.lock_timeout'), '77ms', 'in a session that was there before, too');
$session->quit;
for my $wrong ([ 'lock_timeout', "'soon'" ], [ 'lock_timeout', -1 ], [ 'lock_retries', -1 ], [ 'partition_history', "'-1d'" ])
{
	my ($status, $out, $err) = $node->psql('preloaded', "\\set VERBOSITY sqlstate\nSET warden.$wrong->[0] = $wrong->[1]");
	like($err, qr/ERROR:  22023/, "warden.$wrong->[0] cannot be $wrong->[1]");
}
my ($status, $out, $err) = $node->psql('preloaded', "\\set VERBOSITY sqlstate\nSET warden.nonsense = 1");
like($err, qr/ERROR:  42602/, 'there are no other settings');

# What was done is forgotten after warden.partition_history.
$node->safe_psql('preloaded', q{UPDATE warden.partition_log SET at = at - interval '2 days' WHERE action = 'drop'});
$node->safe_psql('preloaded', 'CALL warden.maintain()');
is($node->safe_psql('preloaded', 'SELECT count(*) FILTER (WHERE action = $$drop$$), count(*) > 0 FROM warden.partition_log'), '0|t',
	'old history is cleaned up');

# DROP EXTENSION takes what is of the extension, and no more.
my $before = join '', grep { !/^(policy|state|log|schema\|warden)\b/ } map { "$_\n" } split /\n/, describe($node, 'lazy');
$node->safe_psql('lazy', 'DROP EXTENSION pg_warden');
is($node->safe_psql('lazy', q{SELECT count(*) FROM pg_namespace WHERE nspname = 'warden'}), 0, 'the schema goes');
$node->safe_psql('lazy', 'CREATE EXTENSION pg_warden');
my $after = join '', grep { !/^schema\|warden/ } map { "$_\n" } split /\n/, describe($node, 'lazy');
is_same($after, $before, 'the tables and partitions of the user stay');
is($node->safe_psql('lazy', qq{SELECT count(*) FROM warden.partition_by_time('dropped', every => '1 day', ahead => '3 days',
	timezone => 'UTC', anchor => $anchor)}), 0, 'and can be managed again');
is($node->safe_psql('lazy', 'SELECT count(*) FROM warden.partition_sets'), 1, 'as a set');

# A schema of that name, or another schema for it, is refused; nothing is left of the attempt.
$node->safe_psql('postgres', 'DROP EXTENSION pg_warden; CREATE ROLE somebody; CREATE SCHEMA x');
my $failures = sub {
	my ($name, $sqlstate, $command) = @_;
	my $description = $node->safe_psql('postgres', 'SELECT count(*) FROM pg_class') . $node->safe_psql('postgres',
		'SELECT nspname, nspowner::regrole FROM pg_namespace ORDER BY 1');
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$command");
	like($err, qr/^(psql:<stdin>:\d+: )?ERROR:  ($sqlstate)$/, $name);
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_class') . $node->safe_psql('postgres',
		'SELECT nspname, nspowner::regrole FROM pg_namespace ORDER BY 1'), $description, 'nothing is left of it');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'pg_warden'}), 0, 'it is not installed');
};
$failures->('CREATE EXTENSION in another schema', '0A000', 'CREATE EXTENSION pg_warden SCHEMA x');
for my $owner ('postgres', 'somebody')
{
	$node->safe_psql('postgres', qq{
		CREATE SCHEMA warden AUTHORIZATION $owner;
		SET ROLE $owner;
		CREATE TABLE warden.partition_policies (parent regclass);});
	$failures->("CREATE EXTENSION when $owner has a schema of that name", '42P06', 'CREATE EXTENSION pg_warden');
	$failures->('CREATE EXTENSION in that schema', '42P06|0A000', 'CREATE EXTENSION pg_warden SCHEMA warden');
	$node->safe_psql('postgres', 'DROP SCHEMA warden CASCADE');
}
$node->safe_psql('postgres', 'CREATE EXTENSION pg_warden');
is_deeply([ $node->psql('postgres', 'CALL warden.maintain()') ], [ 0, '', '' ], 'without one it is');

finish(undef, $node);
