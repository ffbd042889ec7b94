// default_leaves.hpp - The tables below a default partition: which of them ATTACH would read, and how to ask them for
// the rows of a range.
//
// The invariant: whether ATTACH reads a table is the server's own answer, from the bound that it would be given and the
// constraints that the table has.  Code of a table's owner, in a constraint or a policy, runs as that owner.
#pragma once

#include "partition/set.hpp"

namespace warden::partition {

/// A partition key and its bounds, the way a condition has them that the server can compare with a partition's own.
class KeySql {
public:
	/// The table is open.
	KeySql(const pg::OpenRelation &parent, const Key &key, const Zone &zone);

	/// key >= lower AND key < upper
	std::string is_in(const Range &range) const;

	/// What holds for every row that is in none of the ranges, which are sorted.
	std::string is_outside(const std::vector<Range> &ranges) const;

	/// In which range a row is: the number of bounds, which are sorted, that are not after its key.
	std::string bucket(const std::vector<Moment> &bounds) const;

private:
	std::string bound(Moment moment, Side side) const;
	std::string from(Moment moment) const { return operand_ + " >= " + bound(moment, Side::Lower); }
	std::string before(Moment moment) const { return operand_ + " < " + bound(moment, Side::Upper); }

	const Key &key_;
	const Zone &zone_;
	std::string column_;
	std::string operand_; ///< the column, with the type and the collation that the partitions are sorted by
	std::string type_;    ///< of that
};

/// A table below a default partition, or that partition itself.
struct Leaf {
	Oid table;
	std::int64_t pages;
	bool is_indexed; ///< the rows of a range are found without reading all
};

/// Those that have rows and that ATTACH may read: not foreign tables.  Needs PinnedSettings.
std::vector<Leaf> find_leaves(Oid parent, Oid default_partition, const Key &key);

/// For each of the ranges, whether the constraints of a leaf tell the server that it has no row of it: ATTACH will not
/// read it then.  `further` is a constraint that is not valid yet, to see what it is good for, or InvalidOid.  Error
/// 42P01 if one of the tables is gone.
std::vector<bool> proves(Oid parent, Oid leaf, Oid further, const Key &key, const Zone &zone,
                         const std::vector<Range> &ranges);

/// The same for a value of a list, which is written as pin_notation() has it.
bool proves(Oid parent, Oid leaf, const Value &value);

} // namespace warden::partition
