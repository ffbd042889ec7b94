// verdict.hpp - What to do about a relation, or why nothing.
//
// Plain C++.  The invariants: the first case that applies is told; what gives an interval is judged by its worse end,
// so that nothing is rewritten on a guess; and each reason has the figures that it was decided by.
#pragma once

#include "bloat/experience.hpp"
#include "bloat/facts.hpp"
#include "bloat/measurement.hpp"
#include "bloat/remedy.hpp"

namespace warden::bloat {

/// In the order in which they are tried.
enum class Verdict : std::uint8_t {
	InvalidIndex,   ///< no query uses it, and every write pays for it
	PendingList,    ///< of a GIN index: each search reads the whole of it
	Unknown,        ///< nothing can be said of a rewrite
	GrowsOnRewrite, ///< a rewrite would make it larger
	TooSmall,       ///< the file, or what there is to gain
	Healthy,        ///< in proportion there is little to gain
	Blocked,        ///< dead rows that may be seen still
	VacuumStarved,  ///< dead rows that VACUUM is late for
	Truncatable,    ///< the end of the file has no rows
	SteadyState,    ///< what is free is used again
	WillRegrow,     ///< the waste comes back too soon
	Rewrite,        ///< a table
	DedupGain,      ///< an index that a rebuild would make smaller for good
	Reindex         ///< another index
};

const char *name_of(Verdict verdict);

/// Above all of them something is worth doing.
struct Thresholds {
	std::int64_t min_size;  ///< of the file
	std::int64_t min_waste; ///< what there is to gain
	double min_ratio;       ///< the same, of the file
};

struct Judgement {
	Verdict verdict = Verdict::Unknown;
	std::string reason;
	Remedy remedy;
	std::optional<double> returns_in_days; ///< until half of what is gained is lost again
};

/// The judgement that needs no more to be known of a relation than its pages, if there is one.  Of what is not an
/// index, or is a valid one.  pending_limit is that of a GIN index, in bytes.
std::optional<Judgement> judge_by_pages(const Measurement &measurement, const Thresholds &thresholds,
                                        std::int64_t pending_limit);

/// The judgement of all others.  holder: who keeps dead rows from being removed, if somebody does.
Judgement judge(const Measurement &measurement, const Thresholds &thresholds, const Facts &facts,
                const std::optional<Holder> &holder, const std::optional<Experience> &experience);

/// The judgement of an index that is not valid.
Judgement judge_invalid(const Measurement &measurement, const Facts &facts);

/// "12 MB", as pg_size_pretty() says it.
std::string size_text(std::int64_t bytes);

} // namespace warden::bloat
