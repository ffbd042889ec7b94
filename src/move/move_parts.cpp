// move_parts.cpp - What a job works with: its sources, its sides, and the indexes of those.
#include "move/move_job.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::move {

using namespace pg;

namespace {

struct OwnTables {
	const AsExtension owner;
	Spi spi;
};

constinit Statement select_sources{R"(
SELECT number::integer, relation, coalesce(filenode, 0::oid), coalesce(blocks, 0), next_block, coalesce("trigger", 0::oid)
FROM warden.partition_move_sources WHERE job = $1 ORDER BY number)"};
constinit Statement insert_source{R"(
INSERT INTO warden.partition_move_sources (job, number, relation)
SELECT $1, coalesce(max(number) + 1, 0), $2 FROM warden.partition_move_sources WHERE job = $1
RETURNING number::integer)"};
constinit Statement update_captured{R"(
UPDATE warden.partition_move_sources SET (filenode, blocks, next_block, "trigger") = ($3, $4, $5, $6)
WHERE job = $1 AND number = $2)"};
constinit Statement update_next_block{
	"UPDATE warden.partition_move_sources SET next_block = $3 WHERE job = $1 AND number = $2"};
constinit Statement add_copied{R"(
UPDATE warden.partition_move_jobs
SET (rows_copied, bytes_copied, updated) = (rows_copied + $2, bytes_copied + $3, clock_timestamp()) WHERE id = $1)"};

constinit Statement select_sides{R"(
SELECT number::integer, relation, lower, upper, list_values, takes_rest, attach, coalesce(stands_for, 0::oid)
FROM warden.partition_move_sides WHERE job = $1 ORDER BY number)"};
constinit Statement insert_side{R"(
INSERT INTO warden.partition_move_sides (job, number, relation, lower, upper, list_values, takes_rest, attach, stands_for)
SELECT $1, coalesce(max(number) + 1, 0), $2, $3, $4, $5, $6, $7, nullif($8, 0::oid)
FROM warden.partition_move_sides WHERE job = $1
RETURNING number::integer)"};

constinit Statement select_indexes{R"(
SELECT number::integer, side::integer, coalesce(target_index, 0::oid), definition, coalesce(side_index, 0::oid)
FROM warden.partition_move_indexes WHERE job = $1 ORDER BY number)"};
constinit Statement insert_index{R"(
INSERT INTO warden.partition_move_indexes (job, number, side, target_index, definition, side_index)
SELECT $1, coalesce(max(number) + 1, 0), $2, nullif($3, 0::oid), $4, nullif($5, 0::oid)
FROM warden.partition_move_indexes WHERE job = $1
RETURNING number::integer)"};
constinit Statement update_built{
	"UPDATE warden.partition_move_indexes SET side_index = $3 WHERE job = $1 AND number = $2"};

constinit Statement delete_sources{"DELETE FROM warden.partition_move_sources WHERE job = $1"};
constinit Statement delete_sides{"DELETE FROM warden.partition_move_sides WHERE job = $1"};
constinit Statement delete_indexes{"DELETE FROM warden.partition_move_indexes WHERE job = $1"};

std::optional<std::string> own(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

// The number that an INSERT ... RETURNING has given.
std::int16_t number_of(const std::vector<std::tuple<int32>> &rows) {
	return static_cast<std::int16_t>(std::get<0>(rows.front()));
}

} // namespace

std::vector<Source> read_sources(std::int64_t job) {
	OwnTables tables;
	std::vector<Source> sources;
	for (const auto &[number, relation, filenode, blocks, next_block, trigger] :
	     tables.spi.query_latest<int32, Oid, Oid, int64, int64, Oid>(select_sources, int64{job})) {
		sources.push_back({.number = static_cast<std::int16_t>(number),
		                   .relation = relation,
		                   .filenode = filenode,
		                   .blocks = blocks,
		                   .next_block = next_block,
		                   .trigger = trigger});
	}
	return sources;
}

Source add_source(std::int64_t job, Oid relation) {
	OwnTables tables;
	Source source{};
	source.relation = relation;
	source.number = number_of(tables.spi.change_latest<int32>(insert_source, int64{job}, relation));
	return source;
}

void set_captured(std::int64_t job, const Source &source) {
	OwnTables().spi.execute_latest(update_captured, int64{job}, int32{source.number}, source.filenode,
	                               int64{source.blocks}, int64{source.next_block}, source.trigger);
}

void note_copied(std::int64_t job, const Source &source, std::int64_t rows, std::int64_t bytes) {
	OwnTables tables;
	tables.spi.execute_latest(update_next_block, int64{job}, int32{source.number}, int64{source.next_block});
	tables.spi.execute_latest(add_copied, int64{job}, int64{rows}, int64{bytes});
}

std::vector<Side> read_sides(std::int64_t job) {
	OwnTables tables;
	std::vector<Side> sides;
	using Text = std::optional<std::string_view>;
	for (const auto &[number, relation, lower, upper, values, takes_rest, attach, stands_for] :
	     tables.spi.query_latest<int32, Oid, Text, Text, std::optional<TextArray>, bool, Text, Oid>(select_sides,
	                                                                                                int64{job})) {
		sides.push_back({.number = static_cast<std::int16_t>(number),
		                 .relation = relation,
		                 .lower = own(lower),
		                 .upper = own(upper),
		                 .values = values ? partition::values_of(*values) : std::vector<partition::Value>{},
		                 .takes_rest = takes_rest,
		                 .attach = own(attach),
		                 .stands_for = stands_for});
	}
	return sides;
}

Side add_side(std::int64_t job, Side side) {
	OwnTables tables;
	const std::optional<TextArray> values =
		side.is_list() ? std::optional(partition::array_of(side.values)) : std::nullopt;
	side.number =
		number_of(tables.spi.change_latest<int32>(insert_side, int64{job}, side.relation, side.lower, side.upper,
	                                              values, side.takes_rest, side.attach, side.stands_for));
	return side;
}

std::vector<SideIndex> read_indexes(std::int64_t job) {
	OwnTables tables;
	std::vector<SideIndex> indexes;
	for (const auto &[number, side, target_index, definition, index] :
	     tables.spi.query_latest<int32, int32, Oid, std::string_view, Oid>(select_indexes, int64{job})) {
		indexes.push_back({.number = static_cast<std::int16_t>(number),
		                   .side = static_cast<std::int16_t>(side),
		                   .target_index = target_index,
		                   .definition = std::string(definition),
		                   .index = index});
	}
	return indexes;
}

SideIndex add_index(std::int64_t job, SideIndex index) {
	OwnTables tables;
	index.number = number_of(tables.spi.change_latest<int32>(insert_index, int64{job}, int32{index.side},
	                                                         index.target_index, index.definition, index.index));
	return index;
}

void set_built(std::int64_t job, const SideIndex &index) {
	OwnTables().spi.execute_latest(update_built, int64{job}, int32{index.number}, index.index);
}

void forget_parts(std::int64_t job) {
	OwnTables tables;
	tables.spi.execute_latest(delete_indexes, int64{job});
	tables.spi.execute_latest(delete_sides, int64{job});
	tables.spi.execute_latest(delete_sources, int64{job});
}

} // namespace warden::move
