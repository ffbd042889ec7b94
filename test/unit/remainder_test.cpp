// What hash partitions are missing, tried with every set of partitions of some chains of moduli.
#include "partition/remainder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace warden::partition {

// Where gtest looks for it.
static std::ostream &operator<<(std::ostream &out, const Remainder &value) {
	return out << value.modulus << ":" << value.remainder;
}

namespace {

using Remainders = std::vector<Remainder>;
constexpr std::size_t many = 10'000;

// How many of the partitions take each hash, up to the product of all moduli.
std::vector<int> counts(const Remainders &partitions, int hashes) {
	std::vector<int> count(static_cast<std::size_t>(hashes));
	for (const Remainder &partition : partitions) {
		for (int hash = partition.remainder; hash < hashes; hash += partition.modulus) {
			++count[static_cast<std::size_t>(hash)];
		}
	}
	return count;
}

// That the missing ones and those that exist take each hash once, and that nothing is made smaller than it need be.
void check(const Remainders &existing, int modulus, int hashes) {
	SCOPED_TRACE(::testing::PrintToString(existing) + " modulus " + ::testing::PrintToString(modulus));
	const Remainders missing = missing_remainders(existing, modulus, many);
	Remainders all = existing;
	all.insert(all.end(), missing.begin(), missing.end());
	ASSERT_TRUE(std::ranges::all_of(counts(all, hashes), [](int count) { return count == 1; }));
	ASSERT_TRUE(missing_remainders(all, modulus, many).empty());
	for (const Remainder &one : missing) {
		ASSERT_TRUE(is_modulus_for(existing, one.modulus));
		if (one.modulus != modulus) {
			const Remainder whole{modulus, one.remainder % modulus};
			ASSERT_TRUE(std::ranges::any_of(existing, [&](const Remainder &other) { return overlap(other, whole); }));
		}
	}
	for (std::size_t limit = 0; limit < missing.size(); ++limit) {
		ASSERT_EQ(missing_remainders(existing, modulus, limit),
		          Remainders(missing.begin(), missing.begin() + static_cast<std::ptrdiff_t>(limit)));
	}
}

// Each set of disjoint partitions of these moduli, for each of the moduli.
void check_all(const std::vector<int> &moduli) {
	Remainders candidates;
	for (const int modulus : moduli) {
		for (int remainder = 0; remainder < modulus; ++remainder) {
			candidates.push_back({modulus, remainder});
		}
	}
	const int hashes = 2 * moduli.back();
	for (unsigned chosen = 0; chosen < 1U << candidates.size(); ++chosen) {
		Remainders existing;
		for (std::size_t i = 0; i < candidates.size(); ++i) {
			if ((chosen >> i & 1U) != 0) {
				existing.push_back(candidates[i]);
			}
		}
		if (std::ranges::any_of(counts(existing, hashes), [](int count) { return count > 1; })) {
			continue;
		}
		for (const int modulus : moduli) {
			check(existing, modulus, hashes);
		}
	}
}

TEST(Remainder, AllOfAnEmptySet) {
	EXPECT_EQ(missing_remainders({}, 3, many), (Remainders{{3, 0}, {3, 1}, {3, 2}}));
	EXPECT_EQ(missing_remainders({}, 1, many), (Remainders{{1, 0}}));
}

TEST(Remainder, WhatAGreaterModulusLeaves) {
	EXPECT_EQ(missing_remainders({{2, 0}, {8, 1}}, 2, many), (Remainders{{8, 3}, {8, 5}, {8, 7}}));
	EXPECT_EQ(missing_remainders({{4, 1}, {8, 3}}, 2, many), (Remainders{{2, 0}, {8, 7}}));
}

TEST(Remainder, WhatALesserModulusTakes) {
	EXPECT_EQ(missing_remainders({{2, 0}}, 4, many), (Remainders{{4, 1}, {4, 3}}));
	EXPECT_TRUE(missing_remainders({{2, 0}, {2, 1}}, 8, many).empty());
}

TEST(Remainder, EverySetOfSomeChains) {
	check_all({1, 2, 4, 8});
	check_all({2, 6, 12});
	check_all({3, 6});
}

TEST(Remainder, RandomSetsOfLongChains) {
	std::mt19937 random(1); // NOLINT: the same in every run
	for (int run = 0; run < 300; ++run) {
		std::vector<int> moduli{1};
		while (moduli.size() < 6 && moduli.back() < 200) {
			moduli.push_back(moduli.back() * static_cast<int>(1 + random() % 4));
		}
		Remainders existing;
		for (int i = 0; i < 20; ++i) {
			const int modulus = moduli[random() % moduli.size()];
			const Remainder one{modulus, static_cast<int>(random() % static_cast<unsigned>(modulus))};
			if (std::ranges::none_of(existing, [&](const Remainder &other) { return overlap(other, one); })) {
				existing.push_back(one);
			}
		}
		check(existing, moduli[random() % moduli.size()], moduli.back());
	}
}

TEST(Remainder, AHugeModulusTakesNoTime) {
	EXPECT_EQ(missing_remainders({{2'000'000'000, 1}}, 2, 3),
	          (Remainders{{2, 0}, {2'000'000'000, 3}, {2'000'000'000, 5}}));
	EXPECT_EQ(missing_remainders({{2'000'000'000, 1}}, 1, 2), (Remainders{{2'000'000'000, 0}, {2'000'000'000, 2}}));
}

TEST(Remainder, ModuliOfAChain) {
	EXPECT_TRUE(is_modulus_for({}, 7));
	EXPECT_TRUE(is_modulus_for({{4, 0}, {8, 1}}, 2));
	EXPECT_TRUE(is_modulus_for({{4, 0}, {8, 1}}, 24));
	EXPECT_FALSE(is_modulus_for({{4, 0}, {8, 1}}, 12));
	EXPECT_FALSE(is_modulus_for({{4, 0}}, 6));
	EXPECT_FALSE(is_modulus_for({{4, 0}}, 3));
}

TEST(Remainder, PartsOfAPartition) {
	EXPECT_EQ(parts_of({4, 1}, 12), (Remainders{{12, 1}, {12, 5}, {12, 9}}));
	EXPECT_EQ(parts_of({4, 1}, 4), (Remainders{{4, 1}}));
}

} // namespace

} // namespace warden::partition
