# What the TAP tests share: servers whose log tells SQLSTATEs, clients in the background, and a description of all that
# maintenance may change, so that two databases can be compared.
package Warden;
use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(configure start_server launch result await_server describe is_same finish $anchor);

# A boundary that is half a day away, so that no test of daily partitions runs across one.
our $anchor = sprintf "timestamptz '%s UTC'", scalar gmtime(3600 * int(time / 3600) + 43200);

# Settings for every test. Statements are not logged, because those of pg_dump contain what the log is searched for.
sub configure
{
	my ($node, $settings) = @_;
	$node->append_conf('postgresql.conf', <<END . ($settings // ''));
autovacuum = off
log_statement = none
log_line_prefix = '%m [%p] %e %q%a '
timezone = 'UTC'
lc_messages = 'C'
END
	return;
}

# Starts a new server that has the extension in database "postgres".
sub start_server
{
	my ($name, $settings, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%init);
	configure($node, $settings);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_warden');
	return $node;
}

# Starts a psql that runs the commands one by one, and does not wait for it.
sub launch
{
	my ($node, $database, @commands) = @_;
	my %client = (stdout => '', stderr => '');
	$client{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database),
			map { ('-c', $_) } @commands ],
		'<', \undef, '>', \$client{stdout}, '2>', \$client{stderr});
	return \%client;
}

# Waits for the end of a client: exit status, stdout, stderr.
sub result
{
	my ($client) = @_;
	$client->{run}->finish;
	return ($client->{run}->result(0), $client->{stdout}, $client->{stderr});
}

# Waits until a server that restarts after a crash lets clients in. Not by poll_query_until, whose psql may be refused before
# it has read its query: writing that to it then fails.
sub await_server
{
	my ($node) = @_;
	my $tries = 0;
	while (system('pg_isready', '-q', '-d', $node->connstr('postgres')) != 0)
	{
		die 'the server did not come back' if ++$tries > 1800;
		usleep(100_000);
	}
	return;
}

# All relations outside of the schemas that are not the user's, and what warden remembers of them.
sub describe
{
	my ($node, $database) = @_;
	my $users = q{relnamespace <> ALL (ARRAY(SELECT oid FROM pg_namespace
		WHERE nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'warden', 'probe')))};
	my @queries = (
		qq{SELECT 'relation', c.oid::regclass, relkind, relpersistence, relispartition, i.inhparent::regclass,
				pg_get_expr(relpartbound, c.oid), relowner::regrole, reloptions, relreplident, relrowsecurity,
				relforcerowsecurity, reltablespace, (SELECT amname FROM pg_am WHERE pg_am.oid = relam),
				ARRAY(SELECT a::text FROM unnest(relacl) a ORDER BY 1)
			FROM pg_class c LEFT JOIN pg_inherits i ON inhrelid = c.oid WHERE $users},
		qq{SELECT 'column', c.oid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attstattarget,
				attstorage, ARRAY(SELECT o FROM unnest(attoptions) o WHERE o !~ '^pg_attver='), attacl,
				(SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = attrelid AND adnum = attnum)
			FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 WHERE $users},
		qq{SELECT 'index', pg_get_indexdef(c.oid), indisvalid, indisreplident
			FROM pg_class c JOIN pg_index ON indexrelid = c.oid WHERE $users},
		qq{SELECT 'constraint', c.oid::regclass, conname, pg_get_constraintdef(o.oid), convalidated, conislocal
			FROM pg_class c JOIN pg_constraint o ON conrelid = c.oid WHERE $users},
		qq{SELECT 'trigger', c.oid::regclass, tgname, tgenabled
			FROM pg_class c JOIN pg_trigger ON tgrelid = c.oid AND NOT tgisinternal WHERE $users},
		"SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_'",
		q{SELECT 'policy', to_jsonb(p) FROM warden.partition_policies p},
		q{SELECT 'state', parent::regclass, last_success IS NOT NULL, last_error, last_error_at IS NOT NULL, blocked_by
			FROM warden.partition_states},
		q{SELECT 'log', parent, partition, action, count(*) FROM warden.partition_log GROUP BY 2, 3, 4});
	my $settings = join('', map { "SET $_;\n" } "datestyle = 'ISO'", "timezone = 'UTC'", "intervalstyle = 'postgres'",
		"search_path = pg_catalog", "client_encoding = 'UTF8'", "quote_all_identifiers = off", "standard_conforming_strings = on",
		"client_min_messages = warning", 'jit = off');
	my $text = $node->safe_psql($database, $settings . join(";\n", @queries) . ';');
	return join("\n", sort split /\n/, $text) . "\n";
}

# Compares two descriptions, and shows only where they differ.
sub is_same
{
	my ($description, $expected, $name) = @_;
	my %lines;
	$lines{$_}++ for split /\n/, $description;
	$lines{$_}-- for split /\n/, $expected;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(join("\n", map { ($lines{$_} > 0 ? '+ ' : '- ') . $_ } grep { $lines{$_} } sort keys %lines), '', $name);
}

# Stops the servers, and looks into what they wrote. Patterns that a test expects are given as a regular expression.
sub finish
{
	my ($expected, @nodes) = @_;
	for my $node (@nodes)
	{
		$node->stop('fast');
		my @bad = grep { !defined $expected || $_ !~ $expected }
		  grep { /XX000|TRAP:|PANIC|leak|cache lookup failed|was not closed|still active|left non-empty|terminated by signal/ }
		  split /\n/, slurp_file($node->logfile);
		is("@bad", '', 'the log of server ' . $node->name . ' is clean');
	}
	done_testing();
	return;
}

1;
