// calendar.hpp - Where partitions of time begin and end: anchor + n steps on the clock of a time zone.
//
// Plain C++, so that it is tested without a server.  The invariant: a boundary depends on the step, the anchor and the
// zone alone, never on the moment or the session that asks; so any two runs agree on every one of them, and no error
// adds up from step to step (31 January + 1 month + 1 month is 31 March).
#pragma once

#include "partition/notation.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace warden::partition {

/// A length of time as SQL has it: a month and a day have no fixed number of hours.
struct Span {
	std::int64_t months = 0;
	std::int64_t days = 0;
	std::int64_t microseconds = 0;

	bool operator==(const Span &) const = default;
};

/// The length that interval comparison in SQL goes by: 30 days a month, 24 hours a day.
double nominal_microseconds(const Span &span);

/// moment + sign * span: months and days by the clock on the wall, the rest in elapsed time.  Beyond what the server
/// can represent it is `beginning` or `end`.
Moment add(Moment moment, const Span &span, const Zone &zone, int sign = 1);

/// The length of a partition, in one unit: months and days differ in length, so units do not mix.
struct Step {
	enum class Unit { Month, Day, Microsecond };
	Unit unit;
	std::int64_t count; ///< > 0
};

/// The step that a span is, if it is positive and in one unit.
std::optional<Step> step_of(const Span &span);
Span span_of(const Step &step);

/// The boundaries, numbered from that of the anchor, which is 0.
class Calendar {
public:
	Calendar(Step step, Moment anchor, Zone zone);

	/// The nth boundary.  Never decreases with n; two may be equal where the clocks skip a whole day.
	Moment start(std::int64_t n) const;

	/// The last n whose boundary is not after the moment, which is finite.
	std::int64_t number(Moment moment) const;

	Step step() const { return step_; }
	Moment anchor() const { return anchor_; }
	const Zone &zone() const { return zone_; }

private:
	Step step_;
	Moment anchor_;
	Moment anchor_wall_;
	Zone zone_;
};

/// The anchor that nobody chose: midnight of 2000-01-01, so that months are calendar months, several of them align with
/// the year, and hours with the day; for days of Monday, 2000-01-03, so that seven of them are a week.
Moment default_anchor(const Step &step, const Zone &zone);

/// The anchor nearest to the default one that has the same boundaries as this one.
Moment same_phase(const Step &step, Moment anchor, const Zone &zone);

/// What tells a partition's name from its siblings': '_p20261121', or '_p20261121_130000' unless its lower bound is a
/// midnight of a calendar of days or months (of two midnights, the one that begins the day).  Where the clocks show
/// that time twice, the offset from UTC is added: '_p20261025_020000_p0200' and '_p20261025_020000_p0100'.
std::string name_suffix(Moment lower, const Step &step, const Zone &zone);

/// The same for a number: '_p1000000', '_m1000000' if it is negative.
std::string name_suffix(std::int64_t lower);

} // namespace warden::partition
