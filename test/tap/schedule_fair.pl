# More runs wait than there is room for where the launcher looks: nobody keeps the jobs of others from having their turn,
# and of a job there is one run at a time.
#
# Needs TAP, because of settings of the server, and for several databases.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Schedule;
use Test::More;
use Warden;

my $node = start_scheduler('fair', "warden.max_running_jobs = 4\n");
$node->safe_psql('postgres', q{
	CREATE ROLE one LOGIN;
	CREATE ROLE other LOGIN;
	GRANT EXECUTE ON FUNCTION warden.schedule_add TO one, other;
	CREATE DATABASE second;
	CREATE DATABASE third});
for my $database ('second', 'third')
{
	$node->safe_psql($database, q{
		CREATE EXTENSION pg_warden;
		GRANT EXECUTE ON FUNCTION warden.schedule_add TO one});
	prepare($node, $database);
}

# Jobs that take so many seconds, all of them due.
sub crowd
{
	my ($database, $count, $seconds) = @_;
	$node->safe_psql($database, qq{
		SET SESSION AUTHORIZATION one;
		SELECT count(warden.schedule_add('crowd ' || n, '1 hour', 'SELECT pg_sleep($seconds)')) FROM generate_series(1, $count) n;
		RESET SESSION AUTHORIZATION;
		SELECT count(warden.schedule_run('crowd ' || n)) FROM generate_series(1, $count) n});
	return;
}

sub queued
{
	my ($database) = @_;
	return $node->safe_psql($database, q{SELECT count(*) FROM warden.schedule_processes() WHERE phase = 'queued'});
}

# One role of a database.
crowd('postgres', 300, 3600);
ok(defined within(20, $node, 'postgres', q{SELECT count(*) = 3 FROM pg_stat_activity WHERE query ~ 'pg_sleep'
		AND backend_type = 'pg_warden job'}), 'a role has all places but the last');
ok(defined within(20, $node, 'postgres', sub { queued('postgres') > 200 }), 'many of its runs wait for one');
add_job($node, 'postgres', 'other', '1 hour', owner => 'other');
$node->safe_psql('postgres', q{SELECT warden.schedule_run('other')});
ok(defined within(20, $node, 'postgres', q{SELECT count(*) = 1 FROM ran WHERE job = 'other'}), q{another role's job runs});

# Two databases, of which the second has the last place again and again.
crowd('second', 300, 0.5);
ok(defined within(20, $node, 'postgres', sub { queued('postgres') + queued('second') > 500 }), 'there is no room for more');
add_job($node, 'third', 'third', '1 hour');
$node->safe_psql('third', q{SELECT warden.schedule_run('third')});
ok(defined within(20, $node, 'third', q{SELECT count(*) = 1 FROM ran WHERE job = 'third'}), q{another database's job runs});

# An earlier slot of a job whose run waits, as there may be when the clock was set back.
my ($job, $run) = split /\|/, $node->safe_psql('postgres', q{
	SELECT s.job, s.run FROM warden.schedule_slots s JOIN warden.schedule_processes() p USING (run)
	WHERE p.phase = 'queued' ORDER BY run LIMIT 1});
$node->safe_psql('postgres', qq{
	INSERT INTO warden.schedule_slots (job, name, owner, scheduled_for, status)
	SELECT job, name, owner, scheduled_for - interval '1 hour', 'waiting' FROM warden.schedule_slots WHERE run = $run});
my $visits = 'SELECT count(*) FROM warden.schedule_runs WHERE job = $$visits$$ AND status = $$succeeded$$';
add_job($node, 'postgres', 'visits', '1 hour', owner => 'other');
for my $visit (1 .. 3)
{
	$node->safe_psql('postgres', q{SELECT warden.schedule_run('visits')});
	ok(defined within(20, $node, 'postgres', "SELECT ($visits) = $visit"), "visit $visit");
}
is($node->safe_psql('postgres', qq{SELECT count(*) FROM warden.schedule_slots JOIN warden.schedule_processes() USING (run)
	WHERE job = $job}), 1, 'only one run of a job is up');

$node->safe_psql($_, q{SELECT warden.schedule_remove(name) FROM warden.schedule_definitions WHERE name ~ 'crowd'})
  for 'postgres', 'second';
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep'
	AND backend_type = 'pg_warden job'});
finish(undef, $node);
