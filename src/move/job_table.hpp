// job_table.hpp - Tables of ours that live as long as a job: its log and its map.
//
// The invariant: they are logged, so that a job goes on after a crash; members of the extension, so that no dump has
// them; and marked as temporary heaps (pg_class.relrewrite), so that logical decoding passes over them, and no
// subscriber to all tables is sent rows of a table that he cannot have.
#pragma once

#include "pg/server.hpp"

#include <string>

namespace warden::move {

/// Makes a table in our schema, as the extension's owner: CREATE TABLE warden.<name> <definition>.
Oid create_job_table(const std::string &name, const std::string &definition);

} // namespace warden::move
