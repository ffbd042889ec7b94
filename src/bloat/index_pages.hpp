// index_pages.hpp - The pages of an index that is no B-tree: all of them, or some at random.
//
// The invariants: each page is a copy that is judged by itself, whatever happens to the index meanwhile, and no page is
// an error; the accounts sum to the file.
#pragma once

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

/// Of a page: what is neither an entry, nor dead, nor between the two ends, is overhead.
Account account_of_page(Page page, std::int64_t live, std::int64_t vacuum_frees, std::int64_t reserve);

inline constexpr Account free_page{.free = BLCKSZ};
inline constexpr Account blocked_page{.blocked = BLCKSZ};
inline constexpr Account overhead_page{.overhead = BLCKSZ};

// C++ -----------------------------------------------------------------------------------------------------------------

class IndexPages : pg::Scoped {
public:
	/// A sample of a small file is all of it.
	IndexPages(Relation relation, Method method, const Effort &effort);
	~IndexPages();

	std::uint32_t pages() const { return pages_; }
	bool is_whole() const { return drawn_ == 0; }

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

	/// Without a prediction.
	Measurement measurement() const;

private:
	void start();
	bool next();
	void draw();
	Page read(std::uint32_t block);

	PageReader reader_;
	const Effort effort_;
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

/// What is said of a method that reads nothing.
Measurement not_estimated(Relation relation, const char *access_method);

} // namespace warden::bloat
