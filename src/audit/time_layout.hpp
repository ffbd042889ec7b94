// time_layout.hpp - The text of dates and timestamps in UTC, as ISO 8601 has it.
//
// Plain C++.  The invariant: it is what the server itself writes into JSON under TimeZone = UTC, in a tenth of the
// time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace warden::audit {

/// What the longest of them needs.
inline constexpr std::size_t most_time_text = 32;

/// Writes a day, counted from the beginning of 2000, as 2026-11-23; returns how many bytes that are, or 0 for a day
/// that is not of the years 1 to 9999, which the server writes in another form.
std::size_t write_date(char *out, std::int64_t day);

/// The same for a moment, in microseconds, as 2026-11-23T08:15:00.25, with +00:00 behind it if is_zoned.
std::size_t write_timestamp(char *out, std::int64_t moment, bool is_zoned);

} // namespace warden::audit
