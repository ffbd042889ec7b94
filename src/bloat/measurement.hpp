// measurement.hpp - What was found out about a relation, and how.
//
// The invariant: what is not known is absent, with the reason in `caveats` or `withheld`; it is never a guess.
#pragma once

#include "bloat/byte_account.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warden::bloat {

enum class Method : std::uint8_t { Statistics, Sample, Exact };

/// What reading may take.
struct Effort {
	std::optional<std::int64_t> max_pages; ///< of a sample; without it, what ±2 points need
	std::optional<int> max_milliseconds;   ///< of a sample; where it ends earlier, the interval is wider
	std::uint32_t seed;                    ///< the same one draws the same pages of the same file
	int cost_delay_ms;                     ///< after each 200 units of cost: a page in memory is 1, one that is read 2
};

/// The size after a rewrite; low and high are the ends of the 95 % interval, or the same where it is exact.
struct Prediction {
	std::int64_t bytes;
	std::int64_t low;
	std::int64_t high;
};

struct Measurement {
	Method method = Method::Exact;
	std::int64_t bytes = 0;              ///< of the main fork, when it was looked at
	std::int64_t pages_read = 0;         ///< of this relation
	std::optional<Account> account;      ///< sums to bytes
	std::int64_t truncatable = 0;        ///< of free and vacuum_frees: pages at the end without a row that is kept
	std::optional<Prediction> rewritten; ///< VACUUM FULL, or REINDEX
	std::vector<std::string> caveats;    ///< one sentence each, without a full stop, in lower case
	std::string withheld;                ///< why there is no prediction; empty if there is one

	// What verdicts are made of, where it is known.
	std::int64_t deleted_pages = 0; ///< of an index: empty, and free for reuse or soon to be
	std::int64_t pending_pages = 0; ///< of a GIN index: entries that are not in its tree yet
	std::int64_t unsummarized = 0;  ///< of a BRIN index: ranges of pages that it says nothing of
	bool would_deduplicate = false; ///< a B-tree from before PostgreSQL 13 that a rebuild makes smaller for good
	bool grows_on_rewrite = false;  ///< columns were added with a default that the rows do not have yet
};

} // namespace warden::bloat
