# Measuring leaves no trace: no hint bit, no WAL, no dirty page; what others have in memory stays there. It can be
# cancelled at once, and rests as it is told to.
#
# Needs TAP, because a server must be quiet for that to be seen, and have little memory.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Warden;

# A hint bit would be logged; nothing else is.
my $node = start_server('quiet', q{
shared_buffers = 16MB
wal_level = minimal
max_wal_senders = 0
wal_log_hints = on
max_parallel_workers_per_gather = 0
bgwriter_lru_maxpages = 0
checkpoint_timeout = 1h
max_wal_size = 4GB});
$node->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE EXTENSION pg_buffercache;
	CREATE TABLE hot (id int, v text);
	INSERT INTO hot SELECT g, repeat('x', 100) FROM generate_series(1, 22000) g;
	CREATE TABLE cold (id int, v text, t text, a int[], p point);
	ALTER TABLE cold ALTER t SET STORAGE EXTERNAL;
	CREATE INDEX cold_btree ON cold (v);
	CREATE INDEX cold_hash ON cold USING hash (id);
	CREATE INDEX cold_gin ON cold USING gin (a);
	CREATE INDEX cold_gist ON cold USING gist (p);
	CREATE INDEX cold_spgist ON cold USING spgist (p);
	CREATE INDEX cold_brin ON cold USING brin (id);
	INSERT INTO cold SELECT g, md5(g::text) || repeat('x', 600), CASE WHEN g % 40 = 0 THEN repeat('y', 3000) END, ARRAY[g, g % 7], point(g, -g)
	FROM generate_series(1, 30000) g;
	VACUUM (ANALYZE) hot;});
# Rows of every fate, that nobody has looked at since.
$node->safe_psql('postgres', 'DELETE FROM cold WHERE id % 3 = 0');
$node->safe_psql('postgres', 'BEGIN; DELETE FROM cold WHERE id % 3 = 1; ROLLBACK');
$node->safe_psql('postgres', q{BEGIN; INSERT INTO cold SELECT g, 'aborted' FROM generate_series(1, 2000) g; ROLLBACK});
# Some of what is in memory only is never written, or changes when it is: hints of the free space map, checksums. So that
# each page is now, and will be, what is on disk.
$node->restart;

sub value
{
	return $node->safe_psql('postgres', $_[0]);
}

# Each byte of the table and of all that belongs to it.
my $pages = q{
	SELECT string_agg(relname || ' ' || f || ' ' || hash, E'\n' ORDER BY relname, f)
	FROM (SELECT relname, f, md5(string_agg(md5(get_raw_page(c.oid::regclass::text, f, b::int)), '' ORDER BY b)) AS hash
	FROM pg_class c, unnest(ARRAY['main', 'fsm', 'vm']) f, generate_series(0, pg_relation_size(c.oid, f) / 8192 - 1) b
	WHERE c.oid IN (SELECT 'cold'::regclass UNION SELECT reltoastrelid FROM pg_class WHERE oid = 'cold'::regclass
	                UNION SELECT indexrelid FROM pg_index WHERE indrelid = 'cold'::regclass)
	GROUP BY relname, f) file};
my $dirty = q{SELECT count(*) FROM pg_buffercache WHERE isdirty AND reldatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))};

cmp_ok(value(q{SELECT count(*) FROM generate_series(0, 200) b, heap_page_items(get_raw_page('cold', b)) WHERE t_xmax <> '0' AND t_infomask & x'0C00'::int = 0}),
	'>', 100, 'there are hint bits that one could set');
