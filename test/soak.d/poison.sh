# shellcheck shell=bash disable=SC2034,SC2154
# Twenty jobs that go wrong, each in a way of its own, beside five that must not notice.

scenario_poisoned() {
	local i bytes lines refused=0 name who option command
	running_jobs=${POISON_RUNNING:-12}
	prepare_server "temp_file_limit = '10MB'" "work_mem = '64kB'" "max_worker_processes = 40"
	for i in 1 2 3 4 5; do
		judge_job "healthy_$i" 10 run "missed => 'all'"
	done
	make_poisonous_owners
	while IFS='|' read -r name who option command; do
		owner=$who
		if [ "$scheduler" = pg_warden ] && [ -z "$option" ]; then
			option="max_runtime => '5 seconds'"
		fi
		# A scheduler may know better than to take such a command.
		other_job "$name" 10 "$command" "$option" 2>> "$home/refused" || refused=$((refused + 1))
	done < <(poisons)
	owner=''
	poison_owners
	in_background sql -c "BEGIN" -c "LOCK TABLE locked" -c "SELECT pg_sleep(100000)"
	lines=$(log_lines)
	# The jobs' own minutes, or their own ten seconds.
	sleep "$([ "$scheduler" = pg_cron ] && echo $((minutes * 60)) || echo "${HOLD:-600}")"
	bytes=$(stat -c %s "$log") lines=$(($(log_lines) - lines))
	settle
	demand "$bytes < 1000000 && $lines < 1000" "the log grew by $((bytes / 1000)) kB and $lines lines"
	demand "$(sql -c "SELECT coalesce(ceil(max(extract(epoch FROM at - slot))), 0) FROM done") < 10" "a healthy job was late"
	clean_log 'terminating connection|invalid memory alloc'
	report "$(poisons | wc -l) poisoned, $refused refused when added" "log $((bytes / 1000)) kB, $lines lines" \
		"$(outcomes)" "$(delays)"
}

make_poisonous_owners() {
	local role
	sql -c "REVOKE CONNECT ON DATABASE soak FROM PUBLIC" -c "CREATE TABLE locked ()" -c "CREATE TABLE hundred (n int PRIMARY KEY)" \
		-c "CREATE FUNCTION recurse(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1 + recurse(n + 1); END'"
	for role in dropped renamed barred outcast; do
		sql -c "CREATE ROLE $role LOGIN" -c "GRANT CONNECT ON DATABASE soak TO $role"
		allow $role
	done
}

poison_owners() {
	sql -c "DROP OWNED BY dropped" -c "DROP ROLE dropped" -c "ALTER ROLE renamed RENAME TO renamed_since" -c "ALTER ROLE barred NOLOGIN" \
		-c "REVOKE CONNECT ON DATABASE soak FROM outcast"
}

# Name, owner, option and command; all, or those of which the name fits.
poisons() {
	all_poisons | grep -E "^(${POISONS:-.*})\|"
}

all_poisons() {
	cat << 'END'
dropped_owner|dropped||SELECT 1
renamed_owner|renamed||SELECT 1
owner_without_login|barred||SELECT 1
owner_without_connect|outcast||SELECT 1
unparsable|||SELEKT 1
endless|||SELECT pg_sleep(1000000)
endless_in_a_block|||DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$
waiting_for_a_lock|||TRUNCATE locked
giant_error|||DO $$ BEGIN RAISE EXCEPTION '%', repeat('x', 100000000); END $$
many_notices|||DO $$ BEGIN FOR i IN 1..100000 LOOP RAISE NOTICE 'number %', i; END LOOP; END $$
recursion|||SELECT recurse(1)
missing_function|||SELECT missing()
missing_table|||INSERT INTO missing VALUES (1)
division|||SELECT 1 / 0
unique|||INSERT INTO hundred VALUES (1); INSERT INTO hundred VALUES (1)
suicide|||SELECT pg_terminate_backend(pg_backend_pid())
self_cancel|||SELECT pg_cancel_backend(pg_backend_pid())
left_open|||BEGIN; INSERT INTO hundred VALUES (2)
temporary_files|||SELECT count(*) FROM (SELECT n FROM generate_series(1, 3000000) n ORDER BY random()) s
memory|||SELECT length(string_agg(repeat('x', 1000000), '')) FROM generate_series(1, 2000)
read_only|||SET default_transaction_read_only = on; INSERT INTO hundred VALUES (3)
copy_in|||COPY hundred FROM STDIN
END
}

# How the history has it.
outcomes() {
	echo "poisoned runs: $(sql -c "SELECT string_agg(status || ' ' || n, ', ' ORDER BY status)
		FROM (SELECT status, count(*) AS n FROM history() WHERE job NOT LIKE 'healthy%' AND job <> 'maintain' GROUP BY 1) s")"
}
