# Clients that mix all kinds of changes, in transactions with savepoints that are rolled back, under kill -9 of backends and
# of the server: afterwards the log has exactly the changes that the write-ahead log has, as logical decoding tells them,
# transaction by transaction and in their order.
#
# Needs TAP, because processes are killed.  PG_WARDEN_ROUNDS=20 is the long form.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);
use Warden;

my $rounds = $ENV{PG_WARDEN_ROUNDS} // 3;
my $seed = $ENV{PG_WARDEN_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("PG_WARDEN_SEED=$seed, $rounds rounds");

my $node = start_server('crash', <<'END');
restart_after_crash = on
fsync = on
synchronous_commit = on
recovery_init_sync_method = syncfs
wal_level = logical
max_wal_senders = 2
max_replication_slots = 2
max_prepared_transactions = 2
END
# The old row is decoded whole, and nothing is stored out of line: so a change says all that an event does.
$node->safe_psql('postgres', q{
	CREATE TABLE goods (id int PRIMARY KEY, n int, t text);
	CREATE TABLE parts (id int, k int, t text, PRIMARY KEY (k, id)) PARTITION BY RANGE (k);
	CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);
	CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20);
	CREATE TABLE child (id int PRIMARY KEY, of int REFERENCES goods ON DELETE CASCADE ON UPDATE CASCADE);
	INSERT INTO goods SELECT i, 0, 'start' FROM generate_series(1, 200) i;
	INSERT INTO parts SELECT i, i % 20, 'start' FROM generate_series(1, 200) i;
	INSERT INTO child SELECT i, i FROM generate_series(1, 200) i;
	ALTER TABLE goods REPLICA IDENTITY FULL;
	ALTER TABLE low REPLICA IDENTITY FULL;
	ALTER TABLE high REPLICA IDENTITY FULL;
	ALTER TABLE child REPLICA IDENTITY FULL;
	-- Changes other rows of the statement.
	CREATE FUNCTION push() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF pg_trigger_depth() = 1 AND new.n % 7 = 0 THEN
			UPDATE goods SET t = left(t || '+', 40) WHERE id BETWEEN new.id - 2 AND new.id + 2;
		END IF;
		RETURN NULL;
	END $$;
	CREATE TRIGGER push AFTER UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION push();
	SELECT count(*) FROM warden.audit_enable('goods');
	SELECT count(*) FROM warden.audit_enable('parts');
	SELECT count(*) FROM warden.audit_enable('child');
	SELECT pg_create_logical_replication_slot('changes', 'test_decoding');});

my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/mix.sql", <<'END');
\set id random(1, 220)
\set k random(0, 19)
\set n random(0, 1000)
\set how random(1, 4)
BEGIN;
INSERT INTO goods VALUES (:id, :n, 'x') ON CONFLICT (id) DO UPDATE SET n = excluded.n;
SAVEPOINT a;
UPDATE goods SET n = n + 1 WHERE id BETWEEN :id AND :id + 3;
\if :how = 1
ROLLBACK TO a;
\endif
UPDATE parts SET k = :k, t = 'n' || :n WHERE id = :id;
SAVEPOINT b;
\if :how = 2
DELETE FROM goods WHERE id = :id;
INSERT INTO goods VALUES (:id, :n, NULL) ON CONFLICT DO NOTHING;
\elif :how = 3
DELETE FROM parts WHERE id = :id;
INSERT INTO parts VALUES (:id, :k, 'again');
ROLLBACK TO b;
\endif
DO $$ BEGIN INSERT INTO child VALUES (:id, :id) ON CONFLICT DO NOTHING; EXCEPTION WHEN foreign_key_violation THEN NULL; END $$;
RELEASE a;
UPDATE goods SET n = n WHERE id = :id;
END;
END
append_to_file("$directory/bulk.sql", <<'END');
\set id random(1, 200)
DO $$ BEGIN
	MERGE INTO goods USING generate_series(:id, :id + 9) i ON goods.id = i
		WHEN MATCHED AND i % 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = n + i WHEN NOT MATCHED THEN INSERT VALUES (i, i, 'merged');
