// column_statistics.hpp - What pg_statistic knows of the values of a column.
//
// It is read as the server reads it, so that no view hides what the caller may not see: of values there are lengths
// and frequencies only, and no code of a type runs.  The invariant: of a table with children it is what holds for its
// own rows.
#pragma once

#include "bloat/row_width.hpp"

#include "pg/call.hpp"

#include <optional>

namespace warden::bloat {

/// A column as it is stored: of a table, or of an index.
struct StoredColumn {
	std::int16_t length; ///< attlen
	char alignment;      ///< attalign
	char storage;        ///< attstorage
	Oid type;
	bool is_never_null;
	bool is_always_null; ///< it is dropped, or made when it is read
	bool is_made_up; ///< rows do not have its values as they will be stored: an expression, or a default of older rows
};

struct ColumnStatistics {
	ColumnWidth width;
	double distinct;                 ///< of the values that are not null; negative: so many of each row
	std::vector<double> frequencies; ///< of the most common values, of all rows
	bool is_spread_known;            ///< of its lengths, not just their mean
	std::uint32_t longest;           ///< that was seen; 0: none was
};

/// What pg_statistic says of a column of a relation that is stored as one of an index, or in the table itself; nothing
/// if there are no statistics and it needs them.
std::optional<ColumnStatistics> read_statistics(Oid relation, AttrNumber column, const StoredColumn &stored);

} // namespace warden::bloat
