// btree_sample.cpp - A B-tree, from some of its pages.
//
// Pages are drawn at random, without replacement, in batches that are read in the order of the file.  What the entries
// of a leaf take after a rebuild is found by packing them; the sum over all pages is estimated from those that were
// drawn.  Which entries are of rows that a rebuild drops is in the heap: where the visibility map does not vouch for
// them, one page of the heap is read for each leaf, drawn in proportion to the leaf's entries on it, and the leaf's
// share of them is taken for the leaf's.  That is right on average, whatever rows are dead; and as a leaf's figure
// bears the doubt of its draw, the differences between the leaves have both doubts in them.
#include "bloat/btree_sample.hpp"

#include "bloat/btree_packing.hpp"
#include "bloat/btree_page.hpp"
#include "bloat/dead_roots.hpp"
#include "bloat/heap_packing.hpp"
#include "bloat/sample_draw.hpp"
#include "bloat/sample_estimate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

extern "C" {
#include "access/visibilitymap.h"
#include "catalog/pg_index.h"
#include "storage/procarray.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

constexpr std::int64_t most_pages = 2500;  // if nothing else is said
constexpr std::int64_t cheap_pages = 1000; // which are better read all
constexpr std::size_t batch_pages = 32;
constexpr std::size_t pilot_pages = 64;

/// Where rows of a leaf are that nothing is known of: one page of the heap, drawn at random.
struct Probe {
	BlockNumber block;   ///< or InvalidBlockNumber: a rebuild has all of the leaf's entries
	double unknown;      ///< the share of the leaf's rows that is not vouched for
	std::uint16_t count; ///< of the leaf's rows on it
	OffsetNumber rows[page::most_tuples];
};

/// The shares of a leaf's rows.
struct Shares {
	double dead;
	double blocked;
};

/// A page that was drawn.
struct Drawn {
	BlockNumber block;
	Probe probe;
	Shares shares;
	PGAlignedBlock page;
};

// Server code from here, up to the class.

/// Chooses one of the rows that the visibility map does not vouch for, each with the same chance.
void choose_probe(Relation heap, Buffer &map, Drawn &drawn, RandomNumbers &numbers) {
	Probe &probe = drawn.probe;
	probe.block = InvalidBlockNumber;
	probe.count = 0;
	const Page page = drawn.page.data;
	if (PageIsNew(page) || P_IGNORE(BTPageGetOpaque(page)) || !P_ISLEAF(BTPageGetOpaque(page))) {
		return;
	}
	std::uint32_t rows = 0;
	std::uint32_t unknown = 0;
	visit_rows(page, [&](const ItemPointerData &row) {
		++rows;
		const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&row);
		if ((visibilitymap_get_status(heap, block, &map) & VISIBILITYMAP_ALL_VISIBLE) == 0) {
			++unknown;
			probe.block = numbers() % unknown == 0 ? block : probe.block;
		}
	});
	if (unknown == 0) {
		return;
	}
	probe.unknown = static_cast<double>(unknown) / rows;
	visit_rows(page, [&](const ItemPointerData &row) {
		if (ItemPointerGetBlockNumberNoCheck(&row) == probe.block && probe.count < page::most_tuples) {
			probe.rows[probe.count++] = ItemPointerGetOffsetNumberNoCheck(&row);
		}
	});
}

/// What became of the rows that were chosen.
Shares ask_heap(PageReader &heap, Fates &fates, const Probe &probe) {
	if (probe.block >= heap.blocks) {
		return {};
	}
	const Page page = read_page(heap, probe.block);
	Shares shares{};
	for (std::uint16_t i = 0; i < probe.count; ++i) {
		const Fate fate = fate_of_root(page, probe.rows[i], fates);
		shares.dead += fate == Fate::Dead ? 1 : 0;
		shares.blocked += fate == Fate::Blocked ? 1 : 0;
	}
	return {shares.dead * probe.unknown / probe.count, shares.blocked * probe.unknown / probe.count};
}

/// Takes these shares of the rows that it is asked of, evenly.
struct EvenJudge {
	Shares shares;
	double dead;
	double blocked;

	static Fate fate(void *self, const ItemPointerData & /*row*/) {
		auto &judge = *static_cast<EvenJudge *>(self);
		judge.dead += judge.shares.dead;
		if (judge.dead >= 1) {
			judge.dead -= 1;
			return Fate::Dead;
		}
		judge.blocked += judge.shares.blocked;
		if (judge.blocked >= 1) {
			judge.blocked -= 1;
			return Fate::Blocked;
		}
		return Fate::Kept;
	}
};

