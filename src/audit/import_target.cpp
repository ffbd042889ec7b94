#include "audit/import_target.hpp"

#include "audit/incarnation.hpp"
#include "audit/log_class.hpp"

#include "partition/bounds.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"

namespace warden::audit {

using namespace pg;

namespace {

// The first time that we have logged a table.  Versions with numbers below 0 are of what was imported.
constinit Statement find_native{R"(
SELECT r.id, r.class::integer, (SELECT min(v.at) FROM warden.audit_versions v WHERE v.relation = r.id AND v.id > 0),
       coalesce(clock_timestamp() - c.keep, '-infinity')
FROM warden.audit_relations r JOIN warden.audit_classes c ON c.id = r.class
WHERE r.relation = $1 AND EXISTS (SELECT FROM warden.audit_versions v WHERE v.relation = r.id AND v.id > 0)
ORDER BY r.id LIMIT 1)"};

constinit Statement find_imported{R"(
SELECT id, class::integer FROM warden.audit_relations r
WHERE relation = $1 AND relation <> 0::oid ORDER BY id LIMIT 1)"};

// $1 the table, $2 the relation or 0. Numbers of columns hold since the last restore.
constinit Statement select_base{R"(
SELECT coalesce((SELECT v.columns FROM warden.audit_versions v
                 WHERE v.relation = $2 AND v.id > 0
                   AND v.transaction >> 52 = (SELECT m.transaction >> 52 FROM warden.audit_versions m
                                              WHERE m.relation = $2 ORDER BY m.id DESC LIMIT 1)
                 ORDER BY v.id LIMIT 1),
                warden.audit_columns($1), '[]'))"};

// $1 these columns, $2 the relation, $3 the table.
constinit Statement select_columns{R"(
SELECT c->>'name', c ? 'key', coalesce(to_regtype(c->>'type')::oid, 0),
       c->>'generated' IS NOT DISTINCT FROM 'v'
       OR NOT c ? 'key' AND (coalesce(n.name <> ALL (r.columns), false) OR coalesce(n.name = ANY (r.except_columns), false))
FROM jsonb_array_elements($1) c
LEFT JOIN warden.audit_relations r ON r.id = $2
LEFT JOIN pg_attribute a ON a.attrelid = $3 AND a.attnum = (c->>'number')::smallint AND NOT a.attisdropped
CROSS JOIN LATERAL (SELECT coalesce(a.attname, (c->>'name')::name)) n (name)
ORDER BY length((c->>'name')::bytea), c->>'name' COLLATE "C")"};

constinit Statement select_is_open{R"(
SELECT NOT EXISTS (SELECT FROM warden.audit_relations
                   WHERE id = $1 AND (columns IS NOT NULL OR except_columns IS NOT NULL)))"};

constinit Statement select_transactions{R"(
SELECT coalesce(array_agg(DISTINCT transaction & 4294967295), '{}')::text FROM warden.audit_log
WHERE relation = $1 AND at >= $2 AND at < $2 + '1 day' AND transaction >> 52 = $3)"};

constinit Statement insert_relation{R"(
INSERT INTO warden.audit_relations (relation, name, class, require_context, on_truncate, until)
VALUES ($1, $2, $3::integer::smallint, false, 'rows', clock_timestamp()) RETURNING id)"};

constinit Statement update_native{"UPDATE warden.audit_relations SET since = least(since, $2) WHERE id = $1"};
constinit Statement update_imported{R"(
UPDATE warden.audit_relations r
SET since = CASE WHEN is_new THEN $2 ELSE least(since, $2) END, until = CASE WHEN is_new THEN $3 ELSE greatest(until, $3) END
FROM (SELECT NOT EXISTS (SELECT FROM warden.audit_versions WHERE relation = $1) AS is_new) n
WHERE r.id = $1)"};

constinit Statement next_version{"SELECT -nextval('warden.audit_versions_id_seq')::integer"};

// $1 its number, $2 the relation, $3 the transaction, $4 when, $5 the columns, $6 the names of others, $7 its form.
constinit Statement insert_version{R"(
INSERT INTO warden.audit_versions (id, relation, transaction, at, columns, key_column)
SELECT $1, $2, $3, $4,
       (SELECT coalesce(jsonb_agg(c), '[]') FROM (
            SELECT CASE WHEN $7 = 0 OR $7 = 1 AND c ? 'key' THEN c ELSE c - 'key' || '{"type": "text"}' END
            FROM jsonb_array_elements($5) c
            UNION ALL
            SELECT jsonb_build_object('number', 0, 'name', n, 'type', 'text') FROM unnest($6::text[]) n) c (c)),
       CASE WHEN $7 < 2 THEN (SELECT max(c->>'name') FROM jsonb_array_elements($5) c WHERE c ? 'key'
                              HAVING count(*) = 1 AND bool_and(c->>'type' IN ('smallint', 'integer', 'bigint'))) END)"};

constinit Statement insert_session{R"(
INSERT INTO warden.audit_sessions (id, at, session_role, application_name, client_address, pid)
VALUES ($1, $2, left($3, 63)::name, $4, $5::text::inet, 0))"};

constinit Statement insert_context{
	"INSERT INTO warden.audit_contexts (transaction, id, at, context) VALUES ($1, $2, $3, $4)"};

// What default privileges have granted.
constinit Statement select_revocations{R"(
SELECT DISTINCT format('REVOKE ALL ON %s FROM %s', c.oid::regclass,
                       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1::regclass AND a.grantee <> c.relowner)"};

constexpr const char *insert_values =
	" (id, at, transaction, session, key_number, relation, version, class, flags, operation, key, before, after)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8::integer::smallint, $9::integer::smallint, $10::\"char\", $11, $12, $13)";

/// The numbers of peers are apart in the highest bit that an incarnation leaves.
std::int64_t numbers_of(const Peer &peer) {
	return static_cast<std::int64_t>(peer.number) << (incarnation_shift - 1);
}

/// Of a row: what is said of it, itself, and the key that it changes to.
std::int64_t number_of(const Peer &peer, const PeerRow &row) {
	if (row.id < 0 || row.id >= std::int64_t{1} << (incarnation_shift - 3)) {
		throw Error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
		            format("row %lld of the log of %s has a number that is too large", static_cast<long long>(row.id),
		                   peer.name));
	}
	return numbers_of(peer) + row.id * 4;
}

/// A transaction is known by when it began: two that did so in the same microsecond are taken for one.
std::int64_t transaction_of(const Peer &peer, const PeerRow &row) {
	constexpr std::int64_t greatest = (std::int64_t{1} << (incarnation_shift - 1)) - 1;
	return numbers_of(peer) + std::min(std::max(row.began, std::int64_t{0}), greatest);
}

std::optional<Json> json(const Jsonb *value) {
	return value == nullptr ? std::nullopt : std::optional(Json{PointerGetDatum(value)});
}

void free_plan(const Statement &statement) {
	if (statement.plan != nullptr) {
		SPI_freeplan(statement.plan);
	}
}

} // namespace

Place find_place(Oid table, const std::string &name) {
	Place place{.table = table, .name = OidIsValid(table) ? qualified_name(table) : name, .columns = {}};
	const AsExtension owner;
	const MemoryContext memory = CurrentMemoryContext;
	Spi spi;
	if (OidIsValid(table)) {
		for (const auto &[id, log_class, since, kept] :
		     spi.query<int32, int32, Timestamptz, Timestamptz>(find_native, table)) {
			place.relation = id;
			place.log_class = static_cast<std::int16_t>(log_class);
			place.is_native = true;
			place.since = since.value;
			place.kept_since = kept.value;
		}
		for (const auto &[id, log_class] : spi.query<int32, int32>(find_imported, table)) {
			place.relation = place.is_native ? place.relation : id;
			place.log_class = place.is_native ? place.log_class : static_cast<std::int16_t>(log_class);
		}
	}
	const Json columns =
		std::get<0>(spi.query<Json>(select_base, table, place.is_native ? place.relation : int32{0}).front());
	const MemoryScope scope(memory);
	place.columns = {call([&] { return PointerGetDatum(PG_DETOAST_DATUM_COPY(columns.datum)); })};
	return place;
}

ImportedTable imported_table(const Place &place, const Peer &peer) {
	const MemoryContext memory = CurrentMemoryContext;
	ImportedTable table{};
	table.has_texts = peer.has_texts;
	table.has_changes = peer.has_changes;
	table.memory = memory;
	const AsExtension owner;
	Spi spi;
	table.is_open = std::get<0>(spi.query<bool>(select_is_open, place.relation).front());
	const auto columns =
		spi.query<std::string_view, bool, Oid, bool>(select_columns, place.columns, place.relation, place.table);
	const MemoryScope scope(memory);
	call([&] {
		table.json = encoder_for(JSONBOID);
		table.columns = static_cast<ImportedColumn *>(palloc0(sizeof(ImportedColumn) * (columns.size() + 1)));
	});
	for (const auto &[name, is_key, type, is_left_out] : columns) {
		ImportedColumn &column = table.columns[table.count++];
		call([&] { column.name = {pnstrdup(name.data(), name.size()), name.size()}; });
		column.is_key = is_key;
		column.is_left_out = is_left_out;
		table.keys += is_key ? 1 : 0;
		if (OidIsValid(type)) {
			call(learn_type, column, Oid{type});
		}
		table.has_number_key = table.has_number_key ||
		                       (is_key && column.is_typed && (type == INT2OID || type == INT4OID || type == INT8OID));
	}
	table.has_number_key = table.has_number_key && table.keys == 1;
	return table;
}

std::vector<std::string> unknown_columns(const ImportedTable &table) {
	std::vector<std::string> names;
	for (int i = 0; table.unknown != nullptr && i < table.unknown->length; ++i) {
		names.emplace_back(call([&] { return strVal(list_nth(table.unknown, i)); }));
	}
	return names;
}

std::string transactions_near(std::int32_t relation, TimestampTz moment) {
	const std::int32_t incarnation = call(known_incarnation);
	const AsExtension owner;
	Spi spi;
	return std::string(std::get<0>(
		spi.query<std::string_view>(select_transactions, relation, Timestamptz{moment}, incarnation).front()));
}

ImportTarget::ImportTarget(const Peer &peer, Place place, const ImportedTable &columns)
	: peer_(peer), place_(std::move(place)), columns_(columns) {}

ImportTarget::~ImportTarget() {
	release([this] {
		free_plan(insert_into_log_);
		free_plan(insert_into_past_);
	});
}

void ImportTarget::begin() {
	if (!log_.empty()) {
		return;
	}
	if (place_.log_class == 0) {
		place_.log_class = class_for(std::nullopt);
	}
	if (place_.relation == 0) {
		place_.relation = std::get<0>(
			Spi().query<int32>(insert_relation, place_.table, place_.name, int32{place_.log_class}).front());
	}
	for (std::int32_t &version : versions_) {
		version = std::get<0>(Spi().query<int32>(next_version).front());
	}
	log_ = format("warden.audit_log_%d", place_.log_class);
	into_log_ = "INSERT INTO " + log_ + insert_values;
	insert_into_log_.sql = into_log_.c_str();
	const Oid log = std::get<0>(Spi().query<Oid>("SELECT $1::regclass::oid", log_).front());
	const partition::Bounds bounds = partition::read_bounds(OpenRelation(log, AccessShareLock), std::nullopt);
	if (!bounds.ranges.empty() && bounds.ranges.front().lower != beginning) {
		first_ = bounds.ranges.front().lower;
		past_ = log_ + "_past";
		into_past_ = "CREATE TABLE " + past_ + " (LIKE " + qualified_name(bounds.oids.front()) +
		             " INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION)";
	}
}

/// Apart from the log until it is full: so nobody waits for it.
void ImportTarget::make_past() {
	if (insert_into_past_.sql != nullptr) {
		return;
	}
	Spi spi;
	spi.execute(into_past_.c_str());
	for (const auto &[statement] : spi.query<std::string_view>(select_revocations, past_)) {
		Spi().execute(std::string(statement).c_str());
	}
	into_past_ = "INSERT INTO " + past_ + insert_values;
	insert_into_past_.sql = into_past_.c_str();
}

std::int64_t ImportTarget::session_of(const PeerRow &row, std::int64_t number) {
	if (row.role == nullptr) {
		return 0;
	}
	constexpr std::size_t most_sessions = 1000;
	const auto text = [](const char *part) { return std::string(part == nullptr ? "" : part); };
	// A row for each day, so that it can go with the events of the day.
	const std::string who = format("%lld", static_cast<long long>(row.at / microseconds_per_day)) + '\n' +
	                        text(row.role) + '\n' + text(row.application) + '\n' + text(row.client);
	if (const auto known = sessions_.find(who); known != sessions_.end()) {
		return known->second;
	}
	if (sessions_.size() > most_sessions) {
		sessions_.clear();
	}
	Spi().execute(insert_session, int64{number}, Timestamptz{row.at}, text(row.role), text(row.application),
	              row.client == nullptr ? std::nullopt : std::optional(text(row.client)));
	sessions_.emplace(who, number);
	return number;
}

void ImportTarget::insert(const PeerRow &row, const ImportedRow &event, std::int64_t id, Operation operation,
                          std::int64_t session) {
	const bool is_past = !past_.empty() && row.at < first_;
	if (is_past) {
		make_past();
	}
	const bool is_key = operation == Operation::Key;
	const auto form = static_cast<std::size_t>(event.form);
	is_used_[form] = true;
	const std::string letter(1, static_cast<char>(operation));
	using Number = std::optional<int64>;
	const auto key_number = event.has_key ? Number(is_key ? event.next_number : event.key_number) : Number();
	const Jsonb *const next = columns_.has_number_key ? nullptr : event.next_key;
	Spi().execute(is_past ? insert_into_past_ : insert_into_log_, int64{id}, Timestamptz{row.at},
	              int64{transaction_of(peer_, row)}, int64{session}, key_number, int32{place_.relation},
	              int32{versions_[form]}, int32{place_.log_class}, int32{is_key ? std::int16_t{0} : event.flags},
	              letter, json(is_key ? next : event.key), json(is_key ? event.old_key : event.before),
	              json(is_key ? nullptr : event.after));
}

void ImportTarget::write(const PeerRow &row, const ImportedRow &event) {
	begin();
	const std::int64_t number = number_of(peer_, row);
	const std::int64_t session = session_of(row, number);
	Spi().execute(insert_context, int64{transaction_of(peer_, row)}, int64{number + 1}, Timestamptz{row.at},
	              Json{row.context});
	insert(row, event, number + 2, static_cast<Operation>(row.operation), session);
	if (event.leaves) {
		insert(row, event, number + 3, Operation::Key, session);
	}
}

void ImportTarget::write_versions(TimestampTz at) {
	std::string unknown = "{";
	for (const std::string &name : unknown_columns(columns_)) {
		unknown += (unknown.size() > 1 ? ",\"" : "\"");
		for (const char c : name) {
			unknown += (c == '"' || c == '\\' ? "\\" : "");
			unknown += c;
		}
		unknown += '"';
	}
	unknown += '}';
	const std::int64_t transaction = call(transaction_id);
	for (int form = 0; form < forms; ++form) {
		if (is_used_[static_cast<std::size_t>(form)]) {
			Spi().execute(insert_version, versions_[static_cast<std::size_t>(form)], place_.relation,
			              int64{transaction}, Timestamptz{at}, place_.columns, unknown, int32{form});
		}
	}
}

/// What it holds is known, so that it needs not be read under the lock.
void ImportTarget::attach_past() {
	if (insert_into_past_.sql == nullptr) {
		return;
	}
	Spi spi;
	const std::string bound = quoted_literal(std::string(std::get<0>(
		spi.query<std::string_view>("SELECT ($1 AT TIME ZONE 'UTC')::text || '+00'", Timestamptz{first_}).front())));
	for (const std::string &statement :
	     {"ALTER TABLE " + past_ + " ADD CONSTRAINT is_past CHECK (class = '" + format("%d", place_.log_class) +
	          "'::smallint AND at < " + bound + ")",
	      "ALTER TABLE " + log_ + " ATTACH PARTITION " + past_ + " FOR VALUES FROM (MINVALUE) TO (" + bound + ")",
	      "ALTER TABLE " + past_ + " DROP CONSTRAINT is_past"}) {
		spi.execute(statement.c_str());
	}
}

void ImportTarget::finish(TimestampTz reach, TimestampTz last) {
	if (log_.empty()) {
		return;
	}
	const AsExtension owner;
	if (place_.is_native) {
		Spi().execute(update_native, int32{place_.relation}, Timestamptz{reach});
	} else {
		Spi().execute(update_imported, int32{place_.relation}, Timestamptz{reach}, Timestamptz{last});
	}
	write_versions(reach);
	attach_past();
}

} // namespace warden::audit
