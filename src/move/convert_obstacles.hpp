// convert_obstacles.hpp - What keeps a table from being converted, all of it, before anything starts.
#pragma once

#include "move/convert_request.hpp"
#include "move/convert_widen.hpp"

namespace warden::move {

/// Error 0A000 or 55000 (42809 for what is no table) with the reasons and what would help.
void check_convertible(const Request &request, Oid table, const std::vector<NarrowIndex> &narrow);

/// What is not an obstacle, but what somebody should know: sentences.
std::vector<std::string> remarks_on(Oid table);

} // namespace warden::move
