// Dates and timestamps as text.  That it is the server's own text is shown by sql/audit_times.
#include "audit/time_layout.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace {

using warden::audit::most_time_text;
using warden::audit::write_date;
using warden::audit::write_timestamp;

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 86'400 * second;
constexpr std::int64_t first_day = -730'119; // 0001-01-01
constexpr std::int64_t last_day = 2'921'939; // 9999-12-31

std::string date(std::int64_t days) {
	std::string text(most_time_text, '?');
	text.resize(write_date(text.data(), days));
	return text;
}

std::string moment(std::int64_t microseconds, bool is_zoned = false) {
	std::string text(most_time_text, '?');
	text.resize(write_timestamp(text.data(), microseconds, is_zoned));
	return text;
}

TEST(TimeLayout, DaysOfCalendar) {
	EXPECT_EQ(date(0), "2000-01-01");
	EXPECT_EQ(date(-1), "1999-12-31");
	EXPECT_EQ(date(59), "2000-02-29");
	EXPECT_EQ(date(9'823), "2026-11-23");
	EXPECT_EQ(date(-36'466), "1900-02-28");
	EXPECT_EQ(date(-36'465), "1900-03-01"); // no leap year
}

TEST(TimeLayout, YearsOfFourDigitsOnly) {
	EXPECT_EQ(date(first_day), "0001-01-01");
	EXPECT_EQ(date(first_day - 1), "");
	EXPECT_EQ(date(last_day), "9999-12-31");
	EXPECT_EQ(date(last_day + 1), "");
	EXPECT_EQ(date(INT32_MAX), "");
	EXPECT_EQ(date(INT32_MIN), "");
}

TEST(TimeLayout, TimeOfDay) {
	EXPECT_EQ(moment(0), "2000-01-01T00:00:00");
	EXPECT_EQ(moment(day - second), "2000-01-01T23:59:59");
	EXPECT_EQ(moment(3'661 * second), "2000-01-01T01:01:01");
	EXPECT_EQ(moment(0, true), "2000-01-01T00:00:00+00:00");
}

TEST(TimeLayout, FractionWithoutZerosAtItsEnd) {
	EXPECT_EQ(moment(1), "2000-01-01T00:00:00.000001");
	EXPECT_EQ(moment(250'000), "2000-01-01T00:00:00.25");
	EXPECT_EQ(moment(100), "2000-01-01T00:00:00.0001");
	EXPECT_EQ(moment(999'999, true), "2000-01-01T00:00:00.999999+00:00");
}

TEST(TimeLayout, BeforeTheEpochTimeGoesForward) {
	EXPECT_EQ(moment(-1), "1999-12-31T23:59:59.999999");
	EXPECT_EQ(moment(-day), "1999-12-31T00:00:00");
	EXPECT_EQ(moment(-day - 1), "1999-12-30T23:59:59.999999");
}

TEST(TimeLayout, MomentsAtTheEnds) {
	EXPECT_EQ(moment(first_day * day), "0001-01-01T00:00:00");
	EXPECT_EQ(moment(first_day * day - 1), "");
	const std::string last = moment((last_day + 1) * day - 1, true);
	EXPECT_EQ(last, "9999-12-31T23:59:59.999999+00:00");
	EXPECT_EQ(last.size(), most_time_text);
	EXPECT_EQ(moment((last_day + 1) * day), "");
	EXPECT_EQ(moment(INT64_MAX), ""); // infinity
	EXPECT_EQ(moment(INT64_MIN), "");
}

} // namespace
