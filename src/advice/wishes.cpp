#include "advice/wishes.hpp"

#include <algorithm>

namespace warden::advice {

namespace {

constexpr std::size_t most_equal_keys = 4;
constexpr std::size_t most_keys = 6;
constexpr std::size_t most_ranges = 3;
constexpr std::size_t most_included = 10;
constexpr double most_of_the_rows = 0.5;      // a condition that keeps them is no reason for an index of its own
constexpr double few_rows = 0.2;              // what a partial index is of
constexpr double worth_reading_instead = 0.8; // the width of an entry, of that of a row
constexpr double widest_column = 64;          // bytes, in an index that has it only to give it back

using Keys = std::vector<const WishKey *>;

bool is_same_value(const WishKey &left, const WishKey &right) {
	return left.key.column == right.key.column && left.key.expression == right.key.expression;
}

bool has(const Keys &keys, const WishKey &key) {
	return std::ranges::any_of(keys, [&](const WishKey *other) { return is_same_value(*other, key); });
}

void append(Keys &keys, const WishKey &key) {
	if (!has(keys, key) && keys.size() < most_keys) {
		keys.push_back(&key);
	}
}

Keys joined(Keys keys, const Keys &more) {
	for (const WishKey *const key : more) {
		append(keys, *key);
	}
	return keys;
}

std::string names_of(const Keys &keys) {
	std::string names;
	for (const WishKey *const key : keys) {
		names += (names.empty() ? "" : ", ") + key->name;
	}
	return names;
}

void add_columns(std::vector<std::int16_t> &columns, const std::vector<std::int16_t> &more) {
	columns.insert(columns.end(), more.begin(), more.end());
	std::ranges::sort(columns);
	const auto repeated = std::ranges::unique(columns);
	columns.erase(repeated.begin(), repeated.end());
}

/// The first key ascending: the whole index can be read backward.
std::vector<WishKey> as_built(std::vector<WishKey> keys) {
	if (!keys.empty() && keys.front().key.is_descending) {
		for (WishKey &key : keys) {
			key.key.is_descending = !key.key.is_descending;
			key.key.is_nulls_first = !key.key.is_nulls_first;
		}
	}
	return keys;
}

/// What the clauses that hold together ask for, in the order in which keys are chosen.
class Clauses {
public:
	explicit Clauses(const std::vector<Wish> &wishes) {
		for (const Wish &wish : wishes) {
			if (wish.keys.empty()) {
				continue;
			}
			if (wish.kind == WishKind::Equal) {
				equal_.push_back(&wish);
			} else if (wish.kind == WishKind::Join) {
				joins_.push_back(&wish);
			} else if (wish.kind == WishKind::Range && !wish.is_guess) {
				add_range(wish);
			}
		}
		// A range that may be of all rows or of none is no reason for an index, but for a further key of one.
		for (const Wish &wish : wishes) {
			if (wish.is_guess && !equal_.empty()) {
				add_range(wish);
			}
		}
		for (const Wish &range : merged_) {
			ranges_.push_back(&range);
		}
		// What many look up by comes first, so that others are served too; then what keeps the fewest rows.
		std::ranges::sort(equal_, comes_first);
		std::ranges::sort(joins_, comes_first);
		std::ranges::sort(ranges_, comes_first);
	}

	Clauses(const Clauses &) = delete;
	Clauses &operator=(const Clauses &) = delete;

	const std::vector<const Wish *> &joins() const { return joins_; }
	const std::vector<const Wish *> &ranges() const { return ranges_; }
	const std::vector<const Wish *> &equals() const { return equal_; }

	/// Keys of all equalities but of one.
	Keys equal(const Wish *without = nullptr) const {
		Keys keys;
		for (const Wish *const wish : equal_) {
			if (wish != without && keys.size() < most_equal_keys) {
				append(keys, wish->keys.front());
			}
		}
		return keys;
	}

	/// Those of them after which the rows are still in the order of the next key.
	Keys ordered_equal(const Wish *without = nullptr) const {
		Keys keys;
		for (const Wish *const wish : equal_) {
			if (wish != without && wish->keeps_order && keys.size() < most_equal_keys) {
				append(keys, wish->keys.front());
			}
		}
		return keys;
	}

