// import_target.hpp - Where the imported history of one table goes: its relation, its versions, and a part of the log.
//
// The invariants: imported events have numbers below all of ours, in the order of the other log, and the same ones
// however often and in whatever parts it is imported; none of them is in a default partition; and events that we have
// logged ourselves are not touched.
#pragma once

#include "audit/imported_row.hpp"
#include "audit/net_change.hpp"
#include "audit/peer_log.hpp"

#include "partition/plan.hpp"
#include "pg/spi.hpp"

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace warden::audit {

/// What is known here of a table that another log is about.
struct Place {
	Oid table;                           ///< InvalidOid if it is gone
	std::string name;                    ///< for a table that is gone, the one that it had
	std::int32_t relation = 0;           ///< in audit_relations; 0: none yet
	std::int16_t log_class = 0;          ///< 0: none yet
	bool is_native = false;              ///< we have logged it ourselves
	TimestampTz since = DT_NOEND;        ///< from then on
	TimestampTz kept_since = DT_NOBEGIN; ///< what is older is not kept
	pg::Json columns;                    ///< as audit_versions has them, of when our log began, else of now
};

/// In the memory context that is current.
Place find_place(Oid table, const std::string &name);

/// The columns of a table, ready to read images.
ImportedTable imported_table(const Place &place, const Peer &peer);

/// The names of columns that images have and the table has not.
std::vector<std::string> unknown_columns(const ImportedTable &table);

/// A list of the transactions that have logged events of a relation near to a moment, as a bigint[].
std::string transactions_near(std::int32_t relation, TimestampTz moment);

class ImportTarget : pg::Scoped {
public:
	ImportTarget(const Peer &peer, Place place, const ImportedTable &columns);
	~ImportTarget();

	/// As the extension's owner.
	void write(const PeerRow &row, const ImportedRow &event);

	/// When all rows are written: what they refer to, and the new partition; the log reaches back to that moment.
	void finish(TimestampTz reach, TimestampTz last);

	std::int32_t relation() const { return place_.relation; }

private:
	void begin();
	void make_past();
	std::int64_t session_of(const PeerRow &row, std::int64_t number);
	void insert(const PeerRow &row, const ImportedRow &event, std::int64_t id, Operation operation,
	            std::int64_t session);
	void write_versions(TimestampTz at);
	void attach_past();

	const Peer &peer_;
	Place place_;
	const ImportedTable &columns_;
	std::array<std::int32_t, forms> versions_{};
	std::array<bool, forms> is_used_{};
	std::string log_;          ///< the part of the log
	std::string past_;         ///< the table that is to become its first partition; empty if there is none
	Moment first_ = beginning; ///< where that one ends
	std::string into_log_;
	std::string into_past_;
	pg::Statement insert_into_log_{nullptr};
	pg::Statement insert_into_past_{nullptr};
	std::map<std::string, std::int64_t, ByText> sessions_;
};

} // namespace warden::audit
