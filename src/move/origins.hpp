// origins.hpp - What a table was before it was converted and cannot be while it is partitioned: kept for a reversion.
//
// The invariant: no table is named in what is kept, so it stays right when the table is renamed or restored from a
// dump.
#pragma once

#include "pg/server.hpp"

#include <optional>
#include <string>
#include <vector>

namespace warden::move {

/// A unique index that was widened by the key of the partitioning, and how it was.  Constraint and index have the name
/// that the widened one has.
struct WidenedKey {
	std::string name;
	bool is_constraint = true;
	std::string definition; ///< as in IndexDefinition: "PRIMARY KEY (id)", or "USING btree (k)" of an index without one
};

struct Origin {
	std::optional<std::string> storage_parameters = {}; ///< a text[] written out; those of TOAST as toast.name=value
	std::optional<std::string> access_method = {};
	std::vector<std::string> statements = {}; ///< actions of ALTER TABLE, without the table: 'CLUSTER ON t_pkey'; run
	                                          ///< when the table is plain, after the keys have been given back
	std::vector<WidenedKey> keys = {};
};

/// Writes it in place of what there was.
void write_origin(Oid parent, const Origin &origin);
std::optional<Origin> read_origin(Oid parent);
void delete_origin(Oid parent);

/// Those of tables that were dropped: another table may get the OID.
void delete_old_origins();

} // namespace warden::move
