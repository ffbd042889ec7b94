// move_load.hpp - Whether the application, or a replica, needs the machine more than we do.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

/// What is beyond a limit at this moment, as a text; std::nullopt: nothing.  Replicas that are not connected are not
/// waited for: one that was abandoned would stop the job for ever.
std::optional<std::string> find_overload(const Limits &limits);

} // namespace warden::move
