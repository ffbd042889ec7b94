// peer_log.hpp - The audit logs of others, as their tables have them: supa_audit's and audit-trigger's.
//
// Read as the owner of the log, in a security-restricted operation, after the caller has shown that he may read it.
// The invariant: what stands there is others' text.  A table is known by its OID only if the name, or a trigger of the
// peer's, says so too; after a restore another table may have that OID.
#pragma once

#include "pg/server.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warden::audit {

/// What is known of one of these extensions.
struct Peer {
	const char *name;        ///< as contexts have it
	const char *function;    ///< PG_FUNCTION's name, for messages
	const char *table;       ///< where its log is by default
	const char *trigger;     ///< the function of its triggers of rows, in the schema of its log
	const char *triggers[2]; ///< their names
	int number;              ///< its events are numbered after those of a peer with a smaller one
	bool has_texts;          ///< values are texts, in an hstore; else JSON
	bool has_changes;        ///< of an update it has the new values that differ, and not all of them
	const char *columns;     ///< that its log must have, as an array
	const char *optional;    ///< those that it may have, if they are there
	const char *rows;        ///< the select list of its rows, $1 for what the optional columns add to the context
};
extern const Peer supa_audit;
extern const Peer audit_trigger;

/// One table that a peer knows, by the OID that it has there.
struct Source {
	Oid number;
	std::string name; ///< the last that it had there
	std::int64_t last;
	Oid table;       ///< of today, the root of its partition tree; InvalidOid if it is gone
	Oid candidate;   ///< which has that OID, and may be it under another name, or InvalidOid
	bool is_logging; ///< the peer still has its trigger there
};

class PeerLog {
public:
	/// Errors: 55000 if there is no such table, or it does not look like this peer's; 42809 if it is a view or the
	/// like; 42501 for a caller who may not read it.
	PeerLog(const Peer &peer, std::optional<Oid> table);

	/// All tables in it, or what is of one, in the order of their last events.
	std::vector<Source> read_sources(std::optional<Oid> target) const;

	/// The SELECT of some of its rows, in their order: those of the sources that are `after` a number each.
	std::string select_rows(const std::vector<std::pair<Oid, std::int64_t>> &after) const;

	/// The least number of a row of these that was written at a moment or later, or by one of these transactions.
	std::optional<std::int64_t> first_since(const std::vector<std::pair<Oid, std::int64_t>> &after, TimestampTz moment,
	                                        const std::string &xids) const;

	const Peer &peer() const { return peer_; }
	Oid owner() const { return owner_; }

private:
	const Peer &peer_;
	Oid owner_;
	std::string schema_;
	std::string rows_; ///< a SELECT of all its rows
};

} // namespace warden::audit
