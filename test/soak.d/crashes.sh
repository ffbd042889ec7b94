# shellcheck shell=bash disable=SC2034,SC2154
# Scenarios in which processes die: one, all of them, or a server for another to take over.

# prepare_server [setting...]: with the scheduler, and nothing scheduled.
prepare_server() {
	new_server main "$@"
	start
	install_scheduler
	lines_at_first=$(log_lines)
}

# begin_rounds [count]: how many are to come.  Who knows but minutes is watched for some, in as many rounds as they take.
begin_rounds() {
	round=0 rounds=${ROUNDS:-$1} rounds_end=$((SECONDS + minutes * 60 + 10))
}

another_round() {
	if [ "$scheduler" = pg_cron ]; then
		[ $SECONDS -lt "$rounds_end" ] || return 1
	else
		[ "$round" -lt "$rounds" ] || return 1
	fi
	round=$((round + 1))
}

# hold seconds: a fault goes on.  Who knows but minutes is to see a slot of them in it.
hold() {
	local length=${HOLD:-$1}
	if [ "$scheduler" = pg_cron ] && [ "$length" -lt 65 ]; then
		length=65
	fi
	sleep "$length"
}

# watch: things go on undisturbed, for long enough that slots are due.
watch() {
	sleep "$([ "$scheduler" = pg_cron ] && echo 65 || echo "${1:-12}")"
}

# The launcher is told to end, or to cancel, which it should take for nothing.
scenario_launcher_terminations() {
	local pid begun away worst=0 gone=0
	prepare_server
	steady_jobs
	begin_rounds 50
	while another_round; do
		pid=$(launcher)
		if [ -z "$pid" ]; then
			gone=$((gone + 1))
			sleep 5
			continue
		fi
		sql -c "SELECT pg_cancel_backend($pid)" > /dev/null
		pause 500
		begun=$(milliseconds)
		# It may have gone by itself.
		sql -c "SELECT pg_terminate_backend($pid)" > /dev/null 2>&1
		while [ -z "$(launcher)" ] || [ "$(launcher)" = "$pid" ]; do
			[ $(($(milliseconds) - begun)) -lt 10000 ] || break
			sleep 0.02
		done
		away=$(($(milliseconds) - begun))
		worst=$((away > worst ? away : worst))
		pause 5000
	done
	settle
	demand "$worst < 5000" "the launcher was away for 5 s"
	clean_log
	report "$round rounds" "away for $worst ms at most" "$gone times not there" "$(delays)"
}

# A process of the server's is killed: the launcher, one that works for a job, or any.  All others die of it.
scenario_kill9() {
	local victim kind launchers=0 workers=0 others=0 begun worst=0
	prepare_server "restart_after_crash = on"
	busy_jobs
	begin_rounds 200
	while another_round; do
		kind=$((RANDOM % 3)) victim=''
		case $kind in
			0) victim=$(launcher) ;;
			1) victim=$(catch_job_process) ;;
		esac
		if [ -z "$victim" ]; then
			# shellcheck disable=SC2046
			kind=2 victim=$(any_of $(processes))
		fi
		# None is there if the server is starting again; or it may have ended by itself.
		if [ -z "$victim" ] || ! kill -9 "$victim" 2> /dev/null; then
			round=$((round - 1))
			sleep 0.1
			continue
		fi
		case $kind in
			0) launchers=$((launchers + 1)) ;;
			1) workers=$((workers + 1)) ;;
			2) others=$((others + 1)) ;;
		esac
		begun=$(milliseconds)
		wait_ready
		worst=$(($(milliseconds) - begun > worst ? $(milliseconds) - begun : worst))
		pause 3000
	done
	settle
	clean_log 'terminated by signal 9'
	report "killed $launchers launchers, $workers of jobs, $others others" "server back within $worst ms" "$(delays)"
}

# One of the processes that work for jobs, if there is one within two seconds.
catch_job_process() {
	local try pid
	for ((try = 0; try < 100; ++try)); do
		# shellcheck disable=SC2046
		pid=$(any_of $(job_processes))
		if [ -n "$pid" ]; then
			echo "$pid"
			return
		fi
		sleep 0.02
	done
}

# As if the power failed, but for what the operating system was given.
scenario_immediate_stops() {
	prepare_server
	busy_jobs
	begin_rounds 100
	while another_round; do
		pause 8000
		stop immediate
		start
	done
	settle
	clean_log
	report "$round stops" "$(delays)"
}

