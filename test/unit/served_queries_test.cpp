// served_queries_test.cpp - Samples of a query are one query.
#include "advice/served_queries.hpp"

#include <gtest/gtest.h>

namespace warden::advice {

TEST(ServedQueries, SamplesOfAQueryAreOne) {
	std::vector<ServedCost> queries;
	add_sample(queries, {.id = 7, .cost_before = 100, .cost_after = 10, .calls_per_day = 5, .saved_ms = 2});
	add_sample(queries, {.id = 8, .cost_before = 1, .cost_after = 1, .calls_per_day = 1, .saved_ms = 0});
	add_sample(queries, {.id = 7, .cost_before = 300, .cost_after = 20, .calls_per_day = 5, .saved_ms = 4});
	add_sample(queries, {.id = 7, .cost_before = 200, .cost_after = 30, .calls_per_day = 5, .saved_ms = 6});
	ASSERT_EQ(queries.size(), 2u);
	EXPECT_DOUBLE_EQ(queries[0].cost_before, 200);
	EXPECT_DOUBLE_EQ(queries[0].cost_after, 20);
	EXPECT_DOUBLE_EQ(queries[0].calls_per_day, 15);
	EXPECT_DOUBLE_EQ(queries[0].saved_ms, 12);
	EXPECT_EQ(queries[0].samples, 3);
	EXPECT_EQ(queries[1].samples, 1);
}

TEST(ServedQueries, AreToldAsJson) {
	const std::vector<ServedCost> queries{
		{.id = -7, .cost_before = 100, .cost_after = 10.5, .calls_per_day = 5, .saved_ms = 2}};
	EXPECT_EQ(json_of(queries, false), "[{\"id\": -7, \"cost_before\": 100.00, \"cost_after\": 10.50}]");
	EXPECT_EQ(json_of(queries, true), "[{\"id\": -7, \"cost_before\": 100.00, \"cost_after\": 10.50, "
	                                  "\"calls_per_day\": 5.00, \"saved_ms\": 2.00}]");
	EXPECT_EQ(json_of({}, true), "[]");
}

} // namespace warden::advice
