# What the TAP tests of the scheduler share: a server with jobs that write a row for each slot they ran for, and the
# comparison of those rows with the slots that were due.  What the scheduler says of itself never shows that a job ran:
# it only may explain why one did not.
package Schedule;
use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);
use Warden;

our @EXPORT = qw($body start_scheduler prepare add_job ask within now_at count_of processes kill_one is_accounted is_on_time
  back_again said cpu_seconds);

# Records the slot a job was run for.
our $body = q{INSERT INTO public.ran SELECT current_setting('warden.job_name'), }
  . q{current_setting('warden.job_scheduled_for')::timestamptz};

# The slots of a job up to a moment, what became of each by its own rows, what the scheduler tells of each, and every
# way in which these do not fit.  Placeholders: job, the moment, the conditions on rows that explain a slot.
my $comparison = <<'END';
	WITH job AS (
		SELECT name, period, anchor FROM warden.schedule_definitions WHERE name = '%s'
	), due AS (
		SELECT slot FROM job, generate_series(anchor + period, timestamptz '%s', period) slot
	), ran AS (
		SELECT slot, count(*) AS times FROM public.ran JOIN job ON name = ran.job GROUP BY slot
	), told AS (
		SELECT r.*, scheduled_for + n * period AS slot, %s AS explains
		FROM warden.schedule_runs r JOIN job ON name = r.job, generate_series(0, slots - 1) n
	), problems AS (
		SELECT slot, 'is neither run nor explained' AS problem FROM due
			WHERE slot NOT IN (SELECT slot FROM ran) AND slot NOT IN (SELECT slot FROM told WHERE explains)
		UNION ALL
		SELECT slot, format('ran %%s times', times) FROM ran WHERE times <> 1
		UNION ALL
		SELECT slot, 'ran, but was not due' FROM ran, job
			WHERE slot <= anchor OR extract(epoch FROM slot - anchor) %% extract(epoch FROM period) <> 0
		UNION ALL
		SELECT slot, 'is explained, but was not due' FROM told, job
			WHERE slot <= anchor OR extract(epoch FROM slot - anchor) %% extract(epoch FROM period) <> 0
		UNION ALL
		SELECT slot, 'is in several rows' FROM told GROUP BY slot HAVING count(*) > 1
		UNION ALL
		SELECT slot, 'succeeded, but did not run' FROM told
			WHERE status = 'succeeded' AND slot NOT IN (SELECT slot FROM ran)
		UNION ALL
		SELECT slot, 'ran, and is ' || coalesce(status, 'untold') FROM ran LEFT JOIN told USING (slot)
			WHERE slot <= '%2$s' AND status IS DISTINCT FROM 'succeeded'
		UNION ALL
		SELECT slot, format('is %%s (%%s attempts, %%s %%s)', status, attempts, sqlstate, left(message, 100)) FROM told
			WHERE slot <= '%2$s' AND status <> 'succeeded' AND explains IS NOT TRUE
	)
END

