#!/bin/sh
# House rules that are a matter of words: what no line of the sources may say, comments aside.
set -eu
status=0

# forbid comment pattern reason file...: no line may match once its strings and its comment are cut off.
forbid() {
	comment=$1 pattern=$2 reason=$3
	shift 3
	for file in "$@"; do
		if sed "s,\"[^\"]*\",,g; s,$comment.*,," "$file" | grep -niP "$pattern" | sed "s,^,$file:," | grep .; then
			echo "$reason" >&2
			status=1
		fi
	done
}

# File names in this project have no blanks.
# shellcheck disable=SC2046
forbid // '\bcatch\b|\bPG_(TRY|CATCH|FINALLY|RE_THROW)\b|\bsigsetjmp\b|\bFlushErrorState\b' \
	'errors end in attempt() or run_transaction() only, where the cleaning up is right: see src/pg/transaction.hpp' \
	$(find src -name '*.?pp' -not -path 'src/pg/*')
# shellcheck disable=SC2046
forbid // '\bPG_VERSION_NUM\b' \
	'only src/pg knows server versions, so that the next server is supported in one place' \
	$(find src -name '*.?pp' -not -path 'src/pg/*')
# shellcheck disable=SC2046
forbid // '(?-i)\bnew [A-Za-z(]|\bdelete [A-Za-z(*]|\b(malloc|calloc|realloc|free)\(' \
	'memory is owned by a container or a memory context, which give it back also after an error' \
	$(find src -name '*.?pp' -not -path 'src/pg/*')

scripts=$(find src -name '*.sql')
# shellcheck disable=SC2086
forbid -- '\bOR\s+REPLACE\b|\bIF\s+NOT\s+EXISTS\b' \
	'an install script must not take over an object that was there before it, and may be hostile' $scripts
# shellcheck disable=SC2086
forbid -- '\bSECURITY\s+DEFINER\b' \
	'nobody gains rights through the extension: see SECURITY.md' $scripts
# shellcheck disable=SC2086
forbid -- '\bCREATE (UNLOGGED TABLE|TABLE|VIEW|FUNCTION|PROCEDURE|AGGREGATE|TYPE|DOMAIN|SEQUENCE) (?!warden\.)' \
	'everything is in the schema warden, whatever search_path says' $scripts
exit $status
