#include "bloat/gin_contents.hpp"

#include "bloat/gin_batches.hpp"
#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace warden::bloat {

namespace {

constexpr double model_error = 0.02;   // of one batch; measured: a page or two of some hundred
constexpr double batches_error = 0.12; // of several: where one ends is known roughly
constexpr double pending_error = 0.02; // where distances were divided
constexpr double sample_error = 0.05;  // besides what the sample's own doubt is
constexpr double page_error = 2;

double bytes_of(const GinKey *keys, std::size_t count) {
	double bytes = 0;
	for (std::size_t i = 0; i < count; ++i) {
		bytes += tuple_size(keys[i].size, keys[i].rows) + page::line_pointer;
	}
	return bytes;
}

bool before(const GinKey &a, const GinKey &b) {
	return a.hash != b.hash ? a.hash < b.hash : a.rows.first < b.rows.first;
}

} // namespace

void GinContents::add_keys(std::uint32_t block, std::uint32_t next, const GinKey *keys, std::size_t count) {
	if (key_pages_++ % stride_ != 0) {
		return;
	}
	pages_.push_back({.block = block, .next = next, .first = keys_.size(), .count = count});
	keys_.insert(keys_.end(), keys, keys + count);
	if (keys_.size() > most_keys) {
		thin_out();
	}
}

// Every other page is forgotten.
void GinContents::thin_out() {
	std::vector<KeyPage> pages;
	std::vector<GinKey> keys;
	for (std::size_t i = 0; i < pages_.size(); i += 2) {
		const auto from = keys_.begin() + static_cast<std::ptrdiff_t>(pages_[i].first);
		pages.push_back(pages_[i]);
		pages.back().first = keys.size();
		keys.insert(keys.end(), from, from + static_cast<std::ptrdiff_t>(pages_[i].count));
	}
	pages_ = std::move(pages);
	keys_ = std::move(keys);
	stride_ *= 2;
}

void GinContents::add_pending(const GinKey *keys, std::size_t count) {
	if (pending_.size() + count <= most_keys) {
		pending_.insert(pending_.end(), keys, keys + count);
	} else {
		more_pending_ += bytes_of(keys, count);
	}
}

void GinContents::add_list(std::uint32_t block, std::uint32_t next, std::uint32_t child, const PostingRun &rows) {
	lists_.push_back({.block = block, .next = next, .child = child, .rows = rows, .is_taken = false});
}

// From each page that no other one leads to, to the right; pages that were split meanwhile may be anywhere.
std::vector<GinKey> GinContents::in_order() const {
	const std::size_t none = pages_.size();
	std::vector<std::size_t> by_block(none);
	std::iota(by_block.begin(), by_block.end(), std::size_t{0});
	const auto block_of = [&](std::size_t page) { return pages_[page].block; };
	std::ranges::sort(by_block, {}, block_of);
	const auto page_of = [&](std::uint32_t block) {
		const auto found = std::ranges::lower_bound(by_block, block, {}, block_of);
		return found != by_block.end() && block_of(*found) == block ? *found : none;
	};
	std::vector<bool> is_led_to(none + 1);
	for (const KeyPage &page : pages_) {
		is_led_to[page_of(page.next)] = true;
	}
	std::vector<GinKey> keys;
	keys.reserve(keys_.size());
	std::vector<bool> is_done(pages_.size());
	const auto follow = [&](std::size_t page) {
		for (; page != none && !is_done[page]; page = page_of(pages_[page].next)) {
			is_done[page] = true;
			const auto from = keys_.begin() + static_cast<std::ptrdiff_t>(pages_[page].first);
			keys.insert(keys.end(), from, from + static_cast<std::ptrdiff_t>(pages_[page].count));
		}
	};
	for (std::size_t i = 0; i < pages_.size(); ++i) {
		if (!is_led_to[i]) {
			follow(i);
		}
	}
	for (std::size_t i = 0; i < pages_.size(); ++i) {
		follow(i);
	}
	return keys;
}

GinContents::ListPage *GinContents::find_list(std::uint32_t block) {
	const auto found = std::ranges::lower_bound(lists_, block, {}, &ListPage::block);
	return found != lists_.end() && found->block == block ? &*found : nullptr;
}

