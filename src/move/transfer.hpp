// transfer.hpp - The batched copy: rows as they are, without a trigger, a default, a rule or a foreign key of
// anybody's.
#pragma once

#include "move/move_job.hpp"

namespace warden::move {

struct Copied {
	std::int64_t next_block;
	std::int64_t rows;
	std::int64_t bytes;
};

/// Copies what a new snapshot sees of at most so many blocks of a source, from source.next_block on, into the sides,
/// and notes where; or, for a conversion that copies nothing, looks whether they may stay.  In the current transaction,
/// with ACCESS SHARE on the source, as the owner of the target.  Error errcode_begin_anew if the source has other
/// storage than when its trigger was made, or is not captured any more.
Copied copy_blocks(const Job &job, const Source &source, const std::vector<Side> &sides, std::int64_t blocks);

} // namespace warden::move
