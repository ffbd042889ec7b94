#include "advice/advice.hpp"

#include "advice/outcomes.hpp"
#include "advice/planner_hooks.hpp"
#include "advice/sampler.hpp"
#include "advice/samples.hpp"
#include "advice/usage.hpp"

extern "C" {
#include "access/xlog.h"
}

namespace warden::advice {

void init() {
	install_planner_hooks();
	init_sampler();
	init_outcomes();
	init_usage();
}

void maintain(const pg::Procedure &procedure) {
	if (pg::call(RecoveryInProgress)) { // all of it is written down
		return;
	}
	note_usage(procedure);
	take_in_samples(procedure);
	measure_outcomes(procedure);
}

} // namespace warden::advice
