// import_log.cpp - Taking over the history that others have logged.
//
// The invariants: who imports could write the log anyway, because what he imports says who did what; nothing is taken
// over twice, neither from the other log nor what we have logged as well; and a table's history is taken over as a
// whole or not at all.
#include "audit/audit.hpp"

#include "audit/import_target.hpp"
#include "audit/log_rows.hpp"

#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
#include "catalog/namespace.h"
}

namespace warden::audit {

using namespace pg;

namespace {

constinit Statement select_progress{
	"SELECT relation, last FROM warden.audit_imports WHERE origin = $1 AND source = $2"};

constinit Statement write_progress{R"(
INSERT INTO warden.audit_imports AS i (origin, source, relation, last, events, role)
VALUES ($1, $2, $3, $4, $5, $6::text::name)
ON CONFLICT (origin, source) DO UPDATE
SET relation = excluded.relation, last = excluded.last, events = i.events + excluded.events, at = excluded.at,
    role = excluded.role)"};

constinit Statement select_owner_rights{R"(
SELECT pg_has_role(current_user, nspowner, 'USAGE'), current_user::text FROM pg_namespace WHERE nspname = 'warden')"};

using After = std::vector<std::pair<Oid, std::int64_t>>;

/// Why a row is not taken over.
enum Reason : std::uint8_t { Logged, Old, Odd, Snapshot, Statements, Incomplete, Unchanged };
constexpr std::size_t reasons = Unchanged + 1;

constexpr const char *texts[reasons] = {
	"events that were logged here as well",  "events that are older than events are kept",
	"events whose time is not in the past",  "rows that say what there was and not what changed",
	"statements whose rows were not logged", "events without a row",
	"updates that changed nothing"};

/// What was, or would be, done for one table.
struct Outcome {
	std::int64_t events = 0;
	TimestampTz since = DT_NOEND;
	TimestampTz until = DT_NOBEGIN;
	TimestampTz reach = DT_NOBEGIN; ///< since when nothing is missing that the log does not have
	std::int64_t left_out[reasons] = {};
	std::int64_t keyless = 0;
	std::string status;
	std::string detail;
};

void add(std::string &detail, const std::string &more) {
	detail += (detail.empty() || more.empty() ? "" : "; ") + more;
}

void add_count(std::string &detail, const char *what, std::int64_t count) {
	if (count > 0) {
		add(detail, format("%s: %lld", what, static_cast<long long>(count)));
	}
}

/// The history of one table.
class Import {
public:
	Import(const PeerLog &log, const Place &place, After after)
		: log_(log), place_(place), after_(std::move(after)), table_(imported_table(place, log.peer())),
		  reader_(OidIsValid(place.table) ? owner_of(place.table) : log.owner()), now_(call(GetCurrentTimestamp)) {
		if (place.is_native) {
			limit_ = log.first_since(after_, place.since, transactions_near(place.relation, place.since));
		}
	}

	/// Returns the number of the relation; 0 in a dry run.
	std::int32_t run(bool dry_run) {
		std::optional<ImportTarget> target;
		if (!dry_run) {
			target.emplace(log_.peer(), place_, table_);
		}
		read([&](const std::vector<PeerRow> &rows) { take(rows, target); });
		if (target) {
			target->finish(std::max(outcome_.since, outcome_.reach), outcome_.until);
		}
		describe();
		return target ? target->relation() : 0;
	}

