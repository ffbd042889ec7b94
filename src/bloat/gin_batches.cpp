#include "bloat/gin_batches.hpp"

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

namespace {

/// In which batches a key comes.
struct Presence {
	std::uint64_t first;
	std::uint64_t count;
	std::uint64_t span; ///< from the first to the last, both included

	/// How many of them are over after this one; and whether it is one of them.
	std::uint64_t until(std::uint64_t batch) const {
		if (batch < first) {
			return 0;
		}
		return std::min(count, (batch - first + 1) * count / span + ((batch - first + 1) * count % span != 0 ? 1 : 0));
	}
};

Presence presence_of(const PostingRun &rows, std::uint64_t batches, std::uint64_t end) {
	const auto batch_of = [&](std::uint64_t place) {
		return static_cast<std::uint64_t>(static_cast<double>(place) / static_cast<double>(end) *
		                                  static_cast<double>(batches));
	};
	const std::uint64_t first = std::min(batch_of(rows.first), batches - 1);
	const std::uint64_t last = std::max(first, std::min(batch_of(rows.last), batches - 1));
	const std::uint64_t span = last - first + 1;
	return {.first = first, .count = std::min(span, rows.items), .span = span};
}

// A place behind all others.
std::uint64_t end_of(const std::vector<GinKey> &keys) {
	std::uint64_t end = 1;
	for (const GinKey &key : keys) {
		end = std::max(end, key.rows.last + 1);
	}
	return end;
}

// Each batch remembers a key anew.
std::uint64_t count_batches(const std::vector<GinKey> &keys, std::uint64_t memory, double times) {
	const std::uint64_t end = end_of(keys);
	std::uint64_t batches = 1;
	for (int round = 0; round < 5; ++round) {
		double needed = 0;
		for (const GinKey &key : keys) {
			if (key.rows.items > 0) {
				const auto count = static_cast<double>(presence_of(key.rows, batches, end).count);
				const auto items = static_cast<double>(key.rows.items) / count;
				needed += count * static_cast<double>(build_memory(key.size, std::llround(items)));
			}
		}
		const auto next = static_cast<std::uint64_t>(std::ceil(needed * times / static_cast<double>(memory)));
		if (next <= batches) {
			break;
		}
		batches = next;
	}
	return batches;
}

/// The leaves of the tree of keys, as ranges of them, and how large each key is at the time.
class Leaves {
public:
	explicit Leaves(const std::vector<GinKey> &keys) : keys_(keys), sizes_(keys.size()), begins_{0} {}

	void add_batch(std::uint64_t batch, std::uint64_t batches, std::uint64_t end);

	double pages() const;

private:
	struct Leaf {
		std::size_t begin;
		std::size_t end;
		std::uint64_t used;
	};

	std::uint64_t used(std::size_t begin, std::size_t end) const;
	std::uint32_t size_after(std::size_t key, const Presence &presence, std::uint64_t batch) const;
	Leaf split(Leaf &leaf, std::size_t key, std::vector<Leaf> &right);

	const std::vector<GinKey> &keys_;
	std::vector<std::uint32_t> sizes_; ///< with the line pointer; 0: it has not come yet
	std::vector<std::size_t> begins_;
};

std::uint32_t Leaves::size_after(std::size_t key, const Presence &presence, std::uint64_t batch) const {
	const GinKey &of = keys_[key];
	const std::uint64_t done = presence.until(batch);
	PostingRun rows = of.rows;
	rows.items = std::max<std::uint64_t>(1, rows.items * done / presence.count);
	rows.bytes = rows.bytes * done / presence.count;
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

void Leaves::add_batch(std::uint64_t batch, std::uint64_t batches, std::uint64_t end) {
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
			if (keys_[key].rows.items == 0) {
				continue;
			}
			const Presence presence = presence_of(keys_[key].rows, batches, end);
			if (presence.until(batch) == 0) {
				continue;
			}
			const std::uint32_t size = size_after(key, presence, batch);
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
	const auto sorted = static_cast<double>(tree.pages());
	sizes.pages = sorted;
	sizes.batches = build.sorts ? 1 : count_batches(keys, build.memory, times);
	if (sizes.batches > 1) {
		Leaves leaves(keys);
		const std::uint64_t end = end_of(keys);
		for (std::uint64_t batch = 0; batch < sizes.batches; ++batch) {
			leaves.add_batch(batch, sizes.batches, end);
		}
		sizes.pages = leaves.pages();
	}
	sizes.low = sizes.pages;
	sizes.high = sizes.pages;
	return sizes;
}

} // namespace warden::bloat
