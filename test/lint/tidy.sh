#!/bin/sh
# clang-tidy knows mistakes that a compiler does not warn of, and our names: see .clang-tidy.
# Needs build/compile_commands.json.  Usage: tidy.sh [source...]
set -eu
[ $# -gt 0 ] || set -- src/*.cpp src/*/*.cpp
if ! printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 "${CLANG_TIDY:-clang-tidy-19}" -p build --quiet 2> build/tidy.log; then
	grep -v 'warnings\? generated\|warnings\? treated as error' build/tidy.log >&2 || true
	echo "clang-tidy finds a likely mistake; where it is wrong, a NOLINT says why" >&2
	exit 1
fi
