// random_numbers.hpp - Numbers that nobody can tell from random ones, the same for the same seed on every machine.
//
// Plain C++.  Not the library's generators: their templates would be symbols that every module of the server shares.
// Source: G. L. Steele, D. Lea, C. H. Flood, Fast Splittable Pseudorandom Number Generators, 2014.
#pragma once

#include <cstdint>

namespace warden::bloat {

class RandomNumbers {
public:
	explicit RandomNumbers(std::uint64_t seed) : state_(seed) {}

	std::uint64_t operator()() {
		state_ += 0x9e3779b97f4a7c15ULL;
		std::uint64_t number = state_;
		number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9ULL;
		number = (number ^ (number >> 27U)) * 0x94d049bb133111ebULL;
		return number ^ (number >> 31U);
	}

	/// From 0 to less than 1.
	double fraction() { return static_cast<double>((*this)() >> 11U) / 9007199254740992.0; }

private:
	std::uint64_t state_;
};

} // namespace warden::bloat
