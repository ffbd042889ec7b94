# shellcheck shell=bash disable=SC2034,SC2154
# Scenarios of commands that a scheduler must not be in the way of.

# timed what command: runs it as a session that gives up after a while, and keeps the worst time of its kind.
declare -A worst_of=() failures_of=()
timed() {
	local begun took
	begun=$(milliseconds)
	PGDATABASE=postgres PGOPTIONS='-c statement_timeout=30s' sql -c "$2" > /dev/null 2>> "$home/failures" ||
		failures_of[$1]=$((${failures_of[$1]:-0} + 1))
	took=$(($(milliseconds) - begun))
	[ "$took" -le "${worst_of[$1]:-0}" ] || worst_of[$1]=$took
}

# Databases come and go, are renamed and copied: an empty one, one that has idle jobs, and one with jobs at work.
scenario_drop_database() {
	local kind figures='' copied errors
	prepare_server
	steady_jobs
	other_job each_second 1 'SELECT 1'
	make_idle_database
	begin_rounds 100
	while another_round; do
		timed "create empty" "CREATE DATABASE empty"
		timed "drop empty" "DROP DATABASE IF EXISTS empty"
		if [ "$scheduler" = pg_warden ]; then
			timed "rename idle" "ALTER DATABASE idle RENAME TO idle_too"
			timed "rename idle" "ALTER DATABASE idle_too RENAME TO idle"
			timed "copy idle" "CREATE DATABASE copy TEMPLATE idle"
			timed "drop copy" "DROP DATABASE IF EXISTS copy"
		fi
		timed "copy busy" "CREATE DATABASE copy TEMPLATE soak"
		timed "drop copy" "DROP DATABASE IF EXISTS copy"
		sleep 0.1
	done
	copied=$(runs_of_copy)
	settle
	for kind in "create empty" "drop empty" "rename idle" "copy idle" "copy busy" "drop copy"; do
		[ -n "${worst_of[$kind]:-}" ] || continue
		figures+="${figures:+, }$kind ${worst_of[$kind]} ms${failures_of[$kind]:+ and failed ${failures_of[$kind]} times}"
		demand "${worst_of[$kind]} < 2000" "$kind took 2 s"
		demand "${failures_of[$kind]:-0} == 0" "$kind failed"
	done
	errors=$(log_since "$lines_at_first" | grep -caE ' (ERROR|FATAL):  |deadlock' || true)
	demand "$errors == 0" "the log tells of $errors errors"
	[ "$scheduler" = pg_cron ] || demand "$copied == 0" "jobs of a copy ran"
	clean_log
	report "$round rounds" "$figures" "runs of a copy ${copied}" "$(delays)"
}

# pg_cron is in one database alone.
make_idle_database() {
	[ "$scheduler" = pg_warden ] || return 0
	createdb --maintenance-db=postgres idle
	PGDATABASE=idle sql -c "CREATE EXTENSION pg_warden" -c "SELECT warden.schedule_add('daily', '@daily', 'SELECT 1')" > /dev/null
}

# How many rows the jobs of a copy write which nobody has confirmed.
runs_of_copy() {
	if ! PGDATABASE=postgres sql -c "CREATE DATABASE copy TEMPLATE soak" > /dev/null 2>> "$home/failures"; then
		echo "n/a (cannot be copied)"
		return
	fi
	PGDATABASE=copy sql -c "TRUNCATE done"
	watch 15
	PGDATABASE=copy sql -c "SELECT count(*) FROM done"
}

# The extension is dropped again and again, but never for good.
scenario_drop_extension() {
	local begun took worst=0 failed=0 errors deadlocks
	prepare_server "deadlock_timeout = '100ms'"
	judge_job each_second 1 explain "missed => 'all'"
	judge_job each_second_too 1 explain "missed => 'all'"
	judge_job each_five_seconds 5 run "missed => 'all'"
	begin_rounds 200
	while another_round; do
		begun=$(milliseconds)
		PGOPTIONS='-c statement_timeout=30s' sql -c "BEGIN" -c "DROP EXTENSION $scheduler" -c "SELECT pg_sleep(0.2)" -c "ROLLBACK" \
			> /dev/null 2>> "$home/failures" || failed=$((failed + 1))
		took=$(($(milliseconds) - begun))
		worst=$((took > worst ? took : worst))
		pause 1000
	done
	watch
	settle
	demand "$failed == 0" "DROP EXTENSION failed"
	errors=$(log_since "$lines_at_first" | grep -caE ' (ERROR|FATAL):  ' || true)
	deadlocks=$(grep -ca 'deadlock detected' "$log" || true)
	demand "$errors == 0" "the log tells of errors"
	demand "$deadlocks == 0" "there were deadlocks"
	clean_log
	report "$round rounds of $worst ms at most" "failed $failed times" "errors in the log $errors, deadlocks $deadlocks" "$(delays)"
}
