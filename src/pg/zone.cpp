#include "pg/zone.hpp"

#include "pg/call.hpp"

extern "C" {
#include "pgtime.h"
#include "utils/datetime.h"
}

namespace warden::pg {

namespace {

// These two run under our frames, and may: none of the server's functions in them raises an error.
Moment server_wall(const void *rules, Moment instant) {
	pg_tm tm{};
	fsec_t fraction = 0;
	int west = 0;
	auto *const zone = const_cast<pg_tz *>(static_cast<const pg_tz *>(rules));
	if (timestamp2tm(instant, &west, &tm, &fraction, nullptr, zone) != 0) {
		return instant;
	}
	return instant - west * microseconds_per_second;
}

Moment server_instant(const void *rules, Moment wall) {
	pg_tm tm{};
	fsec_t fraction = 0;
	if (timestamp2tm(wall, nullptr, &tm, &fraction, nullptr, nullptr) != 0) {
		return wall;
	}
	auto *const zone = const_cast<pg_tz *>(static_cast<const pg_tz *>(rules));
	return wall + DetermineTimeZoneOffset(&tm, zone) * microseconds_per_second;
}

} // namespace

std::optional<Zone> find_zone(const std::string &name) {
	const pg_tz *const rules = call([&]() -> const pg_tz * {
		pg_tz *const zone = name.size() <= TZ_STRLEN_MAX ? pg_tzset(name.c_str()) : nullptr;
		return zone != nullptr && pg_tz_acceptable(zone) ? zone : nullptr;
	});
	return rules != nullptr ? std::optional(Zone{server_wall, server_instant, rules}) : std::nullopt;
}

Zone server_zone(const std::string &name) {
	const std::optional<Zone> zone = find_zone(name);
	if (!zone) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("time zone \"%s\" not recognized", name.c_str()))
			.with_hint("Names are in pg_timezone_names: for instance timezone => 'Europe/Berlin', or 'UTC'.");
	}
	return *zone;
}

} // namespace warden::pg
