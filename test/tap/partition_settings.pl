# Settings of the session change nothing of what maintenance makes: bounds, names, owners.
#
# Needs TAP, because it compares databases with settings of their own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Warden;

my $node = start_server('settings');
$node->safe_psql('postgres', 'CREATE ROLE keeper; CREATE DATABASE original');

# All types of keys, names that need quoting, a zone with a change of clocks, something to retire.  What is to be managed
# stands in a table, so that the commands do not depend on settings themselves.
$node->safe_psql('original', qq{
	CREATE EXTENSION pg_warden;
	CREATE SCHEMA app;
	GRANT ALL ON SCHEMA app TO keeper;
	CREATE TABLE app."st'amps \\\\ ""é"" \$1" (at timestamptz, note text DEFAULT E'\\\\ \\'' CHECK (note <> E'\\\\'), id bigint)
		PARTITION BY RANGE (at);
	CREATE TABLE app.locals (at timestamp, id bigint GENERATED ALWAYS AS (extract(epoch FROM at)) STORED) PARTITION BY RANGE (at);
	CREATE TABLE app.locals_rest PARTITION OF app.locals DEFAULT;
	CREATE TABLE app.locals_old PARTITION OF app.locals FOR VALUES FROM ('1999-02-01 03:00') TO ('1999-03-01 05:00');
	CREATE TABLE app.days (day date, id bigint) PARTITION BY RANGE (day);
	CREATE TABLE app.days_old PARTITION OF app.days FOR VALUES FROM ('1999-02-01') TO ('1999-03-02');
	CREATE UNIQUE INDEX ON app.days (day, id) NULLS NOT DISTINCT;
	ALTER TABLE app.days_old OWNER TO keeper;
	ALTER TABLE app.days OWNER TO keeper, REPLICA IDENTITY FULL, ENABLE ROW LEVEL SECURITY;
	CREATE SCHEMA probe;
	CREATE TABLE probe.sets (parent regclass, every interval, ahead interval, keep interval, expiry text, anchor timestamptz,
		storage text[]);
	INSERT INTO probe.sets VALUES
		(\$\$app."st'amps \\\\ ""é"" \$1"\$\$, '1 week', '250 days', NULL, 'drop', $anchor, NULL),
		('app.locals', '6 hours', '3 days', '2 days', 'detach', $anchor, NULL),
		('app.days', '1 mon', '2 years', '3 mons', 'drop', $anchor + interval '10 days', '{fillfactor=50}');});
my @commands = (
	'SELECT DISTINCT action, status FROM probe.sets s, warden.partition_by_time(parent, every, ahead => ahead, keep => keep,
		on_expiry => expiry, timezone => $$Europe/Berlin$$, anchor => anchor, storage_parameters => storage) ORDER BY 1',
	'CALL warden.maintain()',
	'SELECT count(*) FROM warden.partition_sets, warden.partitions',
	'SELECT * FROM warden.partition_maintain()');

my %settings = (
	none => [],
	dates => [ q{datestyle = 'SQL, DMY'}, q{intervalstyle = 'iso_8601'}, q{timezone = 'Asia/Kathmandu'} ],
	german => [ q{datestyle = 'German'}, q{intervalstyle = 'sql_standard'}, q{timezone = '<ODD>-01:23'} ],
	american => [ q{datestyle = 'Postgres, MDY'}, q{intervalstyle = 'postgres_verbose'}, q{timezone = 'America/New_York'} ],
	safe => [ q{search_path = ''}, q{default_transaction_isolation = 'serializable'}, 'row_security = off',
		'default_transaction_deferrable = on' ],
	strings => [ 'standard_conforming_strings = off', 'quote_all_identifiers = on', q{client_encoding = 'LATIN1'},
		'backslash_quote = on', q{bytea_output = 'escape'}, 'array_nulls = off', 'extra_float_digits = -15' ],
	path => [ q{search_path = '"$user", probe'}, q{default_toast_compression = 'lz4'} ],
	planner => [ 'enable_partition_pruning = off', 'constraint_exclusion = on', 'enable_seqscan = off', 'transform_null_equals = on',
		'plan_cache_mode = force_generic_plan', 'session_replication_role = replica', q{lock_timeout = '1ms'},
		'check_function_bodies = off' ]);
my %made;
for my $name (sort keys %settings)
{
	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE original");
	$node->safe_psql('postgres', "ALTER DATABASE $name SET $_") for @{ $settings{$name} };
	for my $command (@commands)
	{
		my ($status, $out, $err) = $node->psql($name, $command);
		is("$status $err", '0 ', "$name: $command");
		is($out, "create|done\ndetach|planned\ndrop|planned", 'makes partitions, and tells what it will retire')
		  if $command =~ /partition_by_time/;
	}
	$made{$name} = describe($node, $name) =~ s/"//gr; # the log quotes names as the session wants it
}
my $partitions = () = $made{none} =~ /^relation\|.*FOR VALUES/mg;
cmp_ok($partitions, '>', 70, "$partitions partitions are made");
is(scalar(() = $made{none} =~ /^log\|.*(drop|detach)/mg), 2, 'and two retired');
is_same($made{$_}, $made{none}, "the same with @{$settings{$_}}") for grep { $_ ne 'none' } sort keys %settings;

finish(undef, $node);
