#include "bloat/gin_contents.hpp"

#include "bloat/gin_batches.hpp"
#include "bloat/heap_packing.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

namespace {

constexpr double model_error = 0.02;   // of one batch; measured: a page or two of some hundred
constexpr double batches_error = 0.15; // of several: where one ends is known roughly
constexpr double sample_error = 0.05;  // besides what the sample's own doubt is
constexpr double page_error = 2;

// A key that has waited may be one of those that are not remembered.
constexpr double pending_known = 0.5;

bool before(const GinKey &a, const GinKey &b) {
	return a.hash != b.hash ? a.hash < b.hash : a.rows.first < b.rows.first;
}

bool has_smaller_hash(const GinKey &key, std::uint64_t hash) {
	return key.hash < hash;
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
	pending_.insert(pending_.end(), keys, keys + count);
}

void GinContents::add_list(std::uint32_t block, std::uint32_t next, std::uint32_t child, const PostingRun &rows) {
	lists_.push_back({.block = block, .next = next, .child = child, .rows = rows});
}

// From each page that no other one leads to, to the right; pages that were split meanwhile may be anywhere.
std::vector<GinKey> GinContents::in_order() const {
	std::unordered_map<std::uint32_t, std::size_t> of_block;
	std::vector<bool> is_led_to(pages_.size());
	for (std::size_t i = 0; i < pages_.size(); ++i) {
		of_block.emplace(pages_[i].block, i);
	}
	for (const KeyPage &page : pages_) {
		if (const auto next = of_block.find(page.next); next != of_block.end()) {
			is_led_to[next->second] = true;
		}
	}
	std::vector<GinKey> keys;
	keys.reserve(keys_.size());
	std::vector<bool> is_done(pages_.size());
	const auto follow = [&](std::size_t page) {
		for (auto next = of_block.find(pages_[page].block); next != of_block.end() && !is_done[next->second];
		     next = of_block.find(pages_[page].next)) {
			page = next->second;
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

const GinContents::ListPage *GinContents::find_list(std::uint32_t block) const {
	const auto found =
		std::lower_bound(lists_.begin(), lists_.end(), block,
	                     [](const ListPage &page, std::uint32_t wanted) { return page.block < wanted; });
	return found != lists_.end() && found->block == block ? &*found : nullptr;
}

// Pages that were changed while others were read may be missing, or lead back.
PostingRun GinContents::rows_of_tree(std::uint32_t root) const {
	const ListPage *page = find_list(root);
	for (std::size_t depth = 0; page != nullptr && page->child != 0 && depth < lists_.size(); ++depth) {
		page = find_list(page->child);
	}
	PostingRun rows;
	for (std::size_t i = 0; page != nullptr && i < lists_.size(); ++i) {
		rows.add(page->rows);
		page = find_list(page->next);
	}
	return rows;
}

// Those that are there already get more rows; the others come at the end, as it does not matter where.
void GinContents::merge_pending(std::vector<GinKey> &keys) {
	std::sort(pending_.begin(), pending_.end(), before);
	std::vector<bool> is_known(pending_.size());
	for (GinKey &key : keys) {
		auto waiting = std::lower_bound(pending_.begin(), pending_.end(), key.hash, has_smaller_hash);
		for (; waiting != pending_.end() && waiting->hash == key.hash; ++waiting) {
			key.rows.add(waiting->rows);
			is_known[static_cast<std::size_t>(waiting - pending_.begin())] = true;
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
}

GinSize GinContents::rebuilt(const GinBuild &build, double times_keys, double times_lists) {
	const double times = times_keys * static_cast<double>(stride_);
	const bool is_whole = times_keys == 1 && times_lists == 1;
	std::vector<GinKey> keys = in_order();
	PostingRun all_lists; // of a sample, of which it is not known which tree they belong to
	std::uint64_t trees = 0;
	for (GinKey &key : keys) {
		trees += key.tree != 0 ? 1 : 0;
		if (key.tree != 0 && is_whole) {
			key.rows = rows_of_tree(key.tree);
		}
	}
	double waiting = 0; // bytes of keys in the pending list, if it cannot be known whether they are new
	if (times == 1) {
		merge_pending(keys);
	} else {
		for (const GinKey &key : pending_) {
			waiting += tuple_size(key.size, key.rows) + page::line_pointer;
		}
	}
	if (!is_whole) {
		for (const ListPage &list : lists_) {
			all_lists.items += list.rows.items;
			all_lists.bytes += list.rows.bytes;
		}
	}
	const KeySizes sizes = pack_keys(keys, build, times);
	double list_pages = is_whole ? sizes.tree_pages * static_cast<double>(stride_)
	                             : static_cast<double>(posting_tree_pages(all_lists)) * times_lists;
	if (!is_whole) {
		list_pages += static_cast<double>(trees) * times / 2; // the last page of each is half full
	}
	const double known = waiting / KeyTree::room;
	const double middle = sizes.pages * times + known * (1 + pending_known) + list_pages + 1;
	const double error = (sizes.batches > 1 ? batches_error : model_error) + (times == 1 ? 0 : sample_error);
	const double low = sizes.low * times + list_pages + 1;
	const double high = sizes.high * times + 2 * known + list_pages + 1;
	return {middle, std::max(2.0, low * (1 - error) - page_error), high * (1 + error) + page_error};
}

} // namespace warden::bloat
