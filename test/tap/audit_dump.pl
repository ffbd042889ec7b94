# What was logged can be read after dump and restore, in each form, and in a copy of the database, and is continued there:
# numbers of events and transactions go on above those that there are.  A restore says nothing.
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

my $node = start_server('audit_dump');
my $folder = PostgreSQL::Test::Utils::tempdir;
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;

# Tables of each kind, with odd names, dropped columns, changes of definition, contexts; what is no longer audited, and no more.
$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE ROLE keeper LOGIN');
$node->safe_psql('shop', q{
	CREATE EXTENSION pg_warden;
	CREATE SCHEMA app;
	CREATE SCHEMA enrolled;
	CREATE TABLE app.kinds (kind integer PRIMARY KEY);
	CREATE TABLE app.items (gone text, id integer PRIMARY KEY, kind integer REFERENCES app.kinds, name text, secret text);
	CREATE TABLE app."Odd, ""name"" 'ü'" (a text, b text, PRIMARY KEY (a, b));
	CREATE TABLE app.events (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
	CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
	CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
	CREATE TABLE app.ended (id integer);
	CREATE TABLE app.dropped (id integer);
	SELECT warden.audit_enable('app.items', except_columns => '{secret}');
	SELECT warden.audit_enable(t, keep => '1 year', on_truncate => 'event') FROM unnest('{app.kinds,app.events}'::regclass[]) t;
	SELECT warden.audit_enable(t) FROM unnest(ARRAY['app."Odd, ""name"" ''ü''"', 'app.ended', 'app.dropped']::regclass[]) t;
	SELECT warden.audit_enable_schema('enrolled');
	CREATE TABLE enrolled.first AS SELECT 1 AS id;
	BEGIN;
	SELECT warden.audit_set_context('{"user": "alice"}');
	INSERT INTO app.kinds VALUES (1);
	INSERT INTO app.items VALUES ('x', 1, 1, 'a', 's');
	COMMIT;
	INSERT INTO app."Odd, ""name"" 'ü'" VALUES ('a', 'b');
	INSERT INTO app.events SELECT n, '2001-01-01'::date + 100 * n FROM generate_series(1, 5) n;
	INSERT INTO app.ended VALUES (1);
	INSERT INTO app.dropped VALUES (1);
	ALTER TABLE app.items DROP COLUMN gone;
	ALTER TABLE app.items RENAME name TO title;
	UPDATE app.items SET title = 'b';
	SELECT warden.audit_mark('the first');
	SELECT warden.audit_disable('app.ended');
	DROP TABLE app.dropped;});

my $events = q{SELECT id, at, transaction_id, relation, relation_name, operation, key, old, new, session_role, active_role,
	application_name, context FROM warden.audit_events};
my $ddl = 'SELECT id, transaction_id, relation, command, old_name, new_name, before, after, gaps FROM warden.audit_ddl';
my $tables = 'SELECT relation, relation_name, enabled, columns, except_columns, keep, on_truncate, key, gaps FROM warden.audit_tables ORDER BY relation_name';
my $events_before = $node->safe_psql('shop', "$events ORDER BY id");
my $ddl_before = $node->safe_psql('shop', "$ddl ORDER BY id");
my $tables_before = $node->safe_psql('shop', $tables);
my ($last_event, $last_change) = split /\|/, $node->safe_psql('shop',
	'SELECT (SELECT max(id) FROM warden.audit_events), (SELECT max(id) FROM warden.audit_ddl)');
is(scalar(split /\n/, $tables_before), 5, 'tables are audited');

# What there was is there, and goes on.
sub check_works
{
	my ($database, $name, $incarnation) = @_;
	is_same($node->safe_psql($database, "$events WHERE id <= $last_event ORDER BY id"), $events_before, "$name: all events are there");
	is_same($node->safe_psql($database, "$ddl WHERE id <= $last_change ORDER BY id"), $ddl_before, 'and all changes of definitions');
	is_same($node->safe_psql($database, $tables), $tables_before, 'tables are audited as before, without gaps')
	  if $name !~ /dropped columns/;
	is_deeply([ $node->psql($database, q{
		INSERT INTO app.items VALUES (2, 1, 'c', 's');
		DELETE FROM app.items WHERE id = 1;
		INSERT INTO app.events VALUES (9, '2002-03-03');
		ALTER TABLE app.items ADD COLUMN more text;
		UPDATE app.items SET more = 'd';
		CREATE TABLE app.events_3 PARTITION OF app.events FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
		TRUNCATE app.events_3;
		CREATE TABLE enrolled.second (id integer);
		INSERT INTO enrolled.second VALUES (1);
		CALL warden.maintain()}) ], [ 0, '', '' ], 'it goes on');
	is($node->safe_psql($database, qq{SELECT relation, operation, key, old, new, id >> 52 = $incarnation, transaction_id >> 52 = $incarnation
			FROM warden.audit_events WHERE id > $last_event ORDER BY id}), <<'END' =~ s/\n\z//r, 'with what is new, numbered above');
app.items|INSERT|{"id": 2}||{"id": 2, "kind": 1, "title": "c"}|t|t
app.items|DELETE|{"id": 1}|{"id": 1, "kind": 1, "title": "b"}||t|t
app.events|INSERT|{"at": "2002-03-03", "id": 9}||{"at": "2002-03-03", "id": 9}|t|t
app.items|UPDATE|{"id": 2}|{"more": null}|{"more": "d"}|t|t
app.events|TRUNCATE||||t|t
enrolled.second|INSERT|||{"id": 1}|t|t
END
	is($node->safe_psql($database, qq{SELECT count(*) FROM warden.audit_ddl WHERE id > $last_change AND command = 'ALTER TABLE'
		AND jsonb_array_length(after) = jsonb_array_length(before) + 1}), 1, 'and changes of definitions');
	is($node->safe_psql($database, 'SELECT gaps FROM warden.audit_tables WHERE gaps IS NOT NULL'), '', 'and no gap');
	is($node->safe_psql($database, q{SELECT string_agg(label, ' ') FROM (SELECT label FROM warden.audit_marks ORDER BY id) m; SELECT warden.audit_mark('next') > 1}),
		"the first\nt", 'marks are there and go on') if $name !~ /dumped again|a copy/;
	is($node->safe_psql($database, q{SELECT count(*) FROM warden.partition_sets WHERE last_error IS NOT NULL}), 0, 'and no error of maintenance');
	return;
}

# Runs a command that must not say anything.
sub quiet
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	ok($ok && $err eq '', $name) or diag("@command: $out$err");
	return;
}
my $count = 0;
sub new_database
{
	my $database = 'restored_' . ++$count;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	return $database;
}
my @psql = qw(psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null);

# All dumps are of the same state.
quiet('pg_dump', 'pg_dump', '-f', "$folder/plain.sql", 'shop');
quiet('pg_dump -Fc', 'pg_dump', '-Fc', '-f', "$folder/custom", 'shop');
quiet('pg_dump --inserts', 'pg_dump', '--column-inserts', '--clean', '--if-exists', '-f', "$folder/inserts.sql", 'shop');

my $plain = new_database();
quiet('psql', @psql, '-f', "$folder/plain.sql", $plain);
quiet('pg_dump of what was restored', 'pg_dump', '-Fc', '-f', "$folder/again", $plain);
check_works($plain, 'plain', 2);
# Columns have other numbers, as one had been dropped: a right on one is none on what had its number.
$node->safe_psql($plain, 'GRANT USAGE ON SCHEMA app TO keeper; GRANT SELECT (id, title) ON app.items TO keeper');
is($node->safe_psql($plain, q{SET ROLE keeper; SELECT operation, key, old, new FROM warden.audit_events ORDER BY id}),
	<<'END' =~ s/\n\z//r, 'who may read some columns only sees what was logged since');
INSERT|||
INSERT|{"id": 2}||{"id": 2, "title": "c"}
DELETE|{"id": 1}|{"id": 1, "title": "b"}|
END

my $again = new_database();
quiet('pg_restore of it', 'pg_restore', '--exit-on-error', '-d', $again, "$folder/again");
check_works($again, 'dumped again', 2);

my $parallel = new_database();
quiet('pg_restore -j', 'pg_restore', '--exit-on-error', '-j', 4, '-d', $parallel, "$folder/custom");
check_works($parallel, 'parallel', 2);

my $sections = new_database();
quiet("pg_restore $_", 'pg_restore', '--exit-on-error', "--section=$_", '-d', $sections, "$folder/custom")
  for 'pre-data', 'data', 'post-data';
check_works($sections, 'in sections', 2);

my $inserts = new_database();
quiet('psql, --clean', @psql, '-c', 'SET client_min_messages = warning', '-f', "$folder/inserts.sql", $inserts);
check_works($inserts, 'inserts', 2);
# Over what is there: pg_dump itself cannot drop the index of a partition, and has not heard of what came later.
quiet('psql, --clean, over what is there', @psql, '-c', 'SET client_min_messages = warning', '-c', 'DROP SCHEMA app, enrolled CASCADE',
	'-f', "$folder/inserts.sql", $inserts);
check_works($inserts, 'inserts, over what was there', 2);

# A third home of the log.
quiet('pg_dump of a second home', 'pg_dump', '-Fc', '-f', "$folder/second", $plain);
my $third = new_database();
quiet('pg_restore', 'pg_restore', '--exit-on-error', '-d', $third, "$folder/second");
$node->safe_psql($third, q{INSERT INTO app.items VALUES (3, 1)});
is($node->safe_psql($third, 'SELECT max(id) >> 52 FROM warden.audit_events'), 3, 'the third home has its number');

# Without data, there are triggers of an audit that nobody knows of: they keep nobody from working, and it can begin.
my $schema = new_database();
quiet('pg_dump -s', 'pg_dump', '-s', '-f', "$folder/schema.sql", 'shop');
quiet('psql', @psql, '-f', "$folder/schema.sql", $schema);
is($node->safe_psql($schema, q{SELECT relation, enabled, since, cardinality(gaps) > 0 FROM warden.audit_tables WHERE relation::text !~ 'ü' ORDER BY relation::text}),
	"app.events|f||t\napp.items|f||t\napp.kinds|f||t\nenrolled.first|f||t", 'without data it is told which tables are not audited');
my ($status, $out, $err) = $node->psql($schema, q{
	INSERT INTO app.kinds VALUES (1);
	INSERT INTO app.items SELECT n, 1 FROM generate_series(1, 10) n;
	INSERT INTO app.events SELECT n, '2001-06-01'::date + 100 * n FROM generate_series(1, 5) n;
	DELETE FROM app.items WHERE id > 2;
	TRUNCATE app.events;});
is($status, 0, 'changes are not refused');
is_deeply([ sort $err =~ /WARNING:  (.*)/g ], [ map { "changes of table app.$_ are not audited" } qw(events items kinds) ], 'but warned of, once a table');
is($node->safe_psql($schema, q{
	DO $$BEGIN PERFORM warden.audit_enable(t, keep => '1 year') FROM unnest('{app.kinds,app.events}'::regclass[]) t; END$$;
	DO $$BEGIN PERFORM warden.audit_enable(relation) FROM warden.audit_tables WHERE NOT enabled; END$$;
	UPDATE app.kinds SET kind = 2 WHERE kind = 3;
	DELETE FROM app.items WHERE id = 1;
	INSERT INTO app.events VALUES (1, '2001-02-02');
	SELECT warden.audit_mark() IS NOT NULL;
	SELECT relation, operation, key, session_role FROM warden.audit_events ORDER BY id;
	SELECT gaps FROM warden.audit_tables WHERE gaps IS NOT NULL}),
	qq(t\napp.items|DELETE|{"id": 1}|postgres\napp.events|INSERT|{"at": "2001-02-02", "id": 1}|postgres), 'the audit begins anew');
is_deeply([ $node->psql($schema, 'CALL warden.maintain()') ], [ 0, '', '' ], 'and is maintained');
# The data after it: rows of the application that come before the declarations are not logged.
my $later = new_database();
quiet('schema', @psql, '-f', "$folder/schema.sql", $later);
quiet('pg_dump -a', 'pg_dump', '-a', '--disable-triggers', '-f', "$folder/data.sql", 'shop');
quiet('data', @psql, '-f', "$folder/data.sql", $later);
is($node->safe_psql($later, q{
	DO $$BEGIN PERFORM warden.audit_enable(relation, except_columns => t.except_columns, keep => t.keep, on_truncate => t.on_truncate)
		FROM warden.audit_tables t WHERE NOT enabled; END$$;
	SELECT count(*) FROM warden.audit_tables WHERE NOT enabled}), 0, 'what --disable-triggers has left is mended');
check_works($later, 'schema and data', 2);

# Who may read everything can dump everything; else what was recorded is not for him.
$node->command_fails_like([ 'pg_dump', '-U', 'keeper', '-T', 'app.*', '-T', 'enrolled.*', '-f', "$folder/refused", 'shop' ],
	qr/permission denied for table audit_/, 'pg_dump by who may not read the log');
$node->safe_psql('postgres', 'GRANT pg_read_all_data TO keeper');
quiet('pg_dump by who may read everything', 'pg_dump', '-U', 'keeper', '-f', "$folder/read.sql", 'shop');
$node->safe_psql('postgres', 'REVOKE pg_read_all_data FROM keeper');
my $read = new_database();
quiet('psql', @psql, '-f', "$folder/read.sql", $read);
check_works($read, 'by who may read everything', 2);

# Of the owner of a database who is no superuser, as long as nothing is audited.
$node->safe_psql('postgres', 'CREATE DATABASE own OWNER keeper');
$node->safe_psql('own', q{
	CREATE EXTENSION pg_warden;
	CREATE TABLE of_keeper (id integer PRIMARY KEY);
	ALTER TABLE of_keeper OWNER TO keeper;
	SELECT warden.audit_soft_delete('of_keeper');
	INSERT INTO of_keeper VALUES (1);});
quiet('pg_dump by the owner of a database', 'pg_dump', '-U', 'keeper', '-Fc', '-f', "$folder/own", 'own');
my $own = new_database();
quiet('pg_restore of it', 'pg_restore', '--exit-on-error', '-j', 2, '-d', $own, "$folder/own");
is($node->safe_psql($own, q{
	DO $$BEGIN PERFORM warden.audit_enable('of_keeper'); END$$;
	DELETE FROM of_keeper_live;
	SELECT operation, key, id >> 52 FROM warden.audit_events}), 'UPDATE|{"id": 1}|1', 'which goes on');

# A part: the history of what is not restored stays, for who may read everything.
my $part = new_database();
quiet('pg_dump without a table', 'pg_dump', '-T', 'app.items', '-f', "$folder/part.sql", 'shop');
quiet('psql', @psql, '-f', "$folder/part.sql", $part);
is($node->safe_psql($part, q{SELECT count(*), count(DISTINCT relation::oid) FROM warden.audit_events WHERE relation_name = 'app.items'}), '2|1', 'a part');
is($node->safe_psql($part, q{SET ROLE keeper; SELECT count(*) FROM warden.audit_events}), 0, 'which is not for everybody');

# A copy of the files, as pg_upgrade makes one: other database, other log, same numbers of everything else.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE shop');
check_works('copy', 'a copy', 2);
check_works('shop', 'the original', 1);

# Without and with the extension again.
isnt($node->psql('copy', 'DROP EXTENSION pg_warden'), 0, 'DROP EXTENSION wants CASCADE while tables are audited');
is($node->psql('copy', q{SELECT warden.audit_disable(relation) FROM warden.audit_tables; DROP EXTENSION pg_warden}, on_error_stop => 1), 0,
	'and nothing when they no longer are');
is($node->safe_psql('copy', q{SELECT count(*) FROM pg_class WHERE relname ~ '^audit_'}), 0, 'the log has gone with it');
# In one session, which has cached everything.
is($node->safe_psql('copy', q{
	CREATE EXTENSION pg_warden;
	DO $$BEGIN PERFORM warden.audit_enable('app.items'); END$$;
	INSERT INTO app.items VALUES (4, 1);
	SET client_min_messages = error;
	DROP EXTENSION pg_warden CASCADE;
	INSERT INTO app.items VALUES (5, 1);
	CREATE EXTENSION pg_warden;
	DO $$BEGIN PERFORM warden.audit_enable('app.items'); END$$;
	INSERT INTO app.items VALUES (6, 1);
	SELECT relation, key, session_role, id >> 52 FROM warden.audit_events}), 'app.items|{"id": 6}|postgres|1', 'made anew in the same session');

finish(undef, $node);
