#include "advice/pattern_text.hpp"

#include <gtest/gtest.h>

namespace warden::advice {
namespace {

TEST(PatternText, LikeFixesWhatIsBeforeItsFirstWildcard) {
	EXPECT_EQ(read_like("abc%").prefix, 3U);
	EXPECT_EQ(read_like("ab_c").prefix, 2U);
	EXPECT_EQ(read_like("%abc").prefix, 0U);
	EXPECT_EQ(read_like("a\\%b%").prefix, 3U);
	EXPECT_EQ(read_like("").prefix, 0U);
}

TEST(PatternText, LikeHasRunsOfLettersBetweenWildcards) {
	EXPECT_EQ(read_like("%ab%cde%f").run, 3U);
	EXPECT_EQ(read_like("%a-b_c%").run, 1U);
	EXPECT_EQ(read_like("a\\%bcd").run, 3U);
}

TEST(PatternText, AnAnchoredRegularExpressionFixesItsBeginning) {
	EXPECT_EQ(read_regex("^abc").prefix, 3U);
	EXPECT_EQ(read_regex("abc").prefix, 0U);
	EXPECT_EQ(read_regex("^abc*d").prefix, 2U);
	EXPECT_EQ(read_regex("^ab[cd]ef").prefix, 2U);
	EXPECT_EQ(read_regex("^ab|cd").prefix, 0U);
	EXPECT_EQ(read_regex("^.bc").prefix, 0U);
	EXPECT_EQ(read_regex("^a\\.b").prefix, 1U);
}

TEST(PatternText, ARegularExpressionHasRunsOutsideOfWhatMayBeAbsent) {
	EXPECT_EQ(read_regex("ab(cde)?fgh").run, 3U);
	EXPECT_EQ(read_regex("[abcd]+x").run, 1U);
	EXPECT_EQ(read_regex("(?i)abcd").run, 0U);
	EXPECT_EQ(read_regex("abc{0,2}").run, 2U);
}

} // namespace
} // namespace warden::advice