my $before = value($pages);
my $size = value(q{SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relname ~ 'cold'});
cmp_ok($size, '>', 25e6, 'what is measured is larger than shared_buffers');
# What a query finds in the catalogs gets hint bits, whatever query it is: so that none are left to be set.
$node->safe_psql('postgres', q{SELECT format('VACUUM %s', oid::regclass) FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' \gexec});
for my $method ('exact', 'sample', 'auto', 'statistics')
{
	$node->safe_psql('postgres', 'CHECKPOINT');
	my ($wal, $left) = split /\|/, value(qq{
		SELECT pg_current_wal_insert_lsn() AS start \\gset
		SELECT count(*) FROM warden.bloat_measure('cold', '$method') WHERE status IN ('ok', 'withheld') \\gset
		SELECT pg_current_wal_insert_lsn() - :'start', (SELECT :count)});
	is($left, 9, "$method: all is measured");
	is($wal, 0, "$method: no WAL");
	is(value($dirty), 0, "$method: no dirty page");
	is(value($pages), $before, "$method: no byte is different");
}

# Others do.
$node->safe_psql('postgres', 'CHECKPOINT');
value('SELECT count(v) FROM cold');
cmp_ok(value($dirty), '>', 0, 'a query would have left dirty pages');
isnt(value($pages), $before, 'and traces in them');

# A sweep of all, catalogs among them, for the second time.
value('SELECT count(*) FROM warden.bloat_measure()');
$node->safe_psql('postgres', 'CHECKPOINT');
is(value(q{
	SELECT pg_current_wal_insert_lsn() AS start \gset
	SELECT count(*) FILTER (WHERE status = 'error') AS errors FROM warden.bloat_measure() \gset
	SELECT pg_current_wal_insert_lsn() - :'start', :errors}), '0|0', 'all relations: no WAL, and no error');
is(value($dirty), 0, 'all relations: no dirty page');

# What others work with stays in memory, though all of the rest is read. With exact, twice as much as there is memory.
my $cached = q{SELECT round(100.0 * count(*) / (pg_relation_size('hot') / 8192), 2) FROM pg_buffercache
	WHERE relfilenode = pg_relation_filenode('hot') AND relforknumber = 0};
for my $method ('exact', 'sample', 'auto')
{
	value('SELECT count(v) FROM hot') for 1 .. 5;
	my $share = value($cached);
	cmp_ok($share, '>', 95, 'the working set is in memory');
	value("SELECT count(*) FROM warden.bloat_measure(method => '$method')") for 1 .. 2;
	cmp_ok(value($cached), '>', $share - 2, "$method: and stays there");
}

# Cancelled at once.
for my $relation ("'cold'", 'NULL')
{
	my ($status, $out, $err) = $node->psql('postgres', qq{
		\\set VERBOSITY sqlstate
		SET warden.bloat_cost_delay = 100;
		SELECT clock_timestamp() AS start \\gset
		SET statement_timeout = 300;
		SELECT count(*) FROM warden.bloat_measure($relation, 'exact');
		SET statement_timeout = 0;
		SELECT clock_timestamp() - :'start' < '1.3 s'}, on_error_stop => 0);
	like($err, qr/57014/, "measuring $relation is cancelled");
	is($out, 't', 'within a second');
}
is(value(q{SELECT count(*) FROM pg_locks WHERE relation = 'cold'::regclass}), 0, 'and leaves no lock');

# Dropped while another partition is measured.
$node->safe_psql('postgres', q{
	CREATE TABLE parts (id int, v text) PARTITION BY LIST (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
	INSERT INTO parts SELECT 1, repeat('x', 1000) FROM generate_series(1, 10000)});
my $parts = launch($node, 'postgres', 'SET warden.bloat_cost_delay = 1000',
	q{SELECT of_table::text ~ 'parts', status, reason FROM warden.bloat_measure('parts', 'exact') WHERE kind = 'table'});
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND query ~ 'bloat_measure'})
  or die 'measuring does not rest';
$node->safe_psql('postgres', 'DROP TABLE parts_2');
my ($status, $out, $err) = result($parts);
like($out, qr/^t\|ok\|.*\nf\|skipped\|it was dropped meanwhile$/, 'what is dropped meanwhile is told, and was not waited for');

# It rests after each 200 units of cost, and a page has at least one.
my $blocks = value(q{SELECT pg_relation_size('hot') / 8192});
my $start = time;
value(q{SET warden.bloat_cost_delay = 1000; SELECT count(*) FROM warden.bloat_measure('hot', 'exact')});
cmp_ok(time - $start, '>=', int($blocks / 200), "$blocks pages take as long as was asked for");
$start = time;
value(q{SELECT count(*) FROM warden.bloat_measure('hot', 'exact')});
cmp_ok(time - $start, '<', 1, 'and otherwise do not, not even once');

finish(undef, $node);
