#include "audit/later_events.hpp"

#include "audit/incarnation.hpp"
#include "audit/log_rows.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "access/commit_ts.h"
#include "access/transam.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_mark{R"(
SELECT at, incarnation::bigint << 52, pg_snapshot_xmin(snapshot)::text::bigint, pg_snapshot_xmax(snapshot)::text::bigint,
       transaction, event
FROM warden.audit_marks WHERE id = $1)"};

constinit Statement select_open{R"(
SELECT x::text::bigint FROM warden.audit_marks, pg_snapshot_xip(snapshot) x WHERE id = $1 ORDER BY 1)"};

// $1 the moment: the first transaction of which all or some is later.
const char *const select_first = "SELECT min(transaction) FROM warden.audit_log WHERE at > $1";

// $1 the relation, $2 the moment, $3 the transaction to begin with: those that may have gone on after the moment.
const char *const select_candidates =
	"SELECT DISTINCT transaction FROM warden.audit_log WHERE relation = $1 AND at <= $2 AND transaction >= $3";

// $1 the moment, $2 these: those that did.
const char *const select_going_on =
	"SELECT DISTINCT transaction FROM warden.audit_log WHERE at > $1 AND transaction = ANY ($2::text::bigint[])";

// The same: whether there are any.
const char *const ask_earlier =
	"SELECT EXISTS (SELECT FROM warden.audit_log WHERE relation = $1 AND at <= $2 AND transaction >= $3)";

// The same: each of their events.
const char *const select_transactions =
	"SELECT transaction FROM warden.audit_log WHERE relation = $1 AND at <= $2 AND transaction >= $3";

// Server code.  False too for what is so old that its id means another transaction now.
bool was_committed_after(std::int64_t transaction, TimestampTz moment) {
	const std::uint64_t xid = static_cast<std::uint64_t>(transaction) & ((std::uint64_t{1} << incarnation_shift) - 1);
	const std::uint64_t next = U64FromFullTransactionId(ReadNextFullTransactionId());
	const auto id = static_cast<TransactionId>(xid);
	TimestampTz at = 0;
	return xid < next && next - xid < (std::uint64_t{1} << 31U) && TransactionIdIsNormal(id) &&
	       TransactionIdGetCommitTsData(id, &at, nullptr) && at > moment;
}

void add_by_time_of_commit(std::vector<std::int64_t> &open, std::int32_t relation, TimestampTz moment) {
	const std::int64_t incarnation = call(known_incarnation);
	if (!track_commit_timestamp || incarnation == 0) {
		return;
	}
	std::int64_t last = 0;
	for_each_row(
		{select_transactions,
	     3,
	     {INT4OID, TIMESTAMPTZOID, INT8OID},
	     {Int32GetDatum(relation), TimestampTzGetDatum(moment), Int64GetDatum(incarnation << incarnation_shift)}},
		[&](TupleTableSlot *row) {
			const std::int64_t transaction = DatumGetInt64(row->tts_values[0]);
			if (transaction != last && call(was_committed_after, transaction, moment)) {
				open.push_back(transaction);
			}
			last = transaction;
		});
}

void add_by_last_event(std::vector<std::int64_t> &open, std::int32_t relation, Timestamptz moment) {
	Spi spi;
	const auto first = std::get<0>(spi.query<std::optional<int64>>(select_first, moment).front());
	if (!first) {
		return;
	}
	std::string candidates;
	for (const auto &[transaction] : spi.query<int64>(select_candidates, relation, moment, *first)) {
		candidates += (candidates.empty() ? "{" : ",") + format("%lld", static_cast<long long>(transaction));
	}
	if (candidates.empty()) {
		return;
	}
	for (const auto &[transaction] : spi.query<int64>(select_going_on, moment, candidates + "}")) {
		open.push_back(transaction);
	}
}

} // namespace

bool LaterEvents::has(std::int64_t transaction, std::int64_t id, TimestampTz at) const {
	if (mark && transaction == marking) {
		return id >= event; // its snapshot says nothing of the transaction that took it
	}
	if (mark) {
		return transaction >= beyond || std::ranges::binary_search(open, transaction);
	}
	return at > moment || std::ranges::binary_search(open, transaction);
}

const char *LaterEvents::source() const {
	return has_earlier ? " FROM (SELECT * FROM warden.audit_log WHERE relation = $1 AND at > $3 UNION ALL"
	                     " SELECT * FROM warden.audit_log WHERE relation = $1 AND at <= $3 AND transaction >= $2) e"
	                     " WHERE true"
	                   : " FROM warden.audit_log e WHERE e.relation = $1 AND e.at > $3 AND $2 IS NOT NULL";
}

Timestamptz moment_of(std::int64_t mark) {
	const AsExtension owner;
	const auto found = Spi().query<Timestamptz, int64, int64, int64, int64, int64>(select_mark, mark);
	if (found.empty()) {
		throw Error(ERRCODE_UNDEFINED_OBJECT, format("mark %lld does not exist", static_cast<long long>(mark)))
			.with_hint("Marks are made by warden.audit_mark().");
	}
	return std::get<0>(found.front());
}

LaterEvents events_after(std::int32_t relation, Timestamptz moment) {
	LaterEvents later{.mark = std::nullopt, .moment = moment.value, .open = {}};
	const AsExtension owner;
	add_by_last_event(later.open, relation, moment);
	add_by_time_of_commit(later.open, relation, moment.value);
	std::ranges::sort(later.open);
	const auto twice = std::ranges::unique(later.open);
	later.open.erase(twice.begin(), twice.end());
	later.has_earlier = !later.open.empty();
	later.first = later.has_earlier ? later.open.front() : 0;
	return later;
}

LaterEvents events_after_mark(std::int32_t relation, std::int64_t mark) {
	const AsExtension owner;
	Spi spi;
	const auto [at, base, first, beyond, marking, event] =
		spi.query<Timestamptz, int64, int64, int64, int64, int64>(select_mark, mark).front();
	LaterEvents later{.mark = mark,
	                  .moment = at.value,
	                  .first = std::min(base + first, marking),
	                  .beyond = base + beyond,
	                  .open = {},
	                  .marking = marking,
	                  .event = event};
	for (const auto &[transaction] : spi.query<int64>(select_open, mark)) {
		later.open.push_back(base + transaction);
	}
	later.has_earlier = std::get<0>(spi.query<bool>(ask_earlier, relation, at, later.first).front());
	return later;
}

} // namespace warden::audit
