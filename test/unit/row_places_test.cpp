// The map of a block's rows: found again after packing, small for runs, and never misread when it is damaged.
#include "move/row_places.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace warden::move {

// Where gtest looks for it.
static std::ostream &operator<<(std::ostream &out, const Copy &copy) {
	return out << copy.side << ":(" << copy.block << "," << copy.offset << ")";
}

namespace {

constexpr std::size_t run_bytes = 12;

RowPlaces repacked(const RowPlaces &places) {
	const std::vector<std::byte> bytes = places.pack();
	const std::optional<RowPlaces> read = RowPlaces::unpack(bytes);
	EXPECT_TRUE(read);
	return read.value_or(RowPlaces());
}

std::uint16_t offset(std::size_t number) {
	return static_cast<std::uint16_t>(number);
}

TEST(RowPlaces, EmptyIsNothing) {
	const RowPlaces places;
	EXPECT_TRUE(places.empty());
	EXPECT_TRUE(places.pack().empty());
	EXPECT_EQ(places.find(0), std::nullopt);
	EXPECT_EQ(places.find(1), std::nullopt);
	EXPECT_TRUE(repacked(places).empty());
}

TEST(RowPlaces, AFullPageInOrderIsOneRun) {
	RowPlaces places;
	for (std::size_t i = 1; i <= 291; ++i) {
		places.put(offset(i), {7, 4'000'000'000, offset(i + 100)});
	}
	EXPECT_EQ(places.pack().size(), run_bytes);
	const RowPlaces read = repacked(places);
	for (std::size_t i = 1; i <= 291; ++i) {
		EXPECT_EQ(read.find(offset(i)), (Copy{7, 4'000'000'000, offset(i + 100)}));
	}
	EXPECT_EQ(read.find(292), std::nullopt);
}

TEST(RowPlaces, AGapAnotherSideOrAnotherBlockEndsARun) {
	RowPlaces places;
	places.put(1, {0, 5, 1});
	places.put(2, {0, 5, 2});
	places.put(4, {0, 5, 3}); // a gap in the source
	places.put(5, {1, 5, 4}); // another side
	places.put(6, {1, 6, 5}); // another block
	places.put(7, {1, 6, 7}); // a gap in the side
	EXPECT_EQ(places.pack().size(), 5 * run_bytes);
	const RowPlaces read = repacked(places);
	EXPECT_EQ(read.find(2), (Copy{0, 5, 2}));
	EXPECT_EQ(read.find(3), std::nullopt);
	EXPECT_EQ(read.find(4), (Copy{0, 5, 3}));
	EXPECT_EQ(read.find(5), (Copy{1, 5, 4}));
	EXPECT_EQ(read.find(6), (Copy{1, 6, 5}));
	EXPECT_EQ(read.find(7), (Copy{1, 6, 7}));
}

TEST(RowPlaces, EraseLeavesTheOthers) {
	RowPlaces places;
	for (std::size_t i = 1; i <= 3; ++i) {
		places.put(offset(i), {0, 1, offset(i)});
	}
	places.erase(2);
	places.erase(2);
	places.erase(9);
	places.erase(0);
	const RowPlaces read = repacked(places);
	EXPECT_EQ(read.find(1), (Copy{0, 1, 1}));
	EXPECT_EQ(read.find(2), std::nullopt);
	EXPECT_EQ(read.find(3), (Copy{0, 1, 3}));
	places.erase(1);
	places.erase(3);
	EXPECT_TRUE(places.empty());
	EXPECT_TRUE(places.pack().empty());
}

TEST(RowPlaces, PutReplaces) {
	RowPlaces places;
	places.put(3, {0, 1, 1});
	places.put(3, {2, 8, 9});
	places.put(0, {1, 1, 1}); // no row is at 0
	EXPECT_EQ(repacked(places).find(3), (Copy{2, 8, 9}));
	EXPECT_EQ(places.find(0), std::nullopt);
}

TEST(RowPlaces, TheEndsOfAllNumbers) {
	RowPlaces places;
	places.put(UINT16_MAX, {INT16_MAX, UINT32_MAX, UINT16_MAX});
	places.put(1, {0, 0, 1});
	const RowPlaces read = repacked(places);
	EXPECT_EQ(read.find(UINT16_MAX), (Copy{INT16_MAX, UINT32_MAX, UINT16_MAX}));
	EXPECT_EQ(read.find(1), (Copy{0, 0, 1}));
}

TEST(RowPlaces, DamageIsSeen) {
	RowPlaces places;
	places.put(1, {0, 5, 1});
	places.put(2, {1, 5, 2});
	const std::vector<std::byte> good = places.pack();
	ASSERT_EQ(good.size(), 2 * run_bytes);
	const auto damaged = [&](std::size_t at, std::uint8_t value) {
		std::vector<std::byte> bytes = good;
		bytes[at] = std::byte{value};
		return RowPlaces::unpack(bytes);
	};
	EXPECT_EQ(RowPlaces::unpack(std::span(good).first(run_bytes + 3)), std::nullopt);
	EXPECT_FALSE(damaged(0, 0));         // a row at offset 0
	EXPECT_FALSE(damaged(0, 2));         // two rows at one place
	EXPECT_FALSE(damaged(2, 0));         // a run of nothing
	EXPECT_FALSE(damaged(2, 2));         // a run into the next one
	EXPECT_FALSE(damaged(6, 0));         // a copy at offset 0
	EXPECT_FALSE(damaged(run_bytes, 1)); // not in order
}

TEST(RowPlaces, AnyBytesAreReadOrRefused) {
	std::minstd_rand random(8);
	for (int round = 0; round < 2'000; ++round) {
		std::vector<std::byte> bytes(random() % 4 * run_bytes);
		std::ranges::generate(bytes, [&] { return std::byte{static_cast<std::uint8_t>(random() % 4)}; });
		if (const std::optional<RowPlaces> places = RowPlaces::unpack(bytes)) {
			EXPECT_EQ(RowPlaces::unpack(places->pack()).has_value(), true);
		}
	}
}

TEST(RowPlaces, RandomChangesAsInAPlainArray) {
	std::minstd_rand random(4);
	std::vector<std::optional<Copy>> plain(300);
	RowPlaces places;
	for (int round = 0; round < 20'000; ++round) {
		const std::size_t at = 1 + random() % 299;
		if (random() % 3 == 0) {
			plain[at].reset();
			places.erase(offset(at));
		} else {
			const Copy copy{static_cast<std::int16_t>(random() % 3), static_cast<std::uint32_t>(random() % 3),
			                offset(random() % 2 == 0 ? at : 1 + random() % 299)};
			plain[at] = copy;
			places.put(offset(at), copy);
		}
		if (round % 100 == 0) {
			places = repacked(places);
		}
	}
	for (std::size_t i = 1; i < plain.size(); ++i) {
		EXPECT_EQ(places.find(offset(i)), plain[i]);
	}
}

} // namespace
} // namespace warden::move
