// measure.cpp - bloat_measure(): one relation and what belongs to it, or all of the database.
//
// The invariants: every relation has a row, and none stops the others: what cannot be measured says so in `status`.
// Nothing is waited for, and the locks of a relation last as long as it is looked at.
#include "bloat/bloat.hpp"

#include "bloat/bloat_settings.hpp"
#include "bloat/circumstances.hpp"
#include "bloat/horizon.hpp"
#include "bloat/opened.hpp"
#include "bloat/repair_settings.hpp"
#include "bloat/snapshots.hpp"
#include "bloat/subjects.hpp"
#include "bloat/verdict.hpp"

#include "pg/result_set.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
#include "common/pg_prng.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

using Bytes = std::optional<int64>;
using Text = std::optional<std::string>;
using Rows =
	ResultSet<Oid, Oid, std::string, std::string, Text, Bytes, Bytes, Bytes, Bytes, Bytes, Bytes, Bytes, Bytes, Bytes,
              Bytes, Bytes, Bytes, std::optional<double>, std::string, std::string, Text, std::string,
              std::vector<std::string>, int64, Text, Bytes, Bytes, std::optional<double>, std::optional<double>>;

// A sample reads about as many pages, whatever the size is; so up to here it would save nothing.
constexpr BlockNumber most_pages_exact = 2500;

struct Options {
	std::optional<Method> method; ///< none: auto
	Effort effort;
};

/// What is said of a relation.
struct Finding {
	Subject subject;
	Measurement measurement;
	std::string status;   ///< ok, withheld, skipped or error
	std::string obstacle; ///< of the last two
	bool is_valid = true;
	bool is_catalog = false;
	bool is_shared = false;
	std::int64_t pending_limit = 0;

	bool is_measured() const { return obstacle.empty(); }
};

const char *name_of(Method method) {
	switch (method) {
	case Method::Statistics:
		return "statistics";
	case Method::Sample:
		return "sample";
	default:
		return "exact";
	}
}

Method method_for(const Opened &opened, const Options &options) {
	// What is dead in an index, and what a TOAST table would be, is seen in the table only.
	const bool is_small = std::uint64_t{opened.pages} + opened.table_pages <= most_pages_exact;
	return options.method.value_or(is_small ? Method::Exact : Method::Sample);
}

void skip(Finding &finding, const char *obstacle) {
	finding.status = "skipped";
	finding.obstacle = obstacle;
}

void look(Finding &finding, const Options &options) {
	const Opened opened(finding.subject);
	if (opened.obstacle != nullptr) {
		skip(finding, opened.obstacle);
		return;
	}
	const ScratchMemory memory;
	finding.measurement =
		measure_of(finding.subject)(opened.relation, opened.heap, method_for(opened, options), options.effort);
	if (finding.measurement.method == Method::Sample && finding.measurement.pages_read > 0) {
		finding.measurement.caveats.push_back(
			format("the pages were drawn with seed %d", static_cast<int>(options.effort.seed)));
	}
	finding.status = finding.measurement.rewritten ? "ok" : "withheld";
	finding.is_valid = opened.is_valid;
	finding.is_catalog = opened.is_catalog;
	finding.is_shared = opened.is_shared;
	finding.pending_limit = opened.pending_limit;
}

/// The same of one that may fail.
Finding find(const Subject &subject, const Options &options) {
	Finding finding{};
	finding.subject = subject;
	if (const char *const obstacle = obstacle_in(subject)) {
		skip(finding, obstacle);
		return finding;
	}
	if (const auto error = attempt([&] { look(finding, options); })) {
		const char *const state = call([&] { return const_cast<const char *>(unpack_sql_state(error->sqlstate)); });
		finding.status = "error";
		finding.obstacle = format("%s: %s", state, error->message.c_str());
	}
	return finding;
}

/// What belongs to the same table.
using Family = std::vector<Finding>;

void add_family_size(Facts &facts, const Family &family) {
	std::int64_t bytes = 0;
	std::int64_t gain = 0;
	for (const Finding &finding : family) {
		bytes += finding.measurement.bytes;
		if (finding.is_measured() && finding.measurement.rewritten) {
			gain += finding.measurement.bytes - finding.measurement.rewritten->bytes;
		}
	}
	facts.family_bytes = std::max(facts.family_bytes, bytes);
	facts.family_rewritten = facts.family_bytes - gain;
}

Judgement judge(const Finding &finding, const Family &family) {
	if (!finding.is_measured()) {
		return {Verdict::Unknown, finding.obstacle, no_remedy(), std::nullopt};
	}
	if (finding.is_valid) {
		if (auto judgement = judge_by_pages(finding.measurement, thresholds(), finding.pending_limit)) {
			return std::move(*judgement);
		}
	}
	std::optional<Facts> facts = find_facts(finding.subject, finding.is_catalog);
	if (!facts) {
		return {Verdict::Unknown, "it was dropped meanwhile", no_remedy(), std::nullopt};
	}
	add_family_size(*facts, family);
	facts->pending_limit = finding.pending_limit;
	if (!finding.is_valid) {
		return judge_invalid(finding.measurement, *facts);
	}
	const auto &account = finding.measurement.account;
	const bool is_blocked = account && account->blocked > 0;
	return judge(finding.measurement, thresholds(), *facts,
	             is_blocked ? find_holder(finding.is_shared, finding.is_catalog) : std::nullopt,
	             experience_of(finding.subject.relation));
}

