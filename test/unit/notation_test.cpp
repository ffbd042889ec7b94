// Bounds as keys of each kind: what is written and read again is the same, and the order of moments is that of the
// keys.
#include "calendars.hpp"
#include "partition/plan.hpp"

#include <gtest/gtest.h>

#include <random>

namespace warden::partition {

namespace {

constexpr Notation counts[] = {Notation::UnixSeconds, Notation::UnixMilliseconds, Notation::UnixMicroseconds,
                               Notation::UnixNanoseconds, Notation::Number};

std::string written(const char *moment, Notation notation) {
	return literal(at(moment), notation, utc);
}

std::array<std::uint8_t, 16> bytes_of(const std::string &uuid) {
	std::string hex;
	for (const char c : uuid) {
		if (c != '-') {
			hex += c;
		}
	}
	std::array<std::uint8_t, 16> bytes{};
	for (std::size_t i = 0; i < bytes.size(); ++i) {
		bytes[i] = static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
	}
	return bytes;
}

// Moments that a set may have as bounds: any, and those at the ends.
std::vector<Moment> some_moments(const Domain &domain, Moment resolution) {
	std::mt19937_64 random(7);
	std::vector<Moment> moments{domain.first + (resolution - floor_modulo(domain.first, resolution)) % resolution,
	                            domain.last - floor_modulo(domain.last, resolution)};
	std::uniform_int_distribution<Moment> distribution(domain.first / resolution + 1, domain.last / resolution - 1);
	for (int i = 0; i < 2000; ++i) {
		moments.push_back(distribution(random) * resolution);
	}
	return moments;
}

TEST(Literal, CountsFromTheUnixEpoch) {
	EXPECT_EQ(written("1970-01-01 00:00+00", Notation::UnixSeconds), "0");
	EXPECT_EQ(written("2026-11-21 12:00+00", Notation::UnixSeconds), "1795262400");
	EXPECT_EQ(written("2026-11-21 12:00+00", Notation::UnixMilliseconds), "1795262400000");
	EXPECT_EQ(written("2026-11-21 12:00+00", Notation::UnixMicroseconds), "1795262400000000");
	EXPECT_EQ(written("2026-11-21 12:00+00", Notation::UnixNanoseconds), "1795262400000000000");
	EXPECT_EQ(written("1969-12-31 23:59:59+00", Notation::UnixSeconds), "-1");
	EXPECT_EQ(written("1969-12-31 23:59:59+00", Notation::UnixNanoseconds), "-1000000000");
}

TEST(Literal, IsTheFirstUuidOfItsMillisecond) {
	EXPECT_EQ(written("1970-01-01 00:00+00", Notation::UuidV7), "00000000-0000-0000-0000-000000000000");
	// The example of RFC 9562, appendix A.6: 2022-02-22 14:22:22.00-05
	EXPECT_EQ(written("2022-02-22 14:22:22-05", Notation::UuidV7), "017f22e2-79b0-0000-0000-000000000000");
}

TEST(Literal, IsTheFirstUlidOfItsMillisecond) {
	EXPECT_EQ(written("1970-01-01 00:00+00", Notation::Ulid), "0000000000");
	// The example of the specification: 1469918176385 milliseconds
	EXPECT_EQ(literal(moment_of(1'469'918'176'385, Notation::UnixMilliseconds), Notation::Ulid, utc), "01ARYZ6S41");
	EXPECT_EQ(literal(domain_of(Notation::Ulid, Integer::Eight).last, Notation::Ulid, utc), "7ZZZZZZZZZ");
}

TEST(Literal, IsTheFirstKeyThatIsNotBefore) {
	EXPECT_EQ(written("2026-11-21 12:00:00.000001+00", Notation::UnixSeconds), "1795262401");
	EXPECT_EQ(written("1969-12-31 23:59:59.999999+00", Notation::UnixSeconds), "0");
	EXPECT_EQ(written("2022-02-22 14:22:22.000001-05", Notation::UuidV7), "017f22e2-79b1-0000-0000-000000000000");
}

TEST(Number, IsItself) {
	EXPECT_EQ(literal(-5, Notation::Number, utc), "-5");
	EXPECT_EQ(moment_of(-5, Notation::Number), -5);
	EXPECT_EQ(moment_of(last_moment, Notation::Number), last_moment);
	EXPECT_EQ(moment_of(last_moment + 1, Notation::Number), infinity);
	EXPECT_EQ(moment_of(first_moment - 1, Notation::Number), minus_infinity);
}

TEST(MomentOf, IsRoundedUp) {
	EXPECT_EQ(moment_of(1, Notation::UnixNanoseconds), at("1970-01-01 00:00:00.000001+00"));
	EXPECT_EQ(moment_of(-1, Notation::UnixNanoseconds), at("1970-01-01 00:00+00"));
	EXPECT_EQ(moment_of(bytes_of("017f22e2-79b0-0000-0000-000000000000")), at("2022-02-22 14:22:22-05"));
	EXPECT_EQ(moment_of(bytes_of("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")), at("2022-02-22 14:22:22.001-05"));
	EXPECT_EQ(moment_of(bytes_of("ffffffff-ffff-0000-0000-000000000000")),
	          domain_of(Notation::UuidV7, Integer::Eight).last);
	EXPECT_EQ(moment_of(bytes_of("ffffffff-ffff-ffff-ffff-ffffffffffff")), infinity);
}

TEST(MomentOf, UnderstandsAnyTextAsABound) {
	const Moment example = moment_of(1'469'918'176'385, Notation::UnixMilliseconds);
	const Moment millisecond = 1000;
	EXPECT_EQ(moment_of_ulid("01ARYZ6S41"), example);
	EXPECT_EQ(moment_of_ulid("01ARYZ6S41TSV4RRFFQ69G5FAV"), example + millisecond);
	EXPECT_EQ(moment_of_ulid(""), at("1970-01-01 00:00+00"));
	EXPECT_EQ(moment_of_ulid("01ARYZ6S4"), example - millisecond); // as 01ARYZ6S40
	EXPECT_EQ(moment_of_ulid("01ARYZ6S4 "), example - millisecond);
	EXPECT_EQ(moment_of_ulid("01ARYZ6S4I"), moment_of_ulid("01ARYZ6S4J")); // no digit
	EXPECT_EQ(moment_of_ulid("01ARYZ6S4a"), moment_of_ulid("01ARYZ6S50"));
	EXPECT_EQ(moment_of_ulid("01ARYZ6Z~~~~"), moment_of_ulid("01ARYZ7000"));
	EXPECT_EQ(moment_of_ulid("01arYZ6S41"), moment_of_ulid("0200000000"));
	EXPECT_EQ(moment_of_ulid("7ZZZZZZZZZ"), domain_of(Notation::Ulid, Integer::Eight).last);
	EXPECT_EQ(moment_of_ulid("7ZZZZZZZZZ0"), infinity);
	EXPECT_EQ(moment_of_ulid("8"), infinity);
	EXPECT_EQ(moment_of_ulid("\xff"), infinity);
}

TEST(Domain, IsThatOfTheType) {
	EXPECT_EQ(domain_of(Notation::Number, Integer::Two).last, 32767);
	EXPECT_EQ(domain_of(Notation::Number, Integer::Two).first, -32768);
	EXPECT_EQ(domain_of(Notation::Number, Integer::Eight).last, last_moment);
	EXPECT_EQ(domain_of(Notation::UnixSeconds, Integer::Four).last, at("2038-01-19 03:14:07+00"));
	EXPECT_EQ(domain_of(Notation::UnixSeconds, Integer::Eight).last, last_moment);
	EXPECT_EQ(domain_of(Notation::UnixNanoseconds, Integer::Eight).last, at("2262-04-11 23:47:16.854775+00"));
	EXPECT_EQ(domain_of(Notation::UuidV7, Integer::Eight).first, at("1970-01-01 00:00+00"));
	EXPECT_EQ(domain_of(Notation::Timestamptz, Integer::Eight).last, last_moment);
}

TEST(WhatIsWritten, IsReadAgain) {
	for (const Notation notation : counts) {
		for (const Integer type : {Integer::Four, Integer::Eight}) {
			for (const Moment moment : some_moments(domain_of(notation, type), resolution_of(notation))) {
				const std::string text = literal(moment, notation, utc);
				ASSERT_EQ(moment_of(std::stoll(text), notation), moment) << key_format(notation) << " " << text;
			}
		}
	}
	for (const Moment moment : some_moments(domain_of(Notation::UuidV7, Integer::Eight), 1000)) {
		ASSERT_EQ(moment_of(bytes_of(literal(moment, Notation::UuidV7, utc))), moment);
		ASSERT_EQ(moment_of_ulid(literal(moment, Notation::Ulid, utc)), moment);
	}
}

TEST(WhatIsWritten, HasTheOrderOfMoments) {
	auto moments = some_moments(domain_of(Notation::Ulid, Integer::Eight), 1000);
	std::ranges::sort(moments);
	for (std::size_t i = 1; i < moments.size(); ++i) {
		if (moments[i - 1] < moments[i]) {
			ASSERT_LT(literal(moments[i - 1], Notation::Ulid, utc), literal(moments[i], Notation::Ulid, utc));
			ASSERT_LT(literal(moments[i - 1], Notation::UuidV7, utc), literal(moments[i], Notation::UuidV7, utc));
		}
	}
}

// Any text, of digits and of others, has the place among the ULIDs that the order of bytes gives it.
TEST(WhatIsRead, IsTheFirstThatIsNotBefore) {
	std::mt19937 random(11);
	const std::string characters = "0123456789ABCIJKYZaz ~";
	for (int i = 0; i < 20'000; ++i) {
		std::string text(1, static_cast<char>('0' + random() % 8));
		const std::size_t length = random() % 13;
		for (std::size_t n = 0; n < length; ++n) {
			text += characters[random() % characters.size()];
		}
		const Moment moment = moment_of_ulid(text);
		if (moment != infinity) {
			ASSERT_LE(text, literal(moment, Notation::Ulid, utc));
		}
		const Moment before = moment == infinity ? domain_of(Notation::Ulid, Integer::Eight).last : moment - 1000;
		if (before >= domain_of(Notation::Ulid, Integer::Eight).first) {
			ASSERT_GT(text, literal(before, Notation::Ulid, utc));
		}
	}
}

TEST(KeyFormat, IsNamed) {
	for (const char *name :
	     {"unix_seconds", "unix_milliseconds", "unix_microseconds", "unix_nanoseconds", "uuidv7", "ulid"}) {
		const auto notation = notation_of(name);
		ASSERT_TRUE(notation);
		EXPECT_STREQ(key_format(*notation), name);
	}
	EXPECT_EQ(key_format(Notation::Date), nullptr);
	EXPECT_FALSE(notation_of("UUIDv7"));
}

TEST(Within, EndsAtTheDomain) {
	const Domain domain{-32768, 32767};
	EXPECT_EQ(within(domain, {{30000, 40000}}), (std::vector<Range>{{30000, end}}));
	EXPECT_EQ(within(domain, {{-40000, -30000}}), (std::vector<Range>{{beginning, -30000}}));
	EXPECT_EQ(within(domain, {{40000, 50000}, {-50000, -32768}}), std::vector<Range>{});
	EXPECT_EQ(within(domain, {{-10, 32767}}), (std::vector<Range>{{-10, 32767}}));
	EXPECT_EQ(within(domain, {{32767, 32768}}), (std::vector<Range>{{32767, end}}));
}

TEST(Numbers, ArePlannedLikeTime) {
	const Calendar calendar({Step::Unit::Microsecond, 1000}, 0, no_zone());
	const std::vector<Range> existing{{0, 1000}, {1000, 2500}};
	EXPECT_EQ(missing_ranges(existing, calendar, {.now = 2400, .horizon = 4400, .cutoff = beginning}, 10),
	          (std::vector<Range>{{2500, 3000}, {3000, 4000}, {4000, 5000}}));
	// What is far behind is left.
	EXPECT_EQ(
		missing_ranges(existing, calendar, {.now = 9500, .horizon = 9501, .cutoff = beginning, .oldest = 8000}, 10),
		(std::vector<Range>{{9000, 10000}, {8000, 9000}}));
	EXPECT_EQ(infer_anchor({{250, 1250}}, 1000, 300), 250);
	EXPECT_EQ(infer_anchor({{-750, 250}}, 1000, 300), 250);
	EXPECT_EQ(infer_anchor(std::vector<Range>{}, 1000, 300), 0);
	EXPECT_EQ(name_suffix(1'000'000), "_p1000000");
	EXPECT_EQ(name_suffix(-1'000'000), "_m1000000");
	EXPECT_EQ(name_suffix(first_moment), "_m211813488000000000");
}

} // namespace

} // namespace warden::partition
