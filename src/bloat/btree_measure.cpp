// btree_measure.cpp - B-trees.
//
// Exactly: the leaves are read in the order of their keys, which is the order that a rebuild packs them in; and then
// what has not been met.  No lock is held from one page to the next, so that a tree may change meanwhile.  The
// invariant: each page of the file is counted once, and no entry twice that was split off to another page.
#include "bloat/subject.hpp"

#include "bloat/btree_packing.hpp"
#include "bloat/btree_page.hpp"
#include "bloat/btree_sample.hpp"
#include "bloat/dead_roots.hpp"
#include "bloat/statistics_basis.hpp"

#include <algorithm>
#include <vector>

extern "C" {
#include "catalog/pg_am_d.h"
#include "catalog/pg_index.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

/// What a page has been found to be, if it is to be looked at no more.
class SeenPages {
public:
	explicit SeenPages(std::size_t blocks) : seen_(blocks) {}

	bool has(BlockNumber block) const { return block < seen_.size() && seen_[block]; }

	void add(BlockNumber block) {
		if (block >= seen_.size()) {
			seen_.resize(std::size_t{block} + 1);
		}
		seen_[block] = true;
	}

private:
	std::vector<bool> seen_;
};

/// A tree that is read as a whole.
class ExactBtree {
public:
	ExactBtree(Relation index, Relation heap, DeadRoots &dead, int cost_delay_ms)
		: dead_(dead), reader_(call(begin_reading, index, cost_delay_ms)),
		  shape_(call([&] { return begin_btree(index, heap, reader_); })), ahead_(call(prefetch_distance, reader_)),
		  seen_(reader_.blocks), packing_(BTGetFillFactor(index), shape_.deduplicates) {}

	Measurement measure() {
		count_first_page();
		read_leaves();
		read_rest();
		call(end_reading, reader_);
		Measurement measurement;
		measurement.method = Method::Exact;
		measurement.bytes = static_cast<std::int64_t>(reader_.blocks) * BLCKSZ;
		measurement.pages_read = reader_.pages_read + dead_.pages_read();
		measurement.account = account_;
		measurement.deleted_pages = deleted_pages_;
		measurement.would_deduplicate = shape_.deduplicates && !shape_.is_deduplicated;
		if (is_broken_) {
			measurement.withheld = "its pages changed places while it was read";
			return measurement;
		}
		const auto rewritten = static_cast<std::int64_t>(packing_.finish()) * BLCKSZ;
		measurement.rewritten = Prediction{.bytes = rewritten, .low = rewritten, .high = rewritten};
		return measurement;
	}

private:
	void count_first_page() {
		seen_.add(BTREE_METAPAGE);
		account_.overhead += BLCKSZ;
	}

	static Fate fate_of(void *dead, const ItemPointerData &row) {
		return static_cast<const DeadRoots *>(dead)->of(row);
	}

	void look(BlockNumber block) {
		const RowJudge judge{.fate = dead_.is_empty() ? nullptr : &fate_of, .self = &dead_};
		call([&] { look_at_page(shape_, read_page(reader_, block), block, judge, page_); });
		seen_.add(block);
		// What the file has grown by meanwhile is not part of what is accounted for.
		if (block < reader_.blocks) {
			account_ += page_.account;
			deleted_pages_ += page_.kind == BtreePageKind::Deleted || page_.kind == BtreePageKind::HalfDead ? 1 : 0;
		}
	}

	// From one leaf to the next by the links between them, which are right at any time.  Those who hold a snapshot, as
	// we do, can follow one to a page that was deleted meanwhile, and on from it.
	void read_leaves() {
		BlockNumber block = find_first_leaf();
		while (block != P_NONE && !seen_.has(block)) {
			ask_ahead(block);
			look(block);
			if (page_.kind == BtreePageKind::New || page_.level != 0) {
				break;
			}
			add_leaf(packing_, page_);
			block = page_.next;
		}
		is_broken_ = block != P_NONE;
	}

	/// A root that is the only leaf is done with at once.
	BlockNumber find_first_leaf() {
		BlockNumber block = shape_.root;
		while (block != P_NONE && !seen_.has(block)) {
			look(block);
			switch (page_.kind) {
			case BtreePageKind::Inner:
				block = page_.child_count > 0 ? page_.children[0] : P_NONE;
				if (page_.level == 1) {
					expect_children();
					return block;
				}
				break;
			case BtreePageKind::Leaf:
				add_leaf(packing_, page_);
				return page_.next;
			case BtreePageKind::HalfDead:
			case BtreePageKind::Deleted:
				block = page_.next;
				break;
			case BtreePageKind::New:
				return block;
			}
		}
		return block;
	}

	void expect_children() {
		expected_.assign(page_.children, page_.children + page_.child_count);
		place_ = 0;
		asked_ = 0;
		next_parent_ = page_.next;
	}

	// The level above knows the leaves in their order, but for those that were split off since.
	void ask_ahead(BlockNumber block) {
		const auto found = std::find(expected_.begin() + static_cast<std::ptrdiff_t>(place_), expected_.end(), block);
		if (found == expected_.end()) {
			return;
		}
		place_ = static_cast<std::size_t>(found - expected_.begin()) + 1;
		if (place_ == expected_.size() && next_parent_ != P_NONE && !seen_.has(next_parent_)) {
			look(next_parent_);
			expect_children();
		}
		asked_ = std::max(asked_, place_);
		for (; asked_ < expected_.size() && asked_ < place_ + static_cast<std::size_t>(ahead_); ++asked_) {
			call(prefetch_page, reader_, expected_[asked_]);
		}
	}

	// Inner pages and those without entries.  A leaf among them was split off from one after that had been read.
	void read_rest() {
		BlockNumber asked = 0;
		for (BlockNumber block = 0; block < reader_.blocks; ++block) {
			if (seen_.has(block)) {
				continue;
			}
			const BlockNumber last = block + static_cast<BlockNumber>(ahead_);
			for (asked = std::max(asked, block + 1); asked < reader_.blocks && asked <= last; ++asked) {
				if (!seen_.has(asked)) {
					call(prefetch_page, reader_, asked);
				}
			}
			look(block);
		}
	}

	DeadRoots &dead_;
	PageReader reader_;
	BtreeShape shape_;
	int ahead_;
	SeenPages seen_;
	BtreePacking packing_;
	BtreePage page_{};
	Account account_;
	std::int64_t deleted_pages_ = 0;
	bool is_broken_ = false;

	std::vector<BlockNumber> expected_; ///< leaves below one page of the level above
	std::size_t place_ = 0;             ///< of the next one
	std::size_t asked_ = 0;
	BlockNumber next_parent_ = P_NONE;
};

Measurement withhold(Relation index, Method method, const char *reason) {
	Measurement measurement;
	measurement.method = method;
	measurement.bytes = static_cast<std::int64_t>(call([&] { return RelationGetNumberOfBlocks(index); })) * BLCKSZ;
	measurement.withheld = reason;
	return measurement;
}

} // namespace

Measurement measure_btree(Relation index, Relation heap, Method method, const Effort &effort) {
	if (!index->rd_index->indisvalid) {
		return withhold(index, method, "the index is not valid: it may not have entries of all rows");
	}
	if (heap->rd_rel->relam != HEAP_TABLE_AM_OID) {
		return withhold(index, method, "the access method of its table is none of the server's own");
	}
	if (method == Method::Statistics) {
		return measure_btree_by_statistics(index, heap);
	}
	if (method == Method::Sample) {
		if (auto sampled = sample_btree(index, heap, effort, true)) {
			return *std::move(sampled);
		}
	}
	// First: what is dead now stays so, while new rows get entries.
	DeadRoots dead(heap, effort.cost_delay_ms);
	if (dead.is_complete()) {
		return ExactBtree(index, heap, dead, effort.cost_delay_ms).measure();
	}
	Measurement measurement = *sample_btree(index, heap, effort, false);
	measurement.pages_read += dead.pages_read();
	measurement.caveats.emplace_back(
		"there are more dead rows than maintenance_work_mem has room for, so it was sampled");
	return measurement;
}

} // namespace warden::bloat