# A standby takes over from a server that stopped in the middle of a job, several times in turn.
scenario_promotion() {
	local from=main to begun away worst=0 busy=0
	# By libpq the jobs would look for the server where it was.
	pg_cron_workers=on
	prepare_server "wal_level = replica" "max_wal_senders = 5" "hot_standby = on"
	busy_jobs
	before='SELECT pg_sleep(3);'
	judge_job long 5 explain "missed => 'all'"
	before=''
	begin_rounds 5
	while another_round; do
		to=standby_$round
		make_standby "$from" "$to"
		use_server "$from"
		wait_for 120 "SELECT count(*) > 0 FROM pg_stat_activity WHERE query ~ 'pg_sleep\(3\)' AND pid <> pg_backend_pid()"
		stop immediate
		use_server "$to"
		busy=$((busy + $(processes "($scheduler (job|worker)|soak)" | wc -l)))
		begun=$(sql -c "SELECT clock_timestamp()")
		as_test_user pg_ctl -D "$data" -w promote > /dev/null
		wait_for 130 "SELECT count(*) > 0 FROM done WHERE at > '$begun'" || true
		away=$(sql -c "SELECT coalesce(round(1000 * extract(epoch FROM min(at) - '$begun')), 999999) FROM done WHERE at > '$begun'")
		worst=$((away > worst ? away : worst))
		from=$to
	done
	watch
	settle
	demand "$busy == 0" "$busy processes of jobs on a standby"
	[ "$scheduler" = pg_cron ] || demand "$worst < 10000" "the first run came late"
	clean_log
	report "$round promotions" "first run $worst ms after one at most" "$(delays)"
}

# make_standby of name: with all that the first has sent so far.
make_standby() {
	use_server "$1"
	as_test_user pg_basebackup -h "$PGHOST" -U postgres -D "$home/$2/data" -R -X stream -c fast
	use_server "$2"
	as_test_user tee -a "$data/postgresql.conf" > /dev/null << END
unix_socket_directories = '$PGHOST'
cluster_name = '$2'
END
	start
	use_server "$1"
	wait_for 60 "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL"
}

# The server is told to end while all kinds of jobs run.
scenario_fast_stop() {
	local took worst=0 running=0 job
	running_jobs=16
	prepare_server
	steady_jobs
	sql << 'END'
CREATE TABLE ticks (n int);
CREATE PROCEDURE tick() LANGUAGE plpgsql AS
	$$ BEGIN LOOP INSERT INTO ticks VALUES (1); COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$;
END
	other_job sleeping 3 'SELECT /* sleeping */ pg_sleep(100000)'
	other_job calling 3 'CALL tick() /* calling */'
	other_job counting 3 'SELECT /* counting */ count(*) FROM generate_series(1, 1000000000000)'
	other_job changing 3 'BEGIN; CREATE TABLE changing AS SELECT 1; SELECT /* changing */ pg_sleep(100000); COMMIT'
	begin_rounds 10
	while another_round; do
		for job in sleeping calling counting changing; do
			wait_for 90 "SELECT count(*) > 0 FROM pg_stat_activity
				WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%* $job *%'" && running=$((running + 1))
		done
		stop_within_a_minute
		worst=$((took > worst ? took : worst))
		start
	done
	watch
	settle
	demand "$worst < 3000" "a stop took longer than 3 s"
	demand "$running == 4 * $round" "not every job ran when the server was stopped"
	clean_log
	report "$round stops, of $worst ms at most" "$(delays)"
}

# The server is down while slots pass, with a job of a minute, by default, and one of 90 seconds for each policy: what comes
# within a minute is not late, nor within a period, if that is shorter.
scenario_missed() {
	local length=${HOLD:-170} late='n/a (no policies)'
	prepare_server
	judge_job minutely 60 explain
	judge_job skip 90 explain "missed => 'skip'"
	judge_job once 90 explain "missed => 'once'"
	judge_job all 90 run "missed => 'all'"
	rounds=${ROUNDS:-3}
	for ((round = 1; round <= rounds; ++round)); do
		watch 95
		outage "$length"
	done
	watch 95
	settle
	if [ "$scheduler" = pg_warden ]; then
		late="skip $(late_runs skip), once $(late_runs once), all $(late_runs all)"
		demand "$(late_runs skip) == 0" "ran late under skip"
		demand "$(late_runs once) == $rounds" "not one late run for each outage under once"
		demand "$(late_runs all) >= $rounds * ($length / 90)" "few late runs under all"
	fi
	clean_log
	report "$rounds outages" "late runs: $late" "$(delays)"
}

late_runs() {
	sql -c "SELECT count(*) FROM done WHERE at - slot > '1 min' AND job = '$1'"
}

# outage seconds: or up to 90 more, so that it ends 75 after a slot of 90, which is late by then.  For who knows but minutes,
# a minute passes in it.
outage() {
	local anchor
	anchor=$(sql -c "SELECT extract(epoch FROM anchor) FROM jobs WHERE job = 'skip'")
	stop fast
	if [ "$scheduler" = pg_cron ]; then
		sleep $((75 - $(date +%-S)))
	else
		sleep "$(awk -v now="$EPOCHREALTIME" -v anchor="$anchor" -v seconds="$1" 'BEGIN {
			print seconds + 90 - (now + seconds - anchor + 15) % 90 }')"
	fi
	start
}
