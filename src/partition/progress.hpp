// progress.hpp - How the work on one set goes: what became of each step, and what is to be recorded of it.
#pragma once

#include "partition/work.hpp"

#include <algorithm>

namespace warden::partition {

/// What became of one step, or of a set that could not even be looked at.
struct Outcome {
	std::optional<std::string> partition;
	const char *action; ///< create, detach, drop, archive, align; maintain: the set as a whole
	const char *status; ///< done, planned, blocked, failed, colliding, skipped
	std::optional<std::string> command;
	std::optional<std::string> detail;
};

/// What becomes of a step that an error ended: blocked or failed.
Outcome failure(const Error &error, const char *action);

/// The outcomes so far, and the state to record.
class Progress {
public:
	explicit Progress(const Policy &policy) : policy_(policy) {}

	void done(const Task &task, const Done &done) { this->done(task.action, done); }
	void done(const char *action, const Done &done);
	void planned(const Task &task, const Done &planned, std::optional<std::string> detail = std::nullopt);

	/// A task failed, or could not get its locks: then nothing more is tried with the set.  What the step would have
	/// been is told, if that can be said.
	void fail(const Work &work, const Task &task, const Error &error);
	void refuse(const Work &work, const Task &task, const pg::Refusal &refusal);

	/// Whether it is worth a warning: not what the default partition only has us wait for.
	static bool is_news(const Error &error);

	/// The same for the set as a whole, or what else has no task.
	void failed(const Error &error, const char *action, const std::optional<Done> &planned = std::nullopt);

	/// Declared values cannot be read any more.  The others are not concerned.
	void fail(const std::vector<Unreadable> &keys);

	/// What is told of the set without being a step of it.
	void tell(Outcome outcome) { outcomes_.push_back(std::move(outcome)); }

	/// Values that were declared are counted as ranges are whose rows the default partition has.
	void count(const std::vector<Collision> &collisions) {
		state_.colliding += std::ranges::count_if(collisions, &Collision::is_declared);
	}

	/// Nothing is done with the set while a job moves its rows.
	void suspended();

	/// More is due than was looked at.
	void more();

	bool goes_on_with(const Task &task) const { return !stopped_ && !(task.creates() && creation_stopped_); }

	/// How many could not be created because the default partition has rows of theirs.
	std::int64_t colliding() const { return state_.colliding; }

	/// Whether something could not be created.
	bool lacks_partitions() const { return lacks_partitions_; }

	void record() const { write_state(policy_, state_); }
	const std::vector<Outcome> &outcomes() const { return outcomes_; }

private:
	void hold_back(const Work &work, const Task &task, const Error &error);

	const Policy &policy_;
	State state_;
	std::vector<Outcome> outcomes_;
	bool stopped_ = false;
	bool creation_stopped_ = false;
	bool lacks_partitions_ = false;
};

} // namespace warden::partition
