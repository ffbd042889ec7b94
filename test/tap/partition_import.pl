# Taking over the sets of the real pg_partman, where it is installed: afterwards its maintenance leaves them alone, ours
# makes the next partitions, and the way back is open.
#
# Needs TAP, because it is skipped where there is no pg_partman.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('import');
my $version = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'pg_partman'});
if ($version eq '')
{
	$node->stop;
	plan skip_all => 'pg_partman is not installed';
}
note "pg_partman $version";
my ($major) = $version =~ /^(\d+)/;
my $type = $major < 5 ? q{p_type => 'native',} : '';

# Days are counted: not across midnight.
$node->safe_psql('postgres', q{DO $$ BEGIN IF localtime > '23:58' THEN PERFORM pg_sleep(121); END IF; END $$});

$node->safe_psql('postgres', qq{
	CREATE SCHEMA partman;
	CREATE EXTENSION pg_partman SCHEMA partman;
	CREATE TABLE days (at timestamptz NOT NULL, id bigint) PARTITION BY RANGE (at);
	CREATE TABLE "Months" (at timestamp NOT NULL, id bigint) PARTITION BY RANGE (at);
	CREATE TABLE ids (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
	CREATE TABLE epoch (t bigint NOT NULL) PARTITION BY RANGE (t);
	CREATE TABLE manual (at timestamptz NOT NULL) PARTITION BY RANGE (at);
	SELECT partman.create_parent('public.days', 'at', p_interval => '1 day', $type p_premake => 3,
		p_start_partition => (now() - interval '9 days')::text);
	SELECT partman.create_parent('public.Months', 'at', p_interval => '1 month', $type p_premake => 2);
	SELECT partman.create_parent('public.ids', 'id', p_interval => '1000', $type p_premake => 2);
	SELECT partman.create_parent('public.epoch', 't', p_interval => '1 day', $type p_premake => 2, p_epoch => 'milliseconds');
	SELECT partman.create_parent('public.manual', 'at', p_interval => '1 day', $type p_automatic_maintenance => 'off');
	UPDATE partman.part_config SET (retention, retention_keep_table) = ('5 days', false) WHERE parent_table = 'public.days';
	UPDATE partman.part_config SET infinite_time_partitions = true;
	UPDATE partman.part_config SET retention = '10000' WHERE parent_table = 'public.ids';
	INSERT INTO ids VALUES (1);
	INSERT INTO days SELECT now() - n * interval '1 day', n FROM generate_series(-2, 8) n;
	INSERT INTO epoch VALUES (extract(epoch FROM now()) * 1000);});

sub partitions
{
	return $node->safe_psql('postgres', q{
		SELECT inhparent::regclass, inhrelid::regclass, pg_get_expr(relpartbound, inhrelid)
		FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent::regclass::text !~ 'pg_' ORDER BY 1, 2});
}
sub import_sets
{
	my ($dry_run) = @_;
	return $node->safe_psql('postgres', qq{
		SELECT coalesce(parent::text, '-'), status, coalesce(command, '-'), coalesce(detail, '-')
		FROM warden.partition_import_pg_partman($dry_run) ORDER BY parent::text COLLATE "C"});
}
sub maintain_by_partman
{
	$node->safe_psql('postgres', q{CALL partman.run_maintenance_proc()});
	return;
}

# What it makes by itself is what pg_partman would have: nothing is due but what its retention has left.
my $before = partitions();
my $expected = <<'END';
"Months"|STATUS|SELECT * FROM warden.partition_by_time('public."Months"', every => '1 mon', ahead => '2 mons')|-
days|STATUS|SELECT * FROM warden.partition_by_time('public.days', every => '1 day', ahead => '3 days', keep => '5 days', on_expiry => 'drop')|drop: 4 plannedLATER
epoch|STATUS|SELECT * FROM warden.partition_by_time('public.epoch', every => '1 day', ahead => '2 days', key_format => 'unix_milliseconds')|-
ids|STATUS|SELECT * FROM warden.partition_by_number('public.ids', every => 1000, ahead => 2000, keep => 10000, on_expiry => 'detach')|-
manual|skipped|SELECT * FROM warden.partition_by_time('public.manual', every => '1 day', ahead => '4 days')|automatic_maintenance is off: either nobody maintains it, or a job that calls run_maintenance() for it
END
chomp $expected;
(my $planned = $expected) =~ s/STATUS/planned/g;
$planned =~ s/LATER//;
(my $imported = $expected) =~ s/STATUS/imported/g;
$imported =~ s/LATER/ (by the next maintenance)/;
is(import_sets('dry_run => true'), $planned, 'what would be declared');
is($node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_policies'), '0', 'a dry run declares nothing');
is(import_sets(''), $imported, 'it is declared');
is(partitions(), $before, 'the partitions are as they were');
is($node->safe_psql('postgres', q{SELECT string_agg(parent_table, ',' ORDER BY parent_table COLLATE "C")
	FROM partman.part_config WHERE automatic_maintenance = 'off'}),
	'public.Months,public.days,public.epoch,public.ids,public.manual', 'pg_partman is to leave them alone');

# pg_partman would drop what has expired, and make what a greater premake asks for.
$node->safe_psql('postgres', q{UPDATE partman.part_config SET premake = premake + 3});
maintain_by_partman();
is(partitions(), $before, 'and it does');

$node->safe_psql('postgres', 'CALL warden.maintain()');
is($node->safe_psql('postgres', q{SELECT parent, action, count(*) FROM warden.partition_log GROUP BY 1, 2 ORDER BY 1, 2}),
	'days|drop|4', 'ours retires what has expired, and has nothing to make');
$node->safe_psql('postgres', q{
	DO $$
	DECLARE
		last regclass;
	BEGIN
		SELECT partition INTO last FROM warden.partitions WHERE parent = 'days'::regclass AND kind = 'range'
		ORDER BY lower_bound::timestamptz DESC LIMIT 1;
		EXECUTE format('DROP TABLE %s', last);
	END $$;
	INSERT INTO ids SELECT generate_series(2, 1500);
	CALL warden.maintain();});
is($node->safe_psql('postgres', q{SELECT parent, action, count(*) FROM warden.partition_log GROUP BY 1, 2 ORDER BY 1, 2}),
	"days|create|1\ndays|drop|4\nids|create|1", 'ours makes the next partitions');
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_maintain()}), '0', 'and then nothing is left to do');

