# What the tests share that kill processes with signal 9.
package Kill;
use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Time::HiRes qw(usleep);
use Warden;

our @EXPORT = qw(read_line kill_process kill_server);

# The first line of a file of /proc; undef if it has gone.
sub read_line
{
	my ($file) = @_;
	open(my $handle, '<', $file) or return undef;
	my $line = <$handle>;
	close $handle;
	return $line;
}

# Whether a process is alive and stopped.  One that is ending can be sent a signal, and goes on to end by itself.
sub stopped
{
	my ($pid) = @_;
	return 0 if $pid eq '' || !kill('STOP', $pid);
	while (my ($state) = (read_line("/proc/$pid/stat") // '') =~ /\) (\w) /)
	{
		return 1 if $state eq 'T';
		return 0 if $state =~ /[ZX]/;
		usleep(1000);
	}
	return 0;
}

# Kills a process: the server ends all others, and begins anew; waits for that.  Returns whether there was anything to
# kill: it may have ended by itself in the same moment.
sub kill_process
{
	my ($node, $pid) = @_;
	my $offset = -s $node->logfile;
	return 0 if !stopped($pid);
	kill(9, $pid);
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	await_server($node);
	return 1;
}

# Kills the server, and starts it again.  Its processes end by themselves when they notice; until then their memory is
# in use, and no other server can be started.
sub kill_server
{
	my ($node) = @_;
	$node->kill9;
	for (1 .. 100)
	{
		return if $node->start(fail_ok => 1);
		$node->{_pid} = undef; # of the file that the killed one has left
		usleep(200_000);
	}
	die 'the server does not start';
}

1;