	/// Joins with the same relations as one.
	Keys joined_with(const Wish &join) const {
		Keys keys;
		append(keys, join.keys.front());
		for (const Wish *const other : joins_) {
			if ((other->partners & join.partners) != 0 && keys.size() < most_equal_keys) {
				append(keys, other->keys.front());
			}
		}
		return keys;
	}

private:
	static bool comes_first(const Wish *left, const Wish *right) {
		const WishKey &one = left->keys.front();
		const WishKey &other = right->keys.front();
		if (one.popularity != other.popularity) {
			return one.popularity > other.popularity;
		}
		if (left->selectivity != right->selectivity) {
			return left->selectivity < right->selectivity;
		}
		return one.name < other.name;
	}

	/// The two ends of a range are one: what neither cuts off remains.
	void add_range(const Wish &wish) {
		for (Wish &other : merged_) {
			if (other.keys.size() == 1 && wish.keys.size() == 1 &&
			    is_same_value(other.keys.front(), wish.keys.front())) {
				const double rest = other.selectivity + wish.selectivity - 1;
				other.selectivity = rest > 0 ? rest : std::min(other.selectivity, wish.selectivity);
				return;
			}
		}
		merged_.push_back(wish);
	}

	std::vector<Wish> merged_; ///< what ranges_ point to
	std::vector<const Wish *> equal_;
	std::vector<const Wish *> joins_;
	std::vector<const Wish *> ranges_;
};

Keys pointers(const std::vector<WishKey> &keys) {
	Keys result;
	for (const WishKey &key : keys) {
		append(result, key);
	}
	return result;
}

class Proposals {
public:
	Proposals(const RelationWishes &relation, const Methods &methods) : relation_(relation), methods_(methods) {
		for (const Order &order : relation.orders) {
			orders_.push_back({as_built(order.keys), order.is_limited});
		}
	}

	std::vector<Proposal> make() {
		const Clauses clauses(relation_.wishes);
		add_singles(clauses);
		add_searches(relation_.wishes);
		add_lookups(clauses);
		add_joins(clauses);
		add_orders(clauses);
		add_arms();
		add_partial(clauses);
		add_block_ranges(clauses);
		return std::move(proposals_);
	}

private:
	void add_singles(const Clauses &clauses);
	void add_searches(const std::vector<Wish> &wishes);
	void add_lookups(const Clauses &clauses);
	void add_joins(const Clauses &clauses);
	void add_orders(const Clauses &clauses);
	void add_arms();
	void add_partial(const Clauses &clauses);
	void add_block_ranges(const Clauses &clauses);

	void add(int rank, const Keys &keys, const std::string &reason, const Wish *predicate = nullptr);
	void add_covering(int rank, const Keys &keys, const std::string &reason, const Wish *predicate = nullptr);
	void add_shape(int rank, IndexShape shape, std::string reason);
	IndexShape shape_of(const Keys &keys, ObjectId method, const Wish *predicate) const;

