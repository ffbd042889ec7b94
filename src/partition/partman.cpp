#include "partition/partman.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <string_view>

namespace warden::partition {

using namespace pg;

namespace {

// Before the names of part_config and part_config_sub. A row is read as a jsonb, because each version has columns that
// others lack.
constexpr std::string_view select_sets_of = R"(
SELECT s.parent_table, s.config::text, coalesce(t.oid, 0), coalesce(t.relispartition, false), p.partstrat::text,
       coalesce(a.atttypid, 0), config ->> 'partition_interval', (config ->> 'premake')::bigint,
       config ->> 'retention', config ->> 'retention_schema', (config ->> 'retention_keep_table')::boolean,
       nullif(config ->> 'epoch', 'none'), config ->> 'time_encoder', config ->> 'automatic_maintenance' = 'on',
       s.is_subpartitioned,
       (config ->> 'undo_in_progress')::boolean OR config ->> 'async_partitioning_in_progress' IS NOT NULL,
       concat_ws('; ',
           'partitions made from now on lack these indexes of the template table: ' || x.names,
           'old partitions get no constraints on these columns: '
               || nullif(translate(config ->> 'constraint_cols', '[]"', ''), ''),
           CASE WHEN (config ->> 'retention_keep_table')::boolean AND NOT (config ->> 'retention_keep_index')::boolean
               THEN 'a partition that is kept keeps its indexes' END,
           CASE WHEN (config ->> 'detach_before_drop')::boolean AND NOT (config ->> 'retention_keep_table')::boolean
               THEN 'a partition that is dropped is not detached before' END,
           CASE WHEN (config ->> 'drop_cascade_fk')::boolean THEN 'no foreign key is ever dropped' END,
           'partitions are not added to publications: ' || translate(config ->> 'publications', '[]"', ''),
           'a subscription is not refreshed: ' || (config ->> 'subscription_refresh'),
           'names of partitions are not made with the prefix ' || nullif(config ->> 'child_table_prefix', '_p'),
           CASE WHEN (config ->> 'jobmon')::boolean AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_jobmon')
               THEN 'nothing is told to pg_jobmon' END)
FROM (SELECT c.parent_table, to_jsonb(c) AS config, b.sub_parent IS NOT NULL AS is_subpartitioned FROM )";

constexpr std::string_view between_tables = " c LEFT JOIN ";

// A name is what is before and after the first dot, without quotes.
constexpr std::string_view select_sets_by = R"( b ON b.sub_parent = c.parent_table) s
LEFT JOIN pg_namespace n ON n.nspname = split_part(s.parent_table, '.', 1)::name
LEFT JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = split_part(s.parent_table, '.', 2)::name
                    AND t.relkind IN ('r', 'p', 'f')
LEFT JOIN pg_partitioned_table p ON p.partrelid = t.oid
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.partattrs[0] AND a.attnum > 0
LEFT JOIN LATERAL (
    SELECT string_agg(quote_ident(i.relname), ', ' ORDER BY i.relname COLLATE "C")
    FROM pg_namespace tn
    JOIN pg_class tt ON tt.relnamespace = tn.oid AND tt.relname = split_part(config ->> 'template_table', '.', 2)::name
    JOIN pg_index ti ON ti.indrelid = tt.oid
    JOIN pg_class i ON i.oid = ti.indexrelid
    WHERE tn.nspname = split_part(config ->> 'template_table', '.', 1)::name
      AND NOT EXISTS (SELECT FROM pg_index o
                      WHERE o.indrelid = t.oid AND o.indisunique = ti.indisunique
                        AND substring(pg_get_indexdef(o.indexrelid), ' USING .*')
                            = substring(pg_get_indexdef(ti.indexrelid), ' USING .*'))) x (names) ON true
ORDER BY s.parent_table COLLATE "C")";

std::optional<std::string> owned(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

} // namespace

Partman::Partman() {
	Spi spi;
	const auto schemas = spi.query<std::string_view>("SELECT nspname::text FROM pg_extension e JOIN pg_namespace n ON "
	                                                 "n.oid = extnamespace WHERE extname = 'pg_partman'");
	if (schemas.empty()) {
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "pg_partman is not in this database")
			.with_hint("Connect to the database whose sets it maintains.");
	}
	const std::string schema(std::get<0>(schemas.front()));
	config_ = qualified_name(schema, "part_config");
	config_sub_ = qualified_name(schema, "part_config_sub");
}

std::vector<PartmanSet> Partman::read_sets() const {
	using Text = std::string_view;
	using OptionalText = std::optional<Text>;
	const std::string sql =
		std::string(select_sets_of) + config_ + std::string(between_tables) + config_sub_ + std::string(select_sets_by);
	Spi spi;
	std::vector<PartmanSet> sets;
	for (const auto &[name, row, parent, is_partition, strategy, key_type, every, premake, retention, retention_schema,
	                  keeps_table, epoch, encoder, is_automatic, is_subpartitioned, is_moving, losses] :
	     spi.query<Text, Text, Oid, bool, OptionalText, Oid, Text, int64, OptionalText, OptionalText, bool,
	               OptionalText, OptionalText, bool, bool, bool, Text>(sql.c_str())) {
		sets.push_back({.name = std::string(name),
		                .row = std::string(row),
		                .parent = parent,
		                .is_partition = is_partition,
		                .strategy = owned(strategy),
		                .key_type = key_type,
		                .every = std::string(every),
		                .premake = premake,
		                .retention = owned(retention),
		                .retention_schema = owned(retention_schema),
		                .keeps_table = keeps_table,
		                .epoch = owned(epoch),
		                .encoder = owned(encoder),
		                .is_automatic = is_automatic,
		                .is_subpartitioned = is_subpartitioned,
		                .is_moving = is_moving,
		                .losses = std::string(losses)});
	}
	return sets;
}

void Partman::release(const PartmanSet &set) const {
	const std::string sql = "UPDATE " + config_ +
	                        " c SET automatic_maintenance = 'off' WHERE parent_table = $1 AND to_jsonb(c) = $2::jsonb";
	std::uint64_t changed = 0;
	if (const auto error = attempt([&] { changed = Spi().execute(sql.c_str(), set.name, set.row); })) {
		throw is_blocked(*error) ? Error(error->sqlstate, "somebody has locked its row in " + config_) : Error(*error);
	}
	if (changed != 1) {
		throw Error(ERRCODE_T_R_SERIALIZATION_FAILURE, "its configuration has been changed meanwhile");
	}
}

std::string Partman::release_command(const PartmanSet &set) const {
	return "UPDATE " + config_ + " SET automatic_maintenance = 'off' WHERE parent_table = " + quoted_literal(set.name);
}

void Partman::check_triggers() const {
	Spi spi;
	for (const auto &[trigger] : spi.query<std::string_view>(
			 "SELECT quote_ident(tgname) FROM pg_trigger"
			 " WHERE tgrelid = $1::regclass AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname COLLATE \"C\"",
			 config_)) {
		const std::string name(trigger);
		throw Error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		            format("table %s has a trigger, %s", config_.c_str(), name.c_str()))
			.with_detail("It is not pg_partman's, and would run with your rights.")
			.with_hint(format("Look at what it does. ALTER TABLE %s DISABLE TRIGGER %s keeps it from running.",
		                      config_.c_str(), name.c_str()));
	}
}

} // namespace warden::partition
