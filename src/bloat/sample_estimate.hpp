// sample_estimate.hpp - What some pages say of all of them.
//
// Plain C++.  Pages are drawn at random, without replacement, from strata: parts of the file that are more alike within
// than among each other.  The invariant: in nineteen of twenty samples the truth is between low and high, whatever the
// pages are; what was not drawn is never taken for known, and what was read whole has no doubt left.
//
// Source of the formulas: W. G. Cochran, Sampling Techniques, 3rd edition: 5.3 (stratified mean), 5.4 (its degrees of
// freedom), 5.5 (allocation of the sample); the "rule of three" for what was not seen at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace warden::bloat {

/// A part of the file, and what was found on the pages that were drawn from it.
struct Stratum {
	std::uint64_t pages;
	std::vector<double> values; ///< of each page that was drawn
	double least;               ///< that a page can have
	double most;
	double unit_error = 0; ///< standard error of the unit of the values, relative
};

/// A sum over all pages.
struct Estimate {
	double value;
	double low;
	double high;
};

/// A stratum of which no page was drawn must have none.
Estimate estimate_sum(const std::vector<Stratum> &strata);

/// How many pages to draw from each stratum, of so many in all, so that the doubt becomes small: in proportion to its
/// size and to how much its pages differ, but some in proportion to its size alone, because what differs may not have
/// been seen yet; two from each at least, and no more than it has.
std::vector<std::uint64_t> allocate(std::uint64_t budget, const std::vector<Stratum> &pilots);

/// What a sample is for if nobody says how many pages: 2 points of the file to each side.  A tenth less is aimed at,
/// because what a pilot of a hundred pages says of the variance is about a tenth off itself.
constexpr double aimed_half_width = 0.9 * 0.02;

/// How many pages in all leave a doubt of no more than half_width to each side, as far as the pilots know.
std::uint64_t pages_for(double half_width, const std::vector<Stratum> &pilots);

} // namespace warden::bloat
