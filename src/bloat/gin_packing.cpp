#include "bloat/gin_packing.hpp"

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace warden::bloat {

namespace {

constexpr std::uint32_t list_header = 8; // its first place and its length
constexpr std::uint32_t largest_tuple = (page::size - 40 - 8) / 3 / 8 * 8;
constexpr std::uint32_t room_of_lists = page::size - page::header - 8 - 8; // beside its last place, and its neighbour
constexpr std::uint32_t first_segment = 384; // the longest; on the page that a tree begins with
constexpr std::uint32_t segment = 256;       // that is aimed at, on all others
constexpr std::uint64_t children = room_of_lists / 10;

std::uint32_t length_of(std::uint64_t distance) {
	std::uint32_t length = 1;
	for (; distance > 0x7f; distance >>= 7U) {
		++length;
	}
	return length;
}

/// How lists are cut: each segment has a header, and its first row needs no distance.
struct Cut {
	double distances; ///< bytes of distances that a segment takes along
	double size;      ///< of a segment
};

Cut cut_into(std::uint32_t limit, double mean) {
	const double lost = (mean - 1) / 2; // what is left when the next one does not fit
	return {limit - list_header - lost + mean, limit - lost};
}

std::uint64_t round_up(double value) {
	return static_cast<std::uint64_t>(std::ceil(std::max(value, 0.0)));
}

// Of the memory of the server: a power of two, and a header.
std::uint64_t chunk(std::uint64_t size) {
	return std::bit_ceil(size) + 16;
}

} // namespace

void PostingRun::add(std::uint64_t place) {
	if (items == 0) {
		first = place;
		last = place;
	} else if (place > last) {
		bytes += length_of(place - last);
	} else {
		bytes += std::max<std::uint64_t>(1, (bytes + items / 2) / items);
	}
	first = std::min(first, place);
	last = std::max(last, place);
	++items;
}

void PostingRun::add(const PostingRun &next) {
	if (next.items == 0) {
		return;
	}
	add(next.first);
	items += next.items - 1;
	bytes += next.bytes;
	last = std::max(last, next.last);
}

std::uint32_t tuple_size(std::uint32_t key_size, const PostingRun &run) {
	const std::uint64_t size = key_size + list_header + (run.bytes + 1) / 2 * 2;
	return size <= largest_tuple ? align(static_cast<std::uint32_t>(size)) : 0;
}

std::uint64_t posting_tree_pages(const PostingRun &run) {
	const double mean = static_cast<double>(run.bytes) / static_cast<double>(std::max<std::uint64_t>(run.items, 2) - 1);
	const auto bytes = static_cast<double>(run.bytes);
	const Cut first = cut_into(first_segment, mean);
	const double on_first = std::floor(room_of_lists / first.size);
	const double segments = std::ceil(bytes / first.distances);
	if (segments * (list_header - mean) + bytes <= room_of_lists) {
		return 1;
	}
	const Cut other = cut_into(segment, mean);
	const double rest = (bytes - on_first * first.distances) / other.distances;
	const std::uint64_t leaves =
		1 + std::max<std::uint64_t>(1, round_up(rest / std::floor(room_of_lists / other.size)));
	std::uint64_t pages = leaves;
	for (std::uint64_t level = leaves; level > 1;) {
		level = (level + children - 1) / children;
		pages += level;
	}
	return pages;
}

// A node of its tree, a copy of the key, and room for five places that is doubled when it is full.
std::uint64_t build_memory(std::uint32_t key_size, bool is_by_value, std::uint64_t items) {
	constexpr std::uint64_t node = 64;
	constexpr std::uint64_t tuple_header = 8;
	constexpr std::uint64_t first_places = 5;
	constexpr std::uint64_t place = 6;
	std::uint64_t places = first_places;
	while (places < items) {
		places *= 2;
	}
	return node + (is_by_value ? 0 : chunk(key_size - tuple_header)) + chunk(places * place);
}

void KeyTree::add(std::uint32_t size, std::uint32_t inner_size) {
	if (levels_.empty()) {
		levels_.emplace_back();
	}
	bytes_ += size + page::line_pointer;
	insert(0, {size, inner_size}, 0);
}

void KeyTree::insert(std::size_t level, Item item, std::size_t before_last) {
	Level &to = levels_[level];
	to.items.insert(to.items.end() - static_cast<std::ptrdiff_t>(before_last), item);
	to.used += item.size + page::line_pointer;
	// The server takes the line pointer of the new one into account twice.
	if (to.used + page::line_pointer > room) {
		split(level);
	}
}

void KeyTree::split(std::size_t level) {
	Level &page = levels_[level];
	std::size_t left = 0;
	std::uint32_t left_used = 0;
	while (left + 1 < page.items.size() && left_used <= page.used / 2) {
		left_used += page.items[left].size + page::line_pointer;
		++left;
	}
	const std::uint32_t left_key = page.items[left - 1].inner_size;
	const std::uint32_t right_key = page.items.back().inner_size;
	page.items.erase(page.items.begin(), page.items.begin() + static_cast<std::ptrdiff_t>(left));
	page.used -= left_used;
	++page.pages;
	if (level + 1 == levels_.size()) {
		levels_.emplace_back();
		insert(level + 1, {left_key, left_key}, 0);
		insert(level + 1, {right_key, right_key}, 0);
	} else {
		insert(level + 1, {left_key, left_key}, 1); // before the one that led to both
	}
}

std::uint64_t KeyTree::pages() const {
	std::uint64_t pages = levels_.empty() ? 1 : 0;
	for (const Level &level : levels_) {
		pages += level.pages;
	}
	return pages;
}

} // namespace warden::bloat
