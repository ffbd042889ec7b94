// marks.cpp - Moments that are remembered by what a snapshot saw.
//
// The invariant: a mark stands for exactly the transactions that its snapshot saw, and of the one that made it for what
// it had done by then.
#include "audit/audit.hpp"

#include "audit/confidential.hpp"
#include "audit/incarnation.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement insert_mark{R"(
INSERT INTO warden.audit_marks (id, incarnation, transaction, event, snapshot, label)
VALUES (nextval('warden.audit_mark_ids'), ($1::bigint >> 52)::integer, $1, $2, $3, $4) RETURNING id)"};

} // namespace

/// audit_mark(label text) returns bigint
PG_FUNCTION(audit_mark) {
	const auto label = argument<std::optional<std::string_view>>(fcinfo, 0);
	call(PreventCommandIfReadOnly, "warden.audit_mark()");
	const Value<PG_SNAPSHOTOID> snapshot{call([] { return OidFunctionCall0(F_PG_CURRENT_SNAPSHOT); })};
	make_confidential_tables();
	const AsExtension owner;
	const auto transaction = int64{call(transaction_id)};
	const auto event = int64{call(next_id)};
	return result(fcinfo, std::get<0>(Spi().query<int64>(insert_mark, transaction, event, snapshot, label).front()));
}

} // namespace warden::audit
