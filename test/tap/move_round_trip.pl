# A table that is converted and reverted is as it was: its definition as pg_dump -s prints it, all that depends on it, and
# its rows.  While a job is there, a dump has nothing of it, and what is restored from the dump can be converted.
#
# Needs TAP, because of pg_dump.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use Moves;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RichTable;
use Test::More;
use Time::HiRes qw(usleep);
use Warden;

my $rows = $ENV{PG_WARDEN_MOVE_ROWS} // 3_000;
my $node = start_server('trip', <<'END');
wal_level = logical
warden.lock_timeout = '500ms'
END
$node->safe_psql('postgres', 'CREATE ROLE "the owner"; CREATE ROLE "a reader"');
local $ENV{PGHOST} = $node->host;
local $ENV{PGPORT} = $node->port;
my $database = 0;

sub run_quietly
{
	my ($name, @command) = @_;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($ok && $err eq '', $name) or diag("@command: $err");
	return $out;
}

# The statements of a dump, as they are there.
sub dump_of
{
	my ($db, @options) = @_;
	my $text = run_quietly('pg_dump', 'pg_dump', '-s', @options, $db);
	return join "\n", grep { !/^(--|\\)/ && $_ ne '' } split /\n/, $text;
}

# The same, as a set of whole statements, where a partitioned table has the same ones as a plain table.
sub statements_of
{
	my ($dump) = @_;
	return map { s/^ALTER TABLE ONLY/ALTER TABLE/r =~ s/ ON ONLY / ON /r =~ s/\s+/ /gr } split /;\n/, $dump . "\n";
}

sub content_of
{
	my ($db, $t) = @_;
	return $node->safe_psql($db, qq{SET timezone = 'UTC'; SELECT * FROM $t ORDER BY id});
}

