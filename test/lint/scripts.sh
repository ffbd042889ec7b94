#!/bin/sh
# A test that goes on after a mistake of its own script proves nothing, and shells go on after most of them.
set -eu
# shellcheck disable=SC2046
set -- $(grep -lE '^#!/bin/(ba)?sh' -r .ci test --include='*' 2>/dev/null | sort) \
	$(find test -path 'test/soak.d/*.sh' -o -path test/lib.sh)
if ! shellcheck -x "$@"; then
	echo "shellcheck finds a likely mistake in a script; where it is wrong, a directive says so" >&2
	exit 1
fi
