# shellcheck shell=bash disable=SC2154
# What sampling statements costs who runs them; sourced by test/bench/advice, after test/bench/lib.sh.

# sampler_cost: what the sampler costs the statement of pgbench -S at its default rate, and if it samples every run. It is
# the time that the server's process has a processor, which others on the machine disturb less than transactions a
# second, and of which it is a larger part. One session runs each way in turns. Needs a server that has pg_warden
# preloaded. Goal: at most 1 % at the default rate.
sampler_cost() {
	local who
	title "what the sampler costs the statement of pgbench -S, of the time of the server's process; goal: <= 1 %"
	pgbench -i -q -s "${sampler_scale:-5}" 2> /dev/null
	sql -c "VACUUM ANALYZE"
	sampler_script | sql -F ' ' -f - > "$work/sampler"
	printf '%-14s %12s %12s %10s\n' '' "without, µs" "with, µs" "cost, %"
	for who in default all; do
		awk -v who="$who" '$1 == "off" { off = $2 } $1 == who { print off, $2, ($2 - off) * 100 / off }' "$work/sampler" > "$work/sampler.$who"
		printf '%-14s %12.2f %12.2f %10.2f\n' "$who" "$(median 1 < "$work/sampler.$who")" "$(median 2 < "$work/sampler.$who")" \
			"$(median 3 < "$work/sampler.$who")"
	done
}

sampler_script() {
	local round who
	local processor="split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint"
	for ((round = 1; round <= ${sampler_rounds:-200}; ++round)); do
		for who in off default off all; do
			case $who in
				off) echo "SET warden.advice_sample_rate = 0; SET warden.advice_sample_min_duration = -1;" ;;
				default) echo "RESET warden.advice_sample_rate; RESET warden.advice_sample_min_duration;" ;;
				all) echo "SET warden.advice_sample_rate = 1; RESET warden.advice_sample_min_duration;" ;;
			esac
			cat << END
\\o /dev/null
SELECT $processor AS began \\gset
SELECT format('SELECT abalance FROM pgbench_accounts WHERE aid = %s', i) FROM generate_series(1, 1000) i \\gexec
\\o
SELECT '$who', ($processor - :began) / 1e6;
END
		done
	done
}