# What a conversion does not keep, for a partitioned table cannot have it; and what of the primary key is another.
sub is_carried
{
	my ($before, $after, $name, $widened) = @_;
	my %after = map { $_ => 1 } statements_of($after);
	my @lost = grep { !$after{$_} && !/^CREATE TABLE \S*(rich|".*")\S* \(/ && !/ CLUSTER ON / && !($widened && /PRIMARY KEY/) } statements_of($before);
	is(join("\n", @lost), '', "$name: all that belongs to the table is there");
	return;
}

sub new_database
{
	my $db = 'trip_' . ++$database;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	return $db;
}

sub convert_of { my ($t, $more) = @_; return qq{CALL warden.partition_convert(\$name\$$t\$name\$, 'at', '6 months', ahead => '1 year', timezone => 'UTC'$more)}; }

# There and back.
sub round_trip
{
	my ($name, $schema, $table, $key, $more, $audited, $sql) = @_;
	my $db = new_database();
	my $t = "$schema.$table";
	$node->safe_psql($db, 'CREATE EXTENSION pg_warden;');
	$node->safe_psql($db, rich_table($schema, $table, $rows, $key) . ($sql // ''));
	$node->safe_psql($db, "SELECT warden.audit_enable(\$name\$$t\$name\$)") if $audited;
	my $q = $node->safe_psql($db, "SELECT quote_literal(\$name\$$t\$name\$)");
	my $definition = dump_of($db);
	my $dependents = dump_of($db, '-n', 'deps');
	my $content = content_of($db, $t);
	my $files = $node->safe_psql($db, "SELECT count(*) FROM $t");
	my $identity = qq{SELECT oid, reltype FROM pg_class WHERE oid = $q\::regclass};
	my $same = $node->safe_psql($db, $identity);
	my $state = state_of($node, $db);

	my ($status, $out, $err) = $node->psql($db, convert_of($t, $more));
	is($status, 0, "$name: converted") or do { diag($err); return; };
	is($node->safe_psql($db, "SELECT relkind FROM pg_class WHERE oid = $q\::regclass"), 'p', "$name: it is partitioned");
	is($node->safe_psql($db, $identity), $same, "$name: and the same table");
	is(content_of($db, $t), $content, "$name: and has the same rows");
	is(left_over($node, $state, $db), '', "$name: of the conversion nothing is left over");
	my $converted = dump_of($db);
	is_carried($definition, $converted, $name, $more =~ /widen/);
	is_same(dump_of($db, '-n', 'deps'), $dependents, "$name: what depends on it is as it was");
	is($node->safe_psql($db, "SELECT count(*) FROM deps.seen") . ' ' . $node->safe_psql($db, 'REFRESH MATERIALIZED VIEW deps.summed; SELECT sum(n) FROM deps.summed'),
		$node->safe_psql($db, "SELECT count(*) FILTER (WHERE n > 10), sum(n) FROM $t") =~ s/\|/ /r, "$name: and works");
	if ($audited)
	{
		$node->safe_psql($db, "UPDATE $t SET n = n WHERE n = 5; UPDATE $t SET n = n + 1 WHERE id = 100; UPDATE $t SET n = n - 1 WHERE id = 100");
		is($node->safe_psql($db, "SELECT count(*) FROM warden.audit_log"), 2, "$name: what is changed is audited, what is moved is not") ;
	}
	# As a dump has it, so it is restored.
	my $restored = new_database();
	run_quietly("$name: all is dumped", 'pg_dump', '-f', $node->basedir . "/$restored.sql", $db);
	run_quietly("$name: and restored", qw(psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null), '-f', $node->basedir . "/$restored.sql", $restored);
	is_same(join("\n", sort(statements_of(dump_of($restored)))), join("\n", sort(statements_of($converted))), "$name: what is restored is the same");

	for my $where ($db, $restored)
	{
		my $here = $where eq $db ? $name : "$name, restored";
		($status, $out, $err) = $node->psql($where, "CALL warden.partition_revert(\$name\$$t\$name\$)");
		is($status, 0, "$here: reverted") or do { diag($err); next; };
		is_same(dump_of($where), $definition, "$here: its definition is what it was");
		is(content_of($where, $t), $content, "$here: and its rows are");
		is($node->safe_psql($where, 'SELECT count(*) FROM warden.partition_origins'), 0, "$here: what it was is not needed any more") ;
		is(left_over($node, $state, $where), '', "$here: nothing is left over") if $where eq $db;
	}
	is($node->safe_psql($db, $identity), $same, "$name: it is the same table still");
	is($node->safe_psql($db, qq{
		WITH f AS (SELECT indexrelid FROM pg_index WHERE indrelid = $q\::regclass) SELECT count(*) FROM f WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = indexrelid AND relkind = 'i')}),
		0, "$name: with plain indexes");
	# Once more, as nothing of the first time must be in the way.
	is(($node->psql($db, convert_of($t, $more)))[0], 0, "$name: converted again");
	is(($node->psql($db, "CALL warden.partition_revert(\$name\$$t\$name\$)"))[0], 0, "$name: and reverted");
	is_same(dump_of($db), $definition, "$name: and is what it was");
	return;
}

# A job that is paused is not in a dump.
sub dump_amid
{
	my ($schema, $table) = ('app', 'rich');
	my $db = new_database();
	$node->safe_psql($db, 'CREATE EXTENSION pg_warden;');
	$node->safe_psql($db, rich_table($schema, $table, $rows, 'id, at'));
	my $definition = dump_of($db);
	my $content = content_of($db, 'app.rich');
	my $state = state_of($node, $db);
	my $client = launch($node, $db, convert_of('app.rich', ', max_rows_per_second => 500'));
	$node->poll_query_until($db, q{SELECT count(*) = 1 FROM warden.partition_move_jobs WHERE rows_copied > 0}) or die 'no job';
	$node->safe_psql($db, q{SELECT warden.partition_pause('app.rich')});
	my ($status, $out, $err) = result($client);
	diag("a paused CALL ends with status $status: $err");
	is($node->safe_psql($db, 'SELECT state FROM warden.partition_move_jobs'), 'paused', 'a job is paused');
	isnt(left_over($node, $state, $db), '', 'and has its tables and its trigger');
	is_same(dump_of($db), $definition, 'a paused job: a dump has nothing of it');
	my $restored = new_database();
	run_quietly('all is dumped', 'pg_dump', '-f', $node->basedir . "/$restored.sql", $db);
	unlike(slurp_file($node->basedir . "/$restored.sql"), qr/partition_move|capture/, 'without a word of it');
	run_quietly('and restored', qw(psql -XAtq -v ON_ERROR_STOP=1 -o /dev/null), '-f', $node->basedir . "/$restored.sql", $restored);
	is_same(dump_of($restored), $definition, 'what is restored is the same');
	is($node->safe_psql($restored, 'SELECT count(*) FROM warden.partition_move_jobs'), 0, 'and there is no job');
	is(($node->psql($restored, convert_of('app.rich', '')))[0], 0, 'it can be converted');
	is(content_of($restored, 'app.rich'), $content, 'and has its rows');
	is_deeply([ $node->psql($db, q{CALL warden.partition_cancel('app.rich')}) ], [ 0, '', '' ], 'the job is taken back');
	is_same(dump_of($db), $definition, 'the table is what it was');
	is(left_over($node, $state, $db), '', 'nothing is left over');
	is($node->safe_psql($db, q{DROP EXTENSION pg_warden; SELECT count(*) FROM app.rich}), scalar(split /\n/, $content), 'and nothing is needed of the extension');
	return;
}

my $odd_schema = q{"App's ""2nd"" Ü"};
my $odd_table = '"' . "It's a \"\"table\"\" ü " . 'x' x 40 . '"'; # 63 bytes
round_trip('full', 'app', 'rich', 'id, at', '');
round_trip('full, odd names', $odd_schema, $odd_table, 'id, at', '');
round_trip('metadata_only', 'app', 'rich', 'id, at', ', metadata_only => true');
round_trip('metadata_only, odd names', $odd_schema, $odd_table, 'id, at', ', metadata_only => true');
round_trip('widen_key', 'app', 'rich', 'id', ', widen_key => true');
round_trip('without a default partition', 'app', 'rich', 'at, id', ', default_partition => false');
round_trip('audited', 'app', 'rich', 'id, at', '', 1);
dump_amid();
finish(undef, $node);
