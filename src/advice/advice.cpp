#include "advice/advice.hpp"

#include "advice/planner_hooks.hpp"
#include "advice/sampler.hpp"
#include "advice/samples.hpp"

namespace warden::advice {

void init() {
	install_planner_hooks();
	init_sampler();
}

void maintain(const pg::Procedure &procedure) {
	take_in_samples(procedure);
}

} // namespace warden::advice
