#include "advice/redundancy.hpp"

#include <algorithm>

namespace warden::advice {

namespace {

/// Whether all columns that one has are in the other, to be read from there.
bool has_included(const IndexShape &by, const IndexShape &of) {
	return std::all_of(of.included.begin(), of.included.end(), [&](std::int16_t column) {
		return std::find(by.included.begin(), by.included.end(), column) != by.included.end() ||
		       std::any_of(by.keys.begin(), by.keys.end(), [&](const IndexKey &key) { return key.column == column; });
	});
}

/// What is unique by one is so by the other, in the same moment, and ON CONFLICT finds it there.
bool enforces(const Rival &by, const Rival &of) {
	return by.is_unique && by.is_immediate && by.shape.keys.size() == of.shape.keys.size() &&
	       by.are_nulls_equal == of.are_nulls_equal && by.shape.predicate == of.shape.predicate;
}

class Resolution {
public:
	explicit Resolution(const std::vector<Rival> &rivals)
		: rivals_(rivals), states_(rivals.size(), State::Open), covers_(rivals.size()) {}

	std::vector<std::optional<Cover>> resolve() {
		for (std::size_t i = 0; i < rivals_.size(); ++i) {
			stays(i);
		}
		return covers_;
	}

private:
	enum class State { Open, Asked, Stays, Goes };

	bool covers(std::size_t by, std::size_t of) const {
		const Rival &left = rivals_[by];
		const Rival &right = rivals_[of];
		if (by == of || !left.is_usable || !right.is_usable || left.shape.method != right.shape.method ||
		    !left.within.contains(of) || !has_included(left.shape, right.shape) ||
		    (right.is_unique && !enforces(left, right))) {
			return false;
		}
		// What other methods make of more keys, or of a few rows, is their own affair.
		return left.is_btree ? begins_with(left.shape.keys, right.shape.keys)
		                     : left.shape.keys == right.shape.keys && left.parameters == right.parameters &&
		                           left.shape.predicate == right.shape.predicate;
	}

	/// Whether one is to be left rather than the other, if either could.
	bool is_preferred(std::size_t one, std::size_t other) const {
		const Rival &left = rivals_[one];
		const Rival &right = rivals_[other];
		if (left.rank != right.rank) {
			return left.rank > right.rank;
		}
		if (left.scans != right.scans) {
			return left.scans > right.scans;
		}
		return left.bytes != right.bytes ? left.bytes < right.bytes : left.id < right.id;
	}

	bool beats(std::size_t by, std::size_t of) const {
		return !rivals_[of].must_stay && covers(by, of) &&
		       (!covers(of, by) || rivals_[by].must_stay || is_preferred(by, of));
	}

	/// Whether one is left.  One that is being asked already is not counted on, so that a circle has an end.
	bool stays(std::size_t index) {
		if (states_[index] != State::Open) {
			return states_[index] == State::Stays;
		}
		states_[index] = State::Asked;
		std::optional<std::size_t> best;
		for (std::size_t by = 0; by < rivals_.size(); ++by) {
			if (beats(by, index) && stays(by) && (!best || is_nearer(by, *best, index))) {
				best = by;
			}
		}
		if (best) {
			covers_[index] = {.by = *best,
			                  .is_same = covers(index, *best) || is_twin(*best, index),
			                  .is_narrower = rivals_[*best].shape.predicate != rivals_[index].shape.predicate};
		}
		states_[index] = best ? State::Goes : State::Stays;
		return !best;
	}

	/// The same apart from what only one of them enforces.
	bool is_twin(std::size_t one, std::size_t other) const {
		const IndexShape &left = rivals_[one].shape;
		const IndexShape &right = rivals_[other].shape;
		return left.keys.size() == right.keys.size() && left.predicate == right.predicate && has_included(right, left);
	}

	/// The one to be named: a twin rather than a wider one, one of the same rows rather than one of more, a small one.
	bool is_nearer(std::size_t one, std::size_t other, std::size_t of) const {
		const auto differs = [&](std::size_t by) { return rivals_[by].shape.predicate != rivals_[of].shape.predicate; };
		if (is_twin(one, of) != is_twin(other, of)) {
			return is_twin(one, of);
		}
		if (differs(one) != differs(other)) {
			return differs(other);
		}
		return is_preferred(one, other);
	}

	const std::vector<Rival> &rivals_;
	std::vector<State> states_;
	std::vector<std::optional<Cover>> covers_;
};

} // namespace

std::vector<std::optional<Cover>> find_covers(const std::vector<Rival> &rivals) {
	return Resolution(rivals).resolve();
}

} // namespace warden::advice
