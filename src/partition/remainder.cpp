#include "partition/remainder.hpp"

#include <algorithm>

namespace warden::partition {

namespace {

bool divides(int a, int b) {
	return b % a == 0;
}

// Whether a takes all that b does.
bool contains(const Remainder &a, const Remainder &b) {
	return divides(a.modulus, b.modulus) && b.remainder % a.modulus == a.remainder;
}

// Adds what none of `others`, which all have keys in common with `wanted`, takes of it.
void add_uncovered(const std::vector<Remainder> &others, const Remainder &wanted, std::size_t limit,
                   std::vector<Remainder> &missing) {
	if (others.empty()) {
		missing.push_back(wanted);
		return;
	}
	if (std::ranges::any_of(others, [&](const Remainder &other) { return contains(other, wanted); })) {
		return;
	}
	// What is taken of it is of greater moduli: the least of those divides all others, and so splits it without harm.
	const int finer = std::ranges::min_element(others, {}, &Remainder::modulus)->modulus;
	for (int i = 0; i < finer / wanted.modulus && missing.size() < limit; ++i) {
		const Remainder part{finer, wanted.remainder + i * wanted.modulus};
		std::vector<Remainder> of_part;
		std::ranges::copy_if(others, std::back_inserter(of_part),
		                     [&](const Remainder &other) { return overlap(other, part); });
		add_uncovered(of_part, part, limit, missing);
	}
}

} // namespace

bool overlap(const Remainder &a, const Remainder &b) {
	return contains(a, b) || contains(b, a);
}

bool is_modulus_for(const std::vector<Remainder> &existing, int modulus) {
	return std::ranges::all_of(existing, [&](const Remainder &other) {
		return divides(other.modulus, modulus) || divides(modulus, other.modulus);
	});
}

std::vector<Remainder> missing_remainders(const std::vector<Remainder> &existing, int modulus, std::size_t limit) {
	// Each existing one by the remainder of the modulus that it begins with, so that none is looked at twice.
	std::vector<std::vector<Remainder>> overlapping(static_cast<std::size_t>(modulus));
	for (const Remainder &other : existing) {
		for (int remainder = other.remainder % modulus; remainder < modulus; remainder += other.modulus) {
			overlapping[static_cast<std::size_t>(remainder)].push_back(other);
			if (other.modulus > modulus - remainder) {
				break;
			}
		}
	}
	std::vector<Remainder> missing;
	for (int remainder = 0; remainder < modulus && missing.size() < limit; ++remainder) {
		add_uncovered(overlapping[static_cast<std::size_t>(remainder)], {modulus, remainder}, limit, missing);
	}
	return missing;
}

std::vector<Remainder> parts_of(const Remainder &whole, int modulus) {
	const int count = modulus / whole.modulus;
	std::vector<Remainder> parts;
	parts.reserve(static_cast<std::size_t>(count));
	for (int i = 0; i < count; ++i) {
		parts.push_back({modulus, whole.remainder + i * whole.modulus});
	}
	return parts;
}

} // namespace warden::partition
