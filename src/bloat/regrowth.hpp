// regrowth.hpp - How fast waste comes back after a rewrite, and how fast a file grows, by sizes that were measured.
//
// Plain C++.  The invariant: too few measurements, or too close to each other, give no figure.
#pragma once

#include "bloat/experience.hpp"

#include <vector>

namespace warden::bloat {

/// A file at one moment.
struct Observation {
	double day; ///< since any fixed moment
	double bytes;
	std::optional<double> wasted; ///< a rewrite would give back
	std::uint32_t filenode;       ///< another one: it was rewritten
	double writes;                ///< to the table, since any fixed moment
};

/// What observations say, the oldest first; all but the error of predictions.
Experience learn_from(const std::vector<Observation> &observations);

} // namespace warden::bloat