/// How many pages of a heap the visibility map does not vouch for.
std::int64_t count_unknown(Relation heap) {
	BlockNumber visible = 0;
	visibilitymap_count(heap, &visible, nullptr);
	const BlockNumber blocks = RelationGetNumberOfBlocks(heap);
	return blocks - Min(blocks, visible);
}

/// A tree of which pages are drawn.
class BtreeSample {
public:
	BtreeSample(Relation index, Relation heap, const Effort &effort)
		: effort_(effort), budget_(std::max<std::int64_t>(0, effort.max_pages.value_or(most_pages))),
		  numbers_(effort.seed), reader_(call(begin_reading, index, effort.cost_delay_ms)),
		  heap_(call(begin_reading, heap, effort.cost_delay_ms)),
		  fates_(call(GetOldestNonRemovableTransactionId, heap)),
		  shape_(call([&] { return begin_btree(index, heap, reader_); })),
		  packing_(BTGetFillFactor(index), shape_.deduplicates), others_(static_cast<std::int64_t>(reader_.blocks) - 1),
		  unknown_(call(count_unknown, heap)),
		  order_(draw(numbers_, static_cast<std::uint32_t>(others_), static_cast<std::uint64_t>(budget_))) {}

	/// Draws until it is enough.  False if all is to be read instead.
	bool read(bool may_decline) {
		std::int64_t wanted = effort_.max_pages ? others_ : std::min<std::int64_t>(others_, pilot_pages);
		while (true) {
			if (may_decline && is_better_read_all(wanted)) {
				return false;
			}
			const std::int64_t next = std::min<std::int64_t>(wanted - drawn(), batch_pages);
			if (next <= 0 || is_over() || !draw_batch(next)) {
				return true;
			}
			if (drawn() == wanted) {
				wanted = std::max(wanted, pages_wanted());
			}
		}
	}

	Measurement measure() {
		end();
		Measurement measurement;
		measurement.method = Method::Sample;
		measurement.bytes = static_cast<std::int64_t>(reader_.blocks) * BLCKSZ;
		measurement.pages_read = reader_.pages_read + heap_.pages_read;
		measurement.would_deduplicate = shape_.deduplicates && !shape_.is_deduplicated;
		if (drawn() < 2) {
			measurement.withheld = "max_pages or max_time left no room for a sample";
			return measurement;
		}
		measurement.account = scaled_to(account_, measurement.bytes);
		measurement.deleted_pages = deleted_pages_ * others_ / drawn();
		measurement.rewritten = predict();
		return measurement;
	}

	void end() {
		if (!std::exchange(is_ended_, true)) {
			call([&] {
				end_reading(reader_);
				end_reading(heap_);
				if (BufferIsValid(map_)) {
					ReleaseBuffer(map_);
				}
			});
		}
	}

private:
	std::int64_t drawn() const { return static_cast<std::int64_t>(yields_.size()); }

	std::int64_t pages_left() const { return budget_ - reader_.pages_read - heap_.pages_read; }

	bool is_over() const {
		return effort_.max_milliseconds &&
		       std::chrono::steady_clock::now() - begin_ >= std::chrono::milliseconds(*effort_.max_milliseconds);
	}

	bool is_better_read_all(std::int64_t wanted) const {
		const std::int64_t all = others_ + 1 + unknown_;
		return all <= pages_left() && (wanted * 3 >= others_ || all <= cheap_pages);
	}

	// What may be read is read, if it was said; or else as many pages as leave the doubt that is promised.
	std::int64_t pages_wanted() const {
		if (effort_.max_pages) {
			return others_;
		}
		const double pages = static_cast<double>(reader_.blocks) * aimed_half_width;
		const double bytes = packing_.leaves() > 0 ? pages * total_yield_ / packing_.leaves() : pages;
		return static_cast<std::int64_t>(pages_for(bytes, {stratum()}));
	}

