// hash_packing.hpp - How many pages the entries of a hash index take after REINDEX.
//
// Plain C++.  The invariant: given the hash values in the order of the table's rows, it is the size that CREATE INDEX
// makes, to the page.  A build makes the buckets for as many rows as the table is estimated to have, in phases of a
// quarter of a power of two, and splits them as any insertion does where there turn out to be more.
//
// Source of the rules: the server's hashpage.c (_hash_init_metabuffer(), _hash_expandtable()), hashutil.c
// (_hash_spareindex()), hashovfl.c (_hash_addovflpage()).
#pragma once

#include <cstdint>
#include <vector>

namespace warden::bloat {

class HashPacking {
public:
	/// Values are remembered only if the buckets will not do for so many entries.
	HashPacking(double estimated_rows, int fillfactor, std::uint64_t entries);

	void add(std::uint32_t hash);

	std::uint64_t pages() const;

	/// At this moment.
	std::uint32_t bucket_of(std::uint32_t hash) const;
	bool may_split() const { return may_split_; }

	/// For so many entries that fall into the buckets by chance: overflow pages, and the entries that are on them.
	struct Overflow {
		double pages;
		double entries;
	};
	static Overflow by_chance(double entries, double buckets);

	static constexpr std::uint32_t entries_of_page = 407;

	/// By its fill factor: entries of a bucket, on the average, before there is another one.
	static std::uint32_t target(int fillfactor);

	/// Buckets that a build for so many rows begins with.
	static std::uint32_t buckets_for(double rows, int fillfactor);

	/// Buckets of which there are pages, when so many are needed.
	static std::uint64_t phase_of(std::uint64_t buckets);

private:
	static constexpr std::uint32_t none = UINT32_MAX;

	struct Bucket {
		std::uint32_t entries = 0;
		std::uint32_t last = none; ///< of its values
	};

	struct Value {
		std::uint32_t hash;
		std::uint32_t previous; ///< of the same bucket
	};

	void put(Bucket &bucket);
	void link(Bucket &bucket, std::uint32_t value);
	void split();
	void take_overflow_page();

	std::uint32_t target_;
	std::uint32_t buckets_;
	std::uint32_t high_mask_;
	bool may_split_;
	std::uint64_t entries_ = 0;
	std::uint64_t spares_ = 1; ///< overflow pages and bitmaps; there is a bitmap from the beginning
	std::uint64_t free_ = 0;   ///< overflow pages that a split has emptied
	std::vector<Bucket> contents_;
	std::vector<Value> values_;
};

} // namespace warden::bloat
