#include "bloat/repair_worker.hpp"

#include "bloat/repair_queue.hpp"

#include "pg/command.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"

extern "C" {
PGDLLEXPORT void bloat_repair_work(Datum argument);

#include "catalog/index.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

enum class Kind : std::uint8_t { Rebuild, Drop, Other };

Kind kind_of(const std::string &statement) {
	return statement.starts_with("REINDEX") ? Kind::Rebuild : statement.starts_with("DROP") ? Kind::Drop : Kind::Other;
}

[[noreturn]] void refuse() {
	throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the relation has changed meanwhile");
}

// In the first transaction of the statement, whose locks are those that it takes, or weaker ones.  REINDEX and DROP
// keep them until their end, so nobody else makes or removes an index of the table meanwhile.
void begin(const Order &order) {
	const SnapshotScope snapshot;
	const PinnedSettings settings;
	const Oid relation = order.subjects[1];
	const Kind kind = kind_of(order.statement);
	if (kind != Kind::Other) {
		lock(call([&] { return IndexGetRelation(relation, false); }), ShareUpdateExclusiveLock);
	}
	if (owner_of(relation) != order.role) {
		refuse();
	}
	if (kind == Kind::Drop) {
		if (!is_leftover(relation) || drop_command(relation) != order.statement) {
			refuse();
		}
		return;
	}
	if (!order.statement.ends_with(' ' + qualified_name(relation))) {
		refuse();
	}
	if (!note_worker(relation, kind == Kind::Rebuild)) {
		throw Error(ERRCODE_QUERY_CANCELED, "the repair was canceled");
	}
}

std::optional<Error> work_on(const Order &order) {
	if (order.statement.starts_with("VACUUM (ANALYZE")) {
		call(be_gentle);
	}
	Command(order.statement).run(0, [&] { begin(order); }, [](uint64) {});
	return std::nullopt;
}

} // namespace

BackgroundWorker describe_repair() {
	BackgroundWorker worker = describe_worker("pg_warden worker");
	strlcpy(worker.bgw_function_name, "bloat_repair_work", BGW_MAXLEN);
	return worker;
}

std::string drop_command(Oid index) {
	return "DROP INDEX CONCURRENTLY " + qualified_name(index);
}

} // namespace warden::bloat

/// The worker of a statement.
void bloat_repair_work(Datum argument) {
	warden::pg::serve(argument, warden::bloat::work_on);
}
