# shellcheck shell=bash disable=SC2034,SC2154
# Scenarios in which the server lives, but denies what a scheduler needs.

# begin_fault, end_fault: the log is to stay short in between.
begin_fault() {
	lines_before=$(log_lines) ticks_before=$(ticks "$(launcher)") launcher_before=$(launcher) fault_begin=$SECONDS
	fault_at=$(sql -c "SELECT clock_timestamp()")
}

end_fault() {
	fault_seconds=$((SECONDS - fault_begin))
	# What the harness's own sessions were refused is not the scheduler's talk.
	fault_lines=$(log_since "$lines_before" | grep -avc ' psql ' || true)
	if [ "$(launcher)" = "$launcher_before" ]; then
		fault_cpu=$(awk -v t=$(($(ticks "$launcher_before") - ticks_before)) -v s="$fault_seconds" 'BEGIN { printf "%.1f %%", t / s }')
	else
		fault_cpu='n/a (another process)'
	fi
	fault_until=$(sql -c "SELECT clock_timestamp()")
}

# What was done while the fault lasted, and what it did to the log and the launcher.
fault_figures() {
	local runs
	runs=$(sql -c "SELECT count(*) FROM done WHERE at BETWEEN '$fault_at' AND '$fault_until'")
	echo "$fault_seconds s with $runs runs, $fault_lines lines of log, launcher $fault_cpu of a processor"
}

# As hosts of databases do it when a disk is nearly full.
scenario_read_only() {
	prepare_server
	steady_jobs
	judge_job skip 5 explain "missed => 'skip'"
	judge_job once 5 explain "missed => 'once'"
	watch
	begin_fault
	setting default_transaction_read_only "'on'"
	hold 180
	setting default_transaction_read_only "'off'"
	end_fault
	watch
	settle
	demand "$fault_lines < 20" "the log grew"
	clean_log
	report "$(fault_figures)" "$(delays)"
}

# Somebody holds the history, as for a report or by a forgotten transaction.
scenario_history_locked() {
	prepare_server
	steady_jobs
	watch
	begin_fault
	in_background sql -c "BEGIN" -c "LOCK TABLE $(history_table) IN ACCESS EXCLUSIVE MODE" -c "SELECT pg_sleep(100000)"
	wait_for 30 "SELECT count(*) > 0 FROM pg_locks WHERE relation = '$(history_table)'::regclass AND mode = 'AccessExclusiveLock' AND granted"
	hold 180
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100000)'" > /dev/null
	end_fault
	watch
	settle
	demand "$(sql -c "SELECT count(*) FROM done WHERE at BETWEEN '$fault_at' AND '$fault_until'") > 0" "nothing ran meanwhile"
	demand "$fault_lines < 20" "the log grew"
	clean_log
	report "$(fault_figures)" "$(delays)"
}

# A commit waits for a standby that is not there.  A job that does not insist on one goes on, the others wait and are
# skipped.  Then the server is stopped while they wait: what they did is committed, and must not be done again.
scenario_sync_standby() {
	local took
	prepare_server
	steady_jobs
	before='SET synchronous_commit = local;'
	judge_job local 5 run "missed => 'all'"
	before=''
	sql -c "UPDATE jobs SET demand = 'explain' WHERE job <> 'local'"
	watch
	begin_fault
	setting synchronous_standby_names "'*'"
	hold 60
	# Whatever is written by the harness must not wait as well.
	setting synchronous_standby_names "''"
	end_fault
	watch
	setting synchronous_standby_names "'*'"
	wait_for 90 "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	stop_within_a_minute
	as_test_user sed -i '/synchronous_standby_names/d' "$data/postgresql.auto.conf"
	start
	watch
	settle
	demand "$took < 5000" "the stop took longer than 5 s"
	clean_log
	report "$(fault_figures)" "fast stop in $took ms" "$(delays)"
}

# No process is to be had: parallel queries have them all, then jobs themselves.
scenario_slots_taken() {
	local i sleepers=12 first first_lines
	pg_cron_workers=on running_jobs=20
	prepare_server "max_worker_processes = 8" "max_parallel_workers = 8" "max_logical_replication_workers = 0"
	steady_jobs
	judge_job once 5 explain "missed => 'once'"
	sql << 'END'
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN PERFORM pg_sleep(1000); RETURN 1; END $$;
CREATE TABLE wide WITH (parallel_workers = 8) AS SELECT generate_series(1, 100000) AS n;
END
	watch
	begin_fault
	in_background parallel_queries
	# The launcher has one of the eight.
	wait_for 60 "SELECT count(*) = 7 FROM pg_stat_activity WHERE backend_type = 'parallel worker'"
	hold 60
	rm "$home/main/parallel"
	end_fault
	first=$(fault_figures) first_lines=$fault_lines
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%slow(n)%' AND pid <> pg_backend_pid()" > /dev/null
	watch
	begin_fault
	for ((i = 1; i <= sleepers; ++i)); do
		other_job "sleeper_$i" 5 'SELECT pg_sleep(20)'
	done
	hold 60
	for ((i = 1; i <= sleepers; ++i)); do
		disable_job "sleeper_$i"
	done
	end_fault
	watch 30
	settle
	demand "$first_lines < 20" "the log grew with parallel queries"
	demand "$fault_lines < 50" "the log grew with jobs that sleep"
	clean_log
	report "with parallel queries $first" "with jobs that sleep $(fault_figures)" "$(delays)"
}