# The way back: version 4 reads the names of partitions.
my $renames = $node->safe_psql('postgres', q{
	SELECT format('ALTER TABLE %s RENAME TO %I;', b.partition, name)
	FROM partman.part_config s, warden.partitions b,
		LATERAL (SELECT 'days_p' || to_char(b.lower_bound::timestamptz, s.datetime_string)) n (name)
	WHERE s.parent_table = 'public.days' AND b.parent = 'days'::regclass AND b.kind = 'range' AND b.partition::text <> name});
like($renames, qr/^ALTER TABLE days_p\d{8} RENAME TO days_p\d{4}_\d\d_\d\d;$/, 'ours has one name of its own') if $major < 5;
$node->safe_psql('postgres', ($major < 5 ? $renames : '') . q{
	SELECT warden.partition_unmanage('days');
	UPDATE partman.part_config SET automatic_maintenance = 'on' WHERE parent_table = 'public.days';});
my $ours = partitions();
maintain_by_partman();
isnt(partitions(), $ours, 'pg_partman goes on where we were');
is($node->safe_psql('postgres', q{
	SELECT count(*) FILTER (WHERE lower > before)
	FROM (SELECT m[1] AS lower, lag(m[2]) OVER (ORDER BY m[1]) AS before
		FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid,
			regexp_match(pg_get_expr(relpartbound, c.oid), 'FROM \(''([^'']*)''\) TO \(''([^'']*)''\)') m
		WHERE inhparent = 'days'::regclass) b}), '0', 'without a hole');

finish(undef, $node);
