#include "move/drain_survey.hpp"

#include "move/drain_scan.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>
#include <map>

extern "C" {
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Place;
using partition::Policy;
using partition::Range;
using partition::Set;
using partition::Value;

namespace {

// Of a list set; what else there is stays.
constexpr std::size_t most_values = 100'000;

struct Tally {
	std::int64_t rows = 0;
};

struct RangeRows {
	Range range;
	std::int64_t rows = 0;
};

/// Counts the rows of the calendar's ranges, each cut to the gap between partitions that it is in.
class RangeCount {
public:
	explicit RangeCount(const Policy &policy, const Set &set) : set_(set), kept_from_(set.window.cutoff) {
		// What would be among those that leave next: there are to be so many before the current one, and no more.
		if (policy.retention.partitions && set.window.is_known && is_finite(set.window.now)) {
			const std::int64_t current = set.calendar.number(set.window.now);
			kept_from_ = std::max(kept_from_, set.calendar.start(current - *policy.retention.partitions));
		}
	}

	void count(const KeyMoments &key) {
		if (key.is_null) {
			++nulls;
		} else if (RangeRows *const found = last_has(key.before) ? last_ : find(key)) {
			++found->rows;
			last_ = found;
		} else {
			++(is_finite(key.before) || is_finite(key.after) ? elsewhere : infinite);
		}
	}

	/// The ranges that have rows and are to be kept.
	std::vector<DrainPlace> places() {
		std::vector<DrainPlace> places;
		for (const auto &[lower, found] : ranges_) {
			if (kept_from_ != beginning && found.range.upper <= kept_from_) {
				expired += found.rows;
			} else {
				places.push_back({found.range, found.rows});
			}
		}
		return places;
	}

	std::int64_t nulls = 0;
	std::int64_t infinite = 0;
	std::int64_t elsewhere = 0; ///< where no partition can be
	std::int64_t expired = 0;

private:
	bool last_has(Moment moment) const {
		return last_ != nullptr && last_->range.lower <= moment && moment < last_->range.upper;
	}

	RangeRows *find(const KeyMoments &key) {
		RangeRows *const found = find(key.before);
		return found != nullptr || key.after == key.before ? found : find(key.after);
	}

	RangeRows *find(Moment moment) {
		if (!is_finite(moment)) {
			return nullptr;
		}
		const auto next = ranges_.upper_bound(moment);
		if (next != ranges_.begin() && moment < std::prev(next)->second.range.upper) {
			return &std::prev(next)->second;
		}
		const std::optional<Range> gap = gap_at(moment);
		return gap ? &ranges_.try_emplace(gap->lower, RangeRows{*gap}).first->second : nullptr;
	}

	std::optional<Range> gap_at(Moment moment) const {
		const std::int64_t n = set_.calendar.number(moment);
		Range range{set_.calendar.start(n), set_.calendar.start(n + 1)};
		const std::vector<Range> &existing = set_.bounds.ranges;
		const auto next = std::ranges::upper_bound(existing, moment, {}, &Range::upper);
		if (next != existing.end() && next->lower <= moment) {
			return std::nullopt;
		}
		range.lower = next == existing.begin() ? range.lower : std::max(range.lower, std::prev(next)->upper);
		range.upper = next == existing.end() ? range.upper : std::min(range.upper, next->lower);
		const std::vector<Range> possible =
			partition::within(set_.limits, partition::within(set_.bounds.key.domain, {range}));
		return possible.empty() || range.upper == end ? std::nullopt : std::optional(possible.front());
	}

	const Set &set_;
	Moment kept_from_;
	std::map<Moment, RangeRows> ranges_;
	RangeRows *last_ = nullptr; // rows come in the order of time more often than not
};

/// A value of a list set that was read, declared or found.
struct ListRow {
	const char *text;
	Datum datum;
	std::int64_t rows;
	bool is_declared;
};

// Server code.
struct Comparison {
	FmgrInfo function;
	Oid collation;
};

// Server code.
int compare(const void *one, const void *other, void *comparison) {
	auto *const by = static_cast<Comparison *>(comparison);
	const auto *const a = static_cast<const ListRow *>(one);
	const auto *const b = static_cast<const ListRow *>(other);
	const int order = DatumGetInt32(FunctionCall2Coll(&by->function, by->collation, a->datum, b->datum));
	return order != 0 ? order : a->is_declared == b->is_declared ? strcmp(a->text, b->text) : a->is_declared ? -1 : 1;
}

// Server code.  Sorts, and adds up what the partition key takes for equal, in the first of them: the others have no
// text afterwards.
void merge(const partition::ListColumn &column, ListRow *rows, std::size_t count) {
	Oid input = InvalidOid;
	Oid parameter = InvalidOid;
	getTypeInputInfo(column.type, &input, &parameter);
	for (std::size_t i = 0; i < count; ++i) {
		CHECK_FOR_INTERRUPTS();
		rows[i].datum = OidInputFunctionCall(input, const_cast<char *>(rows[i].text), parameter, column.modifier);
	}
	Comparison comparison{};
	fmgr_info(column.comparison, &comparison.function);
	comparison.collation = column.collation;
	qsort_arg(rows, count, sizeof(ListRow), compare, &comparison);
	ListRow *first = rows;
	for (std::size_t i = 1; i < count; ++i) {
		if (DatumGetInt32(FunctionCall2Coll(&comparison.function, comparison.collation, first->datum, rows[i].datum)) ==
		    0) {
			first->rows += rows[i].rows;
			rows[i].text = nullptr;
		} else {
			first = &rows[i];
		}
	}
}

std::string amount_of(std::int64_t rows) {
	return format("%lld", static_cast<long long>(rows));
}

void leave(DrainSurvey &survey, std::int64_t rows, const std::string &why) {
	if (rows > 0) {
		survey.left.push_back({why, rows});
	}
}

void count_ranges(DrainSurvey &survey) {
	RangeCount count(survey.policy, survey.set);
	scan_moments(survey.source(), survey.set.bounds.key, [&](const KeyMoments &key) {
		++survey.rows_all;
		count.count(key);
	});
	survey.places = count.places();
	leave(survey, count.nulls, "the key is null");
	leave(survey, count.infinite, "the key is infinite");
	leave(survey, count.expired, "older than the set keeps partitions");
	leave(survey, count.elsewhere, "no partition of this set can be for the key");
}

struct ListCount {
	std::map<std::string, Tally> values;
	std::int64_t nulls = 0;
	std::int64_t others = 0; // beyond most_values
};

ListCount count_texts(DrainSurvey &survey, Oid owner) {
	ListCount count;
	const AsReadingOwner scope(owner);
	partition::pin_notation();
	scan_texts(survey.source(), survey.set.bounds.key.column, [&](const char *text) {
		++survey.rows_all;
		if (text == nullptr) {
			++count.nulls;
		} else if (const auto found = count.values.find(text); found != count.values.end()) {
			++found->second.rows;
		} else if (count.values.size() < most_values) {
			count.values[text].rows = 1;
		} else {
			++count.others;
		}
	});
	return count;
}

/// Those declared, and those that were found, each once.
std::vector<ListRow> merge_values(const partition::ListColumn &column, Oid owner, const ListCount &count,
                                  const std::vector<Value> &declared) {
	std::vector<ListRow> rows;
	rows.reserve(count.values.size() + declared.size());
	for (const auto &[text, tally] : count.values) {
		rows.push_back({text.c_str(), 0, tally.rows, false});
	}
	for (const Value &value : declared) {
		if (!value.is_null) {
			rows.push_back({value.text.c_str(), 0, 0, true});
		}
	}
	const AsReadingOwner scope(owner);
	partition::pin_notation();
	ListRow *const data = rows.data();
	const std::size_t size = rows.size();
	call(merge, column, data, size);
	std::erase_if(rows, [](const ListRow &row) { return row.text == nullptr || row.rows == 0; });
	return rows;
}

/// Declared values get a partition if they have a row, others if they have as many as the set was told to look for.
void count_values(DrainSurvey &survey) {
	const Policy &policy = survey.policy;
	const OpenRelation parent(policy.parent, NoLock);
	const partition::ListColumn column = partition::list_column(parent);
	const Oid owner = parent->rd_rel->relowner;
	std::vector<Value> declared = policy.kind.keys;
	std::ignore = partition::take_unreadable(column, owner, declared);
	const ScratchMemory memory;
	const ListCount count = count_texts(survey, owner);
	const auto is_enough = [&](std::int64_t rows) { return policy.kind.min_rows && rows >= *policy.kind.min_rows; };
	std::int64_t rare = count.others;
	std::int64_t nulls = count.nulls;
	for (const ListRow &row : merge_values(column, owner, count, declared)) {
		if (row.is_declared || is_enough(row.rows)) {
			survey.places.push_back({Value{row.text}, row.rows});
		} else {
			rare += row.rows;
		}
	}
	if (nulls > 0 && (std::ranges::any_of(declared, &Value::is_null) || is_enough(nulls))) {
		survey.places.push_back({Value{.text = {}, .is_null = true}, nulls});
		nulls = 0;
	}
	leave(survey, nulls, "the key is null, which is not among the values that were declared");
	leave(survey, rare,
	      "the value is not among those that were declared" +
	          (policy.kind.min_rows ? ", and has fewer than " + amount_of(*policy.kind.min_rows) + " rows" : ""));
}

/// Those with the most rows; then as they were.
void limit(DrainSurvey &survey, std::size_t max_partitions) {
	std::vector<DrainPlace> &places = survey.places;
	if (places.size() > max_partitions) {
		std::vector<std::size_t> order(places.size());
		for (std::size_t i = 0; i < order.size(); ++i) {
			order[i] = i;
		}
		std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
			return places[a].rows != places[b].rows ? places[a].rows > places[b].rows : a < b;
		});
		survey.beyond = places.size() - max_partitions;
		std::int64_t rows = 0;
		for (std::size_t i = max_partitions; i < order.size(); ++i) {
			rows += places[order[i]].rows;
		}
		leave(
			survey, rows,
			format("%zu more partitions than max_partitions would be needed; the next call makes them", survey.beyond));
		order.resize(max_partitions);
		std::ranges::sort(order);
		std::vector<DrainPlace> taken;
		taken.reserve(order.size());
		for (const std::size_t i : order) {
			taken.push_back(places[i]);
		}
		places = std::move(taken);
	}
	for (const DrainPlace &place : places) {
		survey.rows += place.rows;
	}
}

} // namespace

DrainSurvey survey_drain(const Policy &policy, std::size_t max_partitions) {
	DrainSurvey survey{policy, partition::examine(policy)};
	if (!OidIsValid(survey.source())) {
		return survey;
	}
	{
		const PinnedSettings settings;
		lock(survey.source(), AccessShareLock);
	}
	const OpenRelation source(survey.source(), NoLock);
	survey.blocks = call([&] { return RelationGetNumberOfBlocks(source.get()); });
	if (policy.kind.method == partition::Method::List) {
		count_values(survey);
	} else {
		count_ranges(survey);
	}
	limit(survey, max_partitions);
	return survey;
}

Side side_for(const Place &place, const Set &set) {
	Side side{};
	if (const auto *const range = std::get_if<Range>(&place)) {
		const auto text = [&](Moment moment, partition::Side end_of) {
			return partition::show_bound(moment, end_of, set.bounds.key, set.calendar.zone());
		};
		if (range->lower != beginning) {
			side.lower = text(range->lower, partition::Side::Lower);
		}
		if (range->upper != end) {
			side.upper = text(range->upper, partition::Side::Upper);
		}
	} else if (const auto *const value = std::get_if<Value>(&place)) {
		side.values = {*value};
	}
	return side;
}

} // namespace warden::move
