// declaration.hpp - What the functions that declare sets have in common: what is asked for is checked whole before
// anything is written.
#pragma once

#include "partition/maintenance.hpp"
#include "pg/datum.hpp"
#include "pg/error.hpp"
#include "pg/scoped.hpp"

namespace warden::partition {

/// Error 22023.
Error invalid(const std::string &message);

/// Error 0A000 for a temporary table, and for one that is a partition itself.
void check_table(const pg::OpenRelation &table);

/// What CREATE TABLE WITH would say of it, as the server's own check; and the list written out.
std::optional<std::string> check_storage_parameters(std::optional<pg::TextArray> parameters);

/// What the arguments say of retention: on_expiry is argument n; from argument m on keep_partitions, keep_bytes,
/// archive_schema, archive_tablespace, archive_access_method and on_reference.  Errors: 22023, 3F000, 42704, 42501.
Retention read_retention(FunctionCallInfo fcinfo, Oid parent, int on_expiry, int keep_partitions);

/// Lengths of time.
Step check_every(const Span &every, const Key &key);
void check_ahead(const Span &ahead);
void check_keep(const Span &keep, const Span &every);
void check_anchor(Moment anchor);
std::optional<Notation> check_key_format(std::optional<std::string_view> name);

/// Of numbers: that lengths are positive, `keep` not smaller than `every`; and how far ahead when nobody said.
void check_numbers(std::int64_t every, std::int64_t ahead, std::optional<std::int64_t> keep);
std::int64_t default_ahead(std::int64_t every);

/// Before the first error of a full disk or a full catalogue.
constexpr std::size_t most_partitions = 10'000;
void check_count(const Set &set);

/// A text argument of our own to keep; std::nullopt if it is NULL.
std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int n);

/// What was declared of a table before.
std::optional<Policy> find_policy(Oid parent);

/// All arguments of a function but parent and dry_run, checked, for the table that is open and locked.
using ReadArguments = Policy (*)(FunctionCallInfo fcinfo, Oid parent, const pg::OpenRelation &table);

/// What else there is to tell of a set that has been declared.
using Explain = std::vector<Outcome> (*)(const Policy &policy);

/// The rest of such a function, of which these are the arguments 0 and n: declares the set and creates what is missing.
void declare_set(FunctionCallInfo fcinfo, const char *function, int dry_run_argument, ReadArguments read_arguments,
                 Explain explain = nullptr);

} // namespace warden::partition
