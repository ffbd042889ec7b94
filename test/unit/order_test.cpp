// In which order sets are maintained.
#include "partition/order.hpp"

#include <gtest/gtest.h>

namespace warden::partition {

namespace {

using Tables = std::vector<Table>;

TEST(Order, IsAsItWasWithoutReferences) {
	EXPECT_EQ(by_references({}, {}), Tables{});
	EXPECT_EQ(by_references({3, 1, 2}, {}), (Tables{3, 1, 2}));
	EXPECT_EQ(by_references({3, 1, 2}, {{2, 2}}), (Tables{3, 1, 2}));
}

TEST(Order, PutsWhoRefersFirst) {
	EXPECT_EQ(by_references({1, 2}, {{2, 1}}), (Tables{2, 1}));
	EXPECT_EQ(by_references({1, 2}, {{1, 2}}), (Tables{1, 2}));
	// 4 refers to 3, that to 2, that to 1
	EXPECT_EQ(by_references({1, 2, 3, 4}, {{2, 1}, {3, 2}, {4, 3}}), (Tables{4, 3, 2, 1}));
	EXPECT_EQ(by_references({4, 1, 3, 2}, {{2, 1}, {3, 2}, {4, 3}}), (Tables{4, 3, 2, 1}));
	// two refer to one, which is twice referred to
	EXPECT_EQ(by_references({1, 2, 3}, {{2, 1}, {3, 1}, {3, 1}, {3, 2}}), (Tables{3, 2, 1}));
}

TEST(Order, LeavesOutWhatIsNoSet) {
	EXPECT_EQ(by_references({1, 2}, {{9, 1}, {2, 9}}), (Tables{2, 1}));
}

TEST(Order, EndsInACircle) {
	EXPECT_EQ(by_references({1, 2, 3}, {{1, 2}, {2, 3}, {3, 1}}), (Tables{2, 3, 1}));
	EXPECT_EQ(by_references({1, 2}, {{1, 2}, {2, 1}}), (Tables{2, 1}));
}

} // namespace

} // namespace warden::partition
