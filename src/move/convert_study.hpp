// convert_study.hpp - What a conversion would make of a table: the partitions, by where its rows are and what
// maintenance would make.
#pragma once

#include "move/convert_request.hpp"
#include "move/key_survey.hpp"
#include "partition/set.hpp"

namespace warden::move {

struct Study {
	Request request;
	partition::Policy policy;
	partition::Set set; ///< its bounds are those that are to be
	KeySurvey survey;   ///< without copying: only whether there are nulls and infinite keys
	std::vector<partition::Range> with_rows;
	std::vector<partition::Range> ranges;       ///< all that are to be, in order
	std::optional<partition::Range> first = {}; ///< without copying: what the table itself is to hold
	std::size_t expired = 0;                    ///< of the ranges
};

/// A job makes no more partitions than this.
inline constexpr std::size_t most_converted = 1000;

/// Looks at the rows.  The request has been completed.  Errors: 22023 too many partitions, 55000 rows that no partition
/// could have, 53400 more locks than the server has.
Study study(const Request &request, Oid table);

} // namespace warden::move
