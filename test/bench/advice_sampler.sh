# shellcheck shell=bash disable=SC2154
# What sampling statements costs who runs them; sourced by test/bench/advice, after test/bench/lib.sh.

# sampler_cost: transactions a second of pgbench -S without the sampler and with it at its default rate, in turns, because
# the machine is not as fast all the time.  Needs a server that has pg_warden preloaded.  Goal: at most 1 % less.
sampler_cost() {
	local round who
	title "what the sampler costs pgbench -S; goal: <= 1 %"
	pgbench -i -q -s "${sampler_scale:-10}" 2> /dev/null
	sql -c "VACUUM ANALYZE"
	rm -f "$work"/sampler.*
	for ((round = 1; round <= ${sampler_rounds:-10}; ++round)); do
		for who in $(in_turns off on); do
			sampler_run "$who" >> "$work/sampler.$who"
		done
	done
	paste "$work/sampler.off" "$work/sampler.on" | awk '{ print ($1 - $2) * 100 / $1 }' > "$work/sampler.cost"
	printf '%-14s %12s %12s %10s\n' '' "without, tps" "with, tps" "cost, %"
	printf '%-14s %12.0f %12.0f %10.2f\n' "pgbench -S" "$(median 1 < "$work/sampler.off")" "$(median 1 < "$work/sampler.on")" \
		"$(median 1 < "$work/sampler.cost")"
}

# sampler_run off|on: transactions a second of one client, of whom the server has a processor for itself.
sampler_run() {
	local options=""
	if [ "$1" = off ]; then
		options="-c warden.advice_sample_rate=0 -c warden.advice_sample_min_duration=-1"
	fi
	PGOPTIONS=$options pgbench -n -S -M "${sampler_protocol:-simple}" -T "${sampler_seconds:-5}" 2> /dev/null |
		awk '/^tps/ { print $3 }'
}
