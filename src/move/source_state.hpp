// source_state.hpp - Whether what was copied of a source, and what is logged of it, is still of it.
#pragma once

#include "move/move_job.hpp"

#include "pg/scoped.hpp"

namespace warden::move {

/// A source, open for a scope, with ACCESS SHARE.  Error errcode_begin_anew if it does not exist, has other storage
/// than when its trigger was made, or is not captured any more.
class OpenSource : pg::Scoped {
public:
	explicit OpenSource(const Source &source);
	~OpenSource();
	Relation get() const noexcept { return relation_; }

private:
	const Relation relation_;
};

/// The column that decides on the side: of a conversion what was asked for, otherwise that of the partition key.  Empty
/// if nothing has to be decided.
std::string key_of(const Job &job, const std::vector<Side> &sides);

/// A new snapshot, whatever the transaction's isolation level, that stays until the scope ends.
class LatestSnapshot : pg::Scoped {
public:
	LatestSnapshot();
	~LatestSnapshot();
	Snapshot get() const noexcept { return snapshot_; }

private:
	const Snapshot snapshot_;
};

} // namespace warden::move
