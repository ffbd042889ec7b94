// zone.hpp - Time zones by the server's own rules, so that a time is where the server's own conversions put it.
#pragma once

#include "util/clock.hpp"

#include <optional>
#include <string>

namespace warden::pg {

/// The rules of a time zone, if the server knows it; or else error 22023.
std::optional<Zone> find_zone(const std::string &name);
Zone server_zone(const std::string &name);

} // namespace warden::pg
