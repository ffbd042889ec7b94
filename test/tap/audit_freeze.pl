# Partitions of the log that are over are frozen by CALL maintain(), in a background worker: once, whole, and not in
# anybody's way.
#
# Needs TAP, because of the settings, a restart and the server's log.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

# The day may end meanwhile.
my $today = sprintf "timestamptz '%s UTC'", scalar gmtime(86400 * int(time / 86400));

my $node = start_server('freeze', "autovacuum = off\ncheckpoint_timeout = 1h\nautovacuum_vacuum_cost_delay = '5ms'\nmax_prepared_transactions = 2\n");
$node->safe_psql('postgres', qq{
	CREATE TABLE accounts (id int PRIMARY KEY, body text);
	SELECT FROM warden.audit_enable('accounts', keep => '60 days');
	INSERT INTO accounts SELECT g, (SELECT string_agg(md5((g * i)::text), '') FROM generate_series(1, 500) i) FROM generate_series(1, 20) g;
	CREATE TABLE events AS SELECT * FROM warden.audit_log;
	CREATE PROCEDURE pass(days int) LANGUAGE plpgsql AS \$\$
	DECLARE begin_at timestamptz = $today - days * interval '1 day';
	BEGIN
		IF days = 9 THEN -- maintenance makes those after it
			EXECUTE format('CREATE TABLE warden.first PARTITION OF warden.audit_log_1 FOR VALUES FROM (%L) TO (%L)', begin_at, begin_at + interval '1 day');
		END IF;
		EXECUTE format('INSERT INTO warden.audit_log_1 SELECT id, %L, transaction, session, key_number, relation, version, class, flags, operation, key, before, after FROM events', begin_at);
		FOR i IN 1..100 LOOP COMMIT; PERFORM pg_current_xact_id(); END LOOP;
	END \$\$});

# A day that many ago, with events.
sub past
{
	my ($days) = @_;
	$node->safe_psql('postgres', "CALL pass($days)");
	return;
}

# What CALL maintain() says.
sub maintain
{
	my ($status, $out, $err) = $node->psql('postgres', 'CALL warden.maintain()');
	is("$status $err", '0 ', 'maintenance succeeds, and warns of nothing');
	return;
}

# The partition of a day that many ago.
sub partition
{
	my ($days) = @_;
	return $node->safe_psql('postgres', "SELECT DISTINCT tableoid::regclass FROM warden.audit_log WHERE at = $today - interval '$days days'");
}

# Of a partition and its TOAST table.
sub is_frozen
{
	my ($days, $expected, $name) = @_;
	my $table = partition($days);
	is($node->safe_psql('postgres', qq{SELECT bool_and(age(relfrozenxid) < 100) FROM pg_class
		WHERE oid = '$table'::regclass OR oid = (SELECT reltoastrelid FROM pg_class WHERE oid = '$table'::regclass)}),
		$expected, $name);
	return;
}

past(9);
is_frozen(9, 'f', 'rows of a past day are not frozen before');
maintain();
is_frozen(9, 't', 'and are after, with those out of line');
my $position = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
maintain();
is($node->safe_psql('postgres', "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$position') < 1000"), 't', 'again: nothing is written');

# Somebody vacuums it, or has to do with it otherwise.
past(8);
$node->safe_psql('postgres', "BEGIN; LOCK TABLE @{[ partition(8) ]} IN SHARE UPDATE EXCLUSIVE MODE; PREPARE TRANSACTION 'holder'");
maintain();
is_frozen(8, 'f', 'one that is locked is left to the next maintenance');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'holder'");
maintain();
is_frozen(8, 't', 'which does it');

# No worker.
$node->append_conf('postgresql.conf', "max_worker_processes = 0\n");
$node->restart;
past(7);
my $log = -s $node->logfile;
maintain();
is_frozen(7, 'f', 'without a free background worker nothing is frozen');
like(slurp_file($node->logfile, $log), qr/no background worker process is free to freeze a partition/, 'and the log says so');
$node->append_conf('postgresql.conf', "max_worker_processes = 8\n");
$node->restart;
maintain();
is_frozen(7, 't', 'as soon as there is one, it is');

# Nowhere was it preloaded.
is($node->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'all of this without preloading');
done_testing();
