#include "advice/given_advice.hpp"

#include "advice/statement_times.hpp"

#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/parallel.h"
#include "access/xlog.h"
}

namespace warden::advice {

using namespace pg;

namespace {

// $1 the table, $2 the shape: one that was built and is gone begins a new life.
constinit Statement delete_dropped{
	"DELETE FROM warden.advice_given WHERE relation = $1 AND shape = $2 AND dropped_at IS NOT NULL RETURNING id"};
constinit Statement delete_measures{"DELETE FROM warden.advice_measures WHERE advice = $1"};

constinit Statement insert_advice{R"(
INSERT INTO warden.advice_given AS g (relation, shape, command, predicted_bytes, predicted_saved_ms, predicted_write_ms)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (relation, md5(shape)) DO UPDATE
SET command = excluded.command, advised_at = excluded.advised_at, predicted_bytes = excluded.predicted_bytes,
    predicted_saved_ms = excluded.predicted_saved_ms, predicted_write_ms = excluded.predicted_write_ms
WHERE g.built_at IS NULL
RETURNING id)"};

constinit Statement delete_queries{"DELETE FROM warden.advice_measures WHERE advice = $1 AND NOT is_write "
                                   "AND query_id <> ALL (string_to_array($2, ',')::bigint[])"};

constinit Statement insert_query{R"(
INSERT INTO warden.advice_measures (advice, query_id, is_write, cost_before, cost_after) VALUES ($1, $2, false, $3, $4)
ON CONFLICT (advice, query_id, is_write) DO UPDATE SET cost_before = excluded.cost_before, cost_after = excluded.cost_after)"};

void note_queries(Spi &spi, std::int64_t id, const std::vector<ServedQuery> &queries) {
	std::string ids;
	for (const ServedQuery &query : queries) {
		ids += format("%s%lld", ids.empty() ? "" : ",", static_cast<long long>(query.id));
	}
	spi.execute(delete_queries, int64{id}, ids);
	for (const ServedQuery &query : queries) {
		spi.execute(insert_query, int64{id}, int64{query.id}, query.cost_before, query.cost_after);
	}
}

void note(const GivenAdvice &advice) {
	std::vector<int64> ids;
	Interval until_now = Interval::Counted; // all that is counted yet was before the index
	{
		Spi spi;
		const std::string shape = text_of(advice.shape);
		for (const auto &[gone] : spi.query<int64>(delete_dropped, Oid{advice.shape.table}, shape)) {
			spi.execute(delete_measures, gone);
			until_now = Interval::Skipped; // but not if there was one already
		}
		for (const auto &[id] : spi.query<int64>(insert_advice, Oid{advice.shape.table}, shape, advice.command,
		                                         int64{advice.bytes}, advice.saved_ms, advice.write_ms)) {
			note_queries(spi, id, advice.queries);
			ids.push_back(id);
		}
	}
	for (const int64 id : ids) {
		if (!advice.queries.empty() && find_writers(id)) {
			measure_statements(id, until_now);
		}
	}
}

} // namespace

std::string text_of(const IndexShape &shape) {
	std::string text = format("%u", shape.method);
	for (const IndexKey &key : shape.keys) {
		text += format("; %d %s %u %u %u %d %d", key.column, key.expression.c_str(), key.family, key.input_type,
		               key.collation, static_cast<int>(key.is_descending), static_cast<int>(key.is_nulls_first));
	}
	std::vector<std::int16_t> included = shape.included;
	std::ranges::sort(included);
	text += "; included";
	for (const std::int16_t column : included) {
		text += format(" %d", column);
	}
	return text + "; where " + shape.predicate;
}

void remember(const std::vector<GivenAdvice> &advice) {
	if (advice.empty() || XactReadOnly || call(RecoveryInProgress) || call(IsInParallelMode)) {
		return;
	}
	std::vector<const GivenAdvice *> ordered; // so that two who remember the same do not wait for each other in turn
	ordered.reserve(advice.size());
	for (const GivenAdvice &one : advice) {
		ordered.push_back(&one);
	}
	std::ranges::sort(ordered, [](const GivenAdvice *left, const GivenAdvice *right) {
		return left->shape.table != right->shape.table ? left->shape.table < right->shape.table
		                                               : text_of(left->shape) < text_of(right->shape);
	});
	const auto error = attempt([&] {
		const AsExtension owner;
		for (const GivenAdvice *const one : ordered) {
			note(*one);
		}
	});
	if (error) {
		report(WARNING, Error(error->sqlstate, format("could not remember what was advised: %s", error->what()))
		                    .with_detail("What is built of it will not be in warden.advice_outcomes."));
	}
}

} // namespace warden::advice
