#include "bloat/sample_estimate.hpp"

#include <algorithm>
#include <cmath>

namespace warden::bloat {

namespace {

constexpr double normal_quantile = 1.959963984540054; // of 97.5 %
constexpr std::uint64_t least_sample = 2;             // with one there is no deviation

// The quantile of Student's distribution for two-sided 95 %, by its expansion in 1 / degrees (Abramowitz and Stegun
// 26.7.5), which is right to a thousandth from 3 degrees on.
double student_quantile(double degrees) {
	const double z = normal_quantile;
	const double n = std::max(degrees, 3.0);
	const double z2 = z * z;
	const double g1 = (z2 + 1) * z / 4;
	const double g2 = ((5 * z2 + 16) * z2 + 3) * z / 96;
	const double g3 = (((3 * z2 + 19) * z2 + 17) * z2 - 15) * z / 384;
	const double g4 = ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) * z / 92160;
	return z + (g1 + (g2 + (g3 + g4 / n) / n) / n) / n;
}

double mean(const std::vector<double> &values) {
	double sum = 0;
	for (const double value : values) {
		sum += value;
	}
	return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double variance(const std::vector<double> &values) {
	const double middle = mean(values);
	double sum = 0;
	for (const double value : values) {
		sum += (value - middle) * (value - middle);
	}
	return values.size() < 2 ? 0 : sum / static_cast<double>(values.size() - 1);
}

double size(const Stratum &stratum) {
	return static_cast<double>(stratum.pages);
}

bool is_whole(const Stratum &stratum) {
	return stratum.values.size() >= stratum.pages;
}

/// What a sum may be wrong by, to each side, squared: so that the doubts of strata add up.
struct Doubt {
	double below = 0;
	double above = 0;
};

/// Pages that are unlike all that were drawn are three of as many as were drawn, at most.
Doubt unseen(const Stratum &stratum, double drawn) {
	const double pages = std::min(size(stratum) - drawn, size(stratum) * 3 / drawn);
	const double below = pages * (mean(stratum.values) - stratum.least);
	const double above = pages * (stratum.most - mean(stratum.values));
	return {below * below, above * above};
}

/// The variance of a sum over all pages.
double variance_of_sum(const Stratum &stratum, double drawn) {
	return size(stratum) * (size(stratum) - drawn) * variance(stratum.values) / drawn;
}

} // namespace

Estimate estimate_sum(const std::vector<Stratum> &strata) {
	double sum = 0;
	double doubt = 0;   // the variance of the sum
	double degrees = 0; // the denominator of Satterthwaite's approximation
	Doubt rest;
	double least = 0;
	double most = 0;
	for (const Stratum &stratum : strata) {
		const auto drawn = static_cast<double>(stratum.values.size());
		sum += size(stratum) * mean(stratum.values);
		for (const double value : stratum.values) {
			least += value;
			most += value;
		}
		least += (size(stratum) - drawn) * stratum.least;
		most += (size(stratum) - drawn) * stratum.most;
		if (is_whole(stratum) || drawn == 0) {
			continue;
		}
		const Doubt more = unseen(stratum, drawn);
		const double unit = normal_quantile * stratum.unit_error * size(stratum) * mean(stratum.values);
		rest.below += more.below + unit * unit;
		rest.above += more.above + unit * unit;
		const double part = variance_of_sum(stratum, drawn);
		doubt += part;
		degrees += part * part / std::max(1.0, drawn - 1);
	}
	const double width = doubt == 0 ? 0 : student_quantile(doubt * doubt / degrees);
	const double seen = width * width * doubt;
	return {sum, std::max(least, sum - std::sqrt(seen + rest.below)),
	        std::min(most, sum + std::sqrt(seen + rest.above))};
}

std::vector<std::uint64_t> allocate(std::uint64_t budget, const std::vector<Stratum> &pilots) {
	constexpr double by_size = 0.3; // the rest by doubt
	double pages = 0;
	double total = 0;
	for (const Stratum &pilot : pilots) {
		pages += size(pilot);
		total += size(pilot) * std::sqrt(variance(pilot.values));
	}
	const auto share_of = [&](const Stratum &pilot) {
		const double share = size(pilot) / std::max(1.0, pages);
		return total > 0 ? by_size * share + (1 - by_size) * size(pilot) * std::sqrt(variance(pilot.values)) / total
		                 : share;
	};
	std::vector<std::uint64_t> drawn;
	std::uint64_t given = 0;
	for (const Stratum &pilot : pilots) {
		const auto wanted = static_cast<std::uint64_t>(share_of(pilot) * static_cast<double>(budget));
		drawn.push_back(std::min(pilot.pages, std::max(least_sample, wanted)));
		given += drawn.back();
	}
	// What one of them has no pages for is for the others, and what the least samples took is taken from the largest.
	for (std::size_t i = 0; i < pilots.size(); ++i) {
		const std::uint64_t left = budget > given ? budget - given : 0;
		const std::uint64_t more = std::min(left, pilots[i].pages - drawn[i]);
		drawn[i] += more;
		given += more;
	}
	while (given > budget) {
		const auto largest = std::ranges::max_element(drawn);
		if (*largest <= least_sample) {
			break;
		}
		const std::uint64_t less = std::min(given - budget, *largest - least_sample);
		*largest -= less;
		given -= less;
	}
	return drawn;
}

namespace {

/// The doubt that a sample of so many pages would leave.
double half_width_with(std::uint64_t budget, const std::vector<Stratum> &pilots) {
	const std::vector<std::uint64_t> drawn = allocate(budget, pilots);
	double seen = 0;
	Doubt rest;
	for (std::size_t i = 0; i < pilots.size(); ++i) {
		const auto pages = static_cast<double>(drawn[i]);
		if (drawn[i] >= pilots[i].pages) {
			continue;
		}
		const Doubt more = unseen(pilots[i], pages);
		seen += variance_of_sum(pilots[i], pages);
		rest.below += more.below;
		rest.above += more.above;
	}
	return std::sqrt(normal_quantile * normal_quantile * seen + std::max(rest.below, rest.above));
}

} // namespace

std::uint64_t pages_for(double half_width, const std::vector<Stratum> &pilots) {
	std::uint64_t most = 0;
	for (const Stratum &pilot : pilots) {
		most += pilot.pages;
	}
	std::uint64_t least = 0;
	while (least < most) {
		const std::uint64_t middle = least + (most - least) / 2;
		if (half_width_with(middle, pilots) <= half_width) {
			most = middle;
		} else {
			least = middle + 1;
		}
	}
	return most;
}

} // namespace warden::bloat
