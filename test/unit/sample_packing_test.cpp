// Pages that were drawn, beside all of them.
#include "bloat/sample_packing.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace warden::bloat {

namespace {

struct FullPage {
	std::vector<std::uint16_t> lengths;
	std::int64_t room;
};

/// As a table is filled.
std::vector<FullPage> fill(std::size_t count, std::uint16_t least, std::uint16_t spread) {
	std::mt19937 numbers(1);
	std::vector<FullPage> pages;
	FullPage page{{}, page::size - page::header};
	while (pages.size() < count) {
		const auto length = static_cast<std::uint16_t>(least + numbers() % spread);
		const std::int64_t taken = align(length) + page::line_pointer;
		if (taken > page.room) {
			pages.push_back(page);
			page = {{}, page::size - page::header};
		}
		page.lengths.push_back(length);
		page.room -= taken;
	}
	return pages;
}

/// How many pages each of some that were drawn takes.
double pages_each(const std::vector<FullPage> &file, std::size_t count) {
	std::mt19937 numbers(2);
	SamplePacking packing(100);
	for (std::size_t i = 0; i < count; ++i) {
		const FullPage &page = file[numbers() % file.size()];
		packing.add(page.lengths.data(), static_cast<std::uint32_t>(page.lengths.size()), page.room);
	}
	return packing.pages_filled() / static_cast<double>(count);
}

TEST(SamplePacking, FullPagesStayAsManyAsTheyAre) {
	for (const std::uint16_t least : {40, 400, 1500}) {
		const auto file = fill(2000, least, static_cast<std::uint16_t>(least));
		EXPECT_NEAR(pages_each(file, 1000), 1, 0.005) << least;
	}
}

TEST(SamplePacking, EmptyPagesTakeNone) {
	SamplePacking packing(100);
	packing.add(nullptr, 0, page::size);
	EXPECT_EQ(packing.pages_filled(), 0);
	const std::uint16_t length = 100;
	packing.add(&length, 1, 8000);
	EXPECT_GT(packing.pages_filled(), 0);
	EXPECT_EQ(packing.pages_filled(), packing.pages_filled());
}

} // namespace

} // namespace warden::bloat