# Starts a server with the scheduler, with the extension and a table for the jobs' rows in database "postgres".
sub start_scheduler
{
	my ($name, $settings, %init) = @_;
	my $node = start_server($name, <<END . ($settings // ''), %init);
shared_preload_libraries = 'pg_warden'
log_line_prefix = '%m [%p] %e %b %q%a '
max_connections = 50
max_worker_processes = 30
warden.max_running_jobs = 10
END
	prepare($node, 'postgres');
	return $node;
}

# The table for the jobs' rows.
sub prepare
{
	my ($node, $database) = @_;
	$node->safe_psql($database, q{
		CREATE TABLE ran (job text, slot timestamptz, at timestamptz DEFAULT clock_timestamp());
		GRANT SELECT, INSERT ON ran TO PUBLIC});
	return;
}

# Adds a job; options are arguments of schedule_add(), or "owner".  Interval jobs run all slots unless told otherwise, so
# that a slow machine loses none.  Their anchor is the second in which they are added.
sub add_job
{
	my ($node, $database, $name, $schedule, %options) = @_;
	my $owner = delete $options{owner} // 'postgres';
	%options = (missed => 'all', command => $body, %options);
	my $arguments = join '', map { ", $_ => \$argument\$$options{$_}\$argument\$" } sort keys %options;
	my $add = "SELECT warden.schedule_add('$name', '$schedule'$arguments)";
	my ($before, undef, $after, $anchor) = split /\n/, $node->safe_psql($database, qq{
		SET datestyle = 'ISO';
		SET timezone = 'UTC';
		SELECT date_trunc('second', clock_timestamp());
		SET SESSION AUTHORIZATION $owner;
		$add;
		RESET SESSION AUTHORIZATION;
		SELECT clock_timestamp();
		SELECT anchor FROM warden.schedule_definitions WHERE name = '$name'});
	die "$name is not anchored at the moment it was added: $before, $after, $anchor" if $anchor lt $before || $anchor gt $after;
	return;
}

# What a query says, or undef if the server does not answer it.
sub ask
{
	my ($node, $database, $query) = @_;
	my ($status, $out) = result(launch($node, $database, $query));
	chomp $out;
	return $status == 0 ? $out : undef;
}

# Waits until a condition, a query or a function, holds; the seconds it took, or undef if that was too long.
sub within
{
	my ($seconds, $node, $database, $condition) = @_;
	my $start = time;
	my $last = '';
	while (1)
	{
		$last = ref $condition ? ($condition->() ? 't' : 'f') : ask($node, $database, $condition);
		return time - $start if defined $last && $last eq 't';
		last if time - $start > $seconds;
		usleep(50_000);
	}
	diag("not within $seconds s: $condition (" . ($last // 'no answer') . ')') unless ref $condition;
	return;
}

sub now_at { return $_[0]->safe_psql('postgres', 'SELECT clock_timestamp()'); }

# Kills a process of a type as soon as there is one: workers live for milliseconds, so it is /proc that is asked.
sub kill_one
{
	my ($node, $type) = @_;
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my $start = time;
	while (time - $start < 20)
	{
		for my $pid (split ' ', slurp_file("/proc/$postmaster/task/$postmaster/children"))
		{
			open(my $file, '<', "/proc/$pid/cmdline") or next;
			my $title = <$file> // '';
			close $file;
			return $pid if $title =~ /: pg_warden $type\b/ && kill(9, $pid);
		}
		usleep(500);
	}
	die "there was no $type to kill";
}

# How many rows a job has written.
sub count_of
{
	my ($node, $database, $job) = @_;
	return $node->safe_psql($database, "SELECT count(*) FROM public.ran WHERE job = '$job'");
}

# The processes of a type, "launcher", "worker" or "job".
sub processes
{
	my ($node, $type) = @_;
	return split /\n/,
	  ask($node, 'postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_warden $type' ORDER BY backend_start") // '';
}

# Waits until every slot of an interval job up to now, or to the moment that is given, is over, and checks that each ran
# once, or did not run and is explained by a row for which the given condition holds.  Returns how many were due and ran.
sub is_accounted
{
	my ($node, $database, $job, $name, %options) = @_;
	my $moment = $options{until} // now_at($node);
	my $explains = $options{explained} // 'false';
	my $query = sprintf($comparison, $job, $moment, "($explains)");
	my $problems = $query . q{SELECT slot, problem FROM problems ORDER BY slot LIMIT 20};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	within($options{within} // 30, $node, $database, sub { (ask($node, $database, $problems) // 'none') eq '' });
	is(ask($node, $database, $problems), '', "$name: each slot of $job ran once" . ($options{explained} ? ' or is explained' : ''));
	my ($due, $ran) = split /\|/,
	  $node->safe_psql($database, $query . q{SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM ran JOIN due USING (slot))});
	note("$job: $due due, $ran ran");
	cmp_ok($ran, '>=', $options{least} // 1, "and at least @{[ $options{least} // 1 ]} did") or diag("of $due");
	return ($due, $ran);
}

# Checks that a job's slots ran soon after their time: all within the given seconds.
sub is_on_time
{
	my ($node, $database, $job, $seconds, $name) = @_;
	my $late = $node->safe_psql($database, "SELECT coalesce(max(extract(epoch FROM at - slot)), 1e9) FROM public.ran WHERE job = '$job'");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return cmp_ok($late, '<', $seconds, $name);
}

# Waits until a server that restarts by itself lets clients in.
sub back_again
{
	my ($node) = @_;
	within(60, $node, 'postgres', sub { system('pg_isready', '-q', '-d', $node->connstr('postgres')) == 0 })
	  // die 'the server did not come back';
	return;
}

# The lines of the log from a position on that fit a pattern.
sub said
{
	my ($node, $offset, $pattern) = @_;
	return grep { /$pattern/ } split /\n/, substr(slurp_file($node->logfile), $offset);
}

# The processor time that a process has used.
sub cpu_seconds
{
	my ($pid) = @_;
	my @fields = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;
	return ($fields[11] + $fields[12]) / 100;
}

1;
