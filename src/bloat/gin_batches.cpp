#include "bloat/gin_batches.hpp"

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

namespace {

// After so many, more of them change little: pages are as full as those of a tree that was filled at random.
constexpr double most_batches = 24;

/// Where the rows are, and so which are in which batch.  The last batch is what is left, so that the number of batches
/// is a fraction.
struct Rows {
	std::uint64_t first = UINT64_MAX;
	std::uint64_t end = 0;
	double batches = 1;

	std::uint64_t batch_of(std::uint64_t place) const {
		return static_cast<std::uint64_t>(static_cast<double>(place - first) / static_cast<double>(end - first) *
		                                  batches);
	}

	/// The part of them that is in the tree after a batch; 0 if there is none yet.
	double part_of(const PostingRun &rows, std::uint64_t batch) const {
		const double until =
			static_cast<double>(first) + static_cast<double>(batch + 1) / batches * static_cast<double>(end - first);
		const double from_first = until - static_cast<double>(rows.first);
		const auto all = static_cast<double>(rows.last - rows.first);
		if (from_first <= 0) {
			return 0;
		}
		return from_first >= all ? 1 : from_first / all;
	}
};

Rows all_rows(const std::vector<GinKey> &keys) {
	Rows rows;
	for (const GinKey &key : keys) {
		if (key.rows.items > 0) {
			rows.first = std::min(rows.first, key.rows.first);
			rows.end = std::max(rows.end, key.rows.last + 1);
		}
	}
	return rows;
}

// Each batch remembers a key anew, so that more of them need more memory in all.
double count_batches(const std::vector<GinKey> &keys, const GinBuild &build, double times) {
	Rows rows = all_rows(keys);
	for (int round = 0; round < 6; ++round) {
		double needed = 0;
		for (const GinKey &key : keys) {
			if (key.rows.items > 0) {
				const std::uint64_t span = rows.batch_of(key.rows.last) - rows.batch_of(key.rows.first) + 1;
				const std::uint64_t count = std::min(span, key.rows.items);
				needed += static_cast<double>(
					count * build_memory(key.size, build.keys_are_values, (key.rows.items + count - 1) / count));
			}
		}
		const double next = needed * times / static_cast<double>(build.memory);
		if (next <= 1) {
			return next;
		}
		rows.batches = next;
	}
	return rows.batches;
}

/// The leaves of the tree of keys, as ranges of them, and how large each key is at the time.
class Leaves {
public:
	explicit Leaves(const std::vector<GinKey> &keys) : keys_(keys), sizes_(keys.size()), begins_{0} {}

	void add_batch(std::uint64_t batch, const Rows &rows);

	double pages() const;

private:
	struct Leaf {
		std::size_t begin;
		std::size_t end;
		std::uint64_t used;
	};

	std::uint64_t used(std::size_t begin, std::size_t end) const;
	std::uint32_t size_with(std::size_t key, double part) const;
	Leaf split(Leaf &leaf, std::size_t key, std::vector<Leaf> &right);

	const std::vector<GinKey> &keys_;
	std::vector<std::uint32_t> sizes_; ///< with the line pointer; 0: it has not come yet
	std::vector<std::size_t> begins_;
};

std::uint32_t Leaves::size_with(std::size_t key, double part) const {
	const GinKey &of = keys_[key];
	PostingRun rows = of.rows;
	rows.items = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(part * static_cast<double>(rows.items)));
	rows.bytes = static_cast<std::uint64_t>(part * static_cast<double>(rows.bytes));
	const std::uint32_t size = tuple_size(of.size, rows);
	return (size != 0 ? size : align(of.size)) + page::line_pointer;
}

std::uint64_t Leaves::used(std::size_t begin, std::size_t end) const {
	std::uint64_t sum = 0;
	for (std::size_t i = begin; i < end; ++i) {
		sum += sizes_[i];
	}
	return sum;
}

// Returns what is to be gone on with: the half that the key is in.
Leaves::Leaf Leaves::split(Leaf &leaf, std::size_t key, std::vector<Leaf> &right) {
	std::size_t middle = leaf.begin;
	std::uint64_t left = 0;
	while (middle + 1 < leaf.end && left <= leaf.used / 2) {
		left += sizes_[middle++];
	}
	const Leaf half{.begin = middle, .end = leaf.end, .used = leaf.used - left};
	const Leaf first{.begin = leaf.begin, .end = middle, .used = left};
	if (key < middle) {
		right.push_back(half);
		return first;
	}
	begins_.push_back(first.begin);
	return half;
}

