# shellcheck shell=bash disable=SC2154
# What test/bench/audit measures of reading the log, its parts e and f; sourced by it.

# Tables that the events are of, with the forms of keys that there are: one number, a text, several columns.
keyed="orders by_text by_two"

part_e() {
	local table
	title "(e) history of one row in a log of $events events, of $days days; goal: <= 5 ms"
	fill_log
	printf '%-10s %16s %12s %12s %14s\n' '' "its events" "history, ms" "blame, ms" "elapsed, ms"
	for table in $keyed; do
		read_rows "$table"
	done
}

# Rows that have changed every day, as often as it takes: what is logged of today is copied to the days before.
fill_log() {
	create_table orders
	sql -c "$(rows_of "$rows" | sed '1 s/^/INSERT INTO orders /')" -c "CREATE TABLE by_text (id text PRIMARY KEY, n int)" \
		-c "CREATE TABLE by_two (id int, tag text, n int, PRIMARY KEY (tag, id))" \
		-c "INSERT INTO by_text SELECT i, 0 FROM generate_series(1, 1000) i" \
		-c "INSERT INTO by_two SELECT i, 'tag', 0 FROM generate_series(1, 1000) i"
	local table i
	for table in $keyed; do
		sql -c "SELECT warden.audit_enable('$table')" > /dev/null
	done
	for ((i = 0; i < events / days / rows; ++i)); do
		sql -c "UPDATE orders SET quantity = quantity + 1, status = 'paid'" -c "VACUUM orders" \
			-c "UPDATE by_text SET n = n + 1" -c "UPDATE by_two SET n = n + 1"
	done
	for ((i = 1; i < days; ++i)); do
		copy_day "$i"
	done
	sql -c "VACUUM ANALYZE"
}

# copy_day age
copy_day() {
	sql -v age="$1" << 'END'
SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS today,
       to_char(now() AT TIME ZONE 'UTC' - :age * interval '1 day', 'YYYYMMDD') AS day,
       date_trunc('day', now(), 'UTC') - :age * interval '1 day' AS "from",
       date_trunc('day', now(), 'UTC') - (:age - 1) * interval '1 day' AS "to",
       pg_get_indexdef((SELECT indexrelid FROM pg_index WHERE indrelid = 'warden.audit_log_1_default'::regclass LIMIT 1)) AS index \gset
CREATE TABLE warden.audit_log_1_p:day PARTITION OF warden.audit_log_1 FOR VALUES FROM (:'from') TO (:'to');
SELECT regexp_replace(:'index', 'INDEX .* ON warden.audit_log_1_default', 'INDEX ON warden.audit_log_1_p' || :'day') \gexec
INSERT INTO warden.audit_log_1_p:day
SELECT id - :age * 1000000000::bigint, at - :age * interval '1 day', transaction, session, key_number, relation, version, class,
       flags, operation, key, before, after
FROM warden.audit_log_1_p:today WHERE operation = 'U';
END
}

# read_rows table: medians of 100 of its rows, after some that the session gets to know the log by.
read_rows() {
	local function
	for function in history blame; do
		read_row "$1" "$function" | sql -F ' ' -f - | tail -n +4 > "$work/e.$function"
	done
	printf '%-10s %16.0f %12.2f %12.2f %14.2f\n' "$1" "$(median 1 < "$work/e.history")" "$(median 2 < "$work/e.history")" \
		"$(median 2 < "$work/e.blame")" "$(median 3 < "$work/e.history")"
}

# read_row table function
read_row() {
	local i key
	for ((i = 1; i <= 103; ++i)); do
		case $1 in
			by_two) key="{\"id\": $((i * 9)), \"tag\": \"tag\"}" ;;
			*) key="{\"id\": \"$((i * 9))\"}" ;;
		esac
		cat << END
SELECT $busy AS busy, clock_timestamp() AS began \\gset
SELECT count(*) AS events FROM warden.audit_$2('$1', '$key') \\gset
SELECT :events, ($busy - :busy) / 1e6, extract(epoch FROM clock_timestamp() - :'began') * 1000;
END
	done
}

part_f() {
	local round what
	title "(f) a table of $rows rows as it was, $since events ago; goal: <= 1 s"
	create_table orders
	sql -c "$(rows_of "$rows" | sed '1 s/^/INSERT INTO orders /')" -c "SELECT warden.audit_enable('orders')" \
		-c "SELECT warden.audit_mark()" > /dev/null
	for ((round = 0; round < since / rows; ++round)); do
		sql -c "UPDATE orders SET quantity = quantity + 1, status = 'paid'" -c "VACUUM orders"
	done
	sql -c "VACUUM ANALYZE"
	printf '%-10s %12s %20s\n' '' "in all, s" "private memory, MB"
	for what in "mark => 1" "moment => (SELECT at FROM warden.audit_marks)"; do
		for ((round = 1; round <= rounds; ++round)); do
			as_of "$what" >> "$work/f.${what%% *}"
		done
		printf '%-10s %12.2f %20.1f\n' "${what%% *}" "$(median 1 < "$work/f.${what%% *}")" \
			"$(awk '{ print $1, $2 / 1024 }' "$work/f.${what%% *}" | median 2)"
	done
}

# as_of argument: seconds, all on one processor, and the most private memory, in kB.
as_of() {
	local session
	sql > "$work/clock" << END &
\\o $work/pid
SELECT pg_backend_pid();
\\o
SET max_parallel_workers_per_gather = 0;
SELECT $busy AS busy \\gset
SELECT count(*) AS rows, sum(quantity) - sum(id % 7) AS changes FROM warden.audit_as_of(NULL::orders, $1) \\gset
SELECT ($busy - :busy) / 1e9 WHERE :rows = $rows AND :changes = 0;
END
	session=$!
	watch_memory "$session" > "$work/memory"
	wait "$session" || fail "audit_as_of() failed"
	[ -s "$work/clock" ] || fail "the table is not as it was"
	echo "$(cat "$work/clock") $(cat "$work/memory")"
}
