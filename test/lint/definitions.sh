#!/bin/sh
# Two types of one name in one namespace are one type to the linker, which keeps one of their destructors: whoever uses
# the other has it run on what it is not.  No compiler sees both.  A folder is a namespace, and its headers tell of it.
set -eu
twice=$(grep -HE '^(struct|class|enum|enum class) [A-Z][A-Za-z]*( final)?( :[^;]*)? ?\{' src/*/*.hpp |
	sed -E 's,^(src/[a-z]+)/[^:]*:(struct|class|enum class|enum) ([A-Za-z]*).*,\1 \3,' | sort | uniq -d)
if [ -n "$twice" ]; then
	echo "$twice" | while read -r folder name; do
		grep -nE "^(struct|class|enum|enum class) $name\\>.*\\{" "$folder"/*.hpp
	done
	echo "a name is that of one type in its namespace: give the other another" >&2
	exit 1
fi