void Leaves::add_batch(std::uint64_t batch, const Rows &rows) {
	const std::vector<std::size_t> before = std::move(begins_);
	begins_.clear();
	std::vector<Leaf> right;
	for (std::size_t i = 0; i < before.size(); ++i) {
		const std::size_t until = i + 1 < before.size() ? before[i + 1] : keys_.size();
		Leaf leaf{.begin = before[i], .end = until, .used = used(before[i], until)};
		for (std::size_t key = leaf.begin; key < until; ++key) {
			if (key >= leaf.end) {
				begins_.push_back(leaf.begin);
				leaf = right.back();
				right.pop_back();
			}
			const double part = keys_[key].rows.items > 0 ? rows.part_of(keys_[key].rows, batch) : 0;
			if (part == 0) {
				continue;
			}
			const std::uint32_t size = size_with(key, part);
			leaf.used += size;
			leaf.used -= sizes_[key];
			const bool has_grown = size > sizes_[key];
			sizes_[key] = size;
			if (has_grown && leaf.used + page::line_pointer > KeyTree::room) {
				leaf = split(leaf, key, right);
			}
		}
		begins_.push_back(leaf.begin);
		for (; !right.empty(); right.pop_back()) {
			begins_.push_back(right.back().begin);
		}
	}
}

// Inner pages are as full as leaves that are split at random.
double Leaves::pages() const {
	constexpr double fullness = 0.66;
	double inner = 0;
	for (const std::size_t begin : begins_) {
		inner += begin < keys_.size() ? align(keys_[begin].size) + page::line_pointer : 0;
	}
	const auto leaves = static_cast<double>(begins_.size());
	return leaves + (leaves > 1 ? std::ceil(inner / (KeyTree::room * fullness)) : 0);
}

double pages_after(const std::vector<GinKey> &keys, const GinBuild &build, double batches) {
	Leaves leaves(keys);
	Rows rows = all_rows(keys);
	rows.batches = std::min(batches, most_batches);
	for (std::uint64_t batch = 0; static_cast<double>(batch) < rows.batches; ++batch) {
		build.pause();
		leaves.add_batch(batch, rows);
	}
	return leaves.pages();
}

// How many batches there are is known to a tenth, and a build takes memory in pieces.  Pages fill and split at about
// the same time, so that the size goes up and down with the number of batches, and what is between is tried too.
void pack_batches(KeySizes &sizes, const std::vector<GinKey> &keys, const GinBuild &build, double batches) {
	const double error = 0.1 + 2048 * 64 / static_cast<double>(build.memory);
	const double one_batch = sizes.pages;
	const auto pages = [&](double count) { return count <= 1 ? one_batch : pages_after(keys, build, count); };
	sizes.batches = batches;
	sizes.pages = pages(batches);
	sizes.low = sizes.pages;
	sizes.high = sizes.pages;
	for (const double part : {-1.0, -0.5, 0.5, 1.0}) {
		const double other = pages(batches * (1 + part * error));
		sizes.low = std::min(sizes.low, other);
		sizes.high = std::max(sizes.high, other);
	}
}

} // namespace

KeySizes pack_keys(const std::vector<GinKey> &keys, const GinBuild &build, double times) {
	KeySizes sizes;
	KeyTree tree;
	for (const GinKey &key : keys) {
		const bool is_sampled_tree = key.tree != 0 && key.rows.items == 0 && times != 1;
		if (key.rows.items == 0 && !is_sampled_tree) {
			continue;
		}
		const std::uint32_t tuple = is_sampled_tree ? 0 : tuple_size(key.size, key.rows);
		tree.add(tuple != 0 ? tuple : align(key.size), align(key.size));
		if (tuple == 0 && !is_sampled_tree) {
			sizes.tree_pages += static_cast<double>(posting_tree_pages(key.rows));
		}
	}
	sizes.pages = static_cast<double>(tree.pages());
	pack_batches(sizes, keys, build, build.sorts ? 0 : count_batches(keys, build, times));
	return sizes;
}

} // namespace warden::bloat
