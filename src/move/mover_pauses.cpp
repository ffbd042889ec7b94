// mover_pauses.cpp - What a run does between two steps: it looks whether somebody wants it to stop, and waits.
#include "move/mover_run.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"

#include <algorithm>

extern "C" {
#include "utils/timestamp.h"
}

namespace warden::move {

using namespace pg;

TimestampTz now() {
	return call(GetCurrentTimestamp);
}

double seconds_since(TimestampTz moment) {
	return static_cast<double>(now() - moment) / 1e6;
}

Stop look_around(const Run &run) {
	check_for_interrupts();
	const Wanted what = wanted(run.id);
	run.procedure.commit();
	switch (what) {
	case Wanted::Pause:
		return Stop::Pause;
	case Wanted::Cancel:
		return Stop::Cancel;
	case Wanted::Nothing:
		break;
	}
	return run.until && now() >= *run.until ? Stop::TimeIsOver : Stop::No;
}

Stop rest(const Run &run, double seconds) {
	const TimestampTz begun = now();
	for (;;) {
		if (const Stop stop = look_around(run); stop != Stop::No) {
			return stop;
		}
		const double left = seconds - seconds_since(begun);
		if (left <= 0) {
			return Stop::No;
		}
		run.procedure.pause(static_cast<int>(std::min(left, 1.0) * 1000));
	}
}

void tell_waiting(const Run &run, const std::optional<std::string> &what) {
	note_waiting(run.id, what);
	run.procedure.commit();
}

bool lock_patiently(const Procedure &procedure, std::int64_t job, Oid relation, LOCKMODE mode) {
	for (int tries = 0;; ++tries) {
		std::optional<Refusal> refusal;
		{
			const PinnedSettings settings;
			if (!relation_exists(relation)) {
				return false;
			}
			refusal = take_lock(relation, mode);
		}
		if (!refusal) {
			if (tries > 0) {
				note_waiting(job, std::nullopt);
			}
			return relation_exists(relation);
		}
		note_waiting(job, refusal->error.detail.empty() ? refusal->error.message
		                                                : refusal->error.message + ": " + refusal->error.detail);
		procedure.commit();
		if (tries >= lock_retries()) {
			throw Error(refusal->error);
		}
		procedure.pause(lock_retry_delay_ms());
	}
}

} // namespace warden::move
