// The bytes of jsonb, read back the way that the server reads them.
#include "audit/json_layout.hpp"
#include "audit/number_layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace warden::audit {

namespace {

// What the server's reader does, from its utils/jsonb.h and getJsonbOffset(), getJsonbLength().
class Container {
public:
	explicit Container(const char *data) : data_(data) {}

	std::uint32_t count() const { return word(0) & 0x0FFFFFFF; }
	bool is_object() const { return (word(0) & 0x20000000) != 0; }
	bool is_array() const { return (word(0) & 0x40000000) != 0; }
	std::uint32_t parts() const { return is_object() ? 2 * count() : count(); }
	std::uint32_t kind(std::size_t i) const { return entry(i) & 0x70000000; }

	std::size_t offset(std::size_t i) const {
		std::size_t offset = 0;
		for (std::size_t before = i; before-- > 0;) {
			offset += entry(before) & 0x0FFFFFFF;
			if ((entry(before) & 0x80000000) != 0) {
				break;
			}
		}
		return offset;
	}
	std::size_t length(std::size_t i) const {
		const std::size_t word = entry(i) & 0x0FFFFFFF;
		return (entry(i) & 0x80000000) != 0 ? word - offset(i) : word;
	}
	std::string_view part(std::size_t i) const { return {begin() + offset(i), length(i)}; }
	// As a numeric or a container is found: at the next multiple of four.
	const char *aligned_part(std::size_t i) const { return begin() + (offset(i) + 3) / 4 * 4; }
	std::size_t size() const { return 4 + std::size_t{4} * parts() + offset(parts()); }

private:
	std::uint32_t word(std::size_t i) const {
		std::uint32_t word = 0;
		std::memcpy(&word, data_ + 4 * i, sizeof word);
		return word;
	}
	std::uint32_t entry(std::size_t i) const { return word(1 + i); }
	const char *begin() const { return data_ + 4 + std::size_t{4} * parts(); }

