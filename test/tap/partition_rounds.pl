# 200 rounds of creating and retiring by two maintainers at once, while clients insert, update and read through the
# parents: no deadlock, no failed transaction, no row lost.
#
# Needs TAP, because of pgbench.  Deadlocks are looked for after 10 ms, long before warden.lock_timeout would hide them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('rounds', <<'END');
deadlock_timeout = '10ms'
log_lock_waits = off
synchronous_commit = off
warden.lock_retries = 2
warden.lock_retry_delay = '50ms'
END
my $sets = 8;

# Every second each set has a partition to make and one to retire; every second set has a default partition, and
# of the others every second one has no foreign key, so that its partitions can leave concurrently.  "ledger"
# has what was written, in the same transaction.
$node->safe_psql('postgres', q{
	CREATE TABLE kinds (kind integer PRIMARY KEY, n bigint DEFAULT 0);
	INSERT INTO kinds SELECT generate_series(1, 10);
	CREATE TABLE ledger (set integer, id bigint, at timestamptz, n integer, PRIMARY KEY (set, id));
	CREATE INDEX ON ledger (set, at);
	CREATE SEQUENCE ids;});
for my $set (1 .. $sets)
{
	my $default = $set % 2 ? "CREATE TABLE set_${set}_rest PARTITION OF set_$set DEFAULT;" : '';
	my $reference = $set % 4 ? 'REFERENCES kinds' : '';
	$node->safe_psql('postgres', qq{
	CREATE TABLE set_$set (at timestamptz, id bigint, kind integer $reference, n integer, PRIMARY KEY (at, id))
		PARTITION BY RANGE (at);
	CREATE INDEX ON set_$set (kind, n);
	$default
	SELECT count(*) FROM warden.partition_by_time('set_$set', every => '1 second', ahead => '15 seconds',
		keep => '3 seconds', timezone => 'UTC');});
}

# Rows are updated while they are young and while their partition is about to go, in transactions that have read before.
my $scripts = PostgreSQL::Test::Utils::tempdir;
append_to_file("$scripts/insert.sql", join "\n", '\set kind random(1, 10)', map { qq{
	WITH new AS (INSERT INTO set_$_ SELECT clock_timestamp(), nextval('ids'), :kind, 0 RETURNING *)
	INSERT INTO ledger SELECT $_, id, at, n FROM new;} } 1 .. $sets);
append_to_file("$scripts/update.sql", join "\n", "\\set set random(1, $sets)", '\set age random(0, 3900)', q{
	BEGIN;
	SELECT count(*) FROM set_:set WHERE at > now();
	\sleep 20 ms
	WITH chosen AS (SELECT at, id FROM ledger
			WHERE set = :set AND at < now() - interval '1 millisecond' * :age ORDER BY at DESC LIMIT 1),
		changed AS (UPDATE set_:set t SET n = t.n + 1 FROM chosen c WHERE t.at = c.at AND t.id = c.id RETURNING t.id)
	UPDATE ledger SET n = ledger.n + 1 FROM changed WHERE set = :set AND ledger.id = changed.id;
	END;});
append_to_file("$scripts/read.sql", "\\set set random(1, $sets)\n\\set kind random(1, 10)\n" . q{
	BEGIN;
	SELECT count(*) FROM set_:set WHERE kind = :kind;
	\sleep 50 ms
	SELECT count(*), max(at) FROM set_:set JOIN kinds USING (kind);
	END;
	UPDATE kinds SET n = n + 1 WHERE kind = :kind;});
append_to_file("$scripts/maintain.sql", 'CALL warden.maintain();');

sub bench
{
	my ($seconds, $clients, @scripts) = @_;
	my %bench = (stdout => '', stderr => '');
	$bench{run} = IPC::Run::start(
		[ 'pgbench', '-n', '-T', $seconds, '-c', $clients, '-j', 1, (map { ('-f', "$scripts/$_.sql") } @scripts),
			$node->connstr('postgres') ],
		'<', \undef, '>', \$bench{stdout}, '2>', \$bench{stderr});
	return \%bench;
}

sub check_bench
{
	my ($who, $bench) = @_;
	my ($status, $out, $err) = result($bench);
	is($status, 0, "$who: no transaction failed") or diag($err);
	like($out, qr/number of failed transactions: 0 /, "$who: nor was one tried again");
	note($who . ': ' . join ', ', $out =~ /(number of transactions actually processed: \d+|latency average = .*)/g);
	return $err;
}

my $log = q{SELECT action, count(*) FROM warden.partition_log WHERE at > (SELECT min(at) FROM ledger) GROUP BY 1 ORDER BY 1};
$node->safe_psql('postgres', q{INSERT INTO ledger VALUES (0, 0, now(), 0)});
my $writers = bench(30, 6, 'insert', 'update', 'read');
my $maintainers = bench(31, 2, 'maintain');
check_bench('clients', $writers);
my $warnings = check_bench('two maintainers', $maintainers);
unlike($warnings, qr/ERROR|FATAL|deadlock/i, 'maintenance met no deadlock');
note('maintenance was blocked: ' . (() = $warnings =~ /WARNING/g) . ' times');
$node->safe_psql('postgres', 'CALL warden.maintain()');

my %done = map { split /\|/ } split /\n/, $node->safe_psql('postgres', $log);
note("created $done{create}, dropped $done{drop}");
cmp_ok($done{create}, '>=', 200, 'more than 200 partitions were made');
cmp_ok($done{drop}, '>=', 200, 'and as many retired');

# Everything that was written is there as it was written, but for what is older than the oldest partition left.
for my $set (1 .. $sets)
{
	$node->safe_psql('postgres', qq{SELECT 1 / (count(*) > 1)::integer FROM ledger WHERE set = $set});
	my $oldest = "(SELECT min(lower_bound::timestamptz) FROM warden.partitions WHERE parent = 'set_$set'::regclass AND kind = 'range')";
	is($node->safe_psql('postgres', qq{
		SELECT count(*) FILTER (WHERE l.id IS NULL), count(*) FILTER (WHERE t.id IS NULL), count(*) FILTER (WHERE l.n <> t.n)
		FROM (SELECT * FROM ledger WHERE set = $set AND at >= $oldest) l FULL JOIN set_$set t USING (id)}),
		'0|0|0', "set $set: no row lost, none too many, every update there");
	is($node->safe_psql('postgres', "SELECT count(*) FROM set_${set}_rest"), 0, 'none in the default partition') if $set % 2;
	cmp_ok($node->safe_psql('postgres', "SELECT $oldest > now() - interval '20 seconds'"), 'eq', 't', 'and old rows are gone');
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.partition_sets WHERE last_error IS NOT NULL}), 0, 'no set has an error');
unlike(slurp_file($node->logfile), qr/40P01|deadlock detected|40001/, 'no deadlock anywhere');

finish(undef, $node);
