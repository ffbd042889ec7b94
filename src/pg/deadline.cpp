#include "pg/deadline.hpp"

extern "C" {
#include "storage/latch.h"
#include "utils/timeout.h"
}

namespace warden::pg::detail {

namespace {

constinit bool is_registered = false;
constinit TimeoutId timeout = USER_TIMEOUT;
constinit volatile sig_atomic_t has_passed = 0;

// A signal's handler.  The server then stops the statement as if it were cancelled; who is cancelled already is not
// stopped by us.
void on_timeout() {
	if (!QueryCancelPending) {
		has_passed = 1;
		QueryCancelPending = true;
		InterruptPending = true;
		SetLatch(MyLatch);
	}
}

} // namespace

void start_deadline(int milliseconds) {
	has_passed = 0;
	if (milliseconds <= 0) {
		return;
	}
	if (!is_registered) {
		timeout = RegisterTimeout(USER_TIMEOUT, on_timeout);
		is_registered = true;
	}
	enable_timeout_after(timeout, milliseconds);
}

bool stop_deadline() {
	if (is_registered) {
		disable_timeout(timeout, false);
	}
	const bool passed = has_passed != 0;
	if (passed) { // and with it what was not noticed
		QueryCancelPending = false;
		has_passed = 0;
	}
	return passed;
}

} // namespace warden::pg::detail
