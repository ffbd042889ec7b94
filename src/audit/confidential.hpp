// confidential.hpp - The tables beside the log whose rows are not for everybody to read: audit_sessions,
// audit_contexts, audit_changes, audit_marks.
//
// The invariant: they are parents of one partition each, which has all rows and is no part of the extension.  So a
// dump by who may not read them has nothing of them to read as long as nothing is audited, and later it has what the
// log's partitions are: ordinary tables.
#pragma once

#include <string>

namespace warden::audit {

/// Makes those partitions that are not there: by the first audit_enable().
void make_confidential_tables();

/// Until the end of the transaction nobody else makes tables of the log.  Error 55P03 if somebody is doing that.
void lock_classes();

/// Takes away what default privileges have granted on a new table of ours.
void revoke_default_privileges(const std::string &table);

} // namespace warden::audit
