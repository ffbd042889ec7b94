# shellcheck shell=bash disable=SC2034,SC2154
# What is due, what ran, and the line that says so.
#
# Due is what the schedule says from when a job was added up to a moment that the harness fixes at the end; the scheduler
# is not asked.  A slot that did not run must be explained: a row of the history says that this slot failed, was missed
# or was skipped, which is final.

# What a scenario finds wrong beyond the count of slots.
broken=()

# demand condition text: the text tells what is wrong unless the condition, of arithmetic, holds.
demand() {
	if ! (($1)); then
		broken+=("$2")
	fi
}

account_query() {
	cat << END
WITH due AS (
	SELECT job, slot, demand FROM jobs, generate_series(anchor + every, '$1', every) slot
	UNION ALL SELECT job, slot, 'run' FROM instants WHERE slot <= '$1'),
ran AS (SELECT job, slot, count(*) AS times FROM done GROUP BY 1, 2),
history AS MATERIALIZED (SELECT * FROM history()),
passed AS (
	SELECT job, slot + i * every AS slot, min(status) AS status
	FROM history JOIN jobs USING (job), generate_series(0, slots - 1) i WHERE explains GROUP BY 1, 2
	UNION ALL SELECT job, slot, min(status) FROM history JOIN instants USING (job, slot) WHERE explains GROUP BY 1, 2),
account AS (SELECT * FROM due LEFT JOIN ran USING (job, slot) LEFT JOIN passed USING (job, slot))
SELECT count(*), count(times), (SELECT coalesce(sum(times - 1), 0) FROM ran),
	count(*) FILTER (WHERE times IS NULL AND status IS NOT NULL),
	count(*) FILTER (WHERE times IS NULL AND status IS NULL),
	-- Had to run, did not, and somebody says why.
	count(*) FILTER (WHERE times IS NULL AND status IS NOT NULL AND demand = 'run'),
	-- Ran though they were not due.
	(SELECT count(*) FROM ran WHERE slot <= '$1' AND job IN (SELECT job FROM due)
		AND (job, slot) NOT IN (SELECT job, slot FROM due)),
	-- Without an end.
	(SELECT count(*) FROM history WHERE NOT final AND coalesce(slot <= '$1', true) AND job IN (SELECT job FROM due)),
	(SELECT coalesce(string_agg(status || ' ' || n, ', ' ORDER BY status), '')
	 FROM (SELECT status, count(*) AS n FROM account WHERE times IS NULL AND status IS NOT NULL GROUP BY 1) s)
FROM account
END
}

# settle: fixes the end of what is judged, waits until all of it is accounted for, and sets the counts.  After a crash
# a run may wait more than a minute for its next attempt; pg_cron has none.
settle() {
	local until deadline
	until=$(sql -c "SELECT clock_timestamp()")
	deadline=$((SECONDS + $([ "$scheduler" = pg_warden ] && echo "$patience" || echo 15)))
	while true; do
		IFS='|' read -r due run twice explained unexplained wanting undue stuck statuses <<< \
			"$(sql -c "$(account_query "$until")")"
		if [ "$((unexplained + stuck))" -eq 0 ] || [ $SECONDS -ge $deadline ]; then
			break
		fi
		sleep 0.5
	done
	if [ "$((unexplained + stuck + twice + wanting + undue))" -gt 0 ]; then
		keep_tables "$until"
	fi
}

# What to look at first, beside the log.
keep_tables() {
	sql -P format=aligned -P tuples_only=off << END > "$home/tables" || true
SELECT * FROM ($(account_query "$1" | sed '/^SELECT count/,$d') SELECT * FROM account) a
WHERE times IS DISTINCT FROM 1 ORDER BY slot, job LIMIT 500;
TABLE jobs;
TABLE done;
SELECT * FROM history() ORDER BY slot, job;
END
}

# delays [condition]: how long after its slot a row was written, in seconds.
delays() {
	sql -c "SELECT format('start delay p50 %s p99 %s max %s s', coalesce(p[1], '-'), coalesce(p[2], '-'), coalesce(p[3], '-'))
		FROM (SELECT percentile_disc(array[0.5, 0.99, 1]) WITHIN GROUP (ORDER BY round(extract(epoch FROM at - slot), 2))::text[] p
		      FROM done WHERE ${1:-true}) d"
}

# clean_log [pattern...]: nothing in the log may tell of a bug; what a scenario brings about itself is excused.
clean_log() {
	local found pattern='XX000|TRAP:|PANIC|terminated by signal|leak|was not closed|still active|left non-empty|cache lookup failed'
	found=$(grep -aE "$pattern" "$log" | grep -avcE "${1:-^$}" || true)
	demand "$found == 0" "$found lines of the log tell of a bug"
}

# report figures...: the scenario's line, and for the table at the end.
report() {
	local verdict=PASS IFS
	demand "$due > 0" "nothing was due"
	demand "$wanting == 0" "$wanting slots had to run"
	demand "$undue == 0" "$undue ran that were not due"
	demand "$stuck == 0" "$stuck runs have no end"
	[ ${#broken[@]} -eq 0 ] && [ "$twice" -eq 0 ] && [ "$unexplained" -eq 0 ] || verdict=FAIL
	IFS=';'
	write_result "$due" "$run" "$twice" "$explained${statuses:+ ($statuses)}" "$unexplained" "$verdict" \
		"$*${broken[*]:+ BROKEN: ${broken[*]}}"
}

# write_result due run twice explained unexplained verdict figures
write_result() {
	local IFS='|'
	echo "$*" > "$home/result"
}

# not_applicable why
not_applicable() {
	write_result 0 0 0 0 0 n/a "$*"
}
