// measure.cpp - bloat_measure(): one relation and what belongs to it, or all of the database.
//
// The invariants: every relation has a row, and none stops the others: what cannot be measured says so in `status`.
// Nothing is waited for.
#include "bloat/bloat.hpp"

#include "bloat/repair_settings.hpp"
#include "bloat/subject.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_am_d.h"
#include "catalog/pg_class_d.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace warden::bloat {

using namespace pg;

namespace {

// $1 a relation, or null for all: it, its partitions, their TOAST tables, and the indexes of all of them.
constinit Statement select_subjects{R"(
WITH RECURSIVE wanted (oid) AS (
    SELECT oid FROM pg_class WHERE oid = coalesce($1, oid) AND relkind IN ('r', 'p', 'm', 't', 'i', 'I')
    UNION
    SELECT i.inhrelid FROM wanted w JOIN pg_inherits i ON i.inhparent = w.oid
    JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relispartition),
tables (oid) AS (
    SELECT oid FROM wanted
    UNION
    SELECT reltoastrelid FROM wanted JOIN pg_class c USING (oid) WHERE reltoastrelid <> 0),
files (oid) AS (
    SELECT oid FROM tables
    UNION
    SELECT indexrelid FROM tables JOIN pg_index ON indrelid = tables.oid)
SELECT c.oid, coalesce(t.oid, h.oid, c.oid), c.relkind::text, coalesce(x.indrelid, 0::oid), c.relam, coalesce(a.amname::text, '')
FROM files JOIN pg_class c USING (oid)
LEFT JOIN pg_am a ON a.oid = c.relam
LEFT JOIN pg_index x ON x.indexrelid = c.oid
LEFT JOIN pg_class h ON h.oid = coalesce(x.indrelid, c.oid)
LEFT JOIN pg_class t ON t.reltoastrelid = h.oid AND h.relkind = 't'
WHERE c.relkind IN ('r', 'm', 't', 'i')
ORDER BY coalesce(t.oid, h.oid, c.oid), h.relkind = 't', c.relkind = 'i', c.oid)"};

using Rows = ResultSet<Oid, Oid, std::string, std::string, std::string, int64, std::optional<int64>,
                       std::optional<int64>, std::optional<int64>, std::optional<int64>, std::optional<int64>,
                       std::optional<int64>, std::optional<int64>, std::optional<int64>, std::optional<int64>,
                       std::optional<int64>, std::optional<int64>, std::optional<double>, std::string, std::string,
                       std::optional<std::string>, std::string, std::vector<std::string>, int64>;

Measure *measure_of(const Subject &subject) {
	switch (subject.access_method) {
	case HEAP_TABLE_AM_OID:
		return measure_heap;
	case BTREE_AM_OID:
		return measure_btree;
	case HASH_AM_OID:
		return measure_hash;
	case GIST_AM_OID:
		return measure_gist;
	case GIN_AM_OID:
		return measure_gin;
	case SPGIST_AM_OID:
		return measure_spgist;
	case BRIN_AM_OID:
		return measure_brin;
	default:
		return nullptr;
	}
}

// Above so many pages a sample is cheaper than to read them all, and as good.
constexpr BlockNumber most_pages_exact = 1000;

struct Options {
	std::optional<Method> method; ///< none: auto
	Effort effort;
};

/// A relation that nobody had locked, with its table if it is an index: in ACCESS SHARE mode until the end of the
/// scope.
class Opened : Scoped {
public:
	explicit Opened(const Subject &subject) {
		call([&] { open(subject); });
	}
	~Opened() {
		release([this] {
			close(relation, AccessShareLock);
			close(heap, AccessShareLock);
		});
	}

	Relation relation = nullptr;
	Relation heap = nullptr;
	const char *obstacle = nullptr; ///< why it cannot be measured

private:
	// The rest is server code.

	static void close(Relation relation, LOCKMODE lock) {
		if (relation != nullptr) {
			relation_close(relation, lock);
		}
	}

	void open(const Subject &subject) {
		heap = OidIsValid(subject.index_of) ? open(subject.index_of) : nullptr;
		if (obstacle == nullptr) {
			relation = open(subject.relation);
		}
		if (obstacle == nullptr) {
			obstacle = obstacle_in(relation);
		}
	}

	Relation open(Oid oid) {
		if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
			obstacle = "another session has locked it";
			return nullptr;
		}
		const Relation opened = try_relation_open(oid, NoLock);
		if (opened == nullptr) {
			UnlockRelationOid(oid, AccessShareLock);
			obstacle = "it was dropped meanwhile";
		}
		return opened;
	}

	static const char *obstacle_in(Relation relation) {
		if (RELATION_IS_OTHER_TEMP(relation)) {
			return "it is a temporary table of another session";
		}
		if (RecoveryInProgress() && !RelationIsPermanent(relation)) {
			return "it is unlogged, and this is a standby";
		}
		return nullptr;
	}
};

