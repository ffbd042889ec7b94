#!/bin/sh
# A C function states what the server would otherwise assume, so that each was decided upon: a function that is not
# STRICT is called with NULLs, one without PARALLEL is never run in parallel, one without volatility is VOLATILE.
# The catalogue cannot tell what was said from what is the default, hence this script on the text.
set -eu
# shellcheck disable=SC2016
find src -name '*.sql' | sort | xargs perl -0777 -ne '
	# Comments and literals say nothing, and a semicolon inside of them ends nothing.
	s/--[^\n]*|\/\*.*?\*\/|\x27(?:[^\x27]|\x27\x27)*\x27|\$(\w*)\$.*?\$\1\$/ /gs;
	for (split /;/) {
		next unless /\bCREATE\s+FUNCTION\s+([\w."]+)/i;
		my $function = $1;
		next unless /\bLANGUAGE\s+"?c\b/i;
		my @missing;
		push @missing, "STRICT or CALLED ON NULL INPUT"
			unless /\bSTRICT\b|\b(?:CALLED|RETURNS\s+NULL)\s+ON\s+NULL\s+INPUT\b/i;
		push @missing, "VOLATILE, STABLE or IMMUTABLE" unless /\b(?:VOLATILE|STABLE|IMMUTABLE)\b/i;
		push @missing, "PARALLEL SAFE, RESTRICTED or UNSAFE" unless /\bPARALLEL\s+(?:SAFE|RESTRICTED|UNSAFE)\b/i;
		print "$ARGV: $function does not state $_\n" for @missing;
		$status = 1 if @missing;
	}
	END {
		print STDERR "a C function states strictness, volatility and parallel safety: the defaults are seldom meant\n"
			if $status;
		$? = $status // 0;
	}'
