#!/bin/sh
# One format, made by a program, so that a change shows what was changed and nobody argues about it.
set -eu
if ! find src test/unit test/lint -name '*.?pp' -print0 | xargs -0 "${CLANG_FORMAT:-clang-format-19}" --dry-run --Werror; then
	echo "the format is clang-format's: clang-format-19 -i FILE" >&2
	exit 1
fi
