#include "bloat/row_width.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace warden::bloat {

namespace {

constexpr std::uint32_t longest_row = page::size - align(page::header + page::line_pointer);
constexpr std::uint32_t longest_short = 127; // of a value with a header of one byte, which is not aligned
constexpr std::size_t quantiles = 1000;
constexpr double half = 0.5 + 1e-4;       // of a length, and what gets lost when frequencies are added
constexpr double most_values = 1'000'000; // made up for an estimate
constexpr double most_entries = 2'000'000;

std::uint32_t aligned_to(std::uint32_t length, std::uint32_t alignment) {
	return (length + alignment - 1) / alignment * alignment;
}

double mean_of(const KnownLengths &known) {
	double sum = 0;
	double shares = 0;
	for (std::size_t i = 0; i < known.lengths.size(); ++i) {
		sum += known.lengths[i] * known.shares[i];
		shares += known.shares[i];
	}
	return shares > 0 ? sum / shares : 0;
}

/// How far the mean of so few values is from that of all.
double error_of_mean(const KnownLengths &known) {
	const double mean = mean_of(known);
	double sum = 0;
	double shares = 0;
	double squares = 0;
	for (std::size_t i = 0; i < known.lengths.size(); ++i) {
		sum += known.shares[i] * (known.lengths[i] - mean) * (known.lengths[i] - mean);
		shares += known.shares[i];
		squares += known.shares[i] * known.shares[i];
	}
	return shares > 0 ? std::sqrt(sum / shares * squares / (shares * shares)) : 0;
}

} // namespace

std::vector<std::uint32_t> spread_lengths(const KnownLengths &known) {
	const double mean = mean_of(known);
	const double middle = known.mean ? *known.mean + 0.5 : mean;
	const double shares = std::accumulate(known.shares.begin(), known.shares.end(), 0.0);
	if (shares <= 0 || std::abs(mean - middle) > half + 4 * error_of_mean(known)) {
		return {};
	}
	const double offset = std::abs(mean - middle) <= half ? 0 : middle - mean;
	std::vector<std::uint32_t> lengths;
	double until = 0;
	double rounded = 0.5; // carried on, so that the lengths that are rounded up and down have the mean
	for (std::size_t i = 0; i < known.lengths.size(); ++i) {
		until += known.shares[i] / shares * quantiles;
		while (static_cast<double>(lengths.size()) + 0.5 < until) {
			const double wanted = known.lengths[i] + offset + rounded;
			lengths.push_back(static_cast<std::uint32_t>(std::max(1.0, std::floor(wanted))));
			rounded = wanted - std::floor(wanted);
		}
	}
	return lengths;
}

std::vector<std::uint32_t> unknown_lengths(double mean) {
	std::vector<std::uint32_t> lengths;
	for (int i = -3; i <= 4; ++i) {
		lengths.push_back(static_cast<std::uint32_t>(std::max(1.0, mean + i)));
	}
	return lengths;
}

RowHeader heap_header(std::size_t columns) {
	constexpr std::uint32_t fixed = 23;
	return {align(fixed), align(fixed + static_cast<std::uint32_t>(columns + 7) / 8)};
}

RowHeader index_header() {
	return {8, 16};
}

std::uint32_t Rows::next() {
	std::uint32_t data = 0;
	bool has_null = false;
	for (const ColumnWidth &column : columns_) {
		if (column.null_fraction > 0 && numbers_.fraction() < column.null_fraction) {
			has_null = true;
			continue;
		}
		const std::size_t choices = column.lengths.size();
		const std::uint32_t length = column.lengths[choices == 1 ? 0 : numbers_() % choices];
		const bool is_short = column.is_packable && length <= longest_short;
		data = aligned_to(data, is_short ? 1 : column.alignment) + length;
	}
	return (has_null ? header_.length_with_nulls : header_.length) + data;
}

HeapSize pack_heap(const std::vector<ColumnWidth> &columns, double rows, int fillfactor) {
	const double most = std::max(2000.0, most_values / static_cast<double>(columns.size() + 1));
	const double made = std::min(std::ceil(rows), most);
	Rows some(heap_header(columns.size()), columns);
	HeapPacking packing(fillfactor);
	double bytes = 0;
	for (double i = 0; i < made; ++i) {
		const std::uint32_t length = std::min(some.next(), longest_row);
		packing.add(length);
		bytes += align(length) + page::line_pointer;
	}
	if (made < 1) {
		return {0, 0};
	}
	return {static_cast<double>(packing.pages()) * rows / made, bytes / made};
}

NullChance chance_of_null(const std::vector<ColumnWidth> &columns) {
	NullChance chance{0, 0, 0};
	for (const ColumnWidth &column : columns) {
		chance.least = std::max(chance.least, column.null_fraction);
		chance.independent = 1 - (1 - chance.independent) * (1 - column.null_fraction);
		chance.most = std::min(1.0, chance.most + column.null_fraction);
	}
	return chance;
}

namespace {

/// Adds the entries of an index key by key.
class KeyPacking {
public:
	KeyPacking(const std::vector<ColumnWidth> &columns, int fillfactor, bool deduplicates)
		: rows_(index_header(), columns), packing_(fillfactor, deduplicates) {}

	void add(std::uint64_t entries) {
		const std::uint32_t size = align(rows_.next());
		for (std::uint64_t i = 0; i < entries; ++i) {
			packing_.add({.size = size, .pivot = i == 0 ? size : size + 8, .is_repeated = i > 0});
		}
	}

	/// So many entries of so many keys, which differ by one at most.
	void add(double entries, double keys) {
		std::uint64_t done = 0;
		for (double key = 1; key <= keys; ++key) {
			const auto until = static_cast<std::uint64_t>(std::llround(entries * key / keys));
			add(until - done);
			done = until;
		}
	}

	double pages() { return static_cast<double>(packing_.finish()); }

private:
	Rows rows_;
	BtreePacking packing_;
};

} // namespace

double pack_btree(const std::vector<ColumnWidth> &columns, const KeyGroups &groups, int fillfactor, bool deduplicates) {
	const double entries = std::accumulate(groups.common.begin(), groups.common.end(), groups.rest_entries);
	const double scale = std::max(1.0, entries / most_entries);
	KeyPacking packing(columns, fillfactor, deduplicates);
	for (const double common : groups.common) {
		packing.add(static_cast<std::uint64_t>(std::llround(common / scale)));
	}
	const double rest = std::round(groups.rest_entries / scale);
	const double keys = std::clamp(std::round(groups.rest_keys / scale), rest > 0 ? 1.0 : 0.0, rest);
	const double largest = groups.largest_rest;
	if (largest > 1 && keys < rest && largest > rest / keys) {
		const double large = std::floor((rest - keys) / (largest - 1));
		packing.add(large * largest, large);
		packing.add(rest - large * largest, keys - large);
	} else {
		packing.add(rest, keys);
	}
	return (packing.pages() - 1) * scale + 1;
}

} // namespace warden::bloat
