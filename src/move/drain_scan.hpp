// drain_scan.hpp - The keys of all rows of a table, read past every policy and rule.
#pragma once

#include "partition/bounds.hpp"
#include "partition/value.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace warden::move {

/// A key between two moments has both; others have one.
struct KeyMoments {
	Moment before = beginning;
	Moment after = beginning;
	bool is_null = false;
};

/// Reads the moments of the keys that a new snapshot sees.  The table is locked.
void scan_moments(Oid table, const partition::Key &key, const std::function<void(const KeyMoments &)> &visit);

/// The same as text, for keys of any type; nullptr: NULL.  Their output function may be code of a user's: as the owner,
/// with pin_notation().
void scan_texts(Oid table, const std::string &column, const std::function<void(const char *)> &visit);

} // namespace warden::move
