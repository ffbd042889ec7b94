#include "bloat/experience.hpp"

#include "bloat/regrowth.hpp"
#include "bloat/snapshots.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::bloat {

using namespace pg;

namespace {

constinit Statement select_observations{R"(
SELECT (extract(epoch FROM measured_at) / 86400)::float8, bytes, bytes - rewrite_bytes, filenode, writes
FROM warden.bloat_snapshots WHERE relation = $1 ORDER BY measured_at)"};

constinit Statement find_prediction_error{R"(
SELECT (bytes_after - predicted_bytes) / nullif(bytes_after, 0)::float8
FROM warden.bloat_repair_log
WHERE relation = $1 AND status = 'done' AND predicted_bytes IS NOT NULL ORDER BY ended DESC LIMIT 1)"};

} // namespace

std::optional<Experience> experience_of(Oid relation) {
	const AsExtension owner;
	Spi spi;
	std::vector<Observation> observations;
	for (const auto &[day, bytes, wasted, filenode, writes] :
	     spi.query_latest<double, int64, std::optional<int64>, Oid, int64>(select_observations, relation)) {
		observations.push_back({.day = day,
		                        .bytes = static_cast<double>(bytes),
		                        .wasted = wasted ? std::optional(static_cast<double>(*wasted)) : std::nullopt,
		                        .filenode = filenode,
		                        .writes = static_cast<double>(writes)});
	}
	if (observations.empty()) {
		return std::nullopt;
	}
	Experience experience = learn_from(observations);
	for (const auto &[error] : spi.query_latest<std::optional<double>>(find_prediction_error, relation)) {
		experience.prediction_error = error;
	}
	return experience;
}

} // namespace warden::bloat
