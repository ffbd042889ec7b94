# shellcheck shell=bash disable=SC2034,SC2154
# What is said to each of the schedulers; the scenarios know neither.
#
# A job writes a row into table done each time it runs; by these rows alone is it judged.  pg_cron knows no slots and no
# seconds: its jobs are due each minute, and a run's slot is taken to be the minute in which it begins.

# What a job's command does before and after it writes its row, and who owns it, instead of the superuser.
before='' after='' owner=''

# Of pg_cron, whether jobs run in background workers, or are sent to a session by libpq, as is its default.
pg_cron_workers=${PG_CRON_WORKERS:-off}
running_jobs=''

scheduler_settings() {
	case $scheduler in
		pg_warden)
			echo "shared_preload_libraries = 'pg_warden'"
			[ -z "$running_jobs" ] || echo "warden.max_running_jobs = $running_jobs"
			;;
		pg_cron)
			printf '%s\n' "shared_preload_libraries = 'pg_cron'" "cron.database_name = 'soak'" "cron.host = '$PGHOST'" \
				"cron.use_background_workers = $pg_cron_workers"
			[ -z "$running_jobs" ] || echo "cron.max_running_jobs = $running_jobs"
			;;
	esac
}

# The history is read by a function, because one written as text depends on nothing: the extension can be dropped.
install_scheduler() {
	createdb --maintenance-db=postgres soak
	sql << END
CREATE EXTENSION $scheduler;
CREATE TABLE done (job text, slot timestamptz, at timestamptz, pid int);
-- The jobs that are judged: how often they are due from when on; and whether each slot must run, or at least be explained.
CREATE TABLE jobs (job text PRIMARY KEY, every interval, anchor timestamptz, demand text CHECK (demand IN ('run', 'explain')));
-- Of jobs that are due at other times: when.
CREATE TABLE instants (job text, slot timestamptz);
CREATE FUNCTION history() RETURNS TABLE (job text, slot timestamptz, slots bigint, status text, final boolean, explains boolean)
LANGUAGE sql AS \$\$ $(history_query) \$\$;
END
}

history_query() {
	case $scheduler in
		pg_warden)
			cat << 'END'
SELECT job, scheduled_for, slots, status, status NOT IN ('waiting', 'running'),
       status IN ('failed', 'canceled', 'timed_out', 'crashed', 'missed', 'skipped')
FROM warden.schedule_runs
END
			;;
		pg_cron)
			cat << 'END'
SELECT jobname, date_trunc('minute', start_time), 1, status, status IN ('succeeded', 'failed'), status = 'failed'
FROM cron.job_run_details JOIN cron.job USING (jobid)
END
			;;
	esac
}

# The table of the runs, for somebody who locks it.
history_table() {
	case $scheduler in
		pg_warden) echo warden.schedule_log ;;
		pg_cron) echo cron.job_run_details ;;
	esac
}

# What the processes of a scheduler's jobs are called.
job_processes() {
	case $scheduler in
		pg_warden) processes 'pg_warden (job|worker)' ;;
		# A worker shows no name of its own; a session by libpq is a client's.
		pg_cron) processes '(pg_cron|soak \[local\])' | grep -vxF "$(launcher)" || true ;;
	esac
}

# body name: the command of a job that is judged.
body() {
	local slot name
	case $scheduler in
		pg_warden)
			name="current_setting('warden.job_name')"
			slot="current_setting('warden.job_scheduled_for')::timestamptz"
			;;
		pg_cron) name="'$1'" slot="date_trunc('minute', now())" ;;
	esac
	echo "$before INSERT INTO public.done SELECT $name, $slot, clock_timestamp(), pg_backend_pid(); $after"
}

# add_job name schedule command [option]: options are arguments of schedule_add(), which pg_cron knows nothing like.  A
# schedule is a number of seconds or has five fields.  Statements only, so that a caller can add to their transaction.
add_job() {
	local name=$1 schedule=$2 command=$3 options=${4:-}
	case $scheduler in
		pg_warden)
			[[ $schedule == *' '* ]] || schedule="$schedule seconds"
			[ -z "$owner" ] || echo "SET SESSION AUTHORIZATION $owner;"
			echo "SELECT warden.schedule_add('$name', '$schedule', \$command\$$command\$command\$${options:+, $options}) \\g /dev/null"
			[ -z "$owner" ] || echo "RESET SESSION AUTHORIZATION;"
			;;
		pg_cron)
			[[ $schedule == *' '* ]] || schedule='* * * * *'
			echo "SELECT cron.schedule_in_database('$name', '$schedule', \$command\$$command\$command\$, 'soak', '${owner:-postgres}') \\g /dev/null"
			;;
	esac
}

# judge_job name seconds demand [option]: adds a job that is judged.  What it is due for is the harness's to know.
judge_job() {
	{
		echo "BEGIN;"
		echo_judged_job "$@"
		echo "COMMIT;"
	} | sql
}

# An interval begins at a whole second.  So that the harness has the same one, no second may end in between.
echo_judged_job() {
	cat << 'END'
SELECT pg_sleep(1.02 - second) FROM (SELECT extract(epoch FROM clock_timestamp()) % 1 AS second) s WHERE second > 0.8 \g /dev/null
SELECT clock_timestamp() AS anchor \gset
END
	add_job "$1" "$2" "$(body "$1")" "${4:-}"
	case $scheduler in
		pg_warden) echo "INSERT INTO jobs VALUES ('$1', '$2 seconds', date_trunc('second', timestamptz :'anchor'), '$3');" ;;
		pg_cron) echo "INSERT INTO jobs VALUES ('$1', '1 minute', date_trunc('minute', timestamptz :'anchor'), '$3');" ;;
	esac
}

# other_job name seconds command [option]
other_job() {
	add_job "$@" | sql
}

# steady_jobs: each slot of them must run.
steady_jobs() {
	local i
	for i in 1 2 3; do
		judge_job "steady_$i" 5 run "missed => 'all'"
	done
}

# busy_jobs: of one, two and five seconds, in which something is always under way.  With one row written first and one
# last, as a command that is begun again must neither lose a statement nor repeat one.
busy_jobs() {
	judge_job each_second 1 explain "missed => 'all'"
	judge_job each_second_or_not 1 explain
	before='SELECT pg_sleep(0.3);'
	judge_job row_last 2 explain "missed => 'once'"
	before=''
	after='SELECT pg_sleep(0.3);'
	judge_job row_first 2 explain "missed => 'all', overlap => 'queue'"
	after=''
	judge_job each_five_seconds 5 explain "missed => 'all'"
}

# allow name: lets a role schedule.
allow() {
	case $scheduler in
		pg_warden) sql -c "GRANT USAGE ON SCHEMA warden TO $1" -c "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA warden TO $1" ;;
		pg_cron) sql -c "GRANT USAGE ON SCHEMA cron TO $1" ;;
	esac
}

# disable_job name
disable_job() {
	case $scheduler in
		pg_warden) sql -c "SELECT warden.schedule_pause('$1')" > /dev/null ;;
		pg_cron) sql -c "SELECT cron.alter_job(jobid, active => false) FROM cron.job WHERE jobname = '$1'" > /dev/null ;;
	esac
}
