# A restore gives columns other numbers where some had been dropped: what was logged before is read as what it was.
#
# Needs TAP, because of pg_dump.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('audit_renumbered');
my $folder = PostgreSQL::Test::Utils::tempdir;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE DATABASE restored TEMPLATE template0');
$node->safe_psql('shop', q{
	CREATE EXTENSION pg_warden;
	CREATE TABLE item (id int PRIMARY KEY, gone int, v int, w text);
	SELECT FROM warden.audit_enable('item');
	INSERT INTO item VALUES (1, 0, 1, 'a'), (2, 0, 2, 'b');
	ALTER TABLE item DROP COLUMN gone;
	ALTER TABLE item RENAME COLUMN v TO "new v";
	SELECT warden.audit_mark();
});
$node->safe_psql('shop', q{UPDATE item SET "new v" = 10, w = 'x' WHERE id = 1});
system_or_bail('pg_dump', '-f', "$folder/dump.sql", 'shop');
system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/dump.sql", 'restored');

# Before anything was logged there, and after.
for my $when ('at once', 'later')
{
	is($node->safe_psql('restored', q{SELECT "column", value FROM warden.audit_blame('item', '{"id": 1}')}),
		qq{id|1\nnew v|10\nw|"x"}, "$when: blame");
	is($node->safe_psql('restored', 'SELECT * FROM warden.audit_as_of(NULL::item, mark => 1) ORDER BY id'),
		"1|1|a\n2|2|b", "$when: as it was");
	is($node->safe_psql('restored', q{SELECT status, command FROM warden.audit_undo(
			(SELECT max(transaction_id) FROM warden.audit_events WHERE key = '{"id": 1}'), dry_run => true)}),
		q{planned|UPDATE public.item SET "new v" = '1', w = 'a' WHERE id = '1'}, "$when: undo");
	$node->safe_psql('restored', q{UPDATE item SET w = 'later' WHERE id = 2});
}

# Twice in a row, and what is done first there is to rename or drop columns.
sub restore
{
	my ($from, $to, $sql) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $to TEMPLATE template0");
	system_or_bail('pg_dump', '-f', "$folder/$to.sql", $from);
	system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/$to.sql", $to);
	$node->safe_psql($to, $sql);
}
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', q{
	CREATE EXTENSION pg_warden;
	CREATE TABLE item (gone int, id int PRIMARY KEY, a text, b text, c text, secret text);
	SELECT FROM warden.audit_enable('item', except_columns => '{secret}');
	ALTER TABLE item DROP COLUMN gone;
	INSERT INTO item VALUES (1, 'a1', 'b1', 'c1', 's1'), (2, 'a2', 'b2', 'c2', 's2');
	SELECT warden.audit_mark();
	UPDATE item SET a = 'a10', b = 'b10', c = 'c10' WHERE id = 1;
	DELETE FROM item WHERE id = 2;
});
restore('one', 'two', q{
	ALTER TABLE item RENAME COLUMN secret TO hidden;
	ALTER TABLE item DROP COLUMN a;
	ALTER TABLE item RENAME COLUMN b TO a;
	UPDATE item SET a = 'b100', hidden = 's100';
});
restore('two', 'three', 'ALTER TABLE item RENAME COLUMN id TO b');
for my $database ('two', 'three')
{
	my $id = $database eq 'two' ? 'id' : 'b';
	is($node->safe_psql($database, qq{SELECT $id, a, c FROM warden.audit_as_of(NULL::item, mark => 1) ORDER BY 1}),
		"1|b1|c1\n2|b2|c2", "$database: as it was");
	is($node->safe_psql($database, qq{SELECT "column", value FROM warden.audit_blame('item', '{"$id": 1}') ORDER BY 1}),
		qq{a|"b100"\n}.($id eq 'b' ? qq{b|1\nc|"c10"} : qq{c|"c10"\nid|1}), "$database: blame");
	is($node->safe_psql($database, qq{SELECT operation FROM warden.audit_history('item', '{"$id": 1}')}),
		"INSERT\nUPDATE\nUPDATE", "$database: history");
	is($node->safe_psql($database, q{SELECT status, command FROM warden.audit_undo(event =>
			(SELECT id FROM warden.audit_events WHERE operation = 'DELETE'), dry_run => true)}),
		qq{planned|INSERT INTO public.item (a, }.($id eq 'b' ? 'b, c' : 'c, id').q{) OVERRIDING SYSTEM VALUE VALUES ('b2', }
		.($id eq 'b' ? q{'2', 'c2'} : q{'c2', '2'}).')', "$database: undo");
	is($node->safe_psql($database, q{SELECT except_columns FROM warden.audit_tables}), '{hidden}', "$database: what is left out");
	is($node->safe_psql($database, q{SELECT count(*) FROM warden.audit_events WHERE new ?| '{secret,hidden}'}), 0,
		"$database: and not logged");
}

finish(undef, $node);