void add(Rows &rows, const Finding &finding, const Judgement &judgement) {
	const Measurement &found = finding.measurement;
	const Remedy &remedy = judgement.remedy;
	const auto of = [](bool is_known, std::int64_t bytes) { return is_known ? Bytes(bytes) : std::nullopt; };
	const auto part = [&](std::int64_t Account::*kind) {
		return found.account ? Bytes((*found.account).*kind) : std::nullopt;
	};
	const auto wasted = [&](std::int64_t Prediction::*end) {
		return found.rewritten ? Bytes(found.bytes - (*found.rewritten).*end) : std::nullopt;
	};
	const Bytes waste = wasted(&Prediction::bytes);
	rows.add(
		finding.subject.relation, finding.subject.table, kind_of(finding.subject), finding.subject.access_method_name,
		finding.is_measured() ? Text(name_of(found.method)) : std::nullopt, of(finding.is_measured(), found.bytes),
		part(&Account::live), part(&Account::overhead), part(&Account::reserve), part(&Account::vacuum_frees),
		part(&Account::blocked), part(&Account::free), of(found.account.has_value(), found.truncatable),
		found.rewritten ? Bytes(found.rewritten->bytes) : std::nullopt, waste, wasted(&Prediction::high),
		wasted(&Prediction::low),
		waste && found.bytes > 0 ? std::optional(static_cast<double>(*waste) / static_cast<double>(found.bytes))
								 : std::nullopt,
		name_of(judgement.verdict), judgement.reason, remedy.command, finding.status, found.caveats, found.pages_read,
		remedy.lock, remedy.disk_bytes, remedy.wal_bytes, remedy.seconds, judgement.returns_in_days);
}

void add(Rows &rows, Family &family) {
	for (Finding &finding : family) {
		const Judgement judgement = judge(finding, family);
		if (finding.is_shared) {
			finding.measurement.caveats.emplace_back("it is shared by all databases");
		}
		if (judgement.remedy.command && judgement.verdict != Verdict::Blocked && call(RecoveryInProgress)) {
			finding.measurement.caveats.emplace_back("this server is a standby: the command is for its primary");
		}
		add(rows, finding, judgement);
	}
	family.clear();
}

std::optional<Method> method_argument(FunctionCallInfo fcinfo, int n) {
	const std::string text(required_argument<std::string_view>(fcinfo, n, "method"));
	if (text == "auto") {
		return std::nullopt;
	}
	for (const Method method : {Method::Statistics, Method::Sample, Method::Exact}) {
		if (text == name_of(method)) {
			return method;
		}
	}
	throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("\"%s\" is not a method of measuring", text.c_str()))
		.with_hint("Use auto, statistics, sample or exact.");
}

std::optional<int64> pages_argument(FunctionCallInfo fcinfo, int n) {
	const auto pages = argument<std::optional<int64>>(fcinfo, n);
	if (pages && *pages < 1) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "max_pages must be at least 1")
			.with_hint("Use method => 'statistics' to read no page at all.");
	}
	return pages;
}

std::optional<int> time_argument(FunctionCallInfo fcinfo, int n) {
	const auto time = call([&] {
		if (fcinfo->args[n].isnull) {
			return std::optional<double>();
		}
		// As the server turns an interval into seconds: 30 days are a month.
		const Interval *const interval = DatumGetIntervalP(fcinfo->args[n].value);
		const double days = interval->day + 30.0 * interval->month;
		return std::optional(days * SECS_PER_DAY * 1000.0 + static_cast<double>(interval->time) / 1000.0);
	});
	if (!time) {
		return std::nullopt;
	}
	if (*time < 1) {
		throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "max_time must be at least a millisecond")
			.with_hint("Use method => 'statistics' to read no page at all.");
	}
	return static_cast<int>(std::min(*time, 2e9));
}

} // namespace

void init() {
	init_settings();
	init_repair_settings();
}

/// bloat_measure(relation, method, max_pages, seed, max_time)
PG_FUNCTION(bloat_measure) {
	const auto relation = argument<std::optional<Oid>>(fcinfo, 0);
	const auto seed = argument<std::optional<int32>>(fcinfo, 3);
	const std::uint32_t drawn = call([] { return pg_prng_uint32(&pg_global_prng_state); });
	const Options options{.method = method_argument(fcinfo, 1),
	                      .effort = {.max_pages = pages_argument(fcinfo, 2),
	                                 .max_milliseconds = time_argument(fcinfo, 4),
	                                 .seed = seed ? static_cast<std::uint32_t>(*seed) : drawn,
	                                 .cost_delay_ms = cost_delay_ms()}};
	Rows rows(fcinfo);
	Family family;
	for (const Subject &subject : find_subjects(relation)) {
		check_for_interrupts();
		if (!family.empty() && family.front().subject.table != subject.table) {
			add(rows, family);
		}
		family.push_back(find(subject, options));
	}
	add(rows, family);
	PG_RETURN_NULL();
}

} // namespace warden::bloat
