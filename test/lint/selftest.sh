#!/bin/bash
# shellcheck disable=SC2317  # functions are called by eval in plant()
# A check that cannot fail proves nothing: plants a violation of every rule in a copy of the checkout, and makes sure that
# the rule's script finds it there, and finds nothing before.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
base=$scratch/base tree=$scratch/tree
status=0
clean=' '

mkdir -p "$base"
tar -cf - --exclude=./build --exclude=./.git --exclude=./.deps --exclude='*.o' . | tar -C "$base" -xf -
feature=$(tail -n 1 src/features)

# plant script message plant-command: the script passes in the copy, fails after the command, and says the message.
plant() {
	local script=$1 message=$2 command=$3 words
	rm -rf "$tree"
	cp -a "$base" "$tree"
	cd "$tree"
	read -ra words <<< "$script"
	if [[ $clean != *" ${words[0]} "* ]]; then
		"${words[0]}" > output 2>&1 || complain "$script fails with nothing planted"
		clean+="${words[0]} "
	fi
	eval "$command"
	if "${words[@]}" > output 2>&1; then
		complain "$script does not find: $command"
	elif ! grep -qE "$message" output; then
		complain "$script fails for another reason than: $command"
	fi
	cd - > /dev/null
}

complain() {
	echo "$1" >&2
	sed 's/^/	/' output >&2
	status=1
}

# What is planted in C++ is a file of its own, in the last feature.
source_file() {
	printf '#include "pg/call.hpp"\n\n%s\n' "$1" > "src/$feature/stray.cpp"
}
install_script() {
	echo "$1" >> "src/$feature/$feature.sql"
}
configure() {
	cmake -S . -B build > /dev/null
}

plant test/lint/definitions.sh 'src/advice/stray.hpp.*Observation' "echo 'struct Observation {};' > src/advice/stray.hpp"
plant test/lint/words.sh 'errors end in attempt' "source_file 'void f() { try { } catch (...) { } }'"
plant test/lint/words.sh 'errors end in attempt' "source_file 'void f() { PG_TRY(); }'"
plant test/lint/words.sh 'errors end in attempt' "source_file 'void f() { FlushErrorState(); }'"
plant test/lint/words.sh 'server versions' "source_file '#if PG_VERSION_NUM > 1'"
plant test/lint/words.sh 'memory is owned' "source_file 'int *p = new int(1);'"
plant test/lint/words.sh 'errors end in attempt' "source_file 'R\"(x)\"; /* a */ \"\\\"b\"; try { } catch (...) { } // c'"
plant test/lint/words.sh 'must not take over' "install_script 'CREATE OR  REPLACE VIEW warden.v AS SELECT 1;'"
plant test/lint/words.sh 'must not take over' "install_script 'create table if not exists warden.t ();'"
plant test/lint/words.sh 'gains rights' "install_script 'ALTER FUNCTION warden.f() SECURITY DEFINER;'"
plant test/lint/words.sh 'in the schema warden' "install_script 'CREATE VIEW stray AS SELECT 1;'"

function='CREATE FUNCTION warden.stray() RETURNS int LANGUAGE c'
plant test/lint/functions.sh 'does not state STRICT' "install_script '$function STABLE PARALLEL SAFE AS \$\$;STRICT\$\$;'"
plant test/lint/functions.sh 'does not state VOLATILE' "install_script '$function STRICT PARALLEL SAFE; -- STABLE'"
plant test/lint/functions.sh 'does not state PARALLEL' "install_script '$function STRICT STABLE;'"

