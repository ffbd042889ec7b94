# shellcheck shell=bash disable=SC2034
# What the test commands share; sourced after "set -euo pipefail" by a script of test/.  Sets root, the checkout.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One version of the LLVM tools, in Debian 12 and 13 alike: formats and findings change from one to the next.
llvm=19

# A test talks to its own server, whatever the caller's environment says.
for variable in ${!PG@}; do
	case $variable in
		PG_CONFIG | PG_WARDEN_*) ;;
		*) unset "$variable" ;;
	esac
done
export PG_CONFIG=${PG_CONFIG:-pg_config}

if [ -t 1 ]; then
	bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
	bold='' red='' green='' plain=''
fi

fail() {
	echo "${red}$*${plain}" >&2
	exit 1
}

# retry command...: tries a command that talks to the network three times.
retry() {
	local try
	for try in 1 2 3; do
		if "$@"; then
			return 0
		fi
		echo "try $try failed: $*" >&2
		sleep $((try * 5))
	done
	return 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		command -v sudo > /dev/null || fail "root or sudo is needed for: $*"
		sudo "$@"
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# apt_update: once a run.  What it cannot fetch may be of no interest; if not, the installation says so.
apt_update() {
	if [ -z "${apt_is_updated:-}" ]; then
		retry apt_get update || true
		apt_is_updated=yes
	fi
}

# need_packages package...: installs what is missing.
need_packages() {
	local missing=() package
	if [ -n "${PG_WARDEN_NO_INSTALL:-}" ]; then
		return 0
	fi
	if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
		fail "This is no Debian. Install what Debian calls $*, and set PG_WARDEN_NO_INSTALL=1."
	fi
	for package in "$@"; do
		is_installed "$package" || [[ " ${missing[*]} " == *" $package "* ]] || missing+=("$package")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		echo "installing ${missing[*]}"
		apt_update
		retry apt_get install -y --no-install-recommends "${missing[@]}" > /dev/null ||
			fail "could not install ${missing[*]}"
	fi
}

# need_server: makes sure that PG_CONFIG names a server to build for and to run; without one, the distribution's.
need_server() {
	local version
	if ! has_server; then
		[ "$PG_CONFIG" = pg_config ] || fail "$PG_CONFIG names no server with its headers"
		command -v apt-get > /dev/null || fail "pg_config names no server with its headers, and this is no Debian"
		apt_update
		version=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p')
		[ -n "$version" ] || fail "the distribution has no package postgresql"
		need_packages "postgresql-$version" "postgresql-server-dev-$version"
		has_server || fail "pg_config names no server even with postgresql-$version installed"
	fi
}

has_server() {
	command -v "$PG_CONFIG" > /dev/null && [ -f "$("$PG_CONFIG" --pgxs)" ] &&
		[ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] && [ -x "$("$PG_CONFIG" --bindir)/initdb" ]
}

# The server refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
	test_user=postgres
else
	test_user=$(id -un)
fi

as_test_user() {
	if [ "$(id -u)" -eq 0 ]; then
		runuser -u "$test_user" -- "$@"
	else
		"$@"
	fi
}

# make_work_folder name: sets work, an empty folder that the test user can reach and write to, and goes there.
make_work_folder() {
	id "$test_user" > /dev/null 2>&1 || fail "there is no user $test_user to run servers: root must not"
	work=$root/build/$1
	if ! claim_folder "$work"; then
		work=$(mktemp -d /var/tmp/pg_warden.XXXXXX)
		claim_folder "$work" || fail "user $test_user cannot write to $work"
		echo "user $test_user cannot reach $root: working in $work"
	fi
	cd "$work" || fail "cannot go to $work"
}

claim_folder() {
	rm -rf "$1" 2> /dev/null && mkdir -p "$1" 2> /dev/null || return 1
	if [ "$(id -u)" -eq 0 ]; then
		chown "$test_user" "$1"
	fi
	(cd / && as_test_user test -w "$1") && (cd "$1" && as_test_user test -w .)
}

# start_server setting...: a server of the test user in the work folder, and the variables that lead clients to it.
start_server() {
	local bin
	bin=$("$PG_CONFIG" --bindir)
	# Nobody else may enter the folder of the data, so nobody else can connect.  But a socket's path has at most 107 bytes.
	PGHOST=$work/data
	[ ${#PGHOST} -lt 90 ] || PGHOST=$(as_test_user mktemp -d /tmp/pg_warden.XXXXXX)
	export PATH=$bin:$PATH PGHOST PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	as_test_user "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync > /dev/null
	{
		cat "$root/test/server.conf"
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$PGHOST'" "$@"
	} | as_test_user tee -a "$work/data/postgresql.conf" > /dev/null
	as_test_user "$bin/pg_ctl" -D "$work/data" -l "$work/log" -w start > /dev/null || {
		cat "$work/log" >&2
		fail "the server does not start"
	}
}

# stop_server folder: the one that was started with that work folder, if it runs.
stop_server() {
	local control socket
	control=$("$PG_CONFIG" --bindir)/pg_ctl
	as_test_user "$control" -D "$1/data" status > /dev/null 2>&1 || return 0
	socket=$(as_test_user sed -n 5p "$1/data/postmaster.pid")
	as_test_user "$control" -D "$1/data" -m fast -w stop > /dev/null
	[ "$socket" = "$1/data" ] || as_test_user rmdir "$socket"
}

# stage_tests: a copy of the checkout in work/tests that belongs to the test user, for all that tests write.
stage_tests() {
	as_test_user mkdir -p "$work/tests"
	pack_sources | as_test_user tar -C "$work/tests" -xf -
}

# pack_sources: the checkout without what was built or left by tests.
pack_sources() {
	tar -C "$root" --exclude=./build --exclude=./.git --exclude=./.deps --exclude='*.o' --exclude='*.so' \
		--exclude='./pg_warden--*.sql' --exclude=./pg_warden.control --exclude=./tmp_check --exclude=./results \
		--exclude=./output_iso -cf - .
}
