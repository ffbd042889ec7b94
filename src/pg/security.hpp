// security.hpp - As whom, and under which settings, the server works for us.
//
// The invariant: what belongs to a user is touched as that user in a security-restricted operation, so that no trigger,
// index expression or operator of theirs ever runs with the rights of whoever calls us; and no setting of a session
// decides what a name in our SQL means.
#pragma once

#include "pg/scoped.hpp"

namespace warden::pg {

/// Makes a role the current user for a scope.
class RunAs {
public:
	/// As the owner of a user's object: restricted, because code of theirs may run.
	static RunAs owner(Oid role) noexcept { return {role, SECURITY_RESTRICTED_OPERATION}; }

	/// As the owner of our own tables, for statements of our own on them.
	static RunAs extension_owner() { return {call(find_extension_owner), SECURITY_LOCAL_USERID_CHANGE}; }

	RunAs(const RunAs &) = delete;
	RunAs &operator=(const RunAs &) = delete;
	~RunAs() { SetUserIdAndSecContext(role_, context_); } // two assignments: cannot raise an error

private:
	RunAs(Oid role, int restriction) noexcept {
		GetUserIdAndSecContext(&role_, &context_);
		SetUserIdAndSecContext(role, context_ | restriction);
	}

	static Oid find_extension_owner();

	Oid role_ = InvalidOid;
	int context_ = 0;
};

/// Settings for a scope, which may not be left by a commit: the search path is pinned, locks are waited for as long as
/// warden.lock_timeout says.
class PinnedSettings : Scoped {
public:
	PinnedSettings();
	~PinnedSettings() {
		release([this] { AtEOXact_GUC(true, level_); });
	}

	/// SET LOCAL name = value, for the rest of the scope.
	static void set(const char *name, const char *value);

private:
	int level_;
};

/// Whether the current user has the rights of a relation's owner.
bool owns(Oid relation);

/// Error 42501 unless it has.
void check_owner(Oid relation);

} // namespace warden::pg
