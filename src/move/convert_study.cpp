#include "move/convert_study.hpp"

#include "partition/declaration.hpp"
#include "partition/tree.hpp"
#include "partition/work.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;
using partition::Bounds;
using partition::Calendar;
using partition::Key;
using partition::Range;
using partition::Set;

namespace {

Moment moment_of_text(const std::string &text, const Key &key) {
	const PinnedSettings settings;
	partition::pin_notation();
	return call([&] {
		Oid input = InvalidOid;
		Oid parameter = InvalidOid;
		getTypeInputInfo(key.type, &input, &parameter);
		char *const copy = pstrdup(text.c_str());
		return partition::moment_of_key(OidInputFunctionCall(input, copy, parameter, -1), key.type, key.notation);
	});
}

/// What there is to know when nothing is copied: an index tells it, if there is one.
KeySurvey survey_ends(Oid table, const Key &key) {
	// With the table's name: ORDER BY would take the plain one for that of the text.
	const std::string column = "source." + std::string(call([&] { return quote_identifier(key.column.c_str()); }));
	const std::string from = " FROM ONLY " + qualified_name(table) + " AS source WHERE " + column;
	std::optional<std::string> greatest;
	KeySurvey survey;
	{
		const AsOwner owner(owner_of(table));
		partition::pin_notation();
		Spi spi;
		survey.nulls =
			static_cast<std::int64_t>(spi.query<int32>(("SELECT 1" + from + " IS NULL LIMIT 1").c_str()).size());
		for (const auto &[text] : spi.query<std::string_view>(
				 ("SELECT " + column + "::text" + from + " IS NOT NULL ORDER BY " + column + " DESC LIMIT 1")
					 .c_str())) {
			greatest = std::string(text);
		}
	}
	if (greatest) {
		const Moment moment = moment_of_text(*greatest, key);
		if (moment > last_moment) {
			survey.infinite = 1;
		} else {
			survey.greatest = moment;
		}
	}
	return survey;
}

/// From its owner as well, who would find no end of it with SQL.
bool hides_rows(Oid table) {
	const OpenRelation relation(table, AccessShareLock);
	return relation->rd_rel->relrowsecurity && relation->rd_rel->relforcerowsecurity;
}

Range range_of(const Calendar &calendar, std::int64_t number) {
	return {calendar.start(number), calendar.start(number + 1)};
}

/// Of numbers: that of the sequence, else the greatest.
partition::Position position_of(const partition::Policy &policy, const Key &key, const KeySurvey &survey) {
	if (!policy.is_of_numbers()) {
		return {0, true};
	}
	if (const auto position = sequence_position(policy.parent, key)) {
		return {std::clamp(*position, key.domain.first, key.domain.last), true};
	}
	return survey.greatest == beginning ? partition::Position{policy.anchor, false}
	                                    : partition::Position{survey.greatest, true};
}

std::vector<Range> ranges_of(const KeySurvey &survey, const Calendar &calendar, const Key &key) {
	std::vector<Range> ranges;
	ranges.reserve(survey.rows.size());
	for (const auto &[range, rows] : survey.rows) {
		ranges.push_back(range_of(calendar, range.number));
	}
	std::erase_if(ranges, [](const Range &range) { return range.lower >= range.upper; });
	return within(key.domain, std::move(ranges));
}

/// The boundary after the next: rows that come before the swap are to have a place as well.
Range first_range(const KeySurvey &survey, const Set &set) {
	const Moment last = std::max(survey.greatest, set.window.now);
	const std::int64_t next = set.calendar.number(is_finite(last) ? last : 0) + 2;
	return {beginning, set.calendar.start(next)};
}

void check_rows(const Study &study, Oid table) {
	const KeySurvey &survey = study.survey;
	const char *const column = study.request.key.c_str();
	if (survey.nulls > 0 && (study.request.metadata_only || !study.request.default_partition)) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("rows of table %s have null in column \"%s\"", qualified_name(table).c_str(), column))
			.with_detail("No partition but the default one can have such rows.")
			.with_hint(study.request.metadata_only
		                   ? "Give them a value, or have rows copied: metadata_only => false."
		                   : "Give them a value, or have a default partition: default_partition => true.");
	}
	if (survey.infinite > 0 && (study.request.metadata_only || !study.request.default_partition)) {
		throw Error(
			ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			format("rows of table %s have an infinite value in column \"%s\"", qualified_name(table).c_str(), column))
			.with_detail("No partition but the default one can have such rows.")
			.with_hint(study.request.metadata_only
		                   ? "Give them another value, or have rows copied: metadata_only => false."
		                   : "Give them another value, or have a default partition: default_partition => true.");
	}
}

void check_count(const Study &study, std::size_t count) {
	if (count <= most_converted) {
		return;
	}
	const Set &set = study.set;
	const auto show = [&](Moment moment) {
		return show_bound(moment, partition::Side::Lower, set.bounds.key, set.zone);
	};
	Error error =
		partition::invalid(format("more than %zu partitions would be made", most_converted))
			.with_hint("Use a longer \"every\", or a shorter \"ahead\"; or metadata_only => true, which leaves "
	                   "all rows in one partition.");
	if (study.survey.least <= study.survey.greatest) {
		error.detail =
			format("Keys are from %s to %s.", show(study.survey.least).c_str(), show(study.survey.greatest).c_str());
	}
	throw Error(error);
}

void check_locks(Oid table, std::size_t count) {
	const std::size_t each = partition::locks_per_partition(table);
	const std::size_t most = partition::locks_of_the_server();
	if (each * (count + 1) > most) {
		throw Error(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
		            format("%zu partitions need more locks than the server has", count))
			.with_detail(format("To attach them takes about %zu locks in one transaction, %zu for each. The server has "
		                        "%zu for all transactions.",
		                        each * (count + 1), each, most))
			.with_hint("Use a longer \"every\", or increase \"max_locks_per_transaction\".");
	}
}

} // namespace

Study study(const Request &request, Oid table) {
	const Key key = key_for(request, table);
	const partition::Policy policy = policy_for(request, table, key);
	const Bounds none{key, {}, {}, InvalidOid, {}};
	Set set = examine(policy, none, {policy.anchor, true});
	KeySurvey survey =
		request.metadata_only && !hides_rows(table) ? survey_ends(table, key) : survey_keys(table, key, set.calendar);
	const partition::Position position = position_of(policy, key, survey);
	Study study{request, policy, std::move(set), std::move(survey), {}, {}};
	study.set = examine(policy, none, position);
	if (request.metadata_only) {
		study.first = first_range(study.survey, study.set);
		study.with_rows = {*study.first};
	} else {
		study.with_rows = ranges_of(study.survey, study.set.calendar, key);
	}
	check_rows(study, table);
	const Bounds bounds{key, study.with_rows, {}, InvalidOid, {}};
	study.ranges = study.with_rows;
	study.set = examine(policy, bounds, position);
	check_count(study, study.ranges.size());
	const std::vector<Range> missing = study.set.missing(most_converted + 1);
	study.ranges.insert(study.ranges.end(), missing.begin(), missing.end());
	std::ranges::sort(study.ranges, {}, &Range::lower);
	check_count(study, study.ranges.size());
	check_locks(table, study.ranges.size() + (request.default_partition ? 1 : 0));
	study.expired = study.set.expired();
	return study;
}

} // namespace warden::move
