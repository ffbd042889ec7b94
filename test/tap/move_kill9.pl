# kill -9 of the process that moves rows, or of the whole server, at random moments of each kind of job, while the
# application works: the table's definition is as before or as after, no row is lost, and the job is resumed or taken
# back, of which nothing is left over.
#
# Needs TAP, because processes are killed.  PG_WARDEN_MOVE_KILLS=50 (of each kind) is the long form.
# expects: terminated by signal 9
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use Kill;
use List::Util qw(shuffle);
use Moves;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep time);
use Warden;

my $rounds = $ENV{PG_WARDEN_MOVE_KILLS} // 1;
my $rows = $ENV{PG_WARDEN_MOVE_ROWS} // 15_000;
my $seed = $ENV{PG_WARDEN_SEED} // int(time * 1000) % 1_000_000;
srand($seed);
diag("PG_WARDEN_SEED=$seed, $rounds rounds of each kind, $rows rows");

my $node = start_server('kill9', <<'END');
restart_after_crash = on
max_connections = 40
warden.lock_timeout = '200ms'
warden.lock_retries = 100
warden.lock_retry_delay = '20ms'
END
my @phases = qw(prepare copy index replay wait swap finish);
my @light = qw(increments edges ranges items count);

sub dump_of
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pg_dump', '-s', '-n', 'load', '-d', $node->connstr('postgres') ], '<', \undef, '>', \$out, '2>', \$err) or die $err;
	return join "\n", map { s/,$//r } grep { !/^(--|\\)/ && $_ ne '' } split /\n/, $out;
}

# Kills, and waits until the server is back.  Returns whether there was anything to kill.
sub kill_it
{
	my ($how, $pid) = @_;
	if ($how eq 'server')
	{
		kill_server($node);
		return 1;
	}
	return $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)") eq 't' if $how eq 'terminated';
	return kill_process($node, $pid);
}

# A client that tells the phase of the job every few milliseconds.
sub start_watch
{
	my %watch = (in => "SELECT phase FROM warden.partition_move_jobs WHERE ended IS NULL \\watch 0.003\n", stdout => '', stderr => '');
	$watch{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$watch{in}, '>', \$watch{stdout}, '2>', \$watch{stderr});
	return \%watch;
}

# What it told last.
sub phase_of
{
	my ($watch) = @_;
	$watch->{run}->pump_nb;
	my ($phase) = $watch->{stdout} =~ /(\w*)\s*\n$/;
	return $phase // '';
}

# Waits until the job is in the phase, or its client has ended.
sub await_phase
{
	my ($watch, $client, $phase) = @_;
	my $end = time + 60;
	while (time < $end && phase_of($watch) ne $phase && $client->{run}->pumpable)
	{
		$client->{run}->pump_nb;
		usleep(1000);
	}
	return;
}

my %killed;

# A cancellation that is killed as well, at a random moment of it; then somebody else completes it.
sub cancel_and_kill
{
	local $ENV{PGAPPNAME} = 'mover';
	my $client = launch($node, 'postgres', 'SELECT pg_backend_pid()', q{CALL warden.partition_cancel('load.t')});
	$client->{run}->pump until $client->{stdout} =~ /\d+\n/ || !$client->{run}->pumpable;
	my ($pid) = $client->{stdout} =~ /(\d+)/;
	usleep(int(rand(30_000)));
	$killed{ kill_process($node, $pid) ? 'cancellation' : 'cancellation, too late' }++;
	eval { $client->{run}->finish; };
	# It may have been killed before it had written down what it wants.
	my $open = $node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL AND wanted IS NULL');
	return $node->psql('postgres', $open ? q{CALL warden.partition_cancel('load.t')} : 'SET client_min_messages = error; CALL warden.maintain()');
}

# What ends the job that is there; or does it, where none had been begun or it was done.
my %endings = (
	resume => sub { return $node->psql('postgres', q{CALL warden.partition_resume('load.t')}) },
	again => sub { my ($kind) = @_; return $node->psql('postgres', job_of($kind)) },
	maintain => sub {
		for (1 .. 20)
		{
			my @said = $node->psql('postgres', 'SET client_min_messages = error; CALL warden.maintain()');
			return @said if $said[0] != 0 || $node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL') eq '0';
		}
		return (1, '', 'maintenance does not end the job');
	},
	cancel => sub { return $node->psql('postgres', q{CALL warden.partition_cancel('load.t')}) },
	'cancel and kill' => \&cancel_and_kill);

