#include "bloat/page_strata.hpp"

extern "C" {
#include "access/visibilitymap.h"
#include "storage/bufmgr.h"
#include "storage/fsm_internals.h"
#include "storage/smgr.h"
}

namespace warden::bloat {

namespace {

constexpr int classes_of_space = 4;
constexpr Size least_space[classes_of_space] = {0, BLCKSZ / 8, BLCKSZ / 2, BLCKSZ / 8 * 7};

// Of more pages the free space map itself is too much to be read: it has a page for 4,000 of them.
constexpr BlockNumber most_blocks_by_space = 1024 * 1024;
constexpr Size step_of_space = BLCKSZ / 256;
constexpr auto slots = static_cast<BlockNumber>(LeafNodesPerPage);

constexpr BlockNumber least_share = 50; // what is smaller than a fiftieth of the file is no stratum by itself
constexpr BlockNumber least_pages = 30;
constexpr BlockNumber between_interrupts = 4096;

} // namespace

FreeSpace::FreeSpace(Relation relation) : relation_(relation), copy_(static_cast<char *>(palloc0(BLCKSZ))) {
	if (smgrexists(RelationGetSmgr(relation), FSM_FORKNUM)) {
		pages_ = smgrnblocks(RelationGetSmgr(relation), FSM_FORKNUM);
	}
}

Size FreeSpace::of(BlockNumber block) {
	const BlockNumber leaf = block / slots;
	if (leaf != leaf_) {
		read(leaf);
		leaf_ = leaf;
	}
	const auto *const page = reinterpret_cast<FSMPage>(PageGetContents(copy_));
	return page->fp_nodes[NonLeafNodesPerPage + block % slots] * step_of_space;
}

// It is a tree of three levels; before each page come all that are above and to the left of it.
void FreeSpace::read(BlockNumber leaf) {
	const BlockNumber page = leaf + leaf / slots + leaf / slots / slots + 2;
	if (page >= pages_) {
		memset(copy_, 0, BLCKSZ);
		return;
	}
	// As the server reads it: what is damaged there is no harm, and is put right by and by.
	const Buffer buffer = ReadBufferExtended(relation_, FSM_FORKNUM, page, RBM_ZERO_ON_ERROR, nullptr);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	memcpy(copy_, BufferGetPage(buffer), BLCKSZ);
	UnlockReleaseBuffer(buffer);
}

PageStrata::PageStrata(Relation relation, BlockNumber blocks)
	: relation_(relation), blocks_(blocks), space_(relation), has_free_space_(blocks <= most_blocks_by_space) {
	for (BlockNumber block = 0; block < blocks_; ++block) {
		if (block % between_interrupts == 0) {
			CHECK_FOR_INTERRUPTS();
		}
		++pages_[class_of(block)];
	}
	join_small();
}

int PageStrata::class_of(BlockNumber block) {
	const bool is_visible = VM_ALL_VISIBLE(relation_, block, &map_);
	int space = 0;
	if (has_free_space_) {
		const Size free = space_.of(block);
		while (space + 1 < classes_of_space && free >= least_space[space + 1]) {
			++space;
		}
	}
	return (is_visible ? 0 : classes_of_space) + space;
}

void PageStrata::join_small() {
	BlockNumber pages[most_strata] = {};
	int last = -1;
	const BlockNumber least = Max(least_pages, blocks_ / least_share);
	for (int i = 0; i < most_strata; ++i) {
		const bool is_other_kind = i == classes_of_space;
		// The one before takes it in, or is taken in if it is small itself.
		if (last < 0 || (pages[last] >= least && pages_[i] >= least) || (is_other_kind && pages[last] >= least_pages)) {
			++last;
		}
		pages[last] += pages_[i];
		stratum_of_[i] = last;
	}
	// The last one may be too small still.
	if (last > 0 && pages[last] < least_pages) {
		pages[last - 1] += pages[last];
		pages[last] = 0;
		for (int &stratum : stratum_of_) {
			stratum = Min(stratum, last - 1);
		}
		--last;
	}
	count_ = last + 1;
	memcpy(pages_, pages, sizeof(pages_));
}

int PageStrata::of(BlockNumber block) {
	return stratum_of_[class_of(block)];
}

void PageStrata::find(Ranks (&ranks)[most_strata]) {
	BlockNumber seen[most_strata] = {};
	for (BlockNumber block = 0; block < blocks_; ++block) {
		if (block % between_interrupts == 0) {
			CHECK_FOR_INTERRUPTS();
		}
		const int stratum = of(block);
		Ranks &rest = ranks[stratum];
		if (rest.begin < rest.end && *rest.begin == seen[stratum]) {
			*rest.begin++ = block;
		}
		++seen[stratum];
	}
	// Maps may have changed meanwhile: what was not found is drawn from all pages.
	for (Ranks &rest : ranks) {
		for (; rest.begin < rest.end; ++rest.begin) {
			*rest.begin %= blocks_;
		}
	}
}

void PageStrata::end() {
	if (BufferIsValid(map_)) {
		ReleaseBuffer(map_);
		map_ = InvalidBuffer;
	}
}

} // namespace warden::bloat