	Outcome &outcome() { return outcome_; }

private:
	// Some rows at a time, which are gone after the call.
	template <class F>
	void read(F &&body) {
		constexpr long rows_at_once = 50;
		const std::string sql = log_.select_rows(after_);
		const Spi spi;
		const Portal portal = [&] {
			const AsOwner owner(log_.owner());
			PinnedSettings::set("row_security", "off");
			PinnedSettings::set("cursor_tuple_fraction", "1");
			const Query query{.sql = sql.c_str(), .arguments = 0, .types = {}, .values = {}};
			return call(open, query);
		}();
		for (std::size_t count = 1; count > 0;) {
			check_for_interrupts();
			const ScratchMemory memory;
			std::vector<PeerRow> rows;
			{
				const AsOwner owner(log_.owner());
				PinnedSettings::set("row_security", "off");
				SPITupleTable *const found = [&] {
					const MemoryScope keep(CurrentMemoryContext); // a fetch leaves that of the connection current
					return call([&] {
						SPI_cursor_fetch(portal, true, rows_at_once);
						return SPI_tuptable;
					});
				}();
				count = static_cast<std::size_t>(SPI_processed);
				for (std::size_t i = 0; i < count; ++i) {
					rows.push_back(call(read_peer_row, found->vals[i], found->tupdesc));
				}
				call(SPI_freetuptable, found);
			}
			body(rows);
		}
		call(SPI_cursor_close, portal);
	}

	void take(const std::vector<PeerRow> &rows, std::optional<ImportTarget> &target) {
		std::vector<std::pair<const PeerRow *, ImportedRow>> events;
		{
			const AsOwner owner(reader_); // what its types' functions call
			call(pin_value_settings);
			for (const PeerRow &row : rows) {
				if (const auto reason = reason_against(row)) {
					leave_out(row, *reason);
				} else if (const ImportedRow event = converted(row); !event.is_change) {
					leave_out(row, Unchanged);
				} else {
					events.emplace_back(&row, event);
				}
			}
		}
		const AsExtension owner;
		for (const auto &[row, event] : events) {
			if (target) {
				target->write(*row, event);
			}
			++outcome_.events;
			outcome_.since = std::min(outcome_.since, row->at);
			outcome_.until = std::max(outcome_.until, row->at);
			outcome_.keyless += event.form == Form::Keyless ? 1 : 0;
		}
	}

	std::optional<Reason> reason_against(const PeerRow &row) const {
		if (limit_ && row.id >= *limit_) {
			return Logged;
		}
		if (TIMESTAMP_NOT_FINITE(row.at) || row.at > now_) {
			return Odd;
		}
		if (row.at < place_.kept_since) {
			return Old;
		}
		switch (row.operation) {
		case 'T':
			return std::nullopt;
		case 'I':
		case 'U':
		case 'D':
			break;
		default:
			return Snapshot;
		}
		if (row.is_statement) {
			return Statements;
		}
		const bool has_one_image = log_.peer().has_changes && row.operation == 'I';
		const bool needs_before = row.operation != 'I' || has_one_image;
		const bool needs_after = row.operation != 'D' && !has_one_image;
		return (needs_before && row.before == 0) || (needs_after && row.after == 0) ? std::optional(Incomplete)
		                                                                            : std::nullopt;
	}

	void leave_out(const PeerRow &row, Reason reason) {
		++outcome_.left_out[reason];
		if (reason == Statements || reason == Incomplete || reason == Old) {
			outcome_.reach = std::max(outcome_.reach, row.at);
		}
	}

	// Only where a value is none of its type they are tried one by one.
	ImportedRow converted(const PeerRow &row) {
		const MemoryContext memory = CurrentMemoryContext;
		const std::int64_t left_out = table_.left_out;
		ImportedRow event{};
		const auto error = attempt([&] {
			const MemoryScope scope(memory); // what a subtransaction has of its own goes with it
			event = call(convert, table_, row, false);
		});
		if (error) {
			table_.left_out = left_out;
			event = call(convert, table_, row, true);
		}
		return event;
	}

