#include "partition/progress.hpp"

#include "partition/collision.hpp"
#include "partition/default_survey.hpp"

#include "pg/names.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "utils/elog.h"
}

namespace warden::partition {

using namespace pg;

namespace {

std::string sqlstate_and_message(const Error &error) {
	return format("%s: %s", call(unpack_sql_state, error.sqlstate), error.what());
}

/// What becomes of a range whose rows the default partition has, or that it would be scanned for; nullptr of another
/// error.
const char *status_in_default(const Error &error) {
	switch (error.sqlstate) {
	case ERRCODE_CHECK_VIOLATION:
		return "colliding";
	case errcode_prepare_first:
		return "planned";
	case errcode_left_out:
		return "skipped";
	default:
		return nullptr;
	}
}

/// Whether a value is itself the reason why it has no partition: its type does not take it, or it is too long.
bool is_of_value(const Task &task, const Error &error) {
	const int category = ERRCODE_TO_CATEGORY(error.sqlstate);
	return task.place && std::holds_alternative<Value>(*task.place) &&
	       (category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_PROGRAM_LIMIT_EXCEEDED);
}

/// What the step that failed would have been; it may be that no more can be said than which partition it was about.
std::optional<Done> describe(const Work &work, const Task &task) {
	std::optional<Done> planned;
	if (attempt([&] { planned = plan(work, task); }) && OidIsValid(task.partition)) {
		std::ignore = attempt([&] { planned = Done{qualified_name(task.partition), ""}; });
	}
	return planned;
}

} // namespace

Outcome failure(const Error &error, const char *action) {
	const bool blocked = is_blocked(error);
	std::string detail = blocked ? error.message : sqlstate_and_message(error);
	if (!error.detail.empty()) {
		detail += (detail.ends_with('.') ? " " : ". ") + error.detail;
	}
	return {std::nullopt, action, blocked ? "blocked" : "failed", std::nullopt, detail};
}

void Progress::done(const char *action, const Done &done) {
	state_.did_something = true;
	outcomes_.push_back({done.partition, action, "done", done.command, std::nullopt});
}

void Progress::planned(const Task &task, const Done &planned, std::optional<std::string> detail) {
	outcomes_.push_back({planned.partition, task.action, "planned", planned.command, std::move(detail)});
}

void Progress::failed(const Error &error, const char *action, const std::optional<Done> &planned) {
	if (!state_.error) {
		state_.error = sqlstate_and_message(error);
		if (is_blocked(error)) {
			state_.blocked_by = error.detail;
		}
	}
	Outcome outcome = failure(error, action);
	if (planned) {
		outcome.partition = planned->partition;
		outcome.command = planned->command.empty() ? std::nullopt : std::optional(planned->command);
	}
	outcomes_.push_back(std::move(outcome));
}

void Progress::fail(const std::vector<Unreadable> &keys) {
	for (const Unreadable &key : keys) {
		const Error error = unreadable_error(policy_, key);
		failed(error, "create");
		Outcome &outcome = outcomes_.back();
		outcome.command = command_without(policy_, keys);
		const std::string detail = outcome.detail.value_or("");
		outcome.detail = detail + (detail.ends_with('.') ? " " : ". ") + "The command" + error.hint;
	}
}

void Progress::suspended() {
	outcomes_.push_back({std::nullopt, "maintain", "skipped", std::nullopt,
	                     "A job is moving its rows into a plain table: see warden.partition_moves."});
}

void Progress::more() {
	outcomes_.push_back({std::nullopt, "maintain", "planned", std::nullopt,
	                     "More is due than one transaction should lock: CALL warden.maintain() does all of it."});
}

void Progress::fail(const Work &work, const Task &task, const Error &error) {
	if (task.creates() && status_in_default(error) != nullptr) {
		hold_back(work, task, error);
		return;
	}
	failed(error, task.action, describe(work, task));
	lacks_partitions_ |= task.creates();
	// What keeps one partition from being created would keep the next.  What keeps one from being retired is its own.
	creation_stopped_ |= task.creates() && !is_of_value(task, error);
}

bool Progress::is_news(const Error &error) {
	return error.sqlstate != errcode_prepare_first && error.sqlstate != errcode_left_out;
}

// The default partition is in the way of a range: not of the others.
void Progress::hold_back(const Work &work, const Task &task, const Error &error) {
	lacks_partitions_ |= error.sqlstate == ERRCODE_CHECK_VIOLATION;
	const auto planned = describe(work, task);
	std::string text = error.message;
	for (const std::string &more : {error.detail, error.hint}) {
		text += more.empty() ? "" : (text.ends_with('.') ? " " : ". ") + more;
	}
	outcomes_.push_back({planned ? std::optional(planned->partition) : std::nullopt, task.action,
	                     status_in_default(error), planned ? std::optional(planned->command) : std::nullopt, text});
	state_.colliding += error.sqlstate == ERRCODE_CHECK_VIOLATION ? 1 : 0;
	state_.skipped += error.sqlstate == errcode_left_out ? 1 : 0;
	state_.postponed += error.sqlstate == errcode_prepare_first ? 1 : 0;
}

void Progress::refuse(const Work &work, const Task &task, const Refusal &refusal) {
	failed(refusal.error, task.action, describe(work, task));
	lacks_partitions_ |= task.creates();
	stopped_ = true;
}

} // namespace warden::partition