// Pages that were changed while others were read, or are damaged, may be missing, or lead back, or to another tree.
PostingRun GinContents::rows_of_tree(std::uint32_t root) {
	constexpr int most_levels = 32;
	ListPage *page = find_list(root);
	for (int level = 0; page != nullptr && page->child != 0 && level < most_levels; ++level) {
		page = find_list(page->child);
	}
	PostingRun rows;
	while (page != nullptr && !std::exchange(page->is_taken, true)) {
		rows.add(page->rows);
		page = find_list(page->next);
	}
	return rows;
}

// Those that are there already get more rows; the others come at the end, as it does not matter where.  Returns how
// many rows came to such that had some.
std::size_t GinContents::merge_pending(std::vector<GinKey> &keys) {
	std::ranges::sort(pending_, before);
	std::vector<bool> is_known(pending_.size());
	std::size_t known = 0;
	for (GinKey &key : keys) {
		auto waiting = std::ranges::lower_bound(pending_, key.hash, {}, &GinKey::hash);
		for (; waiting != pending_.end() && waiting->hash == key.hash; ++waiting) {
			key.rows.add(waiting->rows);
			is_known[static_cast<std::size_t>(waiting - pending_.begin())] = true;
			++known;
		}
	}
	for (std::size_t i = 0; i < pending_.size(); ++i) {
		if (is_known[i]) {
			continue;
		}
		if (i > 0 && !is_known[i - 1] && pending_[i - 1].hash == pending_[i].hash) {
			keys.back().rows.add(pending_[i].rows);
		} else {
			keys.push_back(pending_[i]);
		}
	}
	return known;
}

// Of a sample, where it is not known which list is whose: as of one list, and a page that is half full for each.
double GinContents::pages_of_lists(std::uint64_t &trees) const {
	PostingRun all;
	for (const ListPage &list : lists_) {
		all.items += list.rows.items;
		all.bytes += list.rows.bytes;
	}
	trees = static_cast<std::uint64_t>(std::ranges::count_if(keys_, [](const GinKey &key) { return key.tree != 0; }));
	return all.items == 0 ? 0 : static_cast<double>(posting_tree_pages(all));
}

GinSize GinContents::rebuilt(const GinBuild &build, const Times &times_keys, const Times &times_lists) {
	const bool is_whole = times_lists.value == 1 && times_keys.value == 1;
	const double stride = stride_;
	std::vector<GinKey> keys = in_order();
	double merged = 0;                              // bytes more, or less, that rows between others may take
	double waiting = more_pending_ / KeyTree::room; // pages of keys of which it is not known whether they are new
	if (is_whole) {
		for (GinKey &key : keys) {
			if (key.tree != 0) {
				key.rows = rows_of_tree(key.tree);
			}
		}
	}
	if (is_whole && stride_ == 1) {
		merged = static_cast<double>(merge_pending(keys)) / 2;
	} else {
		waiting += bytes_of(pending_.data(), pending_.size()) / KeyTree::room;
	}
	const KeySizes sizes = pack_keys(keys, build, times_keys.value * stride);
	double lists = sizes.tree_pages * stride;
	double last_pages = 0;
	if (!is_whole) {
		std::uint64_t trees = 0;
		lists = pages_of_lists(trees);
		last_pages = static_cast<double>(trees) * times_keys.value * stride / 2;
	}
	const double error = (sizes.batches > 1 ? batches_error : model_error) +
	                     (is_whole && stride_ == 1 ? 0 : sample_error) + (merged > 0 ? pending_error : 0);
	const double middle = sizes.pages * stride * times_keys.value + lists * times_lists.value + last_pages + waiting;
	const double low = sizes.low * stride * times_keys.low + lists * times_lists.low - merged / KeyTree::room;
	const double high = sizes.high * stride * times_keys.high + times_keys.unseen + lists * times_lists.high +
	                    times_lists.unseen + 2 * (last_pages + waiting) + merged / KeyTree::room;
	return {.pages = 1 + middle,
	        .low = std::max(2.0, low * (1 - error) - page_error),
	        .high = 1 + high * (1 + error) + page_error,
	        .takes_batches = sizes.batches > 1};
}

} // namespace warden::bloat
