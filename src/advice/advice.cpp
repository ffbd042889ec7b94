#include "advice/advice.hpp"

#include "advice/outcomes.hpp"
#include "advice/planner_hooks.hpp"

namespace warden::advice {

void init() {
	install_planner_hooks();
	init_outcomes();
}

void maintain(const pg::Procedure &procedure) {
	measure_outcomes(procedure);
}

} // namespace warden::advice
