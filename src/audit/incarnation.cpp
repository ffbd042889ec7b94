#include "audit/incarnation.hpp"

#include "audit/written.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/transam.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/pg_control.h"
}

namespace warden::audit {

using namespace pg;

namespace {

// $1 the system identifier, $2 the database.  The extension's OID is another one when it was made again, by a restore.
constinit Statement find_incarnation{R"(
SELECT max(incarnation) FROM warden.audit_incarnations WHERE system_identifier = $1 AND database = $2
  AND extension = (SELECT oid FROM pg_extension WHERE extname = 'pg_warden'))"};

constinit Statement insert_incarnation{R"(
INSERT INTO warden.audit_incarnations (incarnation, system_identifier, database, extension)
SELECT coalesce(max(incarnation), 0) + 1, $1, $2, (SELECT oid FROM pg_extension WHERE extname = 'pg_warden')
FROM warden.audit_incarnations
RETURNING incarnation)"};

constinit std::int64_t incarnation = 0; // 0: to be looked up
constinit Written row;                  // as far as it was this transaction that has written it
constinit std::int64_t last_id = 0;

std::optional<std::int32_t> known_incarnation(Spi &spi, int64 system) {
	return std::get<0>(spi.query_latest<std::optional<int32>>(find_incarnation, system, MyDatabaseId).front());
}

std::int32_t read_incarnation() {
	const auto system = static_cast<int64>(call(GetSystemIdentifier));
	const AsExtension owner;
	Spi spi;
	call([] { note_written(row); });
	if (const auto known = known_incarnation(spi, system)) {
		return *known;
	}
	return std::get<0>(spi.query<int32>(insert_incarnation, system, MyDatabaseId).front());
}

// Server code.
std::int64_t upper_bits() {
	if (incarnation == 0 || !is_there(row)) {
		incarnation = entry([] { return read_incarnation(); });
	}
	return incarnation << incarnation_shift;
}

// Server code.  Where the last record of this transaction ends: nobody else's does.  It has none if all it has changed
// is unlogged; then where the next one will be, and bits that are not of a position, to be told from others.
XLogRecPtr own_position() {
	return XactLastRecEnd != 0 ? XactLastRecEnd : GetXLogInsertRecPtr() + 1 + static_cast<XLogRecPtr>(MyProcPid % 7);
}

} // namespace

bool is_known_here() {
	return call([] { return known_incarnation(); }) != 0;
}

std::int64_t transaction_id() {
	const std::int64_t upper = upper_bits();
	return upper | static_cast<std::int64_t>(U64FromFullTransactionId(GetTopFullTransactionId()));
}

std::int32_t known_incarnation() {
	return entry([] {
		const AsExtension owner;
		Spi spi;
		return known_incarnation(spi, static_cast<int64>(call(GetSystemIdentifier))).value_or(0);
	});
}

std::int64_t next_id() {
	const std::int64_t position = upper_bits() | static_cast<std::int64_t>(own_position());
	last_id = position > last_id ? position : last_id + 1;
	return last_id;
}

std::int64_t latest_id() {
	return last_id;
}

void advance_position() {
	char nothing = 0;
	XLogBeginInsert();
	XLogRegisterData(&nothing, sizeof nothing);
	XLogInsert(RM_XLOG_ID, XLOG_NOOP);
}

} // namespace warden::audit
