#include "bloat/regrowth.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

namespace warden::bloat {

namespace {

using Life = std::span<const Observation>; // of one file, between two rewrites

constexpr double least_span = 1;         // days, for a speed
constexpr double least_steady_span = 14; // days, to be called steady
constexpr std::size_t least_steady = 5;  // measurements of it
constexpr double steady_ratio = 0.05;    // by which its sizes may differ
constexpr double longest_of_span = 10;   // a half-life is told up to so many times the days that were seen

double span_of(Life life) {
	return life.empty() ? 0 : life.back().day - life.front().day;
}

std::vector<Life> lives_of(const std::vector<Observation> &all) {
	std::vector<Life> lives;
	auto begin = all.begin();
	while (begin != all.end()) {
		const auto next =
			std::find_if(begin, all.end(), [&](const Observation &o) { return o.filenode != begin->filenode; });
		lives.emplace_back(begin, next);
		begin = next;
	}
	return lives;
}

/// The slope of the line of least squares.
std::optional<double> growth_of(Life life) {
	if (span_of(life) < least_span) {
		return std::nullopt;
	}
	double day = 0;
	double bytes = 0;
	for (const Observation &o : life) {
		day += o.day / static_cast<double>(life.size());
		bytes += o.bytes / static_cast<double>(life.size());
	}
	double covariance = 0;
	double variance = 0;
	for (const Observation &o : life) {
		covariance += (o.day - day) * (o.bytes - bytes);
		variance += (o.day - day) * (o.day - day);
	}
	return covariance / variance;
}

/// The waste that was saved comes back as 1 - exp(-k t) of it: the line of least squares through the origin of
/// -log(1 - part), whose slope k is.  Waste and not size, because rows that were added since are none.
std::optional<double> half_life_of(Life before, Life after) {
	const std::optional<double> wasted = before.back().wasted;
	const std::optional<double> kept = after.front().wasted;
	if (!wasted || !kept || span_of(after) < least_span) {
		return std::nullopt;
	}
	const double left = *kept;
	const double saved = *wasted - left;
	if (saved <= 0) {
		return std::nullopt;
	}
	constexpr double most = 0.99; // more than all of it has no logarithm
	double products = 0;
	double squares = 0;
	for (const Observation &o : after) {
		if (o.wasted) {
			const double days = o.day - after.front().day;
			products -= days * std::log(1 - std::clamp((*o.wasted - left) / saved, 0.0, most));
			squares += days * days;
		}
	}
	if (squares == 0) {
		return std::nullopt;
	}
	const double longest = longest_of_span * span_of(after);
	return products > 0 ? std::min(std::numbers::ln2 * squares / products, longest) : longest;
}

bool is_steady(Life life) {
	if (life.size() < least_steady || span_of(life) < least_steady_span || life.back().writes <= life.front().writes) {
		return false;
	}
	const auto [least, most] = std::ranges::minmax(life, {}, &Observation::bytes);
	return most.bytes - least.bytes <= steady_ratio * most.bytes;
}

} // namespace

Experience learn_from(const std::vector<Observation> &observations) {
	Experience experience{};
	const std::vector<Life> lives = lives_of(observations);
	if (lives.empty()) {
		return experience;
	}
	experience.repairs = static_cast<int>(lives.size()) - 1;
	experience.growth_a_day = growth_of(lives.back());
	experience.is_steady = is_steady(lives.back());
	for (std::size_t i = 1; i < lives.size(); ++i) {
		// The last of which something is known: a rewrite of yesterday says nothing yet.
		if (const auto days = half_life_of(lives[i - 1], lives[i])) {
			experience.half_life_days = days;
		}
	}
	return experience;
}

} // namespace warden::bloat
