# shellcheck shell=bash disable=SC2154
# What the benches share; sourced after test/lib.sh.

# sql: only what it selects.
sql() {
	PGOPTIONS="-c client_min_messages=warning" psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# median column, of what is sent in.
# The fields in single quotes are awk's.
# shellcheck disable=SC2016
median() {
	awk -v column="$1" '{ print $column }' | sort -n |
		awk '{ all[NR] = $1 } END { printf "%.3f\n", (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'
}

# in_turns who...: their order in a round, which changes from round to round.
in_turns() {
	local i
	for ((i = 0; i < $#; ++i)); do
		echo "${@:(round + i) % $# + 1:1}"
	done
}

title() {
	printf '\n%s\n' "${bold}$*${plain}"
}
