// relations.hpp - The relations that are audited, and what becomes of them.
//
// The invariant: what is in the log of a relation can be read by its number, whatever has become of the table.
#pragma once

#include "pg/error.hpp"
#include "pg/server.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace warden::audit {

/// The name of the trigger of rows: triggers are fired in the order of their names' bytes, and this one is first.
inline constexpr const char *row_trigger = "!pg_warden_audit";
inline constexpr const char *truncate_trigger = "!pg_warden_audit_truncate";

/// The number of the relation that a table is audited as.
std::optional<std::int32_t> find_relation(Oid table);

/// The statements that give a relation, and what is below it, the triggers that it lacks; those of them that come by
/// themselves with a new partition; and those that take them away, all or only from what was detached.
std::vector<std::string> mending_statements(Oid table, std::int32_t relation);
std::vector<std::string> following_statements(Oid table, std::int32_t relation);
std::vector<std::string> dropping_statements(Oid table, std::int32_t relation, bool is_all);
void run(const std::vector<std::string> &statements);
bool is_running();

/// What sessions have learnt of a table, and of its partitions, holds no more.
void forget_plans(Oid table);

/// Makes what triggers a relation lacks, by these statements, and notes its columns; takes all away, and notes that.
/// Error 55000 if a partition of it is audited by itself.
std::vector<std::string> begin_audit(Oid table, std::int32_t relation, const std::string &command);
void end_audit(Oid table, std::int32_t relation);

/// Takes away triggers that are of no audit in this database.  Whether there were any.
bool end_unknown_audit(Oid table);

/// One WARNING if there are tables of whose changes something is not logged.
void warn_of_all_gaps();

/// Writes what a command has changed in the definition of a relation, and warns of what is missing.
void follow_change(Oid root, const std::string &command);

/// Before a command renames or drops columns: after a restore, what was logged elsewhere is told by the names that
/// columns have until then.
void note_columns(Oid root);

/// The same of all tables, before a command that may do so without naming them: of those that nobody is changing.
void note_columns_of_all();

/// Gives new partitions their triggers, and takes them from those that were detached.  Both wait for locks that others
/// may keep.
void follow_attached(Oid root);
void follow_detached(Oid root);

/// Notes that a command writes all rows anew, with other values, which is not a change that triggers see.
void follow_rewrite(Oid root, const std::string &command);

/// Ends the audit of a table that is gone; and of all that went while event triggers were off.
void follow_drop(Oid table, const std::string &command);
void close_gone();

} // namespace warden::audit
