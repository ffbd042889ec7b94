#include "audit/time_layout.hpp"

#include <chrono>
#include <cstring>

namespace warden::audit {

namespace {

using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr sys_days epoch{year{2000} / 1 / 1};
constexpr std::int64_t first_day = (sys_days{year{1} / 1 / 1} - epoch).count();
constexpr std::int64_t end_of_days = (sys_days{year{10'000} / 1 / 1} - epoch).count();

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day_length = 86'400 * second;
constexpr unsigned fraction_digits = 6;

/// So many digits, with zeros at the front.
char *write_digits(char *out, unsigned value, unsigned count) {
	for (unsigned i = count; i > 0; --i) {
		out[i - 1] = static_cast<char>('0' + value % 10);
		value /= 10;
	}
	return out + count;
}

char *write_part(char *out, char separator, unsigned value) {
	*out = separator;
	return write_digits(out + 1, value, 2);
}

// Without zeros at its end.
char *write_fraction(char *out, unsigned microseconds) {
	if (microseconds == 0) {
		return out;
	}
	*out = '.';
	char *end = write_digits(out + 1, microseconds, fraction_digits);
	while (end[-1] == '0') {
		--end;
	}
	return end;
}

} // namespace

std::size_t write_date(char *out, std::int64_t day) {
	if (day < first_day || day >= end_of_days) {
		return 0;
	}
	const year_month_day date{epoch + std::chrono::days{day}};
	char *end = write_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
	end = write_part(end, '-', static_cast<unsigned>(date.month()));
	end = write_part(end, '-', static_cast<unsigned>(date.day()));
	return static_cast<std::size_t>(end - out);
}

std::size_t write_timestamp(char *out, std::int64_t moment, bool is_zoned) {
	std::int64_t day = moment / day_length;
	std::int64_t time = moment % day_length;
	if (time < 0) {
		time += day_length;
		--day;
	}
	const std::size_t size = write_date(out, day);
	if (size == 0) {
		return 0;
	}
	const auto seconds = static_cast<unsigned>(time / second);
	char *end = write_part(out + size, 'T', seconds / 3600);
	end = write_part(end, ':', seconds / 60 % 60);
	end = write_part(end, ':', seconds % 60);
	end = write_fraction(end, static_cast<unsigned>(time % second));
	if (is_zoned) {
		constexpr char zone[] = "+00:00";
		std::memcpy(end, zone, sizeof zone - 1);
		end += sizeof zone - 1;
	}
	return static_cast<std::size_t>(end - out);
}

} // namespace warden::audit
