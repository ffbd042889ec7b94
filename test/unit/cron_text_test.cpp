// How a cron schedule is read, and what is said of one that cannot be.
#include "schedule_oracle.hpp"

#include "pg/error.hpp"

#include <gtest/gtest.h>

namespace warden::schedule {

namespace {

void expect_error(const std::string &text, const std::string &detail) {
	try {
		parse_cron(text);
		ADD_FAILURE() << text << " is no error";
	} catch (const Error &error) {
		EXPECT_EQ(error.sqlstate, ERRCODE_INVALID_PARAMETER_VALUE) << text;
		EXPECT_EQ(error.message, "invalid cron schedule \"" + text + "\"");
		EXPECT_EQ(error.detail, detail) << text;
		EXPECT_TRUE(error.hint.ends_with('.')) << error.hint;
		parse_cron("30 3 * * mon-fri"); // which the hint shows
	}
}

TEST(CronText, FieldsAreSetsOfBits) {
	EXPECT_EQ(parse_cron("* * * * *"), (Cron{0xFFF'FFFF'FFFF'FFFF, 0xFFFFFF, 0xFFFFFFFE, 0x1FFE, 0x7F, false}));
	EXPECT_EQ(parse_cron("0 0 1 1 0"), (Cron{1, 1, 2, 2, 1, true}));
	EXPECT_EQ(parse_cron("59 23 31 12 7"), (Cron{1ULL << 59, 1 << 23, 1U << 31, 1 << 12, 1, true}));
	EXPECT_EQ(parse_cron("\t 00 07  L\tJanuary \n sat,SUN "), (Cron{1, 1 << 7, 1, 2, 0x41, true}));
	EXPECT_EQ(parse_cron("*/60 */24 */31 */12 */7"), (Cron{1, 1, 2, 2, 1, false}));
	EXPECT_EQ(parse_cron("5,5,4-6 2-2 L,1 6/3 5/1"), (Cron{0x70, 4, 3, 1 << 6 | 1 << 9 | 1 << 12, 0x60, true}));
	EXPECT_EQ(parse_cron("0 0 * * fri-7"), parse_cron("0 0 * * 0,5,6"));
	EXPECT_EQ(parse_cron("0 0 * * sat-sun"), parse_cron("0 0 * * 6-7"));
	EXPECT_EQ(parse_cron("0 0 * * sun-tue"), parse_cron("0 0 * * 0-2"));
	EXPECT_EQ(parse_cron("0 0 * * sun-sun").weekdays, 1);
	EXPECT_EQ(parse_cron("0 0 * * 7/2"), parse_cron("0 0 * * sun"));
	EXPECT_EQ(parse_cron("0 0 * * 1-7/2"), parse_cron("0 0 * * mon,wed,fri,sun"));
	EXPECT_TRUE(parse_cron("0 0-23 * * *").every_hour());
	EXPECT_TRUE(parse_cron("0 */1 * * *").every_hour());
	EXPECT_FALSE(parse_cron("0 1-23 * * *").every_hour());
}

TEST(CronText, WhatIsWrittenIsWhatIsRead) {
	Random random(1);
	int read = 0;
	for (int i = 0; i < 50'000; ++i) {
		const Written written = write_cron(random);
		EXPECT_TRUE(looks_like_cron(written.text)) << written.text;
		try {
			ASSERT_EQ(parse_cron(written.text), written.meaning) << written.text;
			++read;
		} catch (const Error &error) {
			ASSERT_EQ(error.detail, "It never happens: none of its months has such a day.") << written.text;
			ASSERT_FALSE(next(written.meaning, utc, at("2026-01-01")).has_value()) << written.text;
		}
	}
	EXPECT_GT(read, 45'000);
}

TEST(CronText, ErrorsNameTheFieldAndWhatIsWrongWithIt) {
	expect_error("61 * * * *", "Minute 61 is not between 0 and 59.");
	expect_error("60 * * * *", "Minute 60 is not between 0 and 59.");
	expect_error("* 24 * * *", "Hour 24 is not between 0 and 23.");
	expect_error("* * 0 * *", "Day 0 is not between 1 and 31.");
	expect_error("* * 32 * *", "Day 32 is not between 1 and 31.");
	expect_error("* * * 13 *", "Month 13 is not between 1 and 12.");
	expect_error("* * * 0 *", "Month 0 is not between 1 and 12.");
	expect_error("* * * * 8", "Weekday 8 is not between 0 and 7.");
	expect_error("99999999999999999999 * * * *", "Minute 99999999999999999999 is not between 0 and 59.");
	expect_error("007 * * * *", "Minute 007 is not between 0 and 59.");
	expect_error("0 3 * jab *", "Month \"jab\" is neither a number from 1 to 12 nor a name like \"jan\".");
	expect_error("0 3 * * janu", "Weekday \"janu\" is neither a number from 0 to 7 nor a name like \"mon\".");
	expect_error("0 3 $ * *", "Day \"$\" is neither a number from 1 to 31 nor L for the last day.");
	expect_error("0 3 L-2 * *", "Day \"L\" is neither a number from 1 to 31 nor L for the last day.");
	expect_error("0 3 ? * *", "Day \"?\" is neither a number from 1 to 31 nor L for the last day.");
	expect_error("L 3 * * *", "Minute \"L\" is not a number from 0 to 59.");
	expect_error("0 -3 * * *", "Hour: there is a value missing.");
	expect_error("0 3, * * *", "Hour: there is a value missing.");
	expect_error("0 ,3 * * *", "Hour: there is a value missing.");
	expect_error("0 3,,4 * * *", "Hour: there is a value missing.");
	expect_error("0 /2 * * *", "Hour: there is a value missing.");
	expect_error("0 3-4-5 * * *", "Hour \"4-5\" is not a number from 0 to 23.");
	expect_error("0 ** * * *", "Hour \"**\" is not a number from 0 to 23.");
	expect_error("0 *-3 * * *", "Hour \"*\" is not a number from 0 to 23.");
	expect_error("0 22-6 * * *", "Hour: the range \"22-6\" is upside down.");
	expect_error("0 3 * * fri-mon", "Weekday: the range \"fri-mon\" is upside down.");
	expect_error("0 3 * * 5-0", "Weekday: the range \"5-0\" is upside down.");
	expect_error("*/0 * * * *", "Minute: the step \"0\" is not a number between 1 and 60.");
	expect_error("*/90 * * * *", "Minute: the step \"90\" is not a number between 1 and 60.");
	expect_error("0 */-2 * * *", "Hour: the step \"-2\" is not a number between 1 and 24.");
	expect_error("0 */ * * *", "Hour: the step \"\" is not a number between 1 and 24.");
	expect_error("0 */2/2 * * *", "Hour: the step \"2/2\" is not a number between 1 and 24.");
	expect_error("", "It has 0 fields instead of five.");
	expect_error("*", "It has 1 field instead of five.");
	expect_error("* * * *", "It has 4 fields instead of five.");
	expect_error("0 * * * * *", "It has 6 fields instead of five.");
	expect_error("@reboot", "There is no \"@reboot\".");
	expect_error("@daily 3", "There is no \"@daily 3\".");
	expect_error("@", "There is no \"@\".");
}

TEST(CronText, AScheduleThatNeverHappensIsAnError) {
	const char *const never = "It never happens: none of its months has such a day.";
	for (const char *text : {"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "* * 30-31 feb *", "0 0 31 4 */2"}) {
		expect_error(text, never);
	}
	for (const char *text : {"0 0 29 2 *", "0 0 31 2-5 *", "0 0 30,L 2 *", "0 0 30 2 mon", "0 0 */29 2 */7"}) {
		EXPECT_TRUE(next(parse_cron(text), utc, at("2026-11-21")).has_value()) << text;
	}
}

TEST(CronText, NoneIsLongerThanAThousandCharacters) {
	const std::string fields = "0 0 * * 1";
	EXPECT_EQ(parse_cron(fields + std::string(991, ' ')), parse_cron(fields));
	try {
		parse_cron(fields + std::string(992, ' '));
		FAIL();
	} catch (const Error &error) {
		EXPECT_EQ(error.sqlstate, ERRCODE_INVALID_PARAMETER_VALUE);
		EXPECT_EQ(error.message, "cron schedule is too long");
		EXPECT_EQ(error.detail, "It has 1001 characters.");
	}
}

TEST(CronText, TimesAndTheirLengthsDoNotLookLikeIt) {
	for (const char *text :
	     {"0 3 * * *", "@daily", "@reboot", " @Weekly ", "0 3 * * mon-fri", "61 * * * *", "0 3 $ * *", "0 3 1 jan sun",
	      "1 2 3 4 5", "30 2 l * ?", "* * * *", "0 0 3 * * *", "* * * * foo", "5,10-20/2 0 1 JAN,december 1"}) {
		EXPECT_TRUE(looks_like_cron(text)) << text;
	}
	for (const char *text : {"",
	                         "90 seconds",
	                         "1 day",
	                         "2026-12-01 03:00",
	                         "Jan 5 2027 03:00 UTC",
	                         "Jan 5 2027 03 UTC",
	                         "tomorrow",
	                         "1 day 2 hours 3",
	                         "1 mon 2 days 3",
	                         "@ 5 minutes",
	                         "@",
	                         "@ 1 day ago",
	                         "P1D",
	                         "12:00",
	                         "5 minutes",
	                         "now",
	                         "Mon Jan 5 2027 UTC",
	                         "2027 01 05 03 00",
	                         "infinity",
	                         "every * day of the week!"}) {
		EXPECT_FALSE(looks_like_cron(text)) << text;
	}
}

} // namespace

} // namespace warden::schedule
