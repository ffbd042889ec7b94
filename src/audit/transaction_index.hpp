// transaction_index.hpp - How the events of a transaction are found, in partitions that nothing is written to any more.
//
// Events are written in about the order of their numbers and transactions, so a BRIN index of some kilobytes is enough.
// The invariant: writers keep none: the partition that is written to has the index by key alone, and is read whole.
#pragma once

namespace warden::audit {

/// Makes the index of one partition whose time is over and which has none; false if there is nothing to be made now. A
/// partition that is locked comes another time.
bool index_closed_partition();

} // namespace warden::audit
