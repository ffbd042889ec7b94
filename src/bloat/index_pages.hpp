// index_pages.hpp - The pages of an index that is no B-tree: all of them, or some at random.
//
// The invariants: each page is a copy that is judged by itself, whatever happens to the index meanwhile, and no page is
// an error; the accounts sum to the file.
#pragma once

#include "bloat/dead_roots.hpp"
#include "bloat/measurement.hpp"
#include "bloat/page_reader.hpp"
#include "bloat/sample_estimate.hpp"

#include "pg/scoped.hpp"

#include <chrono>

namespace warden::bloat {

// Server code ---------------------------------------------------------------------------------------------------------

/// Whether the page has the form that all pages of such an index have: its own data at the end, of so many bytes.
bool is_sound(Page page, std::size_t special);

/// Of an entry; null if the page says that it is where it cannot be.
const char *entry_of(Page page, OffsetNumber offset, std::size_t least);

/// Bytes of entries of a page, of those that are not live with their line pointers.
struct Entries {
	std::int64_t live = 0;
	std::int64_t dead = 0;
	std::int64_t blocked = 0;

	void add(Fate fate, std::int64_t length) {
		constexpr std::int64_t pointer = sizeof(ItemIdData);
		live += fate == Fate::Kept ? length : 0;
		dead += fate == Fate::Dead ? length + pointer : 0;
		blocked += fate == Fate::Blocked ? length + pointer : 0;
	}
};

/// Of a page: what is neither an entry nor between the two ends is overhead.
Account account_of_page(Page page, const Entries &entries, std::int64_t reserve);

inline constexpr Account free_page{.free = BLCKSZ};
inline constexpr Account blocked_page{.blocked = BLCKSZ};
inline constexpr Account overhead_page{.overhead = BLCKSZ};

// C++ -----------------------------------------------------------------------------------------------------------------

class IndexPages : pg::Scoped {
public:
	/// A sample of a small file is all of it.  If all of it is read, so are the rows that may be dead.
	IndexPages(Relation relation, Relation heap, Method method, const Effort &effort);
	~IndexPages();

	std::uint32_t pages() const { return pages_; }
	bool is_whole() const { return drawn_ == 0; }

	/// What becomes of an entry of this row, as far as it is known.  Server code.
	Fate fate_of(const ItemPointerData &row) const { return dead_ ? dead_->of(row) : Fate::Kept; }

	/// Calls look(page, block), which is server code, for each page, and keep(what it returns, block).  The first page
	/// of a file is always read; what is drawn from are the others.
	template <class Look, class Keep>
	void each(Look look, Keep keep) {
		for (start(); next();) {
			const std::uint32_t block = block_;
			const auto found = pg::call([&] { return look(read(block), block); });
			(block == 0 ? first_ : others_) += found.account;
			keep(found, block);
		}
	}

	/// Of the values of all pages but the first.
	Estimate sum(const std::vector<double> &values, double most) const;

	/// Of pages among those that were read, how many there are in all.
	std::int64_t scale(std::int64_t found) const;

	/// The same prediction, but of a sample with an end for the case that as many entries are dead as rows are.
	Prediction with_dead(Prediction rewritten) const;

	/// Without a prediction.
	Measurement measurement() const;

private:
	void start();
	bool next();
	void draw_sample();
	Page read(std::uint32_t block);

	std::optional<DeadRoots> dead_;
	PageReader reader_;
	const Effort effort_;
	double kept_share_ = 1; ///< of the table's rows, by the activity statistics, if dead ones are not looked at
	const Method method_;
	std::uint32_t pages_;
	std::uint64_t drawn_ = 0; ///< pages of a sample; 0: all
	std::vector<std::uint32_t> sample_;
	std::size_t position_ = 0;
	std::uint32_t block_ = 0;
	std::size_t prefetched_ = 0;
	std::chrono::steady_clock::time_point end_;
	Account first_;
	Account others_;
};

/// What is said of an index that is not looked at.
std::optional<Measurement> withheld(Relation index, Relation heap, Method method);

} // namespace warden::bloat
