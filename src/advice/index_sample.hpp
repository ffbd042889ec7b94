// index_sample.hpp - What an index that does not exist would have of some pages of its table.
//
// C++ code.  The invariants: pages are copied and judged as bloat does, so that no hint bit is set and nothing is
// thrown out of memory; expressions and operator classes run as the table's owner, in a restricted operation that
// cannot write, in a subtransaction that is undone.
#pragma once

#include "advice/index_shape.hpp"
#include "advice/key_population.hpp"

#include "pg/server.hpp"

#include <optional>
#include <string>

namespace warden::advice {

struct IndexSample {
	double pages = 0; ///< that were read
	double rows = 0;  ///< that are on them
	double held = 0;  ///< of those, the ones that the index would have
	std::vector<SeenKey> keys;
	std::optional<std::string> obstacle; ///< an entry could not be made: why
	std::vector<std::string> statistics; ///< of each key: see IndexSize
};

/// Of a table that is locked, has rows and as many pages and rows as that.  Some of them, or, where a single row
/// matters, as many as there is time for.
enum class SampleExtent { Some, Most };
IndexSample sample_index(const IndexShape &shape, Relation table, double table_pages, double table_rows,
                         SampleExtent extent);

} // namespace warden::advice
