#include "audit/number_layout.hpp"

#include <bit>
#include <cstring>

namespace warden::audit {

namespace {

// Digits are to this base, 16 bits each, the greatest first, without zeros at either end.
constexpr std::uint64_t base = 10'000;
constexpr std::size_t most_digits = 5; // of 64 bits

// The word before them: short form, the sign, and as its last bits the power of the base that the first one is of.
constexpr std::uint16_t short_form = 0x8000;
constexpr std::uint16_t is_negative = 0x2000;

constexpr std::uint32_t length_word(std::size_t size) {
	return static_cast<std::uint32_t>(std::endian::native == std::endian::little ? size << 2 : size);
}

} // namespace

Number number_of(std::int64_t value) {
	std::uint64_t rest = value < 0 ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
	std::array<std::uint16_t, most_digits> digits{};
	std::size_t first = most_digits;
	while (rest != 0) {
		digits[--first] = static_cast<std::uint16_t>(rest % base);
		rest /= base;
	}
	std::size_t last = most_digits;
	while (last > first && digits[last - 1] == 0) {
		--last;
	}
	const std::size_t weight = first == most_digits ? 0 : most_digits - 1 - first;
	const auto header = static_cast<std::uint16_t>(short_form | (value < 0 ? is_negative : 0) | weight);

	Number number{};
	number.size = sizeof(std::uint32_t) + sizeof header + (last - first) * sizeof(std::uint16_t);
	const std::uint32_t length = length_word(number.size);
	char *out = number.bytes.data();
	std::memcpy(out, &length, sizeof length);
	std::memcpy(out + sizeof length, &header, sizeof header);
	std::memcpy(out + sizeof length + sizeof header, digits.data() + first, (last - first) * sizeof(std::uint16_t));
	return number;
}

} // namespace warden::audit