EXCEPTION WHEN unique_violation THEN
	NULL;
END $$;
DO $$ BEGIN
	UPDATE parts SET t = t || '.' WHERE k = 3 AND length(t) < 30;
	INSERT INTO goods VALUES (1, 1), (1, 1);
EXCEPTION WHEN OTHERS THEN
	UPDATE parts SET t = 'caught' WHERE k = 4;
END $$;
END

sub start_load
{
	my ($script, $clients) = @_;
	local $ENV{PGAPPNAME} = 'pgbench';
	return IPC::Run::start([ 'pgbench', '-n', '-T', '600', '--max-tries', '0', '-c', $clients, '-j', 1, '-f', "$directory/$script", $node->connstr('postgres') ],
		'<', \undef, '>', "$directory/$script.out", '2>&1');
}

for my $round (1 .. $rounds)
{
	my @load = (start_load('mix.sql', 12), start_load('bulk.sql', 4));
	# On a machine with much else to do, they are not there at once.
	$node->poll_query_until('postgres', q{SELECT count(*) = 16 FROM pg_stat_activity WHERE application_name = 'pgbench' AND query <> ''})
		or die 'not all clients are at work: ' . join '', map { slurp_file("$directory/$_.out") } 'mix.sql', 'bulk.sql';
	usleep(500_000 + rand 1_500_000);
	if ($round % 2)
	{
		my ($pid) = shuffled(split /\n/, $node->safe_psql('postgres',
			q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()}));
		kill 'KILL', $pid // die 'no clients: ' . join '', map { slurp_file("$directory/$_.out") } 'mix.sql', 'bulk.sql';
	}
	else
	{
		$node->stop('immediate');
		$_->kill_kill for @load;
		$node->start;
	}
	$_->finish for @load;
	await_server($node);
}

sub shuffled
{
	return map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @_;
}

# What is prepared comes later or never: the same session does not rely on what it wrote with it.
$node->safe_psql('postgres', q{
	BEGIN; INSERT INTO goods VALUES (1000, 1); PREPARE TRANSACTION 'kept';
	BEGIN; INSERT INTO goods VALUES (1001, 1); PREPARE TRANSACTION 'lost';
	INSERT INTO goods VALUES (1002, 1);});
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT e.key, e.session_role IS NOT NULL FROM warden.audit_events e WHERE (key ->> 'id')::int >= 1000}),
	'{"id": 1002}|t', 'nothing of what is prepared only');
$node->safe_psql('postgres', $_) for "COMMIT PREPARED 'kept'", "ROLLBACK PREPARED 'lost'";
is($node->safe_psql('postgres', q{SELECT e.key, e.session_role IS NOT NULL FROM warden.audit_events e WHERE (key ->> 'id')::int >= 1000
	ORDER BY id}), qq({"id": 1000}|t\n{"id": 1002}|t), 'once it is committed');

