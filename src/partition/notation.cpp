#include "partition/notation.hpp"

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <ranges>

namespace warden::partition {

namespace {

constexpr Moment unix_epoch = days_of({1970, 1, 1}) * microseconds_per_day;
constexpr Moment microseconds_per_millisecond = 1000;
constexpr std::int64_t last_millisecond = (std::int64_t{1} << 48) - 1;

constexpr struct {
	Notation notation;
	std::string_view name;
} formats[] = {
	{Notation::UnixSeconds, "unix_seconds"},
	{Notation::UnixMilliseconds, "unix_milliseconds"},
	{Notation::UnixMicroseconds, "unix_microseconds"},
	{Notation::UnixNanoseconds, "unix_nanoseconds"},
	{Notation::UuidV7, "uuidv7"},
	{Notation::Ulid, "ulid"},
	{Notation::Number, "number"},
};

// In the order of their bytes.
constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t digits_of_time = 10;

template <class... Args>
std::string print(const char *format, Args... args) {
	char text[100];
	std::snprintf(text, sizeof text, format, args...);
	return text;
}

__int128 ceiling_divide(__int128 a, __int128 b) {
	return a / b + (a % b > 0 ? 1 : 0);
}

/// A key is moment * numerator / denominator.
struct Scale {
	std::int64_t numerator;
	std::int64_t denominator;
};

Scale scale_of(Notation notation) {
	switch (notation) {
	case Notation::UnixSeconds:
		return {1, microseconds_per_second};
	case Notation::UnixMilliseconds:
	case Notation::UuidV7:
	case Notation::Ulid:
		return {1, microseconds_per_millisecond};
	case Notation::UnixNanoseconds:
		return {1000, 1};
	default:
		return {1, 1};
	}
}

Moment offset_of(Notation notation) {
	return notation == Notation::Number ? 0 : unix_epoch;
}

// Exact for what is in the domain of the notation.
std::int64_t count_of(Moment moment, Notation notation) {
	const Scale scale = scale_of(notation);
	const __int128 elapsed = static_cast<__int128>(moment) - offset_of(notation);
	return static_cast<std::int64_t>(ceiling_divide(elapsed * scale.numerator, scale.denominator));
}

std::string time_literal(Moment moment, Notation notation, const Zone &zone) {
	const Moment wall = notation == Notation::Timestamptz ? zone.wall(moment) : moment;
	const Date date = date_of(floor_divide(wall, microseconds_per_day));
	const bool before_christ = date.year <= 0;
	std::string text = print("%04lld-%02d-%02d", static_cast<long long>(before_christ ? 1 - date.year : date.year),
	                         date.month, date.day);
	if (notation != Notation::Date) {
		const Clock clock = clock_of(wall);
		text += print(" %02d:%02d:%02d", clock.hour, clock.minute, clock.second);
		if (clock.microsecond != 0) {
			text += print(".%06d", clock.microsecond);
		}
	}
	if (notation == Notation::Timestamptz) {
		const auto offset = static_cast<int>((wall - moment) / microseconds_per_second);
		const int size = std::abs(offset);
		text += print("%c%02d", offset < 0 ? '-' : '+', size / 3600);
		if (size % 3600 != 0) {
			text += print(":%02d", size / 60 % 60);
		}
		if (size % 60 != 0) {
			text += print(":%02d", size % 60);
		}
	}
	return before_christ ? text + " BC" : text;
}

std::string uuid_literal(std::int64_t milliseconds) {
	return print("%08llx-%04llx-0000-0000-000000000000", static_cast<unsigned long long>(milliseconds >> 16),
	             static_cast<unsigned long long>(milliseconds & 0xffff));
}

std::string ulid_literal(std::int64_t milliseconds) {
	std::string text(digits_of_time, '0');
	for (char &digit : text | std::views::reverse) {
		digit = digits[static_cast<std::size_t>(milliseconds % 32)];
		milliseconds /= 32;
	}
	return text;
}

} // namespace

const char *key_format(Notation notation) {
	for (const auto &format : formats) {
		if (format.notation == notation) {
			return format.name.data();
		}
	}
	return nullptr;
}

std::optional<Notation> notation_of(std::string_view key_format) {
	for (const auto &format : formats) {
		if (format.name == key_format) {
			return format.notation;
		}
	}
	return std::nullopt;
}

bool has_instants(Notation notation) {
	return notation != Notation::Timestamp && notation != Notation::Date && notation != Notation::Number;
}

bool is_unix_time(Notation notation) {
	return notation == Notation::UnixSeconds || notation == Notation::UnixMilliseconds ||
	       notation == Notation::UnixMicroseconds || notation == Notation::UnixNanoseconds;
}

Moment resolution_of(Notation notation) {
	return notation == Notation::Date ? microseconds_per_day : scale_of(notation).denominator;
}

Domain domain_of(Notation notation, Integer type) {
	if (notation == Notation::UuidV7 || notation == Notation::Ulid) {
		return {unix_epoch, unix_epoch + last_millisecond * microseconds_per_millisecond};
	}
	if (notation != Notation::Number && !is_unix_time(notation)) {
		return {first_moment, last_moment};
	}
	using Four = std::numeric_limits<std::int32_t>;
	using Two = std::numeric_limits<std::int16_t>;
	using Eight = std::numeric_limits<std::int64_t>;
	const std::int64_t least = type == Integer::Two ? Two::min() : type == Integer::Four ? Four::min() : Eight::min();
	const std::int64_t most = type == Integer::Two ? Two::max() : type == Integer::Four ? Four::max() : Eight::max();
	const Scale scale = scale_of(notation);
	const Moment first = moment_of(least, notation);
	// Rounded down, as the next moment's key may be too large.
	const __int128 last = static_cast<__int128>(most) * scale.denominator / scale.numerator + offset_of(notation);
	return {is_finite(first) ? first : first_moment, last > last_moment ? last_moment : static_cast<Moment>(last)};
}

std::string literal(Moment moment, Notation notation, const Zone &zone) {
	switch (notation) {
	case Notation::Timestamptz:
	case Notation::Timestamp:
	case Notation::Date:
		return time_literal(moment, notation, zone);
	case Notation::UuidV7:
		return uuid_literal(count_of(moment, notation));
	case Notation::Ulid:
		return ulid_literal(count_of(moment, notation));
	default:
		return print("%lld", static_cast<long long>(count_of(moment, notation)));
	}
}

Moment moment_of(std::int64_t key, Notation notation) {
	const Scale scale = scale_of(notation);
	const __int128 moment =
		ceiling_divide(static_cast<__int128>(key) * scale.denominator, scale.numerator) + offset_of(notation);
	return moment < first_moment ? minus_infinity : moment > last_moment ? infinity : static_cast<Moment>(moment);
}

Moment moment_of(const std::array<std::uint8_t, 16> &uuid) {
	std::int64_t milliseconds = 0;
	bool has_more = false;
	for (std::size_t i = 0; i < uuid.size(); ++i) {
		if (i < 6) {
			milliseconds = milliseconds << 8 | uuid[i];
		} else {
			has_more |= uuid[i] != 0;
		}
	}
	milliseconds += has_more ? 1 : 0;
	return milliseconds > last_millisecond ? infinity : moment_of(milliseconds, Notation::UuidV7);
}

Moment moment_of_ulid(std::string_view text) {
	std::int64_t milliseconds = 0;
	bool is_rounded = false; // the digits so far are after the text
	bool has_more = text.size() > digits_of_time;
	for (std::size_t i = 0; i < digits_of_time; ++i) {
		milliseconds *= 32;
		if (is_rounded || i >= text.size()) {
			continue;
		}
		std::size_t next = 0; // the first digit that is not before the character
		while (next < digits.size() && static_cast<unsigned char>(digits[next]) < static_cast<unsigned char>(text[i])) {
			++next;
		}
		milliseconds += static_cast<std::int64_t>(next);
		if (next == digits.size() || digits[next] != text[i]) {
			is_rounded = true;
			has_more = false;
		}
	}
	milliseconds += has_more ? 1 : 0;
	return milliseconds > last_millisecond ? infinity : moment_of(milliseconds, Notation::Ulid);
}

} // namespace warden::partition
