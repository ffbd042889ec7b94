#!/bin/sh
# House rules that are a matter of words: what no source may say, comments aside.
set -eu
status=0

# forbid language pattern reason file...: no line may match.  In C++ a literal is data, in SQL it is often code.
forbid() {
	language=$1 pattern=$2 reason=$3
	shift 3
	# shellcheck disable=SC2016
	if ! perl -0777 -e '
		my ($language, $pattern) = splice @ARGV, 0, 2;
		my $data = $language eq "sql" ? qr{--[^\n]*|/\*.*?\*/}s
			: qr{R"([^(]*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/}s;
		my $found = 0;
		while (defined(my $text = <>)) {
			# Cut out, but for its line ends, so that the lines keep their numbers.
			$text =~ s{($data)}{my $lines = $1; $lines =~ s/[^\n]//g; $lines}ge;
			my $line = 0;
			for (split /\n/, $text) {
				++$line;
				if (/$pattern/) {
					print "$ARGV:$line: $_\n";
					$found = 1;
				}
			}
		}
		exit $found' "$language" "$pattern" "$@" < /dev/null; then
		echo "$reason" >&2
		status=1
	fi
}

# File names in this project have no blanks.
# shellcheck disable=SC2046
forbid c++ '\bcatch\b|\bPG_(TRY|CATCH|FINALLY|RE_THROW)\b|\bsigsetjmp\b|\bFlushErrorState\b' \
	'errors end in attempt() only, where the cleaning up is right: see src/pg/transaction.hpp' \
	$(find src -name '*.?pp' -not -path 'src/pg/*')
# shellcheck disable=SC2046
forbid c++ '\bPG_VERSION_NUM\b' \
	'only src/pg knows server versions, so that the next server is supported in one place' \
	$(find src -name '*.?pp' -not -path 'src/pg/*')
# shellcheck disable=SC2046
forbid c++ '\bnew [A-Za-z(]|\bdelete [A-Za-z(*]|\b(malloc|calloc|realloc|free)\(' \
	'memory is owned by a container or a memory context, which give it back also after an error' \
	$(find src -name '*.?pp' -not -path 'src/pg/*')

scripts=$(find src -name '*.sql')
# shellcheck disable=SC2086
forbid sql '(?i)\bOR\s+REPLACE\b|\bIF\s+NOT\s+EXISTS\b' \
	'an install script must not take over an object that was there before it, and may be hostile' $scripts
# shellcheck disable=SC2086
forbid sql '(?i)\bSECURITY\s+DEFINER\b' \
	'nobody gains rights through the extension: see SECURITY.md' $scripts
# shellcheck disable=SC2086
forbid sql '^CREATE (UNLOGGED TABLE|TABLE|VIEW|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|SEQUENCE) (?!warden\.)' \
	'everything is in the schema warden, whatever search_path says' $scripts
exit $status
