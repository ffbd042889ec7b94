// security.hpp - As whom, and under which settings, the server works for us.
//
// The invariant: what belongs to a user is touched as that user in a security-restricted operation, so that no trigger,
// index expression or operator of theirs ever runs with the rights of whoever calls us; and no setting of a session
// decides what a name in our SQL means.
#pragma once

#include "pg/read_only.hpp"
#include "pg/scoped.hpp"

namespace warden::pg {

/// Settings for a scope, which may not be left by a commit: the search path is pinned, locks are waited for as long as
/// warden.lock_timeout says.  What anybody SETs meanwhile is undone with them.
class PinnedSettings : Scoped {
public:
	PinnedSettings();
	~PinnedSettings() {
		// As if rolled back: otherwise a SET by code of a user's would stay in our caller's session.
		release([this] { AtEOXact_GUC(false, level_); });
	}

	/// SET LOCAL name = value, for the rest of the scope.
	static void set(const char *name, const char *value);

private:
	int level_;
};

/// Makes a role the current user for a scope.
class RunAs {
public:
	RunAs(Oid role, int restriction) noexcept {
		GetUserIdAndSecContext(&role_, &context_);
		SetUserIdAndSecContext(role, context_ | restriction);
	}
	RunAs(const RunAs &) = delete;
	RunAs &operator=(const RunAs &) = delete;
	~RunAs() { SetUserIdAndSecContext(role_, context_); } // two assignments: cannot raise an error

private:
	Oid role_ = InvalidOid;
	int context_ = 0;
};

/// A scope as the owner of a user's object.  Restricted, and with settings of its own, because code of theirs may run:
/// an index expression, a policy, a default.
class AsOwner {
public:
	explicit AsOwner(Oid role) : role_(role, SECURITY_RESTRICTED_OPERATION) {}

private:
	const PinnedSettings settings_;
	const RunAs role_;
};

/// The same for who has shown that no row is hidden from him: none is by what row-level security forces on the owner.
class AsOwnerOfRows {
public:
	explicit AsOwnerOfRows(Oid role) : role_(role, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS) {}

private:
	const PinnedSettings settings_;
	const RunAs role_;
};

/// The same for who only looks: whatever runs can write nothing.
class AsReadingOwner {
public:
	explicit AsReadingOwner(Oid role) : owner_(role) {}

private:
	const AsOwner owner_;
	const ReadOnly read_only_;
};

/// A scope as the extension's owner, for statements of our own on our own tables and on the statistics of others.
class AsExtension {
public:
	AsExtension() : role_(call(find_owner), SECURITY_LOCAL_USERID_CHANGE) {}

private:
	static Oid find_owner();

	const PinnedSettings settings_;
	const RunAs role_;
};

/// The owner of a relation, without a lock on it; InvalidOid if there is none.
Oid owner_of(Oid relation);

/// Whether the current user has the rights of a relation's owner.
bool owns(Oid relation);

/// Error 42501 unless it has.
void check_owner(Oid relation);

} // namespace warden::pg
