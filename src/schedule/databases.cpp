#include "schedule/databases.hpp"

#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "storage/lock.h"
}

namespace warden::schedule {

using namespace pg;

namespace {

constexpr Moment said_again_after = 5 * microseconds_per_minute;

struct Lists {
	List *all;  ///< databases
	List *open; ///< those that can be connected to and are no templates
};

// Server code.
Lists read_databases() {
	Lists found = {NIL, NIL};
	const Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
	const TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
	for (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection); HeapTupleIsValid(tuple);
	     tuple = heap_getnext(scan, ForwardScanDirection)) {
		const auto *const database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
		found.all = lappend_oid(found.all, database->oid);
		// A limit of -2 is what an interrupted DROP DATABASE leaves.
		if (database->datallowconn && !database->datistemplate && database->datconnlimit != -2) {
			found.open = lappend_oid(found.open, database->oid);
		}
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

// Server code.  Whether a connection would get its lock of the database.
bool is_free(Oid database) {
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

std::vector<Oid> sorted(const List *list) {
	std::vector<Oid> oids;
	for (int i = 0; list != nullptr && i < list->length; ++i) {
		oids.push_back(list->elements[i].oid_value);
	}
	std::ranges::sort(oids);
	return oids;
}

bool is_wanted(const Database &database, bool is_on) {
	return !database.being_visited && !database.blocked && database.present && (is_on || database.has_ended);
}

} // namespace

void Databases::scan(Moment now) {
	begin_transaction("looking for databases");
	const Lists lists = call(read_databases);
	const std::vector<Oid> oids = sorted(lists.open);
	const std::vector<Oid> all = sorted(lists.all);
	for (Database &database : databases_) {
		database.present = false;
	}
	for (const Oid oid : oids) {
		if (Database *const known = find(oid)) {
			known->present = true;
		} else {
			databases_.push_back({.oid = oid, .visit_at = now});
		}
	}
	std::erase_if(databases_, [](const Database &database) { return !database.present && !database.being_visited; });

	look_for_locks(now);
	commit_transaction();

	// Of a database that was dropped nobody will account for the runs.
	const Oid *const first = all.data();
	const size_t count = all.size();
	with_board([&](Board &board) {
		for (Run &run : board.runs) {
			const bool over = run.phase == Phase::Queued || run.phase == Phase::Ended;
			if (over && !std::binary_search(first, first + count, run.database)) {
				run.phase = Phase::Free;
			}
		}
	});
}

void Databases::look_for_locks(Moment now) {
	std::vector<Oid> wanted;
	for (const Run &run : copy_runs()) {
		if (run.phase == Phase::Queued) {
			wanted.push_back(run.database);
		}
	}
	for (Database &database : databases_) {
		const bool matters = database.visit_at <= now || std::ranges::find(wanted, database.oid) != wanted.end();
		database.blocked = matters && !call(is_free, database.oid);
	}
}

bool Databases::is_due(Moment now, bool is_on) const {
	return std::ranges::any_of(databases_,
	                           [&](const Database &each) { return each.visit_at <= now && (is_on || each.has_ended); });
}

bool Databases::is_blocked() const {
	return std::ranges::any_of(databases_, &Database::blocked);
}

bool Databases::is_open(Oid oid) const {
	return std::ranges::any_of(
		databases_, [oid](const Database &each) { return each.oid == oid && each.present && !each.blocked; });
}

bool Databases::take_notes(Moment now) {
	Oid noted[max_notes];
	const int count = with_board([&](Board &board) {
		memcpy(noted, board.noted, sizeof noted);
		return std::exchange(board.notes, 0);
	});
	if (count > max_notes) {
		wake_all();
		return true;
	}
	bool unknown = false;
	for (int i = 0; i < count; ++i) {
		if (Database *const database = find(noted[i])) {
			database->visit_at = std::min(database->visit_at, now);
			database->failures = 0;
		} else {
			unknown = true;
		}
	}
	return unknown;
}

void Databases::shift_clock(Moment now, Moment shift) {
	for (Database &database : databases_) {
		database.visit_at = now;
		database.said_at += shift;
		database.clock_shift += shift;
	}
}

void Databases::wake_all() {
	for (Database &database : databases_) {
		database.visit_at = 0;
	}
}

void Databases::wake(Oid oid, Moment now) {
	if (Database *const database = find(oid)) {
		database->visit_at = std::min(database->visit_at, now);
		database->has_ended = true;
	}
}

Database *Databases::next_due(Moment now, bool is_on) {
	Database *first = nullptr;
	for (Database &database : databases_) {
		if (is_wanted(database, is_on) && database.visit_at <= now &&
		    (first == nullptr || database.visit_at < first->visit_at)) {
			first = &database;
		}
	}
	return first;
}

void Databases::end_visit(const Visit &visit, Moment now) {
	Database *const database = find(visit.database);
	if (database == nullptr) {
		return;
	}
	database->being_visited = false;
	database->clock_shift += visit.clock_shift; // what it did not come to
	if (visit.failed && !visit.quiet) {
		database->said_at = now;
	}
	database->has_ended = database->has_ended || (visit.only_accounts && visit.next_wakeup != DT_NOEND);
	if (visit.done) {
		database->failures = 0;
		const Moment next =
			visit.backlog ? std::min(visit.next_wakeup, now + microseconds_per_second) : visit.next_wakeup;
		database->visit_at = std::min(database->visit_at, next);
		return;
	}
	// Twice as long each time, up to a minute: what keeps it away may last.
	database->failures = std::min(database->failures + 1, 7);
	database->visit_at = now + std::min<Moment>((Moment{1} << database->failures) * microseconds_per_second / 2,
	                                            60 * microseconds_per_second);
}

bool Databases::says_failures(const Database &database, Moment now) {
	return now >= database.said_at + said_again_after;
}

Moment Databases::next_wakeup(bool is_on) const {
	Moment wakeup = end;
	for (const Database &database : databases_) {
		if (is_wanted(database, is_on)) {
			wakeup = std::min(wakeup, database.visit_at);
		}
	}
	return wakeup;
}

Database *Databases::find(Oid oid) {
	const auto found = std::ranges::find_if(databases_, [oid](const Database &each) { return each.oid == oid; });
	return found != databases_.end() ? &*found : nullptr;
}

} // namespace warden::schedule
