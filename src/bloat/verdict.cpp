#include "bloat/verdict.hpp"

#include "bloat/heap_packing.hpp"

#include "pg/error.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace warden::bloat {

namespace {

// Of a file: below it dead rows are of no importance.
constexpr double considerable = 0.1;

// What a rebuild gives back of a B-tree that only random inserts have filled: its leaves are full to ln 2, and those of
// a rebuild to nine tenths.  As they split again soon, it is no waste.
constexpr double random_inserts = 0.3;

// A byte must be saved for so many days to be worth the writing of one.
constexpr double pay_back_days = 7;

struct Waste {
	std::int64_t bytes; ///< of the file
	std::int64_t point; ///< what a rewrite gives back
	std::int64_t low;
	std::int64_t high;
	std::int64_t vacuum_frees;
	std::int64_t blocked;

	Waste(const Measurement &m, const Prediction &rewritten)
		: bytes(m.bytes), point(m.bytes - rewritten.bytes), low(m.bytes - rewritten.high),
		  high(m.bytes - rewritten.low), vacuum_frees(m.account ? m.account->vacuum_frees : 0),
		  blocked(m.account ? m.account->blocked : 0) {}

	bool is_considerable(std::int64_t part) const {
		return static_cast<double>(part) > considerable * static_cast<double>(bytes);
	}
};

std::string percent(std::int64_t part, std::int64_t whole) {
	return format("%.0f %%", whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
}

std::string part_text(std::int64_t part, std::int64_t whole) {
	return size_text(part) + " of " + size_text(whole) + " (" + percent(part, whole) + ")";
}

std::string gain_text(const Waste &waste) {
	if (waste.point <= 0) {
		return "a rewrite would give nothing back";
	}
	std::string text = "a rewrite would give back " + part_text(waste.point, waste.bytes);
	if (waste.low != waste.high) {
		text += ", at least " + size_text(std::max<std::int64_t>(waste.low, 0));
	}
	return text;
}

bool reaches_ratio(std::int64_t gain, const Waste &waste, const Thresholds &thresholds) {
	return static_cast<double>(gain) >= thresholds.min_ratio * static_cast<double>(waste.bytes) && gain > 0;
}

bool is_worth_it(std::int64_t gain, const Waste &waste, const Thresholds &thresholds) {
	return reaches_ratio(gain, waste, thresholds) && gain >= thresholds.min_waste;
}

Judgement nothing_to_do(Verdict verdict, std::string reason) {
	return {verdict, std::move(reason), no_remedy(), std::nullopt};
}

// The statistics may have been reset, and the pages know better.
double dead_rows(const Waste &waste, const Measurement &measurement, const Facts &facts) {
	if (facts.is_index || !measurement.account || measurement.account->live == 0) {
		return facts.dead_rows;
	}
	const double share = static_cast<double>(waste.vacuum_frees) / static_cast<double>(measurement.account->live);
	return std::max(facts.dead_rows, std::floor(facts.rows * share));
}

std::optional<Judgement> judge_dead_rows(const Waste &waste, const Measurement &measurement,
                                         const Thresholds &thresholds, const Facts &facts) {
	if (!waste.is_considerable(waste.vacuum_frees)) {
		return std::nullopt;
	}
	const std::string dead = part_text(waste.vacuum_frees, waste.bytes) +
	                         (facts.is_index ? " are entries of rows" : " are rows") + " that are dead for everybody";
	if (!facts.autovacuum) {
		return Judgement{Verdict::VacuumStarved, dead + ", and autovacuum is switched off here",
		                 vacuum(facts, "ANALYZE"), std::nullopt};
	}
	const double count = dead_rows(waste, measurement, facts);
	const std::string limit =
		format("autovacuum is due after %.0f dead rows, and there are about %.0f", facts.dead_rows_limit, count);
	if (count > facts.dead_rows_limit) {
		return Judgement{Verdict::VacuumStarved, dead + "; " + limit, vacuum(facts, "ANALYZE"), std::nullopt};
	}
	if (!is_worth_it(waste.low - waste.vacuum_frees, waste, thresholds)) {
		return nothing_to_do(Verdict::Healthy, dead + "; " + limit);
	}
	return std::nullopt;
}

Judgement judge_blocked(const Waste &waste, const Facts &facts, const std::optional<Holder> &holder) {
	const std::string dead = part_text(waste.blocked, waste.bytes) +
	                         (facts.is_index ? " are entries of rows" : " are rows") + " that are dead, but ";
	if (!holder) {
		return {Verdict::Blocked, dead + "could still be seen a moment ago: now the next VACUUM removes them",
		        vacuum(facts, ""), std::nullopt};
	}
	if (holder->is_self) {
		return nothing_to_do(Verdict::Blocked, dead + "may still be seen by the transaction that measures: " +
		                                           "the next VACUUM after its end removes them");
	}
	return {Verdict::Blocked, dead + "may still be seen by " + holder->who, just_run(holder->command), std::nullopt};
}

bool pays_back(double half_life_days, std::int64_t gain, const Remedy &remedy) {
	const auto cost = static_cast<double>(remedy.disk_bytes.value_or(0) + remedy.wal_bytes.value_or(0));
	return static_cast<double>(gain) * half_life_days >= pay_back_days * cost;
}

bool is_of_random_inserts(const Waste &waste, const Measurement &measurement, const Facts &facts) {
	const auto pages_gain = static_cast<double>(measurement.deleted_pages) * page::size;
	return facts.is_btree && !measurement.would_deduplicate && !waste.is_considerable(waste.vacuum_frees) &&
	       pages_gain < 0.05 * static_cast<double>(waste.bytes) &&
	       static_cast<double>(waste.low) < random_inserts * static_cast<double>(waste.bytes);
}

std::string cause_text(const Facts &facts) {
	return facts.is_index
	           ? "look for the cause: keys that are inserted in random order or deleted in ranges, or a fillfactor "
	             "that is too high for UPDATEs"
	           : "look for the cause: a fillfactor that leaves UPDATEs no room, or an autovacuum that comes "
	             "too late";
}

Judgement judge_rewrite(const Waste &waste, const Measurement &measurement, const Facts &facts,
                        const std::optional<Experience> &experience) {
	Remedy remedy = facts.is_index ? rebuild(facts, waste.bytes - waste.point) : rewrite(facts);
	const std::string gain = gain_text(waste);
	const auto half_life = experience ? experience->half_life_days : std::nullopt;
	if (half_life && !pays_back(*half_life, waste.low, remedy)) {
		Judgement judgement =
			nothing_to_do(Verdict::WillRegrow,
		                  format("%s, but half of what the last one gave back was taken again within %.1f days: %s",
		                         gain.c_str(), *half_life, cause_text(facts).c_str()));
		judgement.returns_in_days = half_life;
		return judgement;
	}
	if (!half_life && experience && experience->is_steady) {
		return nothing_to_do(Verdict::SteadyState, gain +
		                                               ", but the file has kept its size for weeks of writing: what is "
		                                               "free in it is used again");
	}
	if (!half_life && is_of_random_inserts(waste, measurement, facts)) {
		return nothing_to_do(Verdict::SteadyState,
		                     gain + ", but so full are the leaves of any B-tree that rows are inserted into at random");
	}
	const Verdict verdict = !facts.is_index                 ? Verdict::Rewrite
	                        : measurement.would_deduplicate ? Verdict::DedupGain
	                                                        : Verdict::Reindex;
	const char *const more = verdict == Verdict::DedupGain ? ", for good, because equal keys would be stored once" : "";
	return {verdict, gain + more, std::move(remedy), half_life};
}

} // namespace

const char *name_of(Verdict verdict) {
	switch (verdict) {
	case Verdict::InvalidIndex:
		return "invalid_index";
	case Verdict::PendingList:
		return "pending_list";
	case Verdict::GrowsOnRewrite:
		return "grows_on_rewrite";
	case Verdict::TooSmall:
		return "too_small";
	case Verdict::Healthy:
		return "healthy";
	case Verdict::Blocked:
		return "blocked";
	case Verdict::VacuumStarved:
		return "vacuum_starved";
	case Verdict::Truncatable:
		return "truncatable";
	case Verdict::SteadyState:
		return "steady_state";
	case Verdict::WillRegrow:
		return "will_regrow";
	case Verdict::Rewrite:
		return "rewrite";
	case Verdict::DedupGain:
		return "dedup_gain";
	case Verdict::Reindex:
		return "reindex";
	default:
		return "unknown";
	}
}

std::optional<Judgement> judge_by_pages(const Measurement &measurement, const Thresholds &thresholds,
                                        std::int64_t pending_limit) {
	if (measurement.pending_pages * page::size > pending_limit) {
		return std::nullopt;
	}
	if (!measurement.rewritten) {
		return nothing_to_do(Verdict::Unknown, measurement.withheld);
	}
	const Waste waste(measurement, *measurement.rewritten);
	if (waste.bytes < thresholds.min_size) {
		return nothing_to_do(Verdict::TooSmall, "the file has only " + size_text(waste.bytes));
	}
	if (is_worth_it(-waste.high, waste, thresholds)) {
		return nothing_to_do(Verdict::GrowsOnRewrite, "after a rewrite it would have " +
		                                                  size_text(waste.bytes - waste.point) + " instead of " +
		                                                  size_text(waste.bytes));
	}
	// A rewrite keeps what is blocked; but without whoever blocks it, it would not.
	const std::int64_t gain = std::max<std::int64_t>(waste.low, 0) + waste.blocked;
	if (!reaches_ratio(gain, waste, thresholds)) {
		return nothing_to_do(Verdict::Healthy, gain_text(waste));
	}
	if (!is_worth_it(gain, waste, thresholds)) {
		return nothing_to_do(Verdict::TooSmall, gain_text(waste));
	}
	return std::nullopt;
}

Judgement judge(const Measurement &measurement, const Thresholds &thresholds, const Facts &facts,
                const std::optional<Holder> &holder, const std::optional<Experience> &experience) {
	if (measurement.pending_pages * page::size > facts.pending_limit) {
		const std::string pending = size_text(measurement.pending_pages * page::size);
		Remedy remedy = just_run("SELECT gin_clean_pending_list(" + facts.constant + ")");
		remedy.lock = "ROW EXCLUSIVE";
		return {Verdict::PendingList,
		        pending + " of entries are not in the tree yet, and each search reads all of them", std::move(remedy),
		        std::nullopt};
	}
	if (!measurement.rewritten) {
		return nothing_to_do(Verdict::Unknown, measurement.withheld);
	}
	const Waste waste(measurement, *measurement.rewritten);
	if (waste.is_considerable(waste.blocked)) {
		return judge_blocked(waste, facts, holder);
	}
	if (auto judgement = judge_dead_rows(waste, measurement, thresholds, facts)) {
		return std::move(*judgement);
	}
	if (is_worth_it(measurement.truncatable, waste, thresholds) && 2 * measurement.truncatable >= waste.low) {
		Remedy remedy = vacuum(facts, "TRUNCATE");
		remedy.lock = "ACCESS EXCLUSIVE, only at the end";
		return {Verdict::Truncatable,
		        part_text(measurement.truncatable, waste.bytes) + " at the end of the file have no rows",
		        std::move(remedy), std::nullopt};
	}
	return judge_rewrite(waste, measurement, facts, experience);
}

Judgement judge_invalid(const Measurement &measurement, const Facts &facts) {
	if (facts.builder) {
		return nothing_to_do(Verdict::InvalidIndex, format("process %d is building it", *facts.builder));
	}
	const std::string reason = "no query uses it, because it was not built to its end, and every write pays for it";
	if (facts.is_leftover) {
		return {Verdict::InvalidIndex, reason, drop_index(facts), std::nullopt};
	}
	const std::int64_t bytes = measurement.rewritten ? measurement.rewritten->bytes : measurement.bytes;
	return {Verdict::InvalidIndex, reason, rebuild(facts, bytes), std::nullopt};
}

std::string size_text(std::int64_t bytes) {
	constexpr const char *units[] = {"bytes", "kB", "MB", "GB", "TB"};
	const bool negative = bytes < 0;
	auto number = static_cast<double>(negative ? -bytes : bytes);
	std::size_t unit = 0;
	while (number >= 10239.5 && unit + 1 < std::size(units)) {
		number /= 1024;
		++unit;
	}
	return format("%s%.0f %s", negative ? "-" : "", number, units[unit]);
}

} // namespace warden::bloat