# A process that becomes free is taken again at once.
parallel_queries() {
	touch "$home/main/parallel"
	while [ -e "$home/main/parallel" ]; do
		if [ "$(sql -c "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'")" -lt 7 ]; then
			PGOPTIONS="-c max_parallel_workers_per_gather=8 -c parallel_setup_cost=0 -c parallel_tuple_cost=0 -c min_parallel_table_scan_size=0" \
				sql -c "SELECT sum(slow(n)) FROM wide" > /dev/null 2>&1 &
		fi
		sleep 0.3
	done
}

# The disk is full for a while: that of the tables, or of the tables and the log of changes, which crashes a server.
scenario_disk_full() {
	fill_disk wal_elsewhere
}

scenario_disk_full_wal() {
	fill_disk wal_there
}

fill_disk() {
	local wal=$1 crashed=no
	use_server main
	as_test_user mkdir -p "$data"
	if ! as_root mount -t tmpfs -o "size=${DISK_MB:-300}m,mode=700,uid=$(id -u "$test_user")" tmpfs "$data"; then
		not_applicable "no right to mount a disk"
		return
	fi
	new_server main "max_wal_size = '64MB'" "min_wal_size = '32MB'" "wal_recycle = off" "restart_after_crash = on"
	if [ "$wal" = wal_elsewhere ]; then
		as_test_user mv "$data/pg_wal" "$home/main/wal"
		as_test_user ln -s "$home/main/wal" "$data/pg_wal"
	fi
	start
	install_scheduler
	busy_jobs
	sql -c "CREATE TABLE load (filler text)"
	watch
	begin_fault
	touch "$home/main/full"
	in_background keep_full
	hold 120
	rm "$home/main/full"
	wait "${children[@]}" || true
	as_test_user rm -f "$data/ballast"
	# The server may give up on itself, which no scheduler can help.
	if ! is_running; then
		crashed=yes
		start
	fi
	wait_ready 120
	end_fault
	sql -c "TRUNCATE load"
	watch 30
	settle
	demand "$fault_lines < 500" "the log grew"
	# The server panics by itself when its log of changes, or what belongs to a checkpoint, cannot be written, and names
	# the file.  A panic in any other words would be ours.
	clean_log 'PANIC: +could not .*: No space left|terminated by signal 6|XX000 (FATAL: +checkpoint request failed|HINT: +Consult recent)'
	report "$(fault_figures)" "the server gave up: $crashed, panics $(grep -c PANIC "$log" || true)" "$(delays)"
}

# Whatever is freed is taken again, and somebody wants to write.
keep_full() {
	while [ -e "$home/main/full" ]; do
		as_test_user dd if=/dev/zero of="$data/ballast" oflag=append conv=notrunc bs=64k 2> /dev/null || true
		sql -c "INSERT INTO load SELECT repeat('x', 1000) FROM generate_series(1, 1000)" > /dev/null 2>&1 || true
		sql -c "SELECT pg_logical_emit_message(false, 'soak', repeat('x', 10000000))" > /dev/null 2>&1 || true
		sleep 0.5
	done
}

# Very many runs: the launcher and the postmaster must not grow.
scenario_memory() {
	local i jobs=${MEMORY_JOBS:-30} wanted=${RUNS:-20000} runs=0 early='' first last begun=$SECONDS
	running_jobs=16
	[ "$scheduler" = pg_warden ] || jobs=200 wanted=$((jobs * minutes))
	prepare_server "max_worker_processes = 40"
	{
		echo "BEGIN;"
		for ((i = 1; i <= jobs; ++i)); do
			echo_judged_job "job_$i" 1 explain
		done
		echo "COMMIT;"
	} | sql
	while [ "$runs" -lt "$wanted" ] && [ $((SECONDS - begun)) -lt $((wanted + 180)) ]; do
		sleep 1
		runs=$(sql -c "SELECT count(*) FROM done")
		# What is allocated once is there by then.
		if [ -z "$early" ] && [ "$runs" -ge $((wanted / 10)) ]; then
			early=$runs
			first=$(memory_of "$(launcher)") first+=" $(memory_of "$(postmaster)")"
		fi
	done
	last=$(memory_of "$(launcher)") last+=" $(memory_of "$(postmaster)")"
	# shellcheck disable=SC2086
	set -- $first $last
	demand "$runs >= $wanted" "too few runs"
	demand "$5 - $1 < 300 && $7 - $3 < 300" "memory grew"
	demand "$6 <= $2 && $8 <= $4" "more files are open"
	settle
	clean_log
	report "from run $early to $runs: launcher $1 to $5 kB and $2 to $6 files, postmaster $3 to $7 kB and $4 to $8 files" "$(delays)"
}

# memory_of pid: kB that are its own, and open files.
memory_of() {
	echo "$(awk '/^RssAnon/ { print $2 }' "/proc/$1/status") $(as_root ls "/proc/$1/fd" | wc -l)"
}
