#!/bin/sh
# A file that is longer than a reader's patience does more than one thing.  What the server prints is exempt.
set -eu
long=$(find . \( -path ./.git -o -path ./build -o -path ./expected -o -path ./test/isolation/expected -o -path ./results \
	-o -path ./tmp_check -o -path ./output_iso -o -path './pg_warden--*.sql' \) -prune \
	-o -type f \( -name '*.cpp' -o -name '*.hpp' -o -name '*.sql' -o -name '*.pl' -o -name '*.pm' -o -name '*.sh' \
	-o -path './test/*' -not -name '*.*' -o -path ./.ci/run \) -exec awk 'END { if (NR >= 500) print FILENAME ": " NR " lines" }' {} \;)
if [ -n "$long" ]; then
	echo "$long"
	echo "a file has less than 500 lines: split it by what it does" >&2
	exit 1
fi