# The columns of a row as test_decoding writes it: id[integer]:1 t[text]:'x'
$node->safe_psql('postgres', q{
	CREATE FUNCTION columns_of(part text) RETURNS jsonb LANGUAGE sql AS $$
		SELECT coalesce(jsonb_object_agg(m[1], CASE WHEN m[3] = 'null' THEN NULL WHEN m[2] = 'integer' THEN to_jsonb(m[3]::int)
		                                            ELSE to_jsonb(trim('''' FROM m[3])) END), '{}')
		FROM regexp_matches(part, '(\w+)\[(\w+)\]:(''[^'']*''|[^ ]+)', 'g') m $$;
	CREATE TABLE decoded AS
		SELECT row_number() OVER () AS number, xid::text::bigint AS xid, p.data,
		       CASE t[1] WHEN 'low' THEN 'parts' WHEN 'high' THEN 'parts' ELSE t[1] END AS relation, left(t[2], 1) AS operation,
		       -- An old row is decoded without its nulls, of which only goods.t has some.
		       CASE t[1] WHEN 'goods' THEN '{"t": null}' ELSE '{}' END::jsonb
		           || CASE t[2] WHEN 'UPDATE' THEN columns_of(u[1]) WHEN 'DELETE' THEN columns_of(t[3]) END AS before,
		       CASE t[2] WHEN 'UPDATE' THEN columns_of(u[2]) WHEN 'INSERT' THEN columns_of(t[3]) END AS after
		FROM pg_logical_slot_get_changes('changes', NULL, NULL) p,
		     regexp_match(data, '^table public\.(goods|low|high|child): (INSERT|UPDATE|DELETE): (.*)$') t,
		     regexp_match(t[3], '^old-key: (.*) new-tuple: (.*)$') u
		WHERE t IS NOT NULL;
	-- As the log has it: what changed only, and nothing of what did not.
	CREATE TABLE expected AS
		SELECT xid, number, relation, operation, coalesce(k.key, '') AS key, d.before, d.after
		FROM (SELECT number, xid, relation, operation, coalesce(before, after) AS row_,
		             CASE operation WHEN 'U' THEN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(before) WHERE value IS DISTINCT FROM after -> key)
		                  ELSE before END AS before,
		             CASE operation WHEN 'U' THEN (SELECT jsonb_object_agg(key, value) FROM jsonb_each(after) WHERE value IS DISTINCT FROM before -> key)
		                  ELSE after END AS after
		      FROM decoded) d,
		     LATERAL (SELECT CASE relation WHEN 'parts' THEN jsonb_build_object('k', row_ -> 'k', 'id', row_ -> 'id')::text
		                     ELSE row_ ->> 'id' END) k (key)
		WHERE operation <> 'U' OR d.before IS NOT NULL;
	CREATE TABLE logged AS
		SELECT xid, l.id AS number, split_part(r.name, '.', 2) AS relation, l.operation::text AS operation,
		       coalesce(l.key::text, l.key_number::text) AS key, l.before, l.after
		FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation, LATERAL (SELECT (l.transaction & 4294967295)) x (xid)
		WHERE operation <> 'K';});
my ($changes, $transactions) = split /\|/, $node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT xid) FROM expected');
diag("$changes changes in $transactions transactions");
ok($transactions > 100, 'there were some');
is($node->safe_psql('postgres', 'SELECT count(*) FROM decoded d WHERE data !~ $$^table public$$'), 0, 'and all were understood');
my $side = 'SELECT xid, relation, operation, key, before, after FROM';
is($node->safe_psql('postgres', "SELECT 'only decoded', e.* FROM ($side expected EXCEPT ALL $side logged) e
	UNION ALL SELECT 'only logged', e.* FROM ($side logged EXCEPT ALL $side expected) e LIMIT 10"), '', 'the log has these changes and no others');
# Of one row, in the order in which they were decoded: by transaction, and in each.
my $ordered = q{SELECT relation, key, row_number() OVER (PARTITION BY relation, key ORDER BY %s) AS n, operation, before, after FROM %s};
is($node->safe_psql('postgres', sprintf "SELECT e.* FROM ($ordered EXCEPT $ordered) e ORDER BY 1, 2, 3 LIMIT 10",
	'number', 'expected', 'number', 'logged'), '', 'of each row in the order in which they were made');
is($node->safe_psql('postgres', q{SELECT count(*) FROM warden.audit_log l
	WHERE NOT EXISTS (SELECT FROM warden.audit_sessions s WHERE s.id = l.session)
	   OR NOT EXISTS (SELECT FROM warden.audit_versions v WHERE v.id = l.version)
	   OR (SELECT count(*) FROM warden.audit_log o WHERE o.id = l.id) <> 1}), 0, 'with what they refer to, each with a number of its own');

finish(qr/terminated by signal 9/, $node);
