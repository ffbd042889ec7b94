#include "move/origins.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::move {

using namespace pg;

namespace {

/// A connection as the owner of our tables.
struct OwnTables {
	const AsExtension owner;
	Spi spi;
};

constinit Statement insert_origin{R"(
INSERT INTO warden.partition_origins (parent, storage_parameters, access_method, statements, keys)
VALUES ($1, $2::text[], $3::name, $4, $5))"};

constinit Statement select_origin{R"(
SELECT storage_parameters::text, access_method::text FROM warden.partition_origins WHERE parent = $1)"};

constinit Statement select_statements{R"(
SELECT statement FROM warden.partition_origins o, unnest(o.statements) WITH ORDINALITY s (statement, n)
WHERE parent = $1 ORDER BY n)"};

// Three texts a key.
constinit Statement select_keys{R"(
SELECT o.keys[i], o.keys[i + 1] = 'constraint', o.keys[i + 2]
FROM warden.partition_origins o, generate_series(1, cardinality(o.keys), 3) i
WHERE parent = $1 ORDER BY i)"};

constinit Statement delete_row{"DELETE FROM warden.partition_origins WHERE parent = $1"};

constinit Statement delete_rows{R"(
DELETE FROM warden.partition_origins o
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) o.parent::pg_catalog.oid))"};

std::optional<std::string> own(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::vector<std::string> texts_of(const std::vector<WidenedKey> &keys) {
	std::vector<std::string> texts;
	texts.reserve(3 * keys.size());
	for (const WidenedKey &key : keys) {
		texts.push_back(key.name);
		texts.emplace_back(key.is_constraint ? "constraint" : "index");
		texts.push_back(key.definition);
	}
	return texts;
}

} // namespace

void write_origin(Oid parent, const Origin &origin) {
	delete_origin(parent);
	OwnTables().spi.execute(insert_origin, parent, origin.storage_parameters, origin.access_method, origin.statements,
	                        texts_of(origin.keys));
}

std::optional<Origin> read_origin(Oid parent) {
	using Text = std::optional<std::string_view>;
	OwnTables tables;
	std::optional<Origin> origin;
	for (const auto &[parameters, access_method] : tables.spi.query_latest<Text, Text>(select_origin, parent)) {
		origin = {.storage_parameters = own(parameters), .access_method = own(access_method)};
	}
	if (!origin) {
		return std::nullopt;
	}
	for (const auto &[statement] : tables.spi.query_latest<std::string_view>(select_statements, parent)) {
		origin->statements.emplace_back(statement);
	}
	for (const auto &[name, is_constraint, definition] :
	     tables.spi.query_latest<std::string_view, bool, std::string_view>(select_keys, parent)) {
		origin->keys.push_back({std::string(name), is_constraint, std::string(definition)});
	}
	return origin;
}

void delete_origin(Oid parent) {
	OwnTables().spi.execute(delete_row, parent);
}

void delete_old_origins() {
	OwnTables().spi.execute(delete_rows);
}

} // namespace warden::move
