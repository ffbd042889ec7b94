# The disk of a database is full for a while: its jobs fail or are missed and say why, those of others keep their times, and
# when there is room again all goes on, nothing twice.
#
# Needs TAP, because a disk is filled: that of PG_WARDEN_DISK, a folder on a file system of some 50 MB and nobody else's.
# The server's own log of changes is elsewhere: that it cannot write, no server survives (test/soak disk_full_wal).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schedule;
use Test::More;
use Time::HiRes qw(usleep);
use Warden;

my $disk = $ENV{PG_WARDEN_DISK} or plan skip_all => 'PG_WARDEN_DISK names no small disk';
my $node = start_scheduler('disk_full', "warden.max_running_jobs = 20\n");
mkdir "$disk/tablespace" or die "$disk: $!";
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disk/tablespace'");
$node->safe_psql('postgres', 'CREATE DATABASE small TABLESPACE small');
$node->safe_psql('small', 'CREATE EXTENSION pg_warden; CREATE TABLE load (filler text)');
prepare($node, 'small');

# All or nothing: also the row that tells of it.
my $loading = "WITH loaded AS (INSERT INTO load SELECT repeat('x', 1000) FROM generate_series(1, 20)) $body";
add_job($node, 'small', 'all', '1 second', command => $loading);
add_job($node, 'small', 'skip', '1 second', command => $loading, missed => 'skip');
add_job($node, 'small', 'retried', '5 seconds', command => $loading, max_retries => 3, retry_delay => '1 second');
add_job($node, 'postgres', 'elsewhere', '1 second');
ok(defined within(20, $node, 'small', 'SELECT count(DISTINCT job) = 3 FROM ran'), 'jobs run');

# Takes what room there is.
sub fill
{
	open(my $ballast, '>>', "$disk/ballast") or die "$disk/ballast: $!";
	1 while syswrite($ballast, "\0" x 4096);
	close $ballast;
	return;
}

my $offset = -s $node->logfile;
ok(defined within(30, $node, 'postgres', sub { fill(); return scalar said($node, $offset, qr/ DETAIL:  53100: /) }),
	'the disk is full, and a job fails of it');
my $full = now_at($node);
ok(defined within(20, $node, 'postgres', "SELECT count(*) >= 6 FROM ran WHERE slot > '$full'"), 'jobs of another database run');
my @lines = said($node, $offset, qr/ 53100 pg_warden (launcher|worker) LOG: /);
cmp_ok(scalar @lines, '<=', 2, 'the scheduler itself says it once, or twice') or diag(join "\n", @lines);
unlink "$disk/ballast" or die "$disk/ballast: $!";
my $room = now_at($node);
ok(defined within(30, $node, 'small', "SELECT count(DISTINCT job) = 3 FROM ran WHERE slot > '$room'"),
	'with room again, all jobs run');

is_accounted($node, 'small', $_, 'after the disk was full', least => 5,
	explained => q{status IN ('missed', 'skipped') OR status = 'failed' AND sqlstate = '53100'}) for 'all', 'skip';
is_accounted($node, 'small', 'retried', 'after the disk was full',
	explained => q{status IN ('missed', 'skipped') OR status = 'failed' AND sqlstate = '53100'});
is_accounted($node, 'postgres', 'elsewhere', 'while the disk of others was full', least => 6);
is_on_time($node, 'postgres', 'elsewhere', 4, 'on time');
cmp_ok($node->safe_psql('small', q{SELECT count(*) FROM warden.schedule_runs WHERE sqlstate = '53100'}), '>', 0,
	'the history says why a run failed');
is($node->safe_psql('small', q{SELECT string_agg(waiting_for, '; ') FROM warden.schedule_jobs WHERE waiting_for NOT IN ('its time', 'its turn')}),
	'', 'nothing waits for anything but its time, or its turn');

finish(undef, $node);