	const RelationWishes &relation_;
	const Methods &methods_;
	std::vector<Order> orders_;
	std::vector<Proposal> proposals_;
};

IndexShape Proposals::shape_of(const Keys &keys, ObjectId method, const Wish *predicate) const {
	IndexShape shape{.table = relation_.table, .method = method};
	for (const WishKey *const key : keys) {
		shape.keys.push_back(key->key);
		add_columns(shape.columns, key->columns);
	}
	if (predicate != nullptr) {
		shape.predicate = predicate->predicate;
		add_columns(shape.columns, predicate->predicate_columns);
	}
	return shape;
}

void Proposals::add_shape(int rank, IndexShape shape, std::string reason) {
	const auto is_same = [&](const Proposal &other) { return other.shape == shape; };
	if (std::ranges::none_of(proposals_, is_same)) {
		proposals_.push_back({std::move(shape), std::move(reason), rank});
	}
}

void Proposals::add(int rank, const Keys &keys, const std::string &reason, const Wish *predicate) {
	if (!keys.empty()) {
		const std::string rows = predicate == nullptr ? "" : "; only the rows with " + predicate->condition;
		add_shape(rank, shape_of(keys, methods_.btree, predicate), reason + rows);
	}
}

/// With all columns that the statement needs, so that the table is not read.  Those of other conditions are keys.
void Proposals::add_covering(int rank, const Keys &keys, const std::string &reason, const Wish *predicate) {
	if (!relation_.may_be_index_only || keys.empty()) {
		return;
	}
	IndexShape shape = shape_of(keys, methods_.btree, predicate);
	double width = 16;
	for (const WishKey *const key : keys) {
		width += key->width;
	}
	for (const NeededColumn &needed : relation_.needed) {
		const auto is_it = [&](const WishKey *key) { return key->key.column == needed.column; };
		const bool is_answered = predicate != nullptr && needed.only_in_condition &&
		                         std::ranges::binary_search(predicate->predicate_columns, needed.column);
		if (std::ranges::none_of(keys, is_it) && !is_answered) {
			shape.included.push_back(needed.column);
			width += needed.width;
			if (needed.width > widest_column) {
				return;
			}
		}
	}
	if (shape.included.empty() || shape.included.size() > most_included ||
	    (relation_.row_width > 0 && width > relation_.row_width * worth_reading_instead)) {
		return;
	}
	add_columns(shape.columns, shape.included);
	const std::string rows = predicate == nullptr ? "" : "; only the rows with " + predicate->condition;
	add_shape(rank, std::move(shape), reason + "; all that the statement needs, so that the table is not read" + rows);
}

void Proposals::add_singles(const Clauses &clauses) {
	for (const Wish *const wish : clauses.equals()) {
		if (wish->selectivity <= most_of_the_rows) {
			add(0, {&wish->keys.front()}, "equality on " + wish->keys.front().name);
		}
	}
	for (const Wish *const wish : clauses.joins()) {
		add(0, {&wish->keys.front()}, "join on " + wish->keys.front().name);
	}
	for (const Wish *const wish : clauses.ranges()) {
		if (wish->selectivity <= most_of_the_rows && !wish->is_guess) {
			add(0, pointers(wish->keys), "range of " + names_of(pointers(wish->keys)));
		}
	}
}

void Proposals::add_searches(const std::vector<Wish> &wishes) {
	for (const Wish &wish : wishes) {
		if (wish.kind == WishKind::Search) {
			add_shape(0, shape_of({&wish.keys.front()}, wish.method, nullptr), "search in " + wish.keys.front().name);
		}
	}
}

/// Equality before one range; and ranges that narrow further what the first one found.
void Proposals::add_lookups(const Clauses &clauses) {
	const Keys equal = clauses.equal();
	const std::string reason = equal.empty() ? "" : "equality on " + names_of(equal);
	if (equal.size() > 1) {
		add(1, equal, reason);
		const Keys turned(equal.rbegin(), equal.rend());
		add(2, turned, "equality on " + names_of(turned));
	}
	Keys all = equal;
	for (const Wish *const range : clauses.ranges()) {
		const Keys keys = joined(equal, pointers(range->keys));
		const std::string what =
			(reason.empty() ? "" : reason + ", then ") + "range of " + names_of(pointers(range->keys));
		if (!equal.empty()) {
			add(1, keys, what);
		}
		add_covering(2, keys, what);
		if (all.size() < equal.size() + most_ranges) {
			all = joined(all, pointers(range->keys));
		}
	}
	if (clauses.ranges().size() > 1) {
		const std::string what = (reason.empty() ? "" : reason + ", then ") + "ranges, of which the first is of " +
		                         clauses.ranges().front()->keys.front().name;
		add(2, all, what);
		add_covering(2, all, what);
	}
	add_covering(2, equal, reason);
}

/// By the other relation's value, then by the statement's own conditions; or the other way round.
void Proposals::add_joins(const Clauses &clauses) {
	const Keys equal = clauses.equal();
	Keys conditions = equal;
	if (!clauses.ranges().empty()) {
		conditions = joined(conditions, pointers(clauses.ranges().front()->keys));
	}
	for (const Wish *const join : clauses.joins()) {
		const Keys one{&join->keys.front()};
		const Keys keys = clauses.joined_with(*join);
		const std::string reason = "join on " + names_of(keys);
		add(1, keys, reason);
		if (!relation_.is_judged_late) { // otherwise all rows are needed, and the join is not by its keys
			add_covering(1, one, "join on " + names_of(one));
			add_covering(2, keys, reason);
		}
		if (!conditions.empty()) {
			const std::string what = reason + ", and conditions on " + names_of(conditions);
			add(2, joined(keys, conditions), what);
			add_covering(2, joined(keys, conditions), what);
		}
		if (!equal.empty()) {
			add(2, joined(equal, keys), "equality on " + names_of(equal) + ", then join on " + names_of(keys));
		}
		if (!conditions.empty()) {
			add_covering(3, joined(conditions, keys),
			             "conditions on " + names_of(conditions) + ", then join on " + names_of(keys));
		}
	}
}

void Proposals::add_orders(const Clauses &clauses) {
	for (const Order &order : orders_) {
		const Keys keys = pointers(order.keys);
		const std::string reason =
			(order.is_limited ? "the first rows in the order of " : "the order of ") + names_of(keys);
		const Keys equal = clauses.ordered_equal();
		if (!equal.empty()) {
			const std::string what = "equality on " + names_of(equal) + ", then " + reason;
			add(1, joined(equal, keys), what);
			add_covering(2, joined(equal, keys), what);
		}
		add(order.is_limited ? 1 : 3, keys, reason);
		add_covering(2, keys, reason);
		if (order.is_limited && !clauses.ranges().empty()) {
			const Keys range = pointers(clauses.ranges().front()->keys);
			add(3, joined(joined(equal, keys), range), reason + ", with a condition on " + names_of(range));
		}
	}
}

void Proposals::add_arms() {
	for (const std::vector<Wish> &arm : relation_.arms) {
		const Clauses clauses(arm);
		add_searches(arm);
		Keys keys = clauses.equal();
		if (!clauses.ranges().empty()) {
			keys = joined(keys, pointers(clauses.ranges().front()->keys));
		}
		for (const Wish *const join : clauses.joins()) {
			add(1, joined({&join->keys.front()}, keys), "one side of an OR, with a join on " + join->keys.front().name);
		}
		if (!keys.empty()) {
			add(0, {keys.front()}, "one side of an OR, with " + keys.front()->name);
			add(1, keys, "one side of an OR, with " + names_of(keys));
		}
	}
}

/// For what the statement says of the kind of rows that it is about.
void Proposals::add_partial(const Clauses &clauses) {
	for (const Wish &wish : relation_.wishes) {
		if (wish.predicate.empty() || wish.selectivity >= few_rows) {
			continue;
		}
		const Keys equal = clauses.equal(&wish);
		Keys keys = equal;
		if (!clauses.ranges().empty()) {
			keys = joined(keys, pointers(clauses.ranges().front()->keys));
		}
		std::string what = "conditions on " + names_of(keys);
		if (keys.empty() && !wish.keys.empty()) {
			keys.push_back(&wish.keys.front());
			what = "a condition that few rows meet";
		}
		add(1, keys, what, &wish);
		add_covering(3, keys, what, &wish);
		for (const Wish *const join : clauses.joins()) {
			add(2, joined({&join->keys.front()}, equal), "join on " + join->keys.front().name, &wish);
		}
		for (const Order &order : orders_) {
			const Keys sorted = joined(clauses.ordered_equal(&wish), pointers(order.keys));
			add(order.is_limited ? 1 : 3, sorted, "the order of " + names_of(pointers(order.keys)), &wish);
		}
	}
}

void Proposals::add_block_ranges(const Clauses &clauses) {
	for (const Wish *const wish : clauses.ranges()) {
		if (wish->block_range && !wish->is_guess) {
			add_shape(1, shape_of({&*wish->block_range}, methods_.brin, nullptr),
			          "range of " + wish->block_range->name + ", by which the table is nearly in order");
		}
	}
}

} // namespace

std::vector<Proposal> propose(const RelationWishes &relation, const Methods &methods) {
	return Proposals(relation, methods).make();
}

} // namespace warden::advice
