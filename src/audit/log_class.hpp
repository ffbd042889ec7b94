// log_class.hpp - The parts of the log: one for each time that events are kept, which is a set of partitions of its
// own.
//
// The invariant: what is kept longer never goes with what is kept shorter; and a partition that is to be written to has
// its index.
#pragma once

#include "partition/policy.hpp"

#include <cstdint>
#include <optional>

namespace warden::audit {

/// The number, in audit_classes, of the part of the log whose events are kept so long, or for ever.  It is made if
/// there is none, as is the index of each partition that has none.
std::int16_t class_for(const std::optional<partition::Span> &keep);

/// Makes the indexes of partitions that have come since.
void index_partitions();

} // namespace warden::audit