plant test/lint/length.sh 'less than 500 lines' "seq 500 > sql/long.sql"
plant test/lint/layers.sh 'comes after it' "echo '#include \"$feature/$feature.hpp\"' >> src/pg/error.hpp"
plant test/lint/layers.sh 'not in src/features' "mkdir src/stray"
plant test/lint/layers.sh 'same base name' "touch src/$feature/init.cpp"
plant test/lint/version.sh 'META.json says version 9' "sed -i 's/\"version\": \"0[^\"]*\"/\"version\": \"9.9.9\"/' META.json"
plant test/lint/version.sh 'not JSON' "echo ']' >> META.json"
plant test/lint/version.sh 'no heading' "sed -i '/^##/d' CHANGELOG.md"
plant test/lint/scripts.sh 'likely mistake' "printf '#!/bin/sh\ncd \$1\n' > test/stray"
plant test/lint/format.sh 'clang-format' "source_file 'int  x;'"
plant test/lint/exports.sh 'stray' \
	"echo 'extern \"C\" { void stray() {} void Pg_magic_func() {} }' | g++ -shared -fPIC -x c++ - -o pg_warden.so"
clean+='make '
plant "make -s COPT=-Werror src/$feature/stray.o" 'unused-function' "source_file 'static int unused() { return 1; }'"
plant "test/lint/statics.sh src/$feature/stray.cpp" 'constinit' "source_file 'static std::string text = \"made while loading\";'"

# These two take their time, so the clean tree is not tried again: test/lint/all does that.
clean+='test/lint/tidy.sh test/lint/destructors.sh '
plant "test/lint/tidy.sh src/$feature/stray.cpp" 'stray.cpp.*WrongName' "source_file 'int WrongName() { return 1; }'; configure"
plant "test/lint/destructors.sh src/$feature/stray.cpp" 'owns an object' \
	"source_file 'char *f(const char *s) { std::string t(s); return pstrdup(t.c_str()); }'; configure"
# And where the query finds nothing any more, it says so.
plant "test/lint/destructors.sh src/init.cpp" 'does not find what is planted' \
	"sed -i '/^match/d' test/lint/destructors.query; configure"

# The server's log: what is planted is a line of it.
server_log() {
	mkdir -p logs && printf '%s\n' "2026-01-01 00:00:00 UTC [1] $2" > "logs/$1"
}
expects_kill() {
	printf '# Kills.\n# expects: terminated by signal 9\n' > test/tap/kill.pl
	printf '# Kills nothing.\n' > test/tap/kill_none.pl
}
plant "test/server_log logs/log" 'XX000' "server_log log 'XX000 LOG:  something'"
plant "test/server_log logs/log" 'PANIC' "server_log log 'XX001 PANIC:  could not'"
plant "test/server_log logs/log" 'TRAP' "server_log log 'TRAP: failed Assert(\"x\")'"
plant "test/server_log logs/log" 'leak' "server_log log '01000 WARNING:  buffer refcount leak: [1]'"
plant "test/server_log logs/log" 'signal' "server_log log '00000 LOG:  server process (PID 1) was terminated by signal 9: Killed'"
plant "test/server_log logs/kill_a.log" 'signal 11' "expects_kill; server_log kill_a.log 'LOG:  was terminated by signal 11: x'"
plant "test/server_log logs/kill_none_a.log" 'signal 9' "expects_kill; server_log kill_none_a.log 'was terminated by signal 9: x'"
plant "test/server_log logs/kill_a.log" 'PANIC' "expects_kill; server_log kill_a.log 'PANIC: terminated by signal 9: x'"

cd "$tree"
source_file 'const char *f() { return "a new thing to delete in (catch)" R"(DELETE FROM x; delete it)"; } // new one, catch it'
test/lint/words.sh > output 2>&1 || complain "test/lint/words.sh takes data and comments for code"
expects_kill
server_log kill_a.log '00000 LOG:  server process (PID 1) was terminated by signal 9: Killed'
server_log sent.log $'00000 LOG:  statement: SELECT leak\n\tXX000\n2026 [1] XX STATEMENT:  SELECT leak'
test/server_log logs/kill_a.log logs/sent.log > output 2>&1 || complain "test/server_log fails for what it should pass over"
exit $status
