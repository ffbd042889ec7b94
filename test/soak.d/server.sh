# shellcheck shell=bash disable=SC2034,SC2154
# Throw-away servers of a scenario, and the tools to disturb them.  Sourced after lib.sh; needs work, a folder.
#
# A scenario has its servers in its folder, home.  One of them is the one that is spoken of: its data and log are in the
# variables of that name, and clients find it by themselves.

LC_ALL=C # EPOCHREALTIME with a point
server_environment=()
children=()

# make_installation scheduler...: a copy of the server's installation that is nobody else's, with the schedulers in it.
# Whoever installs another pg_warden in the hours that a soak takes does not change what it tests.  The server finds its
# files from where its program is.
make_installation() {
	local folder
	installation=$work/installation
	for folder in --bindir --pkglibdir --sharedir; do
		folder=$("$PG_CONFIG" $folder)
		mkdir -p "$installation$folder"
		cp -a "$folder/." "$installation$folder"
	done
	if [[ " $* " == *" pg_warden "* ]]; then
		make -s -C "$root" -j "$(nproc)" > /dev/null
		make -s -C "$root" install PG_CONFIG="$PG_CONFIG" DESTDIR="$installation" > /dev/null
	fi
	PATH=$installation$("$PG_CONFIG" --bindir):$PATH
	sockets=$(as_test_user mktemp -d /tmp/pg_warden.XXXXXX)
	as_test_user initdb -D "$work/template" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync > /dev/null
	export PATH PGPORT=5432 PGUSER=postgres PGDATABASE=soak PGCONNECT_TIMEOUT=10
}

# new_server name [setting...]: is made, but not started.  It may have a place of its own already.
new_server() {
	local name=$1
	shift
	use_server "$name"
	as_test_user mkdir -p "$data"
	as_test_user cp -a "$work/template/." "$data"
	as_test_user chmod 700 "$data"
	{
		cat "$root/test/server.conf"
		# Processes die here, the machine does not: what the kernel was given is safe.
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PGHOST'" "fsync = off" "timezone = 'UTC'" \
			"max_wal_size = '128MB'" "cluster_name = '$name'"
		scheduler_settings
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} | as_test_user tee -a "$data/postgresql.conf" > /dev/null
}

use_server() {
	data=$home/$1/data log=$home/$1/log
	export PGHOST=$sockets/$1
	as_test_user mkdir -p "$home/$1" "$PGHOST"
}

start() {
	as_test_user env "${server_environment[@]}" pg_ctl -D "$data" -l "$log" -w -t 300 start > /dev/null
}

# stop mode
stop() {
	as_test_user pg_ctl -D "$data" -m "$1" -w -t 300 stop > /dev/null
}

# stop_within_a_minute: fast, and sets took, in milliseconds; a server that does not end is made to.
stop_within_a_minute() {
	local begun
	begun=$(milliseconds)
	as_test_user pg_ctl -D "$data" -m fast -w -t 60 stop > /dev/null || stop immediate
	took=$(($(milliseconds) - begun))
}

is_running() {
	as_test_user pg_ctl -D "$data" status > /dev/null 2>&1
}

# setting name value: changes it while the server runs, and waits for it.
setting() {
	sql -c "ALTER SYSTEM SET $1 = $2" -c "SELECT pg_reload_conf()" > /dev/null
	wait_for 30 "SELECT setting = $2 FROM pg_settings WHERE name = '$1'"
}

# sql: only what it selects.
sql() {
	PGOPTIONS="-c client_min_messages=warning ${PGOPTIONS:-}" psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# wait_for seconds query: until it says true, also if the server cannot be asked at first.
wait_for() {
	local until=$((SECONDS + $1))
	while [ "$(sql -c "$2" 2> /dev/null)" != t ]; do
		if [ $SECONDS -ge $until ]; then
			echo "in vain waited $1 s for: $2" >&2
			return 1
		fi
		sleep 0.1
	done
}

wait_ready() {
	wait_for "${1:-120}" 'SELECT true'
}

milliseconds() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# pause limit: a random time below so many milliseconds, which is part of a disturbance.
pause() {
	local length=$((RANDOM * $1 / 32768))
	sleep "$((length / 1000)).$(printf '%03d' $((length % 1000)))"
}

postmaster() {
	head -n 1 "$data/postmaster.pid" 2> /dev/null
}

# processes [pattern]: the server's, of which the title fits; without the server's help, which may not answer.
processes() {
	local server
	server=$(postmaster) || return 0
	pgrep -P "$server" -f "postgres: .*${1:-}" || true
}

# any_of pid...: one of them, by chance.
any_of() {
	local all=("$@")
	[ $# -eq 0 ] || echo "${all[RANDOM % $#]}"
}

launcher() {
	processes "$scheduler launcher" | head -n 1
}

# ticks pid: what a process has spent on a processor, in hundredths of a second.
ticks() {
	awk '{ print $14 + $15 }' "/proc/$1/stat" 2> /dev/null || echo 0
}

# in_background command...: until the scenario ends, at most.
in_background() {
	"$@" &
	children+=($!)
}

log_lines() {
	wc -l < "$log"
}

# log_since line: the lines after this one.
log_since() {
	tail -n "+$(($1 + 1))" "$log"
}

# clean_up: ends what the scenario has started, and no more than that.
clean_up() {
	local pid folder
	for pid in "${children[@]}"; do
		kill "$pid" 2> /dev/null || true
	done
	for folder in "$home"/*/data; do
		data=$folder
		! is_running || stop immediate || true
		! mountpoint -q "$folder" || as_root umount "$folder"
	done
	wait
}
