#include "advice/advice.hpp"

#include "advice/planner_hooks.hpp"

namespace warden::advice {

void init() {
	install_planner_hooks();
}

void maintain(const pg::Procedure & /*procedure*/) {}

} // namespace warden::advice
