// timetable.hpp - When a job is due: its slots.
//
// Plain C++.  The invariant: the slots depend on the schedule, its anchor and its zone alone, never on when one looks.
#pragma once

#include "schedule/cron.hpp"
#include "util/window.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace warden::schedule {

/// Slots at anchor + n * period, of elapsed time.
struct Interval {
	Moment anchor;
	Moment period; ///< microseconds, at least one second

	bool operator==(const Interval &) const = default;
};

/// A single slot.
struct Once {
	Moment at;

	bool operator==(const Once &) const = default;
};

/// The slots that lie in a range of time.
struct Slots {
	std::int64_t count; ///< counted up to max_counted
	Moment first;       ///< only if count > 0
	Moment last;        ///< the newest, also if there are more than were counted
};

inline constexpr std::int64_t max_counted = 1'000'000;

/// The slots of a job: those of its schedule that lie in its window.
class Timetable {
public:
	Timetable(const std::variant<Cron, Interval, Once> &schedule, Zone zone, Window window)
		: schedule_(schedule), zone_(zone), window_(std::move(window)) {}

	/// The first slot after a moment; std::nullopt if there is none (in a thousand tries, if a window hides them).
	std::optional<Moment> next(Moment after) const;

	/// The slots from `first`, which is one, up to and including `until`.
	Slots between(Moment first, Moment until) const;

	/// The newest `limit` slots of those, oldest first.
	std::vector<Moment> newest(Moment first, Moment until, std::size_t limit) const;

	/// How late a slot may be claimed and still be on time: a minute, or a shorter period.
	Moment grace() const;

	/// The same with another anchor, if it is an interval.
	Timetable anchored_at(Moment anchor) const;

	bool is_interval() const { return std::holds_alternative<Interval>(schedule_); }
	bool may_start(Moment moment) const { return contains(window_, zone_, moment); }
	std::optional<Moment> next_opening(Moment moment) const { return warden::next_opening(window_, zone_, moment); }

private:
	std::optional<Moment> next_scheduled(Moment after) const;

	std::variant<Cron, Interval, Once> schedule_;
	Zone zone_;
	Window window_;
};

} // namespace warden::schedule