/// What is said of a relation.
struct Finding {
	Measurement measurement;
	std::string status; ///< ok, withheld, skipped or error
	std::string reason;
};

Finding look(const Subject &subject, const Options &options) {
	const Opened opened(subject);
	if (opened.obstacle != nullptr) {
		return {{}, "skipped", opened.obstacle};
	}
	Measure *const measure = measure_of(subject);
	if (measure == nullptr) {
		return {{}, "skipped", "its access method is none of the server's own"};
	}
	const ScratchMemory memory;
	const BlockNumber pages = call([&] { return RelationGetNumberOfBlocks(opened.relation); });
	const Method method = options.method.value_or(pages <= most_pages_exact ? Method::Exact : Method::Sample);
	Measurement measurement = measure(opened.relation, opened.heap, method, options.effort);
	const std::string status = measurement.rewritten ? "ok" : "withheld";
	std::string reason = measurement.withheld;
	return {std::move(measurement), status, std::move(reason)};
}

/// The same for one that may fail.
Finding find(const Subject &subject, const Options &options) {
	Finding finding;
	if (const auto error = attempt([&] { finding = look(subject, options); })) {
		return {{}, "error", error->message};
	}
	return finding;
}

const char *kind_of(const Subject &subject) {
	switch (subject.kind) {
	case RELKIND_TOASTVALUE:
		return "toast";
	case RELKIND_INDEX:
		return "index";
	default:
		return "table";
	}
}

const char *name_of(Method method) {
	switch (method) {
	case Method::Statistics:
		return "statistics";
	case Method::Sample:
		return "sample";
	default:
		return "exact";
	}
}

void add(Rows &rows, const Subject &subject, const Finding &finding) {
	const Measurement &found = finding.measurement;
	const std::optional<Account> &account = found.account;
	const std::optional<Prediction> &rewritten = found.rewritten;
	const auto part = [&](std::int64_t Account::*of) {
		return account ? std::optional<int64>((*account).*of) : std::nullopt;
	};
	const auto wasted = [&](std::int64_t Prediction::*of) {
		return rewritten ? std::optional<int64>(found.bytes - (*rewritten).*of) : std::nullopt;
	};
	const auto waste = wasted(&Prediction::bytes);
	rows.add(subject.relation, subject.table, kind_of(subject), subject.access_method_name, name_of(found.method),
	         found.bytes, part(&Account::live), part(&Account::overhead), part(&Account::reserve),
	         part(&Account::vacuum_frees), part(&Account::blocked), part(&Account::free),
	         account ? std::optional(found.truncatable) : std::nullopt,
	         rewritten ? std::optional(rewritten->bytes) : std::nullopt, waste, wasted(&Prediction::high),
	         wasted(&Prediction::low),
	         waste && found.bytes > 0 ? std::optional(static_cast<double>(*waste) / static_cast<double>(found.bytes))
	                                  : std::nullopt,
	         "unknown", finding.reason, std::nullopt, finding.status, found.caveats, found.pages_read);
}

std::vector<Subject> find_subjects(std::optional<Oid> relation) {
	const AsExtension owner;
	Spi spi;
	std::vector<Subject> subjects;
	for (const auto &[oid, table, kind, index_of, method, method_name] :
	     spi.query_latest<Oid, Oid, std::string_view, Oid, Oid, std::string_view>(select_subjects, relation)) {
		subjects.push_back({oid, table, kind.front(), index_of, method, std::string(method_name)});
	}
	return subjects;
}

std::optional<Method> method_argument(FunctionCallInfo fcinfo, int n) {
	const std::string text(required_argument<std::string_view>(fcinfo, n, "method"));
	if (text == "auto") {
		return std::nullopt;
	}
	for (const Method method : {Method::Statistics, Method::Sample, Method::Exact}) {
		if (text == name_of(method)) {
			return method;
		}
	}
	throw Error(ERRCODE_INVALID_PARAMETER_VALUE, format("\"%s\" is no method of measuring", text.c_str()))
		.with_hint("Use auto, statistics, sample or exact.");
}

} // namespace

void init() {
	init_repair_settings();
}

/// bloat_measure(relation, method, max_pages, seed, max_time)
PG_FUNCTION(bloat_measure) {
	const auto relation = argument<std::optional<Oid>>(fcinfo, 0);
	const auto max_pages = argument<std::optional<int64>>(fcinfo, 2);
	const auto seed = argument<std::optional<int32>>(fcinfo, 3);
	const Options options{.method = method_argument(fcinfo, 1),
	                      .effort = {.max_pages = max_pages,
	                                 .max_milliseconds = std::nullopt,
	                                 .seed = static_cast<std::uint32_t>(seed.value_or(0)),
	                                 .cost_delay_ms = 0}};
	Rows rows(fcinfo);
	for (const Subject &subject : find_subjects(relation)) {
		check_for_interrupts();
		add(rows, subject, find(subject, options));
	}
	PG_RETURN_NULL();
}

} // namespace warden::bloat
