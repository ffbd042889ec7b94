# partition_sizes.sh - Part g of test/bench/partition: what maintenance costs by the number of partitions that there are.
#
# Two tables of daily partitions, alike but for who maintains them.  Every operation is measured in a new session, ours and
# pg_partman's in turns, and takes what it takes from the call to its return.

sizes=${SIZES:-10 100 1000 10000}
reader_seconds=${READER_SECONDS:-60}

part_g() {
	local size
	title "(g) one set of so many daily partitions, each call in a new session: milliseconds; ours: CALL warden.maintain(), pg_partman: run_maintenance()"
	printf '%10s  %-34s %10s %12s %14s\n' partitions operation ours pg_partman "partman/ours"
	for size in $sizes; do
		set_up_size "$size"
		compare_calls "$size" "nothing to do" nothing_more "$rounds"
		compare_calls "$size" "create one" one_more_ahead "$rounds"
		compare_calls "$size" "drop one" one_expired "$rounds"
		if [ "$size" -ge 500 ]; then
			compare_calls "$size" "drop 100" hundred_expired 1
		fi
		wait_beside_reader "$size"
		for who in ours partman; do
			sql -c "SELECT format('DROP TABLE %s', inhrelid::regclass) || CASE WHEN row_number() OVER () % 500 = 0 THEN '; COMMIT; BEGIN' ELSE '' END
				FROM pg_inherits WHERE inhparent = '$who'::regclass" > "$work/drop.sql"
			(echo "BEGIN;" && sed 's/$/;/' "$work/drop.sql" && echo "COMMIT; DROP TABLE $who;") | sql -f -
		done
		sql -c "DELETE FROM partman.part_config" -c "TRUNCATE warden.partition_policies, warden.partition_states, warden.partition_log"
	done
}

# So many partitions up to the day after tomorrow, and a policy that needs no more.
set_up_size() {
	local who format
	case $partman in [5-9]*) format=YYYYMMDD ;; *) format=YYYY_MM_DD ;; esac
	for who in ours partman; do
		create_table "$who"
		sql > "$work/create.sql" << END
SELECT format('CREATE TABLE ${who}_p%s PARTITION OF $who FOR VALUES FROM (%L) TO (%L)',
              to_char(day, '$format'), day, day + 1) || CASE WHEN i % 500 = 0 THEN '; COMMIT; BEGIN' ELSE '' END
FROM generate_series(1, $1) i, LATERAL (SELECT current_date + 3 - i AS day) d
END
		(echo "BEGIN;" && sed 's/$/;/' "$work/create.sql" && echo "COMMIT;") | sql -f -
	done
	sql -c "SELECT warden.partition_by_time('ours', '1 day', ahead => '2 days')" > /dev/null
	adopt_partman partman '1 day' current_date 2 2> /dev/null # it warns that there is nothing to make
	sql -c "UPDATE partman.part_config SET retention_keep_table = false"
}

# What is to be done next, by the policy of each.
nothing_more() {
	:
}

one_more_ahead() {
	if [ "$1" = ours ]; then
		sql -c "UPDATE warden.partition_policies SET ahead = ahead + interval '1 day'"
	else
		sql -c "UPDATE partman.part_config SET premake = premake + 1"
	fi
}

one_expired() {
	expire "$1" 1
}

hundred_expired() {
	expire "$1" 100
}

# expire who n: the oldest n of them.
expire() {
	local days
	days=$(sql -c "SELECT current_date - (SELECT min(substring(bound FROM 'TO \(''(....-..-..)')::date) + $2 - 1
		FROM (SELECT pg_get_expr(relpartbound, c.oid) AS bound FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
			WHERE inhparent = '$1'::regclass) b)")
	if [ "$1" = ours ]; then
		sql -c "UPDATE warden.partition_policies SET keep = '$days days'"
	else
		sql -c "UPDATE partman.part_config SET retention = '$days days'"
	fi
}

call_of() {
	if [ "$1" = ours ]; then
		echo "CALL warden.maintain();"
	else
		echo "SELECT partman.run_maintenance('public.partman');"
	fi
}

# compare_calls size operation prepare rounds
compare_calls() {
	local who round
	rm -f "$work/ours.calls" "$work/partman.calls"
	for ((round = 1; round <= $4; ++round)); do
		for who in $(in_turns ours partman); do
			"$3" "$who"
			call_of "$who" | clocked | sql -f - >> "$work/$who.calls"
		done
	done
	print_row "$1" "$2" "$(median 1 < "$work/ours.calls")" "$(median 1 < "$work/partman.calls")"
}

print_row() {
	awk -v size="$1" -v name="$2" -v ours="$3" -v partman="$4" \
		'BEGIN { printf "%10d  %-34s %10.1f %12.1f %14.1f\n", size, name, ours, partman, partman / ours }'
}

# What writers wait while a transaction that has read the table stays open, and maintenance wants to drop a partition.
wait_beside_reader() {
	local who reader
	for who in ours partman; do
		one_expired "$who"
		echo "INSERT INTO $who (id, at) SELECT nextval('ids'), now();" > "$work/writer.pgbench"
		sql -c "CREATE SEQUENCE ids START 100"
		sql -c "BEGIN; SELECT count(*) FROM $who; SELECT pg_sleep($reader_seconds); COMMIT" > /dev/null &
		reader=$!
		sleep 1
		touch "$work/traffic"
		repeat_call "$who" > "$work/maintenance.out" 2>&1 &
		rm -f "$work"/writer.[0-9]*
		# Beyond the end of the reader, so that who waits for it is counted.
		pgbench -n -c 2 -R 200 -T $((reader_seconds + 5)) -l --log-prefix="$work/writer" -f "$work/writer.pgbench" \
			> "$work/writer.out" 2>&1 || fail "pgbench failed: $(cat "$work/writer.out")"
		rm "$work/traffic"
		wait
		# From the moment at which it was due: who stands in line behind one that waits counts as well.
		awk '{ print $3 / 1000 }' "$work"/writer.[0-9]* | sort -n > "$work/$who.waits"
		sql -c "DROP SEQUENCE ids"
	done
	print_row "$1" "writer's p99, a reader of $reader_seconds s" "$(quantile .99 ours)" "$(quantile .99 partman)"
	print_row "$1" "writer's longest wait" "$(quantile 1 ours)" "$(quantile 1 partman)"
}

repeat_call() {
	while [ -e "$work/traffic" ]; do
		call_of "$1" | sql -f -
		sleep 1
	done
}

quantile() {
	awk -v q="$1" '{ all[NR] = $1 } END { n = int(NR * q) + 1; print all[(n > NR) ? NR : n] }' "$work/$2.waits"
}
