// convert_request.hpp - What partition_convert() was asked for, checked as the declaration of the set checks it.
//
// The invariant: what a job keeps of it says everything, time zone and anchor included, so whoever resumes the job, in
// whatever session, makes the same partitions.
#pragma once

#include "move/move_job.hpp"
#include "partition/bounds.hpp"
#include "partition/policy.hpp"

namespace warden::move {

struct Request {
	std::string key;   ///< a column
	std::string every; ///< as they were typed: an interval or a number, as are:
	std::optional<std::string> ahead = {};
	std::optional<std::string> keep = {};
	std::optional<std::string> timezone = {};
	std::optional<std::string> anchor = {}; ///< a timestamptz or a number
	std::optional<std::string> key_format = {};
	bool metadata_only = false;
	bool default_partition = true;
	bool widen_key = false;
};

/// The arguments 1 to 10 of partition_convert() and partition_convert_plan().
Request request_of(FunctionCallInfo fcinfo);

/// As a job keeps it, and back.
std::string write_request(const Request &request);
Request read_request(const std::string &text);

/// The key that the table is to be partitioned by.  Errors: 42703 no such column, 42804 its type or collation, 42P17 it
/// is generated, 22023 key_format.
partition::Key key_for(const Request &request, Oid table);

/// What is to be declared of the table.  Errors: those of partition_by_time() and partition_by_number().
partition::Policy policy_for(const Request &request, Oid table, const partition::Key &key);

/// The request with all that the policy says.
Request complete(Request request, const partition::Policy &policy);

/// The statement that declares the set, as SQL for a person, or for us, who know the table by its OID.
std::string declaration_of(const Request &request, const std::string &table, bool is_number);

} // namespace warden::move
