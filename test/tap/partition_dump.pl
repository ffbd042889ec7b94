# Policies follow their tables through RENAME, SET SCHEMA, dump and restore; a restore of any part of a dump succeeds,
# and what was restored goes on working.
#
# Needs TAP, because of pg_dump and pg_restore.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('dump');
my $folder = PostgreSQL::Test::Utils::tempdir;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

# One set of each type of key, one renamed and moved, one dropped, and maintenance that has been at work.
$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE ROLE keeper');
$node->safe_psql('shop', qq{
	CREATE EXTENSION pg_warden;
	CREATE SCHEMA app AUTHORIZATION keeper;
	CREATE SCHEMA "App's 2nd";
	CREATE TABLE app.kinds (kind integer PRIMARY KEY);
	INSERT INTO app.kinds VALUES (1);
	CREATE TABLE app.events (at timestamptz, id bigserial, kind integer REFERENCES app.kinds, PRIMARY KEY (at, id))
		PARTITION BY RANGE (at);
	CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
	CREATE TABLE app.metrics (at timestamp, value numeric) PARTITION BY RANGE (at);
	CREATE TABLE app.days (day date, value numeric) PARTITION BY RANGE (day);
	CREATE TABLE app.users (id int, state text, PRIMARY KEY (id, state)) PARTITION BY HASH (id);
	CREATE TABLE app.sales (country text, day date) PARTITION BY LIST (country);
	CREATE TABLE app.sales_rest PARTITION OF app.sales DEFAULT;
	CREATE TABLE app.doomed (at timestamptz) PARTITION BY RANGE (at);
	ALTER TABLE app.days OWNER TO keeper;
	SELECT warden.partition_by_time('app.events', every => '1 day', ahead => '3 days', keep => '30 days',
		timezone => 'Europe/Berlin', anchor => $anchor);
	SELECT warden.partition_by_time('app.metrics', every => '6 hours', ahead => '1 day', on_expiry => 'detach', keep => '1 year',
		timezone => 'UTC', anchor => $anchor, storage_parameters => '{fillfactor=70,autovacuum_enabled=false}');
	SELECT warden.partition_by_time('app.days', every => '1 mon', ahead => '2 mons', timezone => 'UTC');
	SELECT warden.partition_by_time('app.doomed', every => '1 day', timezone => 'UTC', anchor => $anchor);
	SELECT warden.partition_by_hash('app.users', 4);
	SELECT warden.partition_subdivide('app.users', 'list', 'state', keys => ARRAY['new', 'it''s "old", {}']);
	SELECT warden.partition_by_list('app.sales', keys => ARRAY['de', 'a,b {c} "d" \\\\ ''e''', NULL, ''], min_rows => 50);
	SELECT warden.partition_subdivide('app.sales', 'range', 'day', every => '1 month', ahead => '2 months', keep => '1 year');
	DROP TABLE app.users_h4_1, app.sales_de;
	SELECT warden.partition_maintain();
	SELECT warden.partition_hold((SELECT partition FROM warden.partitions WHERE parent = 'app.metrics'::regclass LIMIT 1), 'kept');
	INSERT INTO app.events (at, kind) SELECT now(), 1 FROM generate_series(1, 100);
	INSERT INTO app.metrics SELECT now(), 1 FROM generate_series(1, 100);
	INSERT INTO app.days SELECT now(), 1 FROM generate_series(1, 100);
	ALTER TABLE app.events RENAME TO "Events, 'new' Ü";
	ALTER TABLE app."Events, 'new' Ü" SET SCHEMA "App's 2nd";
	ALTER TABLE app.days RENAME TO "days ""of"" \\\\ keeper";
	DROP TABLE app.doomed;});
my $policies = q{SELECT parent, every, ahead, keep, on_expiry, timezone, anchor, storage_parameters,
	method, modulus, keys, min_rows, sub_method, sub_key, sub_modulus, sub_keys, sub_every, sub_ahead, sub_keep, sub_timezone
	FROM warden.partition_sets ORDER BY parent::text COLLATE "C"};
my $expected = $node->safe_psql('shop', $policies);
is(scalar(split /\n/, $expected), 5, 'a policy goes with its table');
like($expected, qr/^"App's 2nd"."Events, 'new' Ü"\|1 day/m, 'and follows RENAME and SET SCHEMA');

# Drops the last partition of each set; maintenance makes it again with the same bounds.
sub check_works
{
	my ($database, $name, $expected_policies) = @_;
	is($node->safe_psql($database, $policies), $expected_policies, "$name: every policy is there");
	my $bounds = 'SELECT parent, kind, lower_bound, upper_bound, expires_at, bound FROM warden.partitions ORDER BY parent::text COLLATE "C", 2, 3, 6';
	my $before = $node->safe_psql($database, $bounds);
	$node->safe_psql($database, q{SELECT format('DROP TABLE %s', (array_agg(partition ORDER BY upper_bound::timestamptz, bound))[count(*)])
		FROM warden.partitions
		WHERE kind = 'range' OR kind = 'list' AND parent IN (SELECT parent FROM warden.partition_sets_below) GROUP BY parent \gexec});
	isnt($node->safe_psql($database, $bounds), $before, 'partitions are missing');
	is_deeply([ $node->psql($database, 'CALL warden.maintain()') ], [ 0, '', '' ], 'maintenance works');
	is($node->safe_psql($database, $bounds), $before, 'and makes what is missing');
	is($node->safe_psql($database, 'SELECT count(*) FROM warden.partition_sets WHERE last_error IS NOT NULL'), 0, 'without an error');
	is($node->safe_psql($database, 'SELECT count(*) FROM warden.partition_maintain()'), 0, 'and is done');
	return;
}
check_works('shop', 'the original', $expected);