my (%length, %new);
sub kill_once
{
	my ($kind, $round, $how, $ending, $phase) = @_;
	make_table($node, $kind, $rows, $round % 3 == 0 ? 'keyless' : 'referenced');
	my $variant = $round % 3 == 0 ? 'keyless' : 'referenced';
	my $old = dump_of();
	my $state = state_of($node);
	my $log_offset = -s $node->logfile;
	my $application = start_application($node, $rows, rate => 50, only => \@light, seed => $seed + $round);
	$node->poll_query_until('postgres', 'SELECT count(*) > 5 FROM load.ledger') or die 'the application does not work';
	my $watch = start_watch();
	local $ENV{PGAPPNAME} = 'mover';
	# Slowly, so that there are moments enough.  How long a job takes is known after the first of its kind.
	my $begin = time;
	my $client = launch($node, 'postgres', 'SELECT pg_backend_pid()', job_of($kind, $kind eq 'metadata' ? '' : 'max_rows_per_second => 30000'));
	$client->{run}->pump until $client->{stdout} =~ /\d+\n/ || !$client->{run}->pumpable;
	my ($pid) = $client->{stdout} =~ /(\d+)/;
	my ($name, $done) = ("$kind $round, $variant", 0);
	if (!$how)
	{
		my ($status, $out, $err) = result($client);
		is($status, 0, "$name: is done when nobody disturbs") or diag($err);
		$length{$kind} = time - $begin;
		$new{"$kind $variant"} = dump_of() if $status == 0;
		$done = 1;
	}
	else
	{
		$phase ? await_phase($watch, $client, $phase) : usleep(int(rand(1_000_000 * 1.1 * ($length{$kind} // 1))));
		usleep(int(rand(15_000)));
		my $at = phase_of($watch) || 'before or after';
		my $hit = kill_it($how, $pid);
		$killed{ $kind . ' ' . $at . ($hit ? '' : ', too late') }++;
		$name .= ", $how at $at, $ending";
		eval { $client->{run}->kill_kill if $client->{run}->pumpable; $client->{run}->finish; };
	}
	eval { $watch->{run}->kill_kill; $watch->{run}->finish; };
	my ($failed) = stop_application($application);
	is($failed, '', "$name: no statement of the application fails") if !$how || $how eq 'terminated';
	$name =~ s/, (server|backend|terminated) at/ $1 killed at/;
	if ($how)
	{
		my $new = $new{"$kind $variant"} // '';
		my $dump = dump_of();
		my $is = $dump eq $old ? 'old' : $dump eq $new ? 'new' : 'neither';
		isnt($is, 'neither', "$name: the definition is as before or as after") or is_same($dump, $is eq 'new' ? $new : $old, 'difference to the old one');
		my ($wrong) = books_differ($node);
		is($wrong, '', "$name: no row is lost");
		my $unfinished = $node->safe_psql('postgres', 'SELECT count(*) FROM warden.partition_move_jobs WHERE ended IS NULL');
		my ($status, $out, $err) = $endings{$ending}->($kind);
		# Where there is no job any more, there is nothing to end; a conversion that is done cannot be done again.
		ok($status == 0 || !$unfinished, "$name: the job is ended") or diag($err);
		my $expected = $ending =~ /cancel/ ? $is : $unfinished || $ending eq 'again' ? 'new' : $is;
		is_same(dump_of(), $expected eq 'new' ? $new : $old, "$name: the definition is the $expected one");
	}
	my ($wrong) = books_differ($node);
	is($wrong, '', "$name: no row is lost at the end");
	is(left_over($node, $state), '', "$name: nothing is left over");
	is_sound($node, 'load.t', $name);
	my @bad = grep { / app (ERROR):/ && !/ 57P0\d / } split /\n/, slurp_file($node->logfile, $log_offset);
	is("@bad", '', "$name: the application had no error") if @bad;
	return;
}

my @kinds = split / /, $ENV{PG_WARDEN_MOVE_CASES} // 'drain convert metadata revert';
for my $kind (@kinds)
{
	kill_once($kind, $_) for 0, 1;
	my (@hows, @endings, @moments);
	for my $round (1 .. $rounds)
	{
		@hows = shuffle(qw(backend backend server terminated)) if !@hows;
		@endings = shuffle(sort keys %endings) if !@endings;
		@moments = shuffle('', '', '', @phases) if !@moments;
		kill_once($kind, $round, shift @hows, shift @endings, shift @moments);
	}
}
diag("killed: $_: $killed{$_}") for sort keys %killed;
finish(qr/terminated by signal 9/, $node);