	/// False, and as if it had not been tried, if there are not enough pages left.
	bool draw_batch(std::int64_t wanted) {
		const std::int64_t most = unknown_ > 0 ? pages_left() / 2 : pages_left();
		batch_.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(most, 0, wanted)));
		for (Drawn &drawn : batch_) {
			drawn.block = order_[next_++] + 1;
		}
		std::ranges::sort(batch_, {}, &Drawn::block);
		for (const Drawn &drawn : batch_) {
			call(prefetch_page, reader_, drawn.block);
		}
		for (Drawn &drawn : batch_) {
			call([&] {
				memcpy(drawn.page.data, read_page(reader_, drawn.block), BLCKSZ);
				check_page(shape_, drawn.page.data, drawn.block);
				choose_probe(heap_.relation, map_, drawn, numbers_);
			});
		}
		if (!ask_heap_of_batch()) {
			return false;
		}
		for (Drawn &drawn : batch_) {
			add(drawn);
		}
		return !batch_.empty();
	}

	bool ask_heap_of_batch() {
		std::vector<Drawn *> asked;
		for (Drawn &drawn : batch_) {
			drawn.shares = {};
			if (drawn.probe.block != InvalidBlockNumber) {
				asked.push_back(&drawn);
			}
		}
		has_probes_ = has_probes_ || !asked.empty();
		if (static_cast<std::int64_t>(asked.size()) > pages_left()) {
			return false;
		}
		std::ranges::sort(asked, {}, [](const Drawn *drawn) { return drawn->probe.block; });
		for (const Drawn *const drawn : asked) {
			if (drawn->probe.block < heap_.blocks) {
				call(prefetch_page, heap_, drawn->probe.block);
			}
		}
		for (Drawn *const drawn : asked) {
			drawn->shares = call(ask_heap, heap_, fates_, drawn->probe);
		}
		return true;
	}

	void add(Drawn &drawn) {
		EvenJudge judge{.shares = drawn.shares, .dead = 0.5, .blocked = 0.5};
		shape_.previous = nullptr;
		call([&] {
			look_at_page(shape_, drawn.page.data, drawn.block, {.fate = EvenJudge::fate, .self = &judge}, page_);
		});
		account_ += page_.account;
		deleted_pages_ += page_.kind == BtreePageKind::Deleted || page_.kind == BtreePageKind::HalfDead ? 1 : 0;
		add_leaf(packing_, page_);
		const auto bytes = static_cast<double>(packing_.end_list());
		yields_.push_back(bytes - total_yield_);
		total_yield_ = bytes;
	}

	// A leaf that is full of lists becomes several, if a rebuild makes none.
	Stratum stratum() const {
		const bool has_lists = shape_.is_deduplicated && !shape_.index->rd_index->indisunique;
		constexpr double most_rows = BLCKSZ / sizeof(ItemPointerData);
		constexpr double least_entry = 20;
		return {.pages = static_cast<std::uint64_t>(others_),
		        .values = yields_,
		        .least = 0,
		        .most = has_lists && !shape_.deduplicates ? most_rows * least_entry : BLCKSZ};
	}

	// A leaf's doubt about its rows does not become less when more of the leaves are drawn: so the leaves are taken for
	// a part of many more.
	Estimate estimate_yield() const {
		if (!has_probes_) {
			return estimate_sum({stratum()});
		}
		constexpr std::uint64_t many = 1000;
		Stratum of_many = stratum();
		of_many.pages *= many;
		const Estimate estimate = estimate_sum({of_many});
		return {estimate.value / many, estimate.low / many, estimate.high / many};
	}

	Prediction predict() const {
		const Estimate yield = estimate_yield();
		const double pages_per_byte = total_yield_ > 0 ? packing_.leaves() / total_yield_ : 1.0 / BLCKSZ;
		const auto pages = [&](double bytes, double doubt) {
			const double all = pages_of_tree(std::max(0.0, bytes * pages_per_byte), packing_.mean_pivot());
			return static_cast<std::int64_t>(std::llround(std::max(1.0, all + doubt))) * BLCKSZ;
		};
		const double rounding = is_whole() ? 0 : 1;
		return {pages(yield.value, 0), pages(yield.low, -rounding), pages(yield.high, rounding)};
	}

	bool is_whole() const { return drawn() == others_ && !has_probes_; }

	const Effort &effort_;
	const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
	const std::int64_t budget_;
	RandomNumbers numbers_;
	PageReader reader_;
	PageReader heap_;
	Buffer map_ = InvalidBuffer;
	Fates fates_;
	BtreeShape shape_;
	BtreePacking packing_;
	std::int64_t others_;              ///< pages but for the first one
	std::int64_t unknown_;             ///< pages of the heap that the visibility map does not vouch for
	std::vector<std::uint32_t> order_; ///< that the others are drawn in, from 0
	std::size_t next_ = 0;
	std::vector<Drawn> batch_;
	BtreePage page_{};
	std::vector<double> yields_; ///< bytes that each page that was drawn becomes
	double total_yield_ = 0;
	Account account_;
	std::int64_t deleted_pages_ = 0;
	bool has_probes_ = false;
	bool is_ended_ = false;
};

} // namespace

std::optional<Measurement> sample_btree(Relation index, Relation heap, const Effort &effort, bool may_decline) {
	BtreeSample sample(index, heap, effort);
	if (!sample.read(may_decline)) {
		sample.end();
		return std::nullopt;
	}
	return sample.measure();
}

} // namespace warden::bloat
