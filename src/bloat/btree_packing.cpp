#include "bloat/btree_packing.hpp"

#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

namespace {

constexpr std::uint32_t special = 16;       // of each page: its neighbours and its level
constexpr std::uint32_t minus_infinity = 8; // the first item of an inner page has no columns
constexpr std::uint32_t place = 6;          // of a row
constexpr std::uint32_t room_for_place = 8; // which each leaf keeps for its high key
constexpr int fillfactor_of_inner_pages = 70;
constexpr std::uint32_t longest_list = page::size * 10 / 100 / 8 * 8 - page::line_pointer; // with its key

// The high key's line pointer is there from the beginning.
constexpr std::uint32_t room_of_page = page::size - page::header - special - page::line_pointer;

} // namespace

BtreePacking::BtreePacking(int fillfactor, bool deduplicates) : fillfactor_(fillfactor), deduplicates_(deduplicates) {}

void BtreePacking::add(const BtreeEntry &entry) {
	if (repetitions_ > 0 && deduplicates_ && entry.is_repeated &&
	    align(pending_.size + (repetitions_ + 1) * place) <= longest_list) {
		++repetitions_;
		return;
	}
	add_pending();
	pending_ = entry;
	repetitions_ = 1;
}

void BtreePacking::add_pending() {
	if (repetitions_ == 0) {
		return;
	}
	const std::uint32_t size = repetitions_ == 1 ? pending_.size : align(pending_.size + repetitions_ * place);
	put(0, size, size - pending_.size, pending_.pivot);
	leaf_bytes_ += size + page::line_pointer;
}

void BtreePacking::put(std::size_t level, std::uint32_t size, std::uint32_t extra, std::uint32_t pivot) {
	if (level == levels_.size()) {
		levels_.push_back({.free = room_of_page,
		                   .reserve = reserve(level == 0 ? fillfactor_ : fillfactor_of_inner_pages),
		                   .items = 0,
		                   .last_size = 0,
		                   .last_extra = 0,
		                   .last_pivot = 0,
		                   .low_key = minus_infinity,
		                   .pages = 1});
	}
	const bool is_leaf = level == 0;
	const auto room = [&] {
		const std::uint32_t free = levels_[level].free;
		return free < page::line_pointer ? 0 : free - page::line_pointer;
	};
	if (room() < size + (is_leaf ? room_for_place : 0) ||
	    (room() + levels_[level].last_extra < levels_[level].reserve && levels_[level].items > 1)) {
		finish_page(level);
	}
	Level &to = levels_[level];
	to.free -= (!is_leaf && to.items == 0 ? minus_infinity : size) + page::line_pointer;
	++to.items;
	to.last_size = size;
	to.last_extra = extra;
	to.last_pivot = pivot;
}

// Its last item is the first of the next one, and, without what tells it from others of its key, its high key.
void BtreePacking::finish_page(std::size_t level) {
	const std::uint32_t low_key = levels_[level].low_key;
	put(level + 1, low_key, 0, low_key);
	Level &page = levels_[level];
	pivot_bytes_ += level == 0 ? page.last_pivot : 0;
	page.low_key = page.last_pivot;
	++page.pages;
	page.items = 1;
	page.free = room_of_page - page::line_pointer - (level == 0 ? page.last_size : minus_infinity);
}

std::uint64_t BtreePacking::finish() {
	add_pending();
	repetitions_ = 0;
	std::uint64_t pages = 1;
	for (std::size_t level = 0; level < levels_.size(); ++level) {
		pages += levels_[level].pages;
		if (level + 1 < levels_.size()) {
			const std::uint32_t low_key = levels_[level].low_key;
			put(level + 1, low_key, 0, low_key);
		}
	}
	return pages;
}

std::uint64_t BtreePacking::end_list() {
	add_pending();
	repetitions_ = 0;
	return leaf_bytes_;
}

double BtreePacking::leaves() const {
	if (levels_.empty()) {
		return 0;
	}
	const Level &leaf = levels_.front();
	const double last = room_of_page - leaf.free;
	const auto full = static_cast<double>(leaf.pages - 1);
	const double usual = leaf.pages > 1 ? (static_cast<double>(leaf_bytes_) - last) / full
	                                    : static_cast<double>(room_of_page - leaf.reserve);
	return full + std::min(1.0, last / usual);
}

double BtreePacking::mean_pivot() const {
	constexpr double usual = 16;
	return levels_.empty() || levels_.front().pages < 2
	           ? usual
	           : static_cast<double>(pivot_bytes_) / static_cast<double>(levels_.front().pages - 1);
}

namespace {

// The first item is shorter; it takes one beyond the fill factor to end a page, and that one begins the next page: so
// the last page has one more.
double next_level(double pages, double pivot) {
	constexpr double room = room_of_page - reserve(fillfactor_of_inner_pages) - minus_infinity - 2 * page::line_pointer;
	const double fanout = std::max(2.0, std::floor(room / (pivot + page::line_pointer)) + 1);
	return std::ceil((pages - 1) / fanout);
}

} // namespace

double pages_of_tree(double leaves, double pivot) {
	double pages = 1;
	for (double level = std::ceil(leaves); level > 0; level = next_level(level, pivot)) {
		pages += level;
	}
	return pages;
}

int height_of_tree(double leaves, double pivot) {
	int height = 0;
	for (double level = std::ceil(leaves); level > 1; level = next_level(level, pivot)) {
		++height;
	}
	return height;
}

} // namespace warden::bloat