# Runs a command that must not say anything.
sub quiet
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	ok($ok && $err eq '', $name) or diag("@command: $out$err");
	return $out;
}
# The order of rows is that of a join.
sub copies { return [ map { join "\n", sort split /\n/ } slurp_file($_[0]) =~ /^(COPY warden\.(?!audit_).*?^\\\.)$/msg ]; }
my $count = 0;
sub new_database
{
	my $database = 'restored_' . ++$count;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	return $database;
}
my @psql = qw(psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null);

# Plain, and once more from what was restored.
quiet('pg_dump', 'pg_dump', '-f', "$folder/plain.sql", 'shop');
my $plain = new_database();
quiet('psql', @psql, '-f', "$folder/plain.sql", $plain);
quiet('pg_dump of what was restored', 'pg_dump', '-f', "$folder/again.sql", $plain);
is_deeply(copies("$folder/again.sql"), copies("$folder/plain.sql"), 'dumped again, the policies are the same');
is(scalar @{ copies("$folder/plain.sql") }, 5, 'only policies, holds, notes of constraints, what tables were and jobs are dumped, not states and log');
is($node->safe_psql($plain, q{SELECT parent FROM warden.partitions WHERE held = 'kept'}), 'app.metrics', 'a hold goes with its partition');
check_works($plain, 'plain', $expected);

my $inserts = new_database();
quiet('pg_dump --inserts', 'pg_dump', '--column-inserts', '--clean', '--if-exists', '-f', "$folder/inserts.sql", 'shop');
quiet('psql', @psql, '-c', 'SET client_min_messages = warning', '-f', "$folder/inserts.sql", $inserts);
check_works($inserts, 'inserts', $expected);

quiet('pg_dump -Fc', 'pg_dump', '-Fc', '-f', "$folder/custom", 'shop');
my $parallel = new_database();
quiet('pg_restore -j', 'pg_restore', '--exit-on-error', '-j', 4, '-d', $parallel, "$folder/custom");
check_works($parallel, 'parallel', $expected);

my $sections = new_database();
quiet("pg_restore $_", 'pg_restore', '--exit-on-error', "--section=$_", '-d', $sections, "$folder/custom")
  for 'pre-data', 'data', 'post-data';
check_works($sections, 'in sections', $expected);

my $data = new_database();
quiet('pg_dump -s', 'pg_dump', '-s', '-f', "$folder/schema.sql", 'shop');
quiet('schema', @psql, '-f', "$folder/schema.sql", $data);
is($node->safe_psql($data, 'SELECT count(*) FROM warden.partition_policies'), 0, 'a schema has no policies');
quiet('pg_dump -a', 'pg_dump', '-a', '--disable-triggers', '-f', "$folder/data.sql", 'shop');
quiet('data', @psql, '-f', "$folder/data.sql", $data);
check_works($data, 'schema and data', $expected);
my $statements = slurp_file("$folder/schema.sql") =~ s/^--.*$//mgr;
like($statements, qr/^CREATE EXTENSION IF NOT EXISTS pg_warden/m, 'a schema has the extension');
unlike($statements, qr/\bwarden\b/, 'and nothing that is in it');

# Parts.  Two tables less, as two policies without a table must not collide.
my @without = map { "--exclude-table=$_" } 'app.metrics*', 'app.days*', 'app.users*', 'app.sales*';
my ($rest) = grep { /Events/ } split /\n/, $expected;
my $part = new_database();
quiet('pg_dump without some tables', 'pg_dump', @without, '-f', "$folder/part.sql", 'shop');
quiet('psql', @psql, '-f', "$folder/part.sql", $part);
check_works($part, 'a part', $rest);
quiet('pg_dump of a part', 'pg_dump', '-f', "$folder/part_again.sql", $part);
is_deeply([ map { split /\n/ } @{ copies("$folder/part_again.sql") } ],
	[ grep { !/^app\./ } map { split /\n/ } @{ copies("$folder/plain.sql") } ], 'what had no table is not dumped again');

my $list = quiet('pg_restore -l', 'pg_restore', '-l', "$folder/custom");
append_to_file("$folder/list", join "\n", grep { !/metrics|days|users|sales|DEFAULT ACL/ } split /\n/, $list);
my $listed = new_database();
quiet('pg_restore -L', 'pg_restore', '--exit-on-error', '-L', "$folder/list", '-d', $listed, "$folder/custom");
check_works($listed, 'a list', $rest);

my $table = new_database();
$node->safe_psql($table, 'CREATE SCHEMA app');
quiet('pg_restore -t', 'pg_restore', '--exit-on-error', '-n', 'app', '-t', 'metrics', '-d', $table, "$folder/custom");
is($node->safe_psql($table, q{SELECT 'app.metrics'::regclass}), 'app.metrics', 'one table only, and no extension');

# By a role that may read everything, and is no superuser: that there is an extension must not keep it from it.
$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; GRANT pg_read_all_data TO clerk');
quiet('pg_dump by who is no superuser', 'pg_dump', '-U', 'clerk', '-f', "$folder/clerk.sql", 'shop');
is_deeply(copies("$folder/clerk.sql"), copies("$folder/plain.sql"), 'has the policies');
my $bare = new_database();
$node->safe_psql($bare, 'CREATE EXTENSION pg_warden; CREATE TABLE t (n integer)');
quiet('pg_dump without a policy', 'pg_dump', '-U', 'clerk', '-f', "$folder/bare.sql", $bare);

finish(undef, $node);