	const char *data_;
};

struct Buffer {
	explicit Buffer(std::size_t room) : words(room / 4 + 1) {}
	char *data() { return reinterpret_cast<char *>(words.data()); }
	std::vector<std::uint32_t> words; // aligned as a jsonb is
};

// Of a numeric: its digits to the base 10000, written out.
std::string number_text(const char *numeric) {
	std::uint32_t size = 0;
	std::uint16_t header = 0;
	std::memcpy(&size, numeric, sizeof size);
	std::memcpy(&header, numeric + 4, sizeof header);
	const std::size_t digits = ((size >> 2) - 6) / 2;
	std::string text;
	for (std::size_t i = 0; i <= (header & 0x3Fu); ++i) {
		std::uint16_t digit = 0;
		if (i < digits) {
			std::memcpy(&digit, numeric + 6 + 2 * i, sizeof digit);
		}
		std::array<char, 8> four{};
		std::snprintf(four.data(), four.size(), text.empty() ? "%d" : "%04d", digit);
		text += four.data();
	}
	return ((header & 0x2000) != 0 ? "-" : "") + text;
}

Item text(std::string_view bytes) {
	return {Item::Kind::String, bytes};
}

TEST(Number, IsThatOfTheServer) {
	for (const std::int64_t value :
	     {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{9999}, std::int64_t{10'000},
	      std::int64_t{-10'001}, std::int64_t{100'000'000}, std::int64_t{123'456'789'012'345'678},
	      std::int64_t{1'000'000'000'000'000'000}, std::numeric_limits<std::int64_t>::max(),
	      std::numeric_limits<std::int64_t>::min()}) {
		EXPECT_EQ(number_text(number_of(value).bytes.data()), std::to_string(value));
	}
}

TEST(Number, HasNoZerosAtItsEnds) {
	// Header, and one digit at most: as the server strips them.
	EXPECT_EQ(number_of(0).size, 6u);
	EXPECT_EQ(number_of(7).size, 8u);
	EXPECT_EQ(number_of(70'000).size, 8u);
	EXPECT_EQ(number_of(70'001).size, 10u);
	EXPECT_EQ(number_of(70'000'000'000'000'000).size, 8u);
	EXPECT_EQ(number_of(std::numeric_limits<std::int64_t>::min()).size, 16u);
}

TEST(Key, OrderIsByLengthThenBytes) {
	EXPECT_TRUE(comes_before("b", "aa"));
	EXPECT_FALSE(comes_before("aa", "b"));
	EXPECT_TRUE(comes_before("a", "b"));
	EXPECT_TRUE(comes_before("z", "\xc3\xa4"));
	EXPECT_TRUE(comes_before("az", "\xc3\xa4"));
	EXPECT_FALSE(comes_before("a", "a"));
	EXPECT_TRUE(comes_before("", "a"));
}

TEST(Object, OfNothing) {
	Buffer out(room_for_object(nullptr, 0));
	EXPECT_EQ(write_object(out.data(), nullptr, 0), 4u);
	EXPECT_TRUE(Container(out.data()).is_object());
	EXPECT_EQ(Container(out.data()).count(), 0u);
	EXPECT_EQ(write_array(out.data(), nullptr, 0), 4u);
	EXPECT_TRUE(Container(out.data()).is_array());
}

// select pg_read_binary_file() of a table with {"a": 1, "bc": "x", "d2": null, "e3": true}, by hand.
TEST(Object, IsTheServersByteForByte) {
	const Number one = number_of(1);
	const std::vector<Member> members{{"a", {Item::Kind::Number, one.view()}},
	                                  {"bc", text("x")},
	                                  {"d2", {Item::Kind::Null, {}}},
	                                  {"e3", {Item::Kind::True, {}}}};
	Buffer out(room_for_object(members.data(), members.size()));
	const std::size_t size = write_object(out.data(), members.data(), members.size());
	const std::vector<unsigned char> expected{
		4, 0, 0, 0x20, 1, 0, 0, 0x80, 2,   0,   0,   0,   2,   0,   0,   0, 2,  0, 0, 0, 9, 0,    0, 0x10, 1,  0, 0, 0,
		0, 0, 0, 0x40, 0, 0, 0, 0x30, 'a', 'b', 'c', 'd', '2', 'e', '3', 0, 32, 0, 0, 0, 0, 0x80, 1, 0,    'x'};
	EXPECT_EQ(std::vector<unsigned char>(out.data(), out.data() + size), expected);
}

/// A value, kept, and what it is when it is read.
struct Sample {
	Item::Kind kind;
	std::string bytes;
};

Sample sample(std::mt19937 &random) {
	switch (random() % 5) {
	case 0:
		return {Item::Kind::Null, ""};
	case 1:
		return {random() % 2 == 0 ? Item::Kind::True : Item::Kind::False, ""};
	case 2: {
		const Number number = number_of(static_cast<std::int64_t>(random()) * (random() % 2 == 0 ? 1 : -12345));
		return {Item::Kind::Number, std::string(number.view())};
	}
	case 3: {
		const std::vector<Item> elements(random() % 3, Item{});
		Buffer out(room_for_array(elements.data(), elements.size()));
		const std::size_t size = write_array(out.data(), elements.data(), elements.size());
		return {Item::Kind::Container, std::string(out.data(), size)};
	}
	default:
		return {Item::Kind::String, std::string(random() % 7, 's')};
	}
}

void check(const Container &container, std::size_t i, const Sample &sample) {
	constexpr std::array<std::uint32_t, 6> kinds{0x40000000, 0x20000000, 0x30000000, 0, 0x10000000, 0x50000000};
	EXPECT_EQ(container.kind(i), kinds.at(static_cast<std::size_t>(sample.kind)));
	if (sample.kind == Item::Kind::Number || sample.kind == Item::Kind::Container) {
		EXPECT_EQ(std::string(container.aligned_part(i), sample.bytes.size()), sample.bytes);
		EXPECT_EQ(container.offset(i) + container.length(i), (container.offset(i) + 3) / 4 * 4 + sample.bytes.size());
	} else {
		EXPECT_EQ(container.part(i), sample.bytes);
	}
}

// Of up to 100 members, so that some of the words have offsets.
TEST(Object, IsReadBackAsItWasWritten) {
	std::mt19937 random(1);
	for (std::size_t count = 0; count <= 100; ++count) {
		SCOPED_TRACE(count);
		std::vector<Sample> samples;
		std::vector<std::string> keys;
		for (std::size_t i = 0; i < count; ++i) {
			samples.push_back(sample(random));
			keys.push_back("k" + std::to_string(i) + std::string(i / 9, '_'));
		}
		std::ranges::sort(keys, comes_before);
		std::vector<Member> members;
		std::vector<Item> elements;
		for (std::size_t i = 0; i < count; ++i) {
			members.push_back({keys[i], {samples[i].kind, samples[i].bytes}});
			elements.push_back(members.back().value);
		}
		Buffer out(room_for_object(members.data(), count));
		const std::size_t size = write_object(out.data(), members.data(), count);
		const Container object(out.data());
		EXPECT_LE(size, room_for_object(members.data(), count));
		EXPECT_EQ(size, object.size());
		EXPECT_EQ(object.count(), count);
		for (std::size_t i = 0; i < count; ++i) {
			EXPECT_EQ(object.part(i), keys[i]);
			check(object, count + i, samples[i]);
		}
		Buffer other(room_for_array(elements.data(), count));
		const std::size_t array_size = write_array(other.data(), elements.data(), count);
		EXPECT_EQ(array_size, Container(other.data()).size());
		for (std::size_t i = 0; i < count; ++i) {
			check(Container(other.data()), i, samples[i]);
		}
	}
}

} // namespace

} // namespace warden::audit
