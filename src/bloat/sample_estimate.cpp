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

/// Where all pages that were drawn are alike, others may still differ: three of as many as were drawn, at most.
struct Unseen {
	double below;
	double above;
};

Unseen unseen(const Stratum &stratum) {
	const auto drawn = static_cast<double>(stratum.values.size());
	const double pages = std::min(size(stratum) - drawn, size(stratum) * 3 / drawn);
	return {pages * (stratum.values.front() - stratum.least), pages * (stratum.most - stratum.values.front())};
}

} // namespace

Estimate estimate_sum(const std::vector<Stratum> &strata) {
	double sum = 0;
	double doubt = 0;   // the variance of the sum
	double degrees = 0; // the denominator of Satterthwaite's approximation
	Unseen rest{0, 0};
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
		const double own = variance(stratum.values);
		if (own == 0) {
			const Unseen more = unseen(stratum);
			rest.below += more.below;
			rest.above += more.above;
			continue;
		}
		const double part = size(stratum) * (size(stratum) - drawn) * own / drawn;
		doubt += part;
		degrees += part * part / (drawn - 1);
	}
	const double width = doubt == 0 ? 0 : student_quantile(doubt * doubt / degrees) * std::sqrt(doubt);
	return {sum, std::max(least, sum - width - rest.below), std::min(most, sum + width + rest.above)};
}

std::vector<std::uint64_t> allocate(std::uint64_t budget, const std::vector<Stratum> &pilots) {
	double total = 0;
	for (const Stratum &pilot : pilots) {
		total += size(pilot) * std::sqrt(variance(pilot.values));
	}
	std::vector<std::uint64_t> drawn;
	drawn.reserve(pilots.size());
	double pages = 0;
	for (const Stratum &pilot : pilots) {
		pages += size(pilot);
	}
	for (const Stratum &pilot : pilots) {
		const double share =
			total > 0 ? size(pilot) * std::sqrt(variance(pilot.values)) / total : (pages > 0 ? size(pilot) / pages : 0);
		const auto wanted = static_cast<std::uint64_t>(std::llround(share * static_cast<double>(budget)));
		drawn.push_back(std::min(pilot.pages, std::max(least_sample, wanted)));
	}
	return drawn;
}

std::uint64_t pages_for(double half_width, const std::vector<Stratum> &pilots) {
	double spread = 0;
	double correction = 0;
	for (const Stratum &pilot : pilots) {
		const double own = variance(pilot.values);
		spread += size(pilot) * std::sqrt(own);
		correction += size(pilot) * own;
	}
	const double wanted = half_width / normal_quantile * (half_width / normal_quantile);
	return spread == 0 ? 0 : static_cast<std::uint64_t>(std::ceil(spread * spread / (wanted + correction)));
}

} // namespace warden::bloat
