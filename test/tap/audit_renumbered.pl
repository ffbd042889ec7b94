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

finish(undef, $node);
