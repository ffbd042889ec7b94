// Any text: it is read or refused with a reason; and what was read happens when the clocks show it, in any zone.
//
//     clang++ -std=gnu++20 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -Itest/unit \
//         -isystem $(pg_config --includedir-server) test/fuzz/cron_fuzz.cpp src/schedule/*.cpp src/util/clock.cpp \
//         src/pg/error.cpp -o cron_fuzz && ./cron_fuzz -max_total_time=60
#include "schedule_oracle.hpp"

#include "pg/error.hpp"
#include "schedule/slots.hpp"

#include <fuzzer/FuzzedDataProvider.h>

using namespace warden;
using namespace warden::schedule;

namespace {

void require(bool condition, const char *what) {
	if (!condition) {
		std::fprintf(stderr, "%s\n", what);
		std::abort();
	}
}

template <class F>
auto parse(F &&f, const std::string &text) -> std::optional<decltype(f(text))> {
	try {
		return f(text);
	} catch (const Error &error) {
		require(error.sqlstate == ERRCODE_INVALID_PARAMETER_VALUE, "another SQLSTATE");
		require(error.detail.ends_with('.') && error.hint.ends_with('.'), "no reason, or no hint");
		require(error.message.size() <= text.size() + 40, "the message is longer than what it quotes");
		return std::nullopt;
	}
}

Moment any_moment(FuzzedDataProvider &data, const Rules &rules) {
	if (data.ConsumeBool() && !rules.transitions.empty()) {
		const std::size_t last = rules.transitions.size() - 1;
		return rules.transitions[data.ConsumeIntegralInRange<std::size_t>(0, last)].at +
		       data.ConsumeIntegralInRange(-6000, 6000) * minute_length / 2;
	}
	return data.ConsumeIntegralInRange(first_moment, last_moment);
}

/// A schedule or a window made of the right words, which text alone would take long to find.
std::string any_text(FuzzedDataProvider &data, const std::vector<const char *> &words) {
	if (data.ConsumeIntegralInRange(0, 3) == 0) {
		return data.ConsumeRandomLengthString(1100);
	}
	std::string text;
	for (int i = data.ConsumeIntegralInRange(0, 24); i > 0; --i) {
		text += words[data.ConsumeIntegralInRange<std::size_t>(0, words.size() - 1)];
	}
	return text;
}

std::string any_cron(FuzzedDataProvider &data) {
	if (data.ConsumeBool()) {
		Random random(data.ConsumeIntegral<std::uint64_t>());
		return write_cron(random).text;
	}
	return any_text(data, {" ",  " * ", " 0 ", "*",  "/", "-", ",",   "0",   "1",      "2",  "3", "7",      "9", "23",
	                       "29", "30",  "31",  "59", "L", "$", "feb", "sun", "Friday", "*/", "@", "@daily", "\t"});
}

/// Whether the clock gets to a time that is named at this instant, or past it.
bool is_due(const Cron &cron, const Zone &zone, Moment instant) {
	const Moment shown = zone.wall(instant);
	if (cron.every_hour()) {
		return shown % minute_length == 0 && names(cron, shown);
	}
	const Moment before = instant > first_moment ? zone.wall(instant - 1) : shown - 1;
	for (Moment minute = floor_divide(shown, minute_length) * minute_length; minute > before; minute -= minute_length) {
		if (names(cron, minute)) {
			return true;
		}
	}
	return false;
}

void check_next(const Cron &cron, const Zone &zone, Moment after, Moment between) {
	const std::optional<Moment> slot = next(cron, zone, after);
	if (!slot) {
		require(after > at("294230-01-01"), "never again");
		return;
	}
	require(*slot > after && *slot <= last_moment, "not after");
	require(is_due(cron, zone, *slot), "not when the clock shows it");
	require(next(cron, zone, after + between % (*slot - after)) == slot, "it depends on when one looks");
}

void check_window(const Window &window, const Zone &zone, Moment moment, Moment between) {
	require(!window.empty(), "no rule");
	for (const WindowRule &rule : window) {
		require(rule.weekdays > 0 && rule.weekdays < 0x80, "no weekdays");
		require(rule.from >= 0 && rule.from < 1440 && rule.to > 0 && rule.to <= 1440 && rule.from != rule.to,
		        "no hours");
	}
	const bool inside = contains(window, zone, moment);
	require(inside == is_inside(window, zone.wall(moment)), "inside or not");
	const std::optional<Moment> opening = next_opening(window, zone, moment);
	require(inside == (opening == moment), "it is open, but opens later");
	if (opening) {
		require(*opening >= moment && contains(window, zone, *opening), "it opens when it is shut");
		require(*opening == moment || next_opening(window, zone, moment + between % (*opening - moment)) == opening,
		        "it depends on when one looks");
	} else {
		require(moment > at("294276-12-01"), "never open again");
	}
}

void check_claim(const Timetable &timetable, FuzzedDataProvider &data, Moment moment) {
	const std::optional<Moment> due = timetable.next(moment);
	if (!due) {
		return;
	}
	require(timetable.may_start(*due), "a slot outside of the window");
	const Moment now = std::min(*due + data.ConsumeIntegralInRange(-1, 2000) * minute_length / 2, last_moment);
	const auto missed = data.PickValueInArray({Missed::Skip, Missed::Once, Missed::All});
	const auto overlap = data.PickValueInArray({Overlap::Skip, Overlap::Queue});
	const InHand in_hand{data.ConsumeBool(), data.ConsumeIntegralInRange(0, 120)};
	const Claim claimed = claim(timetable, missed, overlap, in_hand, *due, now);
	const std::int64_t count = *due <= now ? timetable.between(*due, now).count : 0;
	require(static_cast<std::int64_t>(claimed.run.size()) + (claimed.missed ? claimed.missed->count : 0) +
	                (claimed.skipped ? claimed.skipped->count : 0) ==
	            count,
	        "a slot is lost, or there twice");
	require(!claimed.next || *claimed.next > now, "the next slot has come already");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
	FuzzedDataProvider data(bytes, size);
	const Rules &rules = *data.PickValueInArray(all_rules);
	const Zone zone = rules.zone();
	const Moment moment = std::clamp(any_moment(data, rules), first_moment, last_moment);
	const auto between = data.ConsumeIntegralInRange<Moment>(0, 3 * microseconds_per_day);

	const std::string text = any_cron(data);
	const std::optional<Cron> cron = parse(parse_cron, text);
	const bool looks = looks_like_cron(text);
	if (cron) {
		require(looks, "it is a schedule, but does not look like one");
		check_next(*cron, zone, moment, between);
	}
	const std::string hours = any_text(data, {"Mon", "-", "Fri", ",", "sunday", " ", ";", "22:00", "06:00", "24:00",
	                                          "0:00", "08:30", "*", "8", ":", " 22:00-06:00", "; Sat"});
	const std::optional<Window> window = parse(parse_window, hours);
	if (window) {
		check_window(*window, zone, moment, between);
	}
	if (cron) {
		check_claim(Timetable(*cron, zone, window.value_or(Window{})), data, moment);
	}
	const Interval interval{moment, data.ConsumeIntegralInRange<Moment>(microseconds_per_second, last_moment)};
	check_claim(Timetable(interval, zone, {}), data, moment);
	return 0;
}
