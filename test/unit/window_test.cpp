// How a start window is read, and when it is open: against instants written out and against looking at every minute.
#include "schedule_oracle.hpp"

#include "pg/error.hpp"

#include <gtest/gtest.h>

namespace warden::schedule {

namespace {

constexpr std::uint8_t every_day = 0x7F;
constexpr std::uint8_t workdays = 0x3E;

void expect_error(const std::string &text, const std::string &detail) {
	try {
		parse_window(text);
		ADD_FAILURE() << text << " is no error";
	} catch (const Error &error) {
		EXPECT_EQ(error.sqlstate, ERRCODE_INVALID_PARAMETER_VALUE) << text;
		EXPECT_EQ(error.message, "invalid start window \"" + text + "\"");
		EXPECT_EQ(error.detail, detail) << text;
		EXPECT_EQ(error.hint, "A window is days, hours, or both, for instance \"Mon-Fri 22:00-06:00; Sat,Sun\".");
		parse_window("Mon-Fri 22:00-06:00; Sat,Sun");
	}
}

TEST(Window, IsDaysAndHours) {
	EXPECT_EQ(parse_window("Mon-Fri 22:00-06:00"), (Window{{workdays, 22 * 60, 6 * 60}}));
	EXPECT_EQ(parse_window("Sat,Sun"), (Window{{0x41, 0, 1440}}));
	EXPECT_EQ(parse_window("22:00-06:00"), (Window{{every_day, 22 * 60, 6 * 60}}));
	EXPECT_EQ(parse_window("* 9:30-17:45"), (Window{{every_day, 9 * 60 + 30, 17 * 60 + 45}}));
	EXPECT_EQ(parse_window("*"), (Window{{every_day, 0, 1440}}));
	EXPECT_EQ(parse_window("Mon-Fri 22:00-06:00; Sat,Sun"), (Window{{workdays, 22 * 60, 6 * 60}, {0x41, 0, 1440}}));
	EXPECT_EQ(parse_window(" MONDAY - friday , sun\t8:00 - 24:00 ;sat 00:00-00:01 "),
	          (Window{{workdays | 1, 8 * 60, 1440}, {0x40, 0, 1}}));
	EXPECT_EQ(parse_window("Sat-Mon"), (Window{{0x43, 0, 1440}}));
	EXPECT_EQ(parse_window("Tue-Mon"), (Window{{every_day, 0, 1440}}));
	EXPECT_EQ(parse_window("wed-wed"), (Window{{0x08, 0, 1440}}));
	EXPECT_EQ(parse_window("Sun 20:00-00:00"), (Window{{1, 20 * 60, 1440}}));
	EXPECT_EQ(parse_window("00:00-24:00"), (Window{{every_day, 0, 1440}}));
}

TEST(Window, ErrorsSayWhatIsWrong) {
	expect_error("", "A part of it is empty.");
	expect_error(" ", "A part of it is empty.");
	expect_error("Mon;", "A part of it is empty.");
	expect_error(";;", "A part of it is empty.");
	expect_error("Mo-Fr", "\"Mo\" is not the name of a weekday.");
	expect_error("Mon-Fri,", "\"\" is not the name of a weekday.");
	expect_error("Mon-", "\"\" is not the name of a weekday.");
	expect_error("Mon-Wed-Fri", "\"Wed-Fri\" is not the name of a weekday.");
	expect_error("Mon Tue", "\"Mon Tue\" is not the name of a weekday.");
	expect_error("*,Mon", "\"*\" is not the name of a weekday.");
	expect_error("1-5", "\"1\" is not a time of day as in \"22:00\".");
	expect_error("22:00", "\"22:00\" is not a range of hours as in \"22:00-06:00\".");
	expect_error("22-6", "\"22\" is not a time of day as in \"22:00\".");
	expect_error("22:00-6", "\"6\" is not a time of day as in \"22:00\".");
	expect_error("22:0-6:00", "\"22:0\" is not a time of day as in \"22:00\".");
	expect_error("022:00-6:00", "\"022:00\" is not a time of day as in \"22:00\".");
	expect_error("22:00:00-06:00:00", "\"22:00:00\" is not a time of day as in \"22:00\".");
	expect_error("10pm-6am", "\"10pm\" is not a time of day as in \"22:00\".");
	expect_error("22:00-06:00-07:00", "\"06:00-07:00\" is not a time of day as in \"22:00\".");
	expect_error("08:00-10:00,14:00-16:00", "\"10:00,14:00-16:00\" is not a time of day as in \"22:00\".");
	expect_error("22:60-23:00", "The time of day \"22:60\" is not between 00:00 and 24:00.");
	expect_error("22:00-24:01", "The time of day \"24:01\" is not between 00:00 and 24:00.");
	expect_error("24:00-06:00", "A range of hours cannot begin at 24:00, only end then.");
	expect_error("22:00-22:00", "The range of hours \"22:00-22:00\" is empty.");
	expect_error("00:00-00:00", "The range of hours \"00:00-00:00\" is empty.");
	expect_error("22:00-06:00 Mon", "\"06:00 Mon\" is not a time of day as in \"22:00\".");
	EXPECT_EQ(parse_window("Mon" + std::string(997, ' ')).size(), 1U);
	EXPECT_THROW(parse_window("Mon" + std::string(998, ' ')), Error);
}

TEST(Window, OfANightBelongsToTheDayOnWhichItBegins) {
	const Window window = parse_window("Mon-Fri 22:00-06:00; Sat 12:00-13:00");
	const struct {
		const char *moment;
		const char *opening;                         // nullptr: it is inside
	} moments[] = {{"2026-11-20 22:00+01", nullptr}, // a Friday
	               {"2026-11-21 05:59:59.999999+01", nullptr},
	               {"2026-11-21 06:00+01", "2026-11-21 12:00+01"},
	               {"2026-11-21 12:59+01", nullptr},
	               {"2026-11-21 13:00+01", "2026-11-23 22:00+01"},
	               {"2026-11-22 23:00+01", "2026-11-23 22:00+01"},
	               {"2026-11-23 03:00+01", "2026-11-23 22:00+01"},
	               {"2026-11-24 00:00+01", nullptr},
	               {"2026-11-24 21:59:59.999999+01", "2026-11-24 22:00+01"}};
	for (const auto &[moment, opening] : moments) {
		EXPECT_EQ(contains(window, berlin, at(moment)), opening == nullptr) << moment;
		EXPECT_EQ(next_opening(window, berlin, at(moment)), at(opening != nullptr ? opening : moment)) << moment;
	}
}

TEST(Window, IsWhatTheClocksShow) {
	const Window gone = parse_window("02:00-03:00"); // in the night of the change there is no such hour
	EXPECT_EQ(next_opening(gone, berlin, at("2026-03-28 12:00+01")), at("2026-03-30 02:00+02"));
	EXPECT_EQ(next_opening(parse_window("02:30-03:30"), berlin, at("2026-03-28 12:00+01")), at("2026-03-29 03:00+02"));
	const Window twice = parse_window("02:00-02:30"); // opens again when the clocks are turned back
	EXPECT_EQ(next_opening(twice, berlin, at("2026-10-25 01:30+02")), at("2026-10-25 02:00+02"));
	EXPECT_FALSE(contains(twice, berlin, at("2026-10-25 02:40+02")));
	EXPECT_EQ(next_opening(twice, berlin, at("2026-10-25 02:40+02")), at("2026-10-25 02:00+01"));
	EXPECT_EQ(next_opening(twice, berlin, at("2026-10-25 02:30+01")), at("2026-10-26 02:00+01"));
	const Window friday = parse_window("Fri"); // 2011-12-30 was none
	EXPECT_EQ(next_opening(friday, apia, at("2011-12-28 12:00-10")), at("2012-01-06 00:00+14"));
	EXPECT_EQ(next_opening(parse_window("Sun 00:00-00:30"), sao_paulo, at("2018-11-03 12:00-03")),
	          at("2018-11-11 00:00-02"));
}

TEST(Window, WithoutRulesIsAlwaysOpen) {
	for (const Moment moment : {first_moment, at("2026-11-21"), last_moment}) {
		EXPECT_TRUE(contains({}, berlin, moment));
		EXPECT_EQ(next_opening({}, berlin, moment), moment);
	}
}

TEST(Window, AtTheEndsOfTheServersRange) {
	for (const Rules *rules : all_rules) {
		Random random(1);
		for (int i = 0; i < 100; ++i) {
			const Window window = random_window(random);
			const std::optional<Moment> last = next_opening(window, rules->zone(), last_moment);
			EXPECT_TRUE(last == last_moment || !last);
			const Moment moment = last_moment - random.number(0, 9 * microseconds_per_day);
			const std::optional<Moment> opening = next_opening(window, rules->zone(), moment);
			EXPECT_TRUE(!opening || (*opening >= moment && contains(window, rules->zone(), *opening)));
			EXPECT_TRUE(next_opening(window, rules->zone(), first_moment).has_value());
		}
	}
}

TEST(Window, IsThatOfLookingAtEveryMinute) {
	Random random(2);
	for_each_change([&](const Rules &rules, Moment change) {
		const Zone zone = rules.zone();
		const Moment from = change - 2 * microseconds_per_day;
		for (int i = 0; i < 2; ++i) {
			const Window window = random_window(random);
			std::optional<Moment> opening;
			for (Moment moment = change + 2 * microseconds_per_day; moment >= from; moment -= minute_length) {
				const bool inside = is_inside(window, zone.wall(moment));
				ASSERT_EQ(contains(window, zone, moment), inside) << rules.name << " " << moment;
				opening = inside ? moment : opening;
				if (opening && (inside || moment % 17 == 0)) {
					ASSERT_EQ(next_opening(window, zone, moment), opening) << rules.name << " " << moment;
				}
			}
		}
	});
}

} // namespace

} // namespace warden::schedule
