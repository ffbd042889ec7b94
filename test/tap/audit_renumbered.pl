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

# What is done first in a restored table is to change it, and that is restored again; a copy of the database keeps numbers.
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0") for qw(again first renamed dropped);
for my $way ('first', 'copied')
{
	if ($way eq 'copied')
	{
		$node->safe_psql('postgres', 'DROP DATABASE again; CREATE DATABASE again TEMPLATE template0; CREATE DATABASE copied TEMPLATE shop');
	}
	else
	{
		system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/dump.sql", $way);
	}
	$node->safe_psql($way, 'ALTER TABLE item RENAME COLUMN w TO w2');
	$node->safe_psql($way, q{ALTER TABLE item ADD COLUMN x int; ALTER TABLE item DROP COLUMN x; ALTER TABLE item ADD COLUMN y int});
	system_or_bail('pg_dump', '-f', "$folder/again.sql", $way);
	system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/again.sql", 'again');
	$node->safe_psql('again', 'ALTER TABLE item RENAME COLUMN "new v" TO v3');
	for my $where ([ $way, 'new v' ], [ 'again', 'v3' ])
	{
		my ($database, $v) = @$where;
		is($node->safe_psql($database, q{SELECT "column", value FROM warden.audit_blame('item', '{"id": 1}')}),
			qq{id|1\n$v|10\nw2|"x"}, "$way, $database: blame");
		is($node->safe_psql($database, 'SELECT * FROM warden.audit_as_of(NULL::item, mark => 1) ORDER BY id'),
			"1|1|a|\n2|2|b|", "$way, $database: as it was");
		my $quoted = $v =~ / / ? qq{"$v"} : $v;
		is($node->safe_psql($database, q{SELECT status, command FROM warden.audit_undo(
				(SELECT max(transaction_id) FROM warden.audit_events WHERE key = '{"id": 1}'), dry_run => true)}),
			qq{planned|UPDATE public.item SET $quoted = '1', w2 = 'a' WHERE id = '1'}, "$way, $database: undo");
	}
}

# Who may read a column is not shown what was in another one before.
$node->safe_psql('renamed', 'CREATE ROLE regress_renumbered');
system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/dump.sql", 'renamed');
$node->safe_psql('renamed', 'ALTER TABLE item RENAME COLUMN w TO w2; GRANT SELECT (id, w2) ON item TO regress_renumbered');
is($node->safe_psql('renamed', q{SET ROLE regress_renumbered; SELECT old, new FROM warden.audit_history('item', '{"id": 1}')}),
	qq[|{"w": "a", "id": 1, "w2": "a"}\n{"w": "a", "w2": "a"}|{"w": "x", "w2": "x"}], 'what a reader of some columns sees');

# Or to drop one.
system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/dump.sql", 'dropped');
$node->safe_psql('dropped', 'ALTER TABLE item DROP COLUMN "new v"');
is($node->safe_psql('dropped', q{SELECT "column", value FROM warden.audit_blame('item', '{"id": 1}')}),
	qq{id|1\nw|"x"}, 'a column is dropped: blame');

# Or the first command takes columns of tables that it does not name.
$node->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0") for qw(far far_restored);
$node->safe_psql('far', q{
	CREATE EXTENSION pg_warden;
	CREATE TYPE mood AS ENUM ('x');
	CREATE TYPE pair AS (gone int, id int, a text, b text);
	CREATE TABLE item (gone int, id int PRIMARY KEY, m mood, a text, b text);
	CREATE TABLE mother (gone int, id int, a text, b text);
	CREATE TABLE child (PRIMARY KEY (id)) INHERITS (mother);
	CREATE TABLE typed OF pair (PRIMARY KEY (id));
	SELECT FROM warden.audit_enable('item');
	SELECT FROM warden.audit_enable('child');
	SELECT FROM warden.audit_enable('typed');
	ALTER TABLE item DROP COLUMN gone;
	ALTER TABLE mother DROP COLUMN gone;
	ALTER TYPE pair DROP ATTRIBUTE gone CASCADE;
	INSERT INTO item VALUES (1, 'x', 'a1', 'b1');
	INSERT INTO child VALUES (1, 'a1', 'b1');
	INSERT INTO typed VALUES (1, 'a1', 'b1');
});
system_or_bail('pg_dump', '-f', "$folder/far.sql", 'far');
for my $command ('DROP TYPE mood CASCADE', 'ALTER TABLE mother DROP COLUMN a; ALTER TABLE mother RENAME COLUMN b TO a',
	'ALTER TYPE pair DROP ATTRIBUTE a CASCADE; ALTER TYPE pair RENAME ATTRIBUTE b TO a CASCADE')
{
	$node->safe_psql('postgres', 'DROP DATABASE far_restored; CREATE DATABASE far_restored TEMPLATE template0');
	system_or_bail('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$folder/far.sql", 'far_restored');
	$node->safe_psql('far_restored', $command);
	my ($table, $expected) = $command =~ /TYPE mood/ ? ('item', qq{id|1\na|"a1"\nb|"b1"})
		: ($command =~ /mother/ ? 'child' : 'typed', qq{id|1\na|"b1"});
	is($node->safe_psql('far_restored', qq{SELECT "column", value FROM warden.audit_blame('$table', '{"id": 1}')}), $expected,
		"$command: blame");
	is($node->safe_psql('far_restored', 'SELECT relation, gaps FROM warden.audit_tables WHERE gaps IS NOT NULL'), '',
		"$command: no gaps");
}

finish(undef, $node);
