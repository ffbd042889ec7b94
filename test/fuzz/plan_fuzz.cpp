// Any step, anchor, zone, set of ranges and window: the plan keeps its invariants.
//
//     clang++ -std=gnu++20 -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -Itest/unit test/fuzz/plan_fuzz.cpp \
//         src/partition/calendar.cpp src/partition/notation.cpp src/partition/plan.cpp src/util/clock.cpp -o plan_fuzz && \
//         ./plan_fuzz -max_total_time=60
#include "plan_invariants.hpp"

#include <fuzzer/FuzzedDataProvider.h>

using namespace warden;
using namespace warden::partition;

namespace {

void require(bool condition, const std::string &what) {
	if (!condition) {
		std::fprintf(stderr, "%s\n", what.c_str());
		std::abort();
	}
}

Step any_step(FuzzedDataProvider &data) {
	constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
	switch (data.ConsumeIntegralInRange(0, 4)) {
	case 0:
		return months(data.ConsumeIntegralInRange(1, 2147483647));
	case 1:
		return days(data.ConsumeIntegralInRange(1, 2147483647));
	case 2: // of single microseconds there can be more than 64 bits can number
		return {Step::Unit::Microsecond, data.ConsumeIntegralInRange<std::int64_t>(2, most)};
	default:
		return data.PickValueInArray(common_steps);
	}
}

Moment any_moment(FuzzedDataProvider &data, const Rules &rules) {
	if (data.ConsumeBool() && !rules.transitions.empty()) {
		const std::size_t last = rules.transitions.size() - 1;
		return rules.transitions[data.ConsumeIntegralInRange<std::size_t>(0, last)].at +
		       data.ConsumeIntegralInRange(-200, 200) * microseconds_per_hour / 2;
	}
	return data.ConsumeIntegralInRange(first_moment, last_moment);
}

/// Now, a number of steps from now, or anything.
Moment any_bound(FuzzedDataProvider &data, const Calendar &calendar, const Rules &rules, Moment now) {
	switch (data.ConsumeIntegralInRange(0, 5)) {
	case 0:
		return any_moment(data, rules);
	case 1:
		return data.PickValueInArray({beginning, first_moment, now, last_moment, end});
	case 2:
		return add(now, {.microseconds = data.ConsumeIntegralInRange(-100, 100) * microseconds_per_hour}, utc);
	default:
		return calendar.start(calendar.number(now) + data.ConsumeIntegralInRange(-20, 20));
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
	FuzzedDataProvider data(bytes, size);
	const Rules &rules = *data.PickValueInArray(all_rules);
	const Zone zone = rules.zone();
	const Step step = any_step(data);
	const Moment anchor = data.ConsumeBool() ? default_anchor(step, zone) : any_moment(data, rules);
	const Calendar calendar(step, anchor, zone);

	Window window{};
	window.now = any_moment(data, rules);
	window.horizon = std::max(window.now, any_bound(data, calendar, rules, window.now));
	window.cutoff = std::min(window.now, any_bound(data, calendar, rules, window.now));
	std::set<Moment> bounds;
	for (int i = data.ConsumeIntegralInRange(0, 12); i > 0; --i) {
		bounds.insert(any_bound(data, calendar, rules, window.now));
	}
	auto existing = set_between(bounds, [&] { return data.ConsumeIntegralInRange(0, 3) > 0; });
	if (data.ConsumeIntegralInRange(0, 7) == 7) {
		existing = with(existing, {{beginning, beginning}});
	}
	if (data.ConsumeIntegralInRange(0, 7) == 7) {
		existing = with(existing, {{end, end}});
	}

	const std::string reason = broken_invariant(existing, calendar, window, 100);
	require(reason.empty(),
	        reason + "\n" + shown(existing) + "now and horizon " + shown({{window.now, window.horizon}}));

	for (const Moment moment : {window.now, anchor, first_moment, last_moment}) {
		const std::int64_t n = calendar.number(moment);
		require(calendar.start(n) <= moment && moment < calendar.start(n + 1),
		        "number() is not the inverse of start()");
	}
	const Calendar same(step, same_phase(step, anchor, zone), zone);
	require(same.start(same.number(window.now)) == calendar.start(calendar.number(window.now)),
	        "the phase is not the same");
	const Moment inferred = infer_anchor(existing, step, window.now, zone);
	require(inferred >= first_moment && inferred <= last_moment, "the anchor is not finite");
	require(at(literal(window.now, Notation::Timestamptz, zone)) == window.now, "the literal is another moment");
	require(name_suffix(window.now, step, zone).size() <= 32, "the name is long");
	require(default_ahead(step).microseconds >= 0, "the horizon is behind");
	at_midnight(existing, zone);
	return 0;
}
