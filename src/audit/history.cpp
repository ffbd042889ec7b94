// history.cpp - What became of one row, by its key.
//
// The invariant: it is one row whose events are returned, also where its key was changed; and of each event that alone
// that the reader may read.
#include "audit/history.hpp"

#include "audit/audit.hpp"

#include "audit/key_lives.hpp"
#include "audit/row_keys.hpp"

#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>
#include <map>

namespace warden::audit {

using namespace pg;

namespace {

using Role = std::optional<Value<NAMEOID>>;

// $1 relation, $2 key_number, $3 key, $4 versions; $5 the table, $6 the reader, $7 whether he may read everything,
// $8 whether columns have their names of today alone.
// The last column: the key that a row leaves for, or comes from.
constinit Statement select_events{R"(
WITH versions AS MATERIALIZED (
    SELECT v.id, v.columns, v.key_column, warden.audit_names(v.columns, $5, $6, $7, $8) AS names
    FROM (SELECT id, warden.audit_columns_here(columns, transaction, relation, $5) AS columns, key_column
          FROM warden.audit_versions WHERE relation = $1 OFFSET 0) v)
SELECT e.id, e.at, e.transaction, CASE WHEN e.transaction >> 52 > 0 THEN (e.transaction & 4503599627370495)::text::xid8 END,
       CASE WHEN EXISTS (SELECT FROM pg_class WHERE oid = $5) THEN $5 END, r.name,
       CASE WHEN e.flags & 8 = 8 THEN 'C' ELSE e.operation::text END, e.flags & 1 = 1,
       CASE WHEN v.names IS NULL THEN k.key ELSE warden.audit_renamed(k.key, v.names) END,
       CASE WHEN v.names IS NULL THEN e.before ELSE warden.audit_renamed(e.before, v.names) END,
       CASE WHEN v.names IS NULL THEN e.after ELSE warden.audit_renamed(e.after, v.names) END,
       s.session_role, s.active_role, s.application_name, s.client_address,
       (SELECT c.context FROM warden.audit_contexts c
        WHERE c.transaction = e.transaction AND c.id < e.id ORDER BY c.id DESC LIMIT 1),
       CASE WHEN e.operation = 'K' THEN e.before
            WHEN e.operation = 'U' AND e.flags & 1 = 1 THEN
                (SELECT jsonb_object_agg(n.key, coalesce(e.after->n.key, n.value)) FROM jsonb_each(k.key) n) END
FROM warden.audit_log e
JOIN warden.audit_relations r ON r.id = e.relation
JOIN versions v ON v.id = e.version
CROSS JOIN LATERAL (SELECT coalesce(e.key, jsonb_build_object(v.key_column, e.key_number)) OFFSET 0) k (key)
LEFT JOIN warden.audit_sessions s ON s.id = e.session
WHERE e.relation::bigint << 40 # e.key_number = $1::bigint << 40 # $2 AND e.key_number = $2 AND e.relation = $1 AND e.key IS NOT DISTINCT FROM $3 AND e.version = ANY ($4::text::integer[])
ORDER BY e.id)"};

/// An event, as it is returned, and what else is to be known of it.
struct Found {
	std::int64_t id;
	Timestamptz at;
	std::int64_t transaction;
	std::optional<Value<XID8OID>> xid;
	std::optional<Oid> relation;
	std::string_view relation_name;
	char operation;
	bool leaves;
	std::optional<Json> key, before, after;
	Role session_role, active_role;
	std::optional<std::string_view> application_name;
	std::optional<Value<INETOID>> client_address;
	std::optional<Json> context;
	std::optional<Json> other_key;
	std::int64_t key_number;
};

const char *operation_name(char operation) {
	switch (operation) {
	case 'I':
		return "INSERT";
	case 'U':
		return "UPDATE";
	case 'C':
		return "DROP COLUMN";
	case 'D':
		return "DELETE";
	default:
		return "TRUNCATE";
	}
}

class History {
public:
	explicit History(const Readable &table) : table_(table) {}

	/// All rows that had the key at one time, each with its other keys.
	void add(Json key) {
		for (const Found &event : events_of(key).all) {
			add(event);
		}
		follow_links();
	}

	/// The row that has it now, if there is one; columns by the names that they have today.
	void add_current(Json key) {
		are_todays_ = true;
		const auto &[events, lives, current] = events_of(key);
		for (std::size_t i = 0; i < events.size(); ++i) {
			if (lives[i] == current) {
				add(events[i]);
			}
		}
		follow_links();
	}

	const std::map<std::int64_t, Found> &events() const { return found_; }

private:
	void follow_links() {
		while (!links_.empty()) {
			const Found link = links_.back();
			links_.pop_back();
			if (!is_followed(link.id)) {
				followed_.push_back(link.id);
				follow(link);
			}
		}
	}

	/// Those of a key, and the row that each is about.
	struct Events {
		std::vector<Found> all;
		std::vector<std::size_t> lives;
		std::size_t last; ///< the row that has the key now
	};

