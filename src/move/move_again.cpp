#include "move/move_again.hpp"

#include "move/mover.hpp"

#include "pg/names.hpp"

namespace warden::move {

using namespace pg;

namespace {

std::string shown(const std::optional<std::string> &value) {
	return value ? quoted_literal(*value) : "null";
}

} // namespace

std::optional<Job> find_unfinished(const Procedure &procedure, Oid target, Kind kind) {
	auto job = find_job(target);
	if (!job) {
		return std::nullopt;
	}
	if (is_worked_on(job->id)) {
		throw moved_already(target);
	}
	if (wanted(job->id) == Wanted::Cancel && job->phase != Phase::Finish) {
		claim(job->id);
		cancel_job(procedure, job->id);
		return std::nullopt;
	}
	if (job->wish.kind != kind) {
		throw moved_already(target);
	}
	return job;
}

void check_same(const Job &job, const char *argument, const std::optional<std::string> &given,
                const std::optional<std::string> &own) {
	if (given == own) {
		return;
	}
	const std::string name = qualified_name(job.wish.target);
	const std::string target = quoted_literal(name);
	throw Error(ERRCODE_OBJECT_IN_USE,
	            format("rows of table %s are being moved already, with another \"%s\"", name.c_str(), argument))
		.with_detail(format("It is %s, and was %s when the job was begun.", shown(given).c_str(), shown(own).c_str()))
		.with_hint("Use CALL warden.partition_resume(" + target + ") to go on with it as it was begun, or CALL " +
	               "warden.partition_cancel(" + target + ").");
}

void go_on(const Procedure &procedure, const Job &job, const Limits &limits) {
	claim(job.id);
	if (job.phase == Phase::Finish) {
		want(job.id, Wanted::Nothing); // there is nothing to cancel any more
	}
	set_limits(job.id, limits);
	report(NOTICE, Error(ERRCODE_SUCCESSFUL_COMPLETION,
	                     format("goes on with the %s of table %s, which was cut short in its phase \"%s\"",
	                            noun_of(job.wish.kind), qualified_name(job.wish.target).c_str(), name_of(job.phase)))
	                   .with_detail(beginning_of(job.id)));
	run_job(procedure, job.id);
}

} // namespace warden::move
