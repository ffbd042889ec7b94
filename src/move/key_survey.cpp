#include "move/key_survey.hpp"

#include <algorithm>
#include <array>

extern "C" {
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Key;

namespace {

/// The keys of some rows.
struct Keys {
	std::array<Moment, 1024> moments;
	std::size_t count;
	std::int64_t nulls;
	bool is_last;
};

// Server code.  The next keys of a scan.
void read_keys(TableScanDesc scan, TupleTableSlot *slot, AttrNumber column, Oid type, partition::Notation notation,
               Keys &keys) {
	keys.count = 0;
	keys.nulls = 0;
	keys.is_last = false;
	CHECK_FOR_INTERRUPTS();
	while (keys.count < keys.moments.size()) {
		if (!table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
			keys.is_last = true;
			break;
		}
		bool is_null = false;
		const Datum key = slot_getattr(slot, column, &is_null);
		if (is_null) {
			++keys.nulls;
		} else {
			keys.moments[keys.count++] = partition::moment_of_key(key, type, notation);
		}
	}
	ExecClearTuple(slot);
}

/// What the last key was counted for: the next is mostly of the same range.
class Counter {
public:
	Counter(KeySurvey &survey, const partition::Calendar &calendar) : survey_(survey), calendar_(calendar) {}

	void count(Moment moment) {
		if (rows_ == nullptr || moment < lower_ || moment >= upper_) {
			const std::int64_t number = calendar_.number(moment);
			lower_ = calendar_.start(number);
			upper_ = calendar_.start(number + 1);
			rows_ = &survey_.rows[{number}];
		}
		++*rows_;
	}

private:
	KeySurvey &survey_;
	const partition::Calendar &calendar_;
	std::int64_t *rows_ = nullptr;
	Moment lower_ = 0;
	Moment upper_ = 0;
};

} // namespace

KeySurvey survey_keys(Oid table, const Key &key, const partition::Calendar &calendar) {
	KeySurvey survey;
	Counter counter(survey, calendar);
	const ScratchMemory memory;
	const OpenRelation relation(table, AccessShareLock);
	const SnapshotScope snapshot(GetLatestSnapshot);
	const char *const name = key.column.c_str();
	const AttrNumber column = call(get_attnum, table, name);
	const bool is_finer = partition::has_finer_keys(key.type, key.notation);
	const auto scan = call([&] { return table_beginscan(relation.get(), GetActiveSnapshot(), 0, nullptr); });
	auto *const slot = call([&] { return table_slot_create(relation.get(), nullptr); });
	Keys keys{};
	do {
		const ScratchMemory batch;
		call(read_keys, scan, slot, column, key.type, key.notation, std::ref(keys));
		survey.nulls += keys.nulls;
		survey.total += keys.nulls + static_cast<std::int64_t>(keys.count);
		for (std::size_t i = 0; i < keys.count; ++i) {
			const Moment moment = keys.moments[i];
			if (!is_finite(moment)) {
				++survey.infinite;
				continue;
			}
			survey.least = std::min(survey.least, moment);
			survey.greatest = std::max(survey.greatest, moment);
			counter.count(moment);
			if (is_finer && moment > first_moment) {
				survey.rows.try_emplace({calendar.number(moment - 1)}, 0);
			}
		}
	} while (!keys.is_last);
	call([&] {
		ExecDropSingleTupleTableSlot(slot);
		table_endscan(scan);
	});
	return survey;
}

} // namespace warden::move
