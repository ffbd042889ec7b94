#include "partition/default_prepare.hpp"

#include "partition/default_check.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

namespace warden::partition {

using namespace pg;

namespace {

constexpr int most_passes = 3; // rows of a range may come while we look for them

using Obstacles = std::vector<std::optional<Error>>;

std::vector<Range> ranges_of(const Work &work) {
	std::vector<Range> ranges;
	for (const Task &task : work.tasks) {
		if (const Range *const range = task.range()) {
			ranges.push_back(*range);
		}
	}
	return ranges;
}

/// Of a list, nothing can be prepared: rows of its values may come at any time.
std::optional<Error> find_long_scan(const Work &work, const Task &task) {
	if (!task.place || !OidIsValid(work.set.bounds.default_partition)) {
		return std::nullopt;
	}
	return attempt([&] {
		const PinnedSettings settings;
		pin_notation();
		check_scan(work.policy, work.set, *task.place);
	});
}

/// An error in looking is one of each creation.
Obstacles spread(const Work &work, const Survey &survey, const std::optional<Error> &error) {
	Obstacles obstacles;
	std::size_t i = 0;
	for (const Task &task : work.tasks) {
		obstacles.push_back(task.range() == nullptr ? find_long_scan(work, task)
		                    : error                 ? error
		                                            : survey.obstacles[i++]);
	}
	return obstacles;
}

std::optional<Error> look(const Work &work, Survey &survey) {
	return attempt([&] {
		const ScratchMemory memory;
		survey = survey_default(work.policy, work.set, ranges_of(work));
	});
}

/// Steps that are each committed, and tried again while their locks are not to be had.  A cancel ends the last of them.
class Steps {
public:
	explicit Steps(const Procedure &procedure) : procedure_(procedure) {}

	template <class F>
	std::optional<Error> run(F &&step) {
		for (int tries = 0;; ++tries) {
			auto error = attempt_or_stop(stop_, [&] {
				const ScratchMemory memory;
				step();
			});
			procedure_.commit();
			if (!error || !is_blocked(*error) || tries == lock_retries()) {
				return error;
			}
			error = attempt_or_stop(stop_, [&] { procedure_.pause(lock_retry_delay_ms()); });
			if (error) {
				return error;
			}
		}
	}

	bool is_stopped() const { return stop_.has_value(); }

	/// Raises the cancel, if there was one.
	void finish() const {
		if (stop_) {
			throw Error(*stop_);
		}
	}

private:
	const Procedure &procedure_;
	std::optional<Error> stop_;
};

void warn(Oid table, const Error &error) {
	if (!relation_exists(table)) {
		return;
	}
	Error warning(error.sqlstate,
	              format("could not drop a constraint of table %s: %s", qualified_name(table).c_str(), error.what()));
	warning.detail = error.detail;
	warning.hint = "It refuses rows of partitions that were to be made. The next maintenance tries again.";
	report(WARNING, warning);
}

std::optional<Error> add_and_validate(Steps &steps, const Work &work, const Survey &survey) {
	auto error = steps.run([&] {
		if (const auto refusal = lock_to_create(work.policy)) {
			throw Error(refusal->error);
		}
		add_checks(work.policy, work.set, survey);
	});
	if (!error) {
		error = steps.run([&] { validate_checks(survey); });
	}
	return error;
}

std::optional<Error> search(Steps &steps, const Work &work, Survey &survey) {
	auto error = steps.run([&] { search_for_rows(work.policy, work.set, survey); });
	steps.finish();
	return error;
}

/// What has none of the ranges' rows is validated.  Which ranges have some is looked for if that fails; or first, if
/// there were more the last time than are seen now: whoever writes them is not to be refused in every maintenance.
std::optional<Error> prepare(const Procedure &procedure, const Work &work, Survey &survey) {
	Steps steps(procedure);
	std::optional<Error> error;
	const auto seen = static_cast<std::int64_t>(survey.with(ERRCODE_CHECK_VIOLATION).size());
	if (known_collisions(work.policy.parent) > seen) {
		error = search(steps, work, survey);
	}
	for (int passes = 0; !error && passes < most_passes && !survey.with(errcode_prepare_first).empty(); ++passes) {
		error = add_and_validate(steps, work, survey);
		if (!error) {
			survey.replace(errcode_prepare_first, std::nullopt);
			return std::nullopt;
		}
		clear_default(procedure, work.policy.parent);
		steps.finish();
		if (error->sqlstate == ERRCODE_CHECK_VIOLATION) {
			error = search(steps, work, survey);
		}
	}
	return error;
}

} // namespace

std::vector<std::optional<Error>> look_at_default(const Work &work) {
	Survey survey;
	const auto error = look(work, survey);
	return spread(work, survey, error);
}

std::vector<std::optional<Error>> prepare_default(const Procedure &procedure, const Work &work) {
	Survey survey;
	const auto error = look(work, survey);
	procedure.commit();
	if (!error && !survey.with(errcode_prepare_first).empty()) {
		if (const auto failure = prepare(procedure, work, survey)) {
			survey.replace(errcode_prepare_first, failure);
		}
	}
	return spread(work, survey, error);
}

void clear_default(const Procedure &procedure, std::optional<Oid> parent) {
	const std::vector<Oid> tables = find_checks(parent);
	procedure.commit();
	Steps steps(procedure);
	for (const Oid table : tables) {
		const auto error = steps.run([&] { drop_check(table); });
		steps.finish();
		if (error) {
			warn(table, *error);
		}
	}
}

void clear_default(Oid parent) {
	for (const Oid table : find_checks(parent)) {
		const auto error = attempt([&] {
			const PinnedSettings settings;
			lock(parent, ShareUpdateExclusiveLock);
			drop_check(table);
		});
		if (error) {
			warn(table, *error);
		}
	}
}

} // namespace warden::partition