	void describe() {
		std::string &detail = outcome_.detail;
		for (std::size_t reason = 0; reason < reasons; ++reason) {
			add_count(detail, (std::string("left out: ") + texts[reason]).c_str(), outcome_.left_out[reason]);
		}
		add_count(detail, "values of columns that the audit leaves out", table_.left_out);
		add_count(detail, "events without a key", outcome_.keyless);
		for (std::size_t i = 0; i < table_.count; ++i) {
			const ImportedColumn &column = table_.columns[i];
			if (column.failures > 0) {
				add(detail, format("%lld values of column \"%s\" cannot be read as its type: kept as they are",
				                   static_cast<long long>(column.failures), std::string(column.name).c_str()));
			}
		}
		std::string names;
		for (const std::string &name : unknown_columns(table_)) {
			names += (names.empty() ? "" : ", ") + name;
		}
		if (OidIsValid(place_.table) && !names.empty()) {
			add(detail, "kept as they are: columns that the table does not have: " + names);
		}
	}

	const PeerLog &log_;
	const Place &place_;
	const After after_;
	ImportedTable table_;
	const Oid reader_;
	const TimestampTz now_;
	std::optional<std::int64_t> limit_; ///< from that row on we have logged it, too
	Outcome outcome_;
};

/// What another log has of one table of today, or of one that is gone.
struct Group {
	Oid table;
	std::string name;
	std::vector<const Source *> sources;
};

std::vector<Group> grouped(const std::vector<Source> &sources) {
	std::vector<Group> groups;
	for (const Source &source : sources) {
		const auto same = std::ranges::find(groups, source.table, &Group::table);
		if (OidIsValid(source.table) && same != groups.end()) {
			same->sources.push_back(&source);
		} else {
			groups.push_back({source.table, source.name, {&source}});
		}
	}
	return groups;
}

bool is_logging(const Group &group) {
	return std::ranges::any_of(group.sources, [](const Source *source) { return source->is_logging; });
}

/// What has not been looked at yet.
After remainder(const Peer &peer, const Group &group) {
	After after;
	const AsExtension owner;
	for (const Source *source : group.sources) {
		Spi spi;
		std::int64_t last = std::numeric_limits<std::int64_t>::min();
		for (const auto &[relation, number] :
		     spi.query_latest<int32, int64>(select_progress, std::string(peer.name), int64{source->number})) {
			last = number;
		}
		if (source->last > last) {
			after.emplace_back(source->number, last);
		}
	}
	return after;
}

void note_progress(const Peer &peer, const Group &group, std::int32_t relation, std::int64_t events,
                   const std::string &role) {
	const AsExtension owner;
	for (const Source *source : group.sources) {
		Spi().execute(write_progress, std::string(peer.name), int64{source->number}, relation, int64{source->last},
		              int64{source == group.sources.front() ? events : 0}, role);
	}
}

std::string audit_command(const Place &place) {
	return "SELECT * FROM warden.audit_enable(" + quoted_literal(place.name) + ")";
}

/// In a subtransaction: a table whose history cannot be taken over has none of it.
Outcome import_table(const PeerLog &log, const Group &group, const Place &place, const After &after, bool dry_run,
                     const std::string &role) {
	Outcome outcome;
	if (!place.is_native && is_logging(group)) {
		outcome.status = "skipped";
		outcome.detail = format("%s still logs it, and nothing does here: audit it first", log.peer().name);
		return outcome;
	}
	const auto error = attempt([&] {
		Import import(log, place, after);
		const std::int32_t relation = import.run(dry_run);
		outcome = import.outcome();
		if (!dry_run) {
			note_progress(log.peer(), group, relation, outcome.events, role);
		}
	});
	if (error) {
		outcome = {};
		outcome.status = "failed";
		outcome.detail = error->detail.empty() ? error->message : error->message + ": " + error->detail;
	} else {
		const Oid candidate = group.sources.front()->candidate;
		if (!OidIsValid(group.table) && OidIsValid(candidate)) {
			add(outcome.detail, "table " + qualified_name(candidate) +
			                        " has its OID: if it is the same one, import it as \"target\" first");
		}
		outcome.status = outcome.events == 0 ? "skipped" : dry_run ? "planned" : "imported";
	}
	return outcome;
}

/// What to call next, if anything.
std::optional<std::string> next_command(const Peer &peer, const Group &group, const Place &place,
                                        const Outcome &outcome) {
	if (OidIsValid(place.table) && !place.is_native && outcome.status != "imported") {
		return audit_command(place);
	}
	if (outcome.status == "planned") {
		const std::string function = std::string(peer.function).substr(0, std::string(peer.function).size() - 1);
		const std::string target = OidIsValid(place.table) ? quoted_literal(place.name) + ", " : "";
		return "SELECT * FROM " + function + target + "dry_run => false)";
	}
	if (outcome.status == "imported" && is_logging(group)) {
		return std::string("DROP TRIGGER IF EXISTS ") + peer.triggers[0] + " ON " + place.name +
		       "; DROP TRIGGER IF EXISTS " + peer.triggers[1] + " ON " + place.name;
	}
	return std::nullopt;
}

/// Returns the caller's name.  Imported events say who did what, as if we had seen it.
std::string check_caller(const Peer &peer) {
	Spi spi;
	const auto [has_rights, role] = spi.query<bool, std::string_view>(select_owner_rights).front();
	if (!has_rights) {
		throw Error(ERRCODE_INSUFFICIENT_PRIVILEGE, format("permission denied for %s", peer.function))
			.with_detail("What is imported says who did what: only who has the rights of pg_warden's owner may do it.");
	}
	return std::string(role);
}

Datum import_log(FunctionCallInfo fcinfo, const Peer &peer) {
	const auto target = argument<std::optional<Oid>>(fcinfo, 0);
	const bool dry_run = required_argument<bool>(fcinfo, 1, "dry_run");
	const auto table = argument<std::optional<Oid>>(fcinfo, 2);
	if (!dry_run) {
		call(PreventCommandIfReadOnly, peer.function);
	}
	ResultSet<std::optional<Oid>, std::string, int64, std::optional<Timestamptz>, std::optional<Timestamptz>,
	          std::string, std::optional<std::string>, std::optional<std::string>>
		rows(fcinfo);
	const PinnedSettings settings;
	const std::string role = check_caller(peer);
	const PeerLog log(peer, table);
	if (!dry_run) {
		const AsExtension owner;
		lock(std::get<0>(Spi().query<Oid>("SELECT 'warden.audit_imports'::regclass::oid").front()),
		     ShareRowExclusiveLock);
	}
	const std::vector<Source> sources = log.read_sources(target);
	for (const Group &group : grouped(sources)) {
		check_for_interrupts();
		const After after = remainder(peer, group);
		if (after.empty()) {
			continue;
		}
		const Place place = find_place(group.table, group.name);
		const Outcome outcome = import_table(log, group, place, after, dry_run, role);
		const bool has_events = outcome.events > 0;
		rows.add(OidIsValid(place.table) ? std::optional(place.table) : std::nullopt, place.name, int64{outcome.events},
		         has_events ? std::optional(Timestamptz{outcome.since}) : std::nullopt,
		         has_events ? std::optional(Timestamptz{outcome.until}) : std::nullopt, outcome.status,
		         next_command(peer, group, place, outcome),
		         outcome.detail.empty() ? std::nullopt : std::optional(outcome.detail));
	}
	PG_RETURN_NULL();
}

} // namespace

/// audit_import_supa_audit(target regclass, dry_run boolean, log regclass) returns table (relation, relation_name,
/// events, since, until, status, command, detail)
PG_FUNCTION(audit_import_supa_audit) {
	return import_log(fcinfo, supa_audit);
}

/// audit_import_audit_trigger(target regclass, dry_run boolean, log regclass) returns table (the same)
PG_FUNCTION(audit_import_audit_trigger) {
	return import_log(fcinfo, audit_trigger);
}

} // namespace warden::audit
