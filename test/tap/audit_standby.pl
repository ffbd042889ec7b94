# On a standby the audit can be read in every way, what would write is refused, and maintenance does nothing; after
# promotion changes are logged after those of the primary.
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

$primary->safe_psql('postgres', q{
	CREATE TABLE audited (id int PRIMARY KEY, v text);
	SELECT count(*) FROM warden.audit_enable('audited');
	INSERT INTO audited VALUES (1, 'one'), (2, 'two');
	SELECT warden.audit_mark('before');
	UPDATE audited SET v = 'changed' WHERE id = 1;
	DELETE FROM audited WHERE id = 2;});
# Something that maintenance would do.
$primary->safe_psql('postgres', q{
	SELECT format('DROP INDEX %s', i.indexrelid::regclass)
	FROM warden.audit_classes c JOIN pg_inherits h ON h.inhparent = c.log::oid JOIN pg_index i ON i.indrelid = h.inhrelid
	WHERE pg_relation_size(h.inhrelid) = 0 \gexec});
$primary->wait_for_catchup($standby);

my $transaction = $primary->safe_psql('postgres', 'SELECT max(transaction_id) FROM warden.audit_events');
my @queries = (
	'SELECT * FROM warden.audit_events ORDER BY id',
	q{SELECT * FROM warden.audit_history('audited', '{"id": 1}')},
	q{SELECT * FROM warden.audit_blame('audited', '{"id": 1}')},
	'SELECT * FROM warden.audit_as_of(NULL::audited, mark => (SELECT max(id) FROM warden.audit_marks)) ORDER BY id',
	"SELECT * FROM warden.audit_undo($transaction, dry_run => true)",
	'SELECT relation, enabled, gaps FROM warden.audit_tables',
	'SELECT * FROM warden.audit_ddl ORDER BY id',
	'SELECT relation, events, bytes FROM warden.audit_costs()');
for my $query (@queries)
{
	my $result = $primary->safe_psql('postgres', $query);
	is($standby->safe_psql('postgres', $query), $result, $query);
}
for my $command ("SELECT * FROM warden.audit_undo($transaction)", q{SELECT warden.audit_mark('no')},
	q{SELECT * FROM warden.audit_enable('audited')}, q{SELECT warden.audit_disable('audited')},
	q{SELECT * FROM warden.audit_enable_schema('public')}, q{SELECT * FROM warden.audit_disable_schema('public')})
{
	my ($status, $out, $err) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n$command");
	like($err, qr/ERROR:  (25006|42704)/, "$command is refused");
}
my ($status, $out, $err) = $standby->psql('postgres', 'CALL warden.maintain()');
unlike($err, qr/ERROR|WARNING/, 'maintenance does nothing');

$standby->promote;
is($standby->safe_psql('postgres', "SELECT action, status FROM warden.audit_undo($transaction)"), 'insert|done',
	'after promotion a transaction of the primary is undone');
is($standby->safe_psql('postgres', q{SELECT string_agg(operation, ' ' ORDER BY id) FROM warden.audit_events WHERE key = '{"id": 2}'}),
	'INSERT DELETE INSERT', 'in the order of the changes');
is($standby->safe_psql('postgres', 'SELECT count(DISTINCT transaction_id >> 52) FROM warden.audit_events'), '1',
	'as what it is: the same cluster');

finish(undef, $standby, $primary);
