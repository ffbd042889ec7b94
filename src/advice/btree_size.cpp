#include "advice/btree_size.hpp"

#include <algorithm>
#include <cmath>

namespace warden::advice {

using bloat::align;
using bloat::BtreePacking;
using bloat::Rows;

namespace {

constexpr int fillfactor = 90;     // of leaves, by default
constexpr double most_keys = 8000; // that are made up
constexpr double most_entries = 20'000;

/// Leaves that are filled with entries of one kind, some of which stand for all.
class Filling {
public:
	explicit Filling(const BtreeEntries &of)
		: of_(of), entry_(bloat::index_header(), joined(of)), pivot_(bloat::index_header(), of.keys) {}

	/// So many keys, which have so many entries together.
	void add(double entries, double keys) {
		if (entries <= 0) {
			return;
		}
		const double each = std::max(1.0, entries / std::max(keys, 1.0));
		const double made_keys = std::clamp(std::floor(most_entries / each), 1.0, std::clamp(keys, 1.0, most_keys));
		const double made_entries = std::min(each * made_keys, most_entries);
		BtreePacking packing(fillfactor, of_.deduplicates);
		double done = 0;
		for (double key = 1; key <= made_keys; ++key) {
			const double until = std::round(made_entries * key / made_keys);
			add_key(packing, until - done);
			done = until;
		}
		packing.end_list();
		leaves_ += packing.leaves() * (entries / done);
		pivots_ += packing.mean_pivot() * entries;
		entries_ += entries;
	}

	double leaves() const { return leaves_; }
	double pivot() const { return entries_ > 0 ? pivots_ / entries_ : 0; }

private:
	static std::vector<bloat::ColumnWidth> joined(const BtreeEntries &of) {
		std::vector<bloat::ColumnWidth> columns = of.keys;
		columns.insert(columns.end(), of.included.begin(), of.included.end());
		return columns;
	}

	void add_key(BtreePacking &packing, double entries) {
		// What is included comes with each entry anew, and a key that is high has none of it.
		const std::uint32_t pivot = align(pivot_.next());
		std::uint32_t size = of_.included.empty() ? pivot : align(entry_.next());
		for (double i = 0; i < entries; ++i) {
			packing.add({.size = size, .pivot = i == 0 ? pivot : pivot + 8, .is_repeated = i > 0});
			size = of_.included.empty() ? size : align(entry_.next());
		}
	}

	const BtreeEntries &of_;
	Rows entry_;
	Rows pivot_;
	double leaves_ = 0;
	double pivots_ = 0;
	double entries_ = 0;
};

} // namespace

std::vector<KeyKind> merge_kinds(std::vector<KeyKind> kinds) {
	constexpr double about = 1.2;
	const auto each = [](const KeyKind &kind) { return kind.entries / kind.keys; };
	std::ranges::sort(kinds, [&](const KeyKind &a, const KeyKind &b) { return each(a) < each(b); });
	std::vector<KeyKind> merged;
	double smallest = 0;
	for (const KeyKind &kind : kinds) {
		if (kind.entries <= 0 || kind.keys <= 0) {
			continue;
		}
		if (merged.empty() || each(kind) > smallest * about) {
			merged.push_back({0, 0});
			smallest = each(kind);
		}
		merged.back().entries += kind.entries;
		merged.back().keys += kind.keys;
	}
	return merged;
}

BtreeSize size_of_btree(const BtreeEntries &entries) {
	Filling filling(entries);
	for (const KeyKind &kind : entries.kinds) {
		filling.add(kind.entries, kind.keys);
	}
	return {bloat::pages_of_tree(filling.leaves(), filling.pivot()),
	        bloat::height_of_tree(filling.leaves(), filling.pivot())};
}

double expected_distinct(double combinations, double rows) {
	if (combinations <= 1 || rows <= 1) {
		return std::min(combinations, rows);
	}
	return std::clamp(-combinations * std::expm1(rows * std::log1p(-1 / combinations)), 1.0, rows);
}

} // namespace warden::advice