	const Events &events_of(Json key) {
		const std::string_view bytes = call([&] {
			const Jsonb *const json = DatumGetJsonbP(key.datum);
			return std::string_view(reinterpret_cast<const char *>(json), VARSIZE(json));
		});
		const auto [known, is_new] = keys_.try_emplace(std::string(bytes));
		if (is_new) {
			Events &events = known->second;
			events.all = read(key);
			std::vector<KeyEvent> of_key;
			of_key.reserve(events.all.size());
			for (const Found &event : events.all) {
				of_key.push_back({event.transaction, event.operation, event.leaves});
			}
			events.lives = lives_of(of_key);
			events.last = last_life(of_key, events.lives);
		}
		return known->second;
	}

	std::vector<Found> read(Json key) {
		std::vector<Found> events;
		for (const RowKey &form : row_keys(table_, key)) {
			const AsExtension owner;
			// The plan lasts: partitions that are empty when it is made will be large.
			PinnedSettings::set("enable_seqscan", "off");
			for (const auto &[id, at, transaction, xid, relation, name, operation, is_changed, row_key, before, after,
			                  session_role, active_role, application, client, context, other_key] :
			     spi_.query<int64, Timestamptz, int64, std::optional<Value<XID8OID>>, std::optional<Oid>,
			                std::string_view, std::string_view, bool, std::optional<Json>, std::optional<Json>,
			                std::optional<Json>, Role, Role, std::optional<std::string_view>,
			                std::optional<Value<INETOID>>, std::optional<Json>, std::optional<Json>>(
					 select_events, form.relation, int64{form.number}, form.key, form.versions, table_.table,
					 table_.reader, table_.has_all, are_todays_)) {
				events.push_back({id, at, transaction, xid, relation, name, operation.front(),
				                  is_changed && operation.front() == 'U', row_key, before, after, session_role,
				                  active_role, application, client, context, other_key, form.number});
			}
		}
		std::ranges::sort(events, {}, &Found::id);
		return events;
	}

	bool is_followed(std::int64_t id) const { return std::ranges::find(followed_, id) != followed_.end(); }

	// A change of nothing that the reader may read.
	bool is_hidden(const Found &event) const {
		return !table_.has_all && (event.operation == 'C' ||
		                           (event.operation == 'U' && event.after &&
		                            call([&] { return JB_ROOT_COUNT(DatumGetJsonbP(event.after->datum)) == 0; })));
	}

	void add(const Found &event) {
		if (event.operation != 'K' && !is_hidden(event)) {
			found_.emplace(event.id, event);
		}
		if (event.other_key && !is_followed(event.id)) {
			links_.push_back(event);
		}
	}

	// On the other side is the event of the same change: the arrival that comes next after the departure.
	void follow(const Found &link) {
		if (!link.other_key) {
			return;
		}
		const auto &[events, lives, current] = events_of(*link.other_key);
		const auto is_other = [&](const Found &event) {
			return event.transaction == link.transaction &&
			       (link.leaves ? event.operation == 'K' && event.id > link.id : event.leaves && event.id < link.id);
		};
		const auto first = std::ranges::find_if(events, is_other);
		const auto last = std::ranges::find_if(events.rbegin(), events.rend(), is_other);
		if (first == events.end()) {
			return;
		}
		const std::int64_t other = link.leaves ? first->id : last->id;
		const auto at = std::ranges::find(events, other, &Found::id) - events.begin();
		for (std::size_t i = 0; i < events.size(); ++i) {
			if (lives[i] == lives[static_cast<std::size_t>(at)]) {
				followed_.push_back(other);
				add(events[i]);
			}
		}
	}

	const Readable &table_;
	bool are_todays_ = false;
	Spi spi_;
	std::map<std::string, Events> keys_;  ///< by their bytes
	std::map<std::int64_t, Found> found_; ///< by id
	std::vector<Found> links_;            ///< to be followed
	std::vector<std::int64_t> followed_;  ///< the ids of links
};

using Collect = void (History::*)(Json);

Datum return_history(FunctionCallInfo fcinfo, Collect collect) {
	ResultSet<int64, Timestamptz, int64, std::optional<Value<XID8OID>>, std::optional<Oid>, std::string_view,
	          std::string, std::optional<Json>, std::optional<Json>, std::optional<Json>, Role, Role,
	          std::optional<std::string_view>, std::optional<Value<INETOID>>, std::optional<Json>>
		rows(fcinfo);
	const Readable table = readable(argument<Oid>(fcinfo, 0));
	History history(table);
	(history.*collect)(argument<Json>(fcinfo, 1));
	for (const auto &[id, event] : history.events()) {
		rows.add(id, event.at, int64{event.transaction}, event.xid, event.relation, event.relation_name,
		         operation_name(event.operation), event.key, event.before, event.after, event.session_role,
		         event.active_role, event.application_name, event.client_address, event.context);
	}
	PG_RETURN_NULL();
}

} // namespace

std::vector<HistoryEvent> history_of(const Readable &table, Json key) {
	History history(table);
	history.add(key);
	std::vector<HistoryEvent> events;
	for (const auto &[id, event] : history.events()) {
		events.push_back({id, event.at, event.transaction, event.key_number});
	}
	return events;
}

/// audit_history(target regclass, row_key jsonb) returns table (the columns of audit_events)
PG_FUNCTION(audit_history) {
	return return_history(fcinfo, static_cast<Collect>(&History::add));
}

/// audit_history_of_current(target regclass, row_key jsonb) returns the same
PG_FUNCTION(audit_history_of_current) {
	return return_history(fcinfo, &History::add_current);
}

} // namespace warden::audit
