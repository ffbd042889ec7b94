// key_lives.hpp - Which row an event of a key is about, when one row after the other has had that key.
//
// Plain C++.  The invariant: a row has its events from the one that it comes with to the one that it goes with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace warden::audit {

struct KeyEvent {
	std::int64_t transaction;
	char operation; ///< as the log has it; K: a row comes from another key
	bool leaves;    ///< an UPDATE that gives the row another key
};

/// The number of the row, from 0 on, that each event is about; the events are those of one key, in their order.  A row
/// that is deleted and inserted in one transaction is the same: so does one go from a partition to another.
std::vector<std::size_t> lives_of(const std::vector<KeyEvent> &events);

/// Of these numbers that of the row that has the key after the events; `nobody` if none has.
inline constexpr std::size_t nobody = SIZE_MAX;
std::size_t last_life(const std::vector<KeyEvent> &events, const std::vector<std::size_t> &lives);

} // namespace warden::audit
