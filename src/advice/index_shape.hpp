// index_shape.hpp - What an index is, whether it exists or not: plain data, the same for a real one, a candidate, and
// one that somebody asks about.
//
// Plain C++.  The invariants: two shapes are equal if and only if the planner could not tell their indexes apart, apart
// from uniqueness; expressions and predicates are texts in one normal form (node trees, simplified as the server
// simplifies those of real indexes, of relation 1, without places in a text), so that equal ones are equal texts.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warden::advice {

using ObjectId = std::uint32_t; ///< the server's Oid

struct IndexKey {
	std::int16_t column = 0;     ///< attribute number; 0: an expression
	std::string expression = {}; ///< of an expression: its node tree
	ObjectId opclass = 0;        ///< how CREATE INDEX names it
	ObjectId family = 0;         ///< what operators it serves
	ObjectId input_type = 0;     ///< of the operator class
	ObjectId collation = 0;
	bool is_descending = false;
	bool is_nulls_first = false;

	bool is_expression() const { return column == 0; }
	friend auto operator<=>(const IndexKey &, const IndexKey &) = default;
};

struct IndexShape {
	ObjectId table = 0;
	ObjectId method = 0; ///< the access method
	std::vector<IndexKey> keys = {};
	std::vector<std::int16_t> included = {};
	std::string predicate = {}; ///< the node tree of a list of ANDed clauses; empty: all rows
	/// All that it depends on, in keys, expressions, predicate and INCLUDE; ascending.
	std::vector<std::int16_t> columns = {};

	friend auto operator<=>(const IndexShape &, const IndexShape &) = default;
};

/// Whether an index is all of another's keys, in their order, and then more or the same; so that whatever one can look
/// up or sort by, the other can.  Read backward it counts too: if all directions are turned round.
bool begins_with(const std::vector<IndexKey> &keys, const std::vector<IndexKey> &prefix);

/// A node tree without the places in the text that it was parsed from, which do not matter.
std::string without_places(std::string_view node_tree);

} // namespace warden::advice
