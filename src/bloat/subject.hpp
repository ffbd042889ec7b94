// subject.hpp - What is measured: a relation with a file of its own, and whose it is.
#pragma once

#include "bloat/measurement.hpp"

#include "pg/call.hpp"

namespace warden::bloat {

struct Subject {
	Oid relation;
	Oid table;    ///< the user's table that it belongs to; the relation itself if it is one
	char kind;    ///< RELKIND_...: of a table, materialized view, TOAST table, index, sequence
	Oid index_of; ///< the relation that an index is of, or 0
	Oid access_method;
	std::string access_method_name;
};

/// Measures a relation that is open, with its table if it is an index, in ACCESS SHARE mode.  Each is C++ code, and
/// each does all methods; what it cannot say is withheld.  Errors are the caller's to survive.
using Measure = Measurement(Relation relation, Relation heap, Method method, const Effort &effort);

Measure measure_heap; ///< also TOAST tables and materialized views; heap is null
Measure measure_btree;
Measure measure_gin;
Measure measure_gist;
Measure measure_hash;
Measure measure_brin;
Measure measure_spgist;

} // namespace warden::bloat
