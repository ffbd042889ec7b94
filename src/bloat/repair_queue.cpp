#include "bloat/repair_queue.hpp"

#include "bloat/repair_settings.hpp"

#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

namespace warden::bloat {

using namespace pg;

namespace {

constinit Statement insert_repair{R"(
INSERT INTO warden.bloat_repair_log (relation, of_table, name, action, command, reason, forced, role, filenode, predicted_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id)"};

constinit Statement select_pending{R"(
SELECT id, relation::oid, of_table::oid, filenode, role, action, forced, attempts
FROM warden.bloat_repair_log
WHERE status IN ('queued', 'waiting') AND coalesce(not_before <= clock_timestamp(), true) ORDER BY id)"};

constinit Statement find_work{R"(
SELECT 1 FROM warden.bloat_repair_log
WHERE status IN ('queued', 'waiting') AND coalesce(not_before <= clock_timestamp(), true) OR status = 'running' OR may_leave
LIMIT 1)"};

// What was canceled meanwhile stays so, here and below.  Nothing is written that is written already; what was to run
// and has no worker was no attempt.
constinit Statement update_waiting{R"(
UPDATE warden.bloat_repair_log SET (status, waiting_for, not_before, attempts) =
    ('waiting', $2, NULL, attempts - (status = 'running')::int)
WHERE id = $1 AND status IN ('queued', 'waiting', 'running')
  AND (status, waiting_for) IS DISTINCT FROM ('waiting', $2))"};

constinit Statement update_running{R"(
UPDATE warden.bloat_repair_log SET (status, waiting_for, not_before, started, ended, pid, attempts, command, bytes_before,
    predicted_bytes, bytes_after, index_name, sqlstate, message) =
    ('running', NULL, NULL, clock_timestamp(), NULL, NULL, attempts + 1, $2, $3, $4, NULL,
     (SELECT relname FROM pg_class c WHERE c.oid = relation AND action = 'reindex'),
     NULL, NULL)
WHERE id = $1 AND status IN ('queued', 'waiting'))"};

// $1 the repair.  An index that was rebuilt is another one, of the same name; what is known of the old one is of it
// now.
constinit Statement select_successor{R"(
SELECT c.oid, pg_relation_size(c.oid)
FROM warden.bloat_repair_log l JOIN pg_class c
    ON CASE WHEN l.action = 'reindex' THEN c.relname = l.index_name AND c.relkind = 'i' ELSE c.oid = l.relation END
LEFT JOIN pg_index x ON x.indexrelid = c.oid
WHERE l.id = $1
  AND (l.action <> 'reindex'
       OR x.indrelid IN (l.of_table, (SELECT reltoastrelid FROM pg_class t WHERE t.oid = l.of_table))))"};
constinit Statement update_done{R"(
UPDATE warden.bloat_repair_log SET (status, ended, may_leave, bytes_after) = ('done', clock_timestamp(), false, $2)
WHERE id = $1)"};
constinit Statement hand_on{"UPDATE warden.bloat_repair_log SET relation = $2 WHERE relation = $1"};

constinit Statement update_failed{R"(
UPDATE warden.bloat_repair_log SET (status, ended, sqlstate, message, waiting_for, not_before) =
    ($2, CASE WHEN $2 <> 'waiting' THEN clock_timestamp() END, $3, $4, CASE WHEN $2 = 'waiting' THEN 'another try: transactions were in its way' END,
     CASE WHEN $2 = 'waiting' THEN clock_timestamp() + attempts * interval '15 minutes' END)
WHERE id = $1 AND status = 'running')"};
constinit Statement update_skipped{R"(
UPDATE warden.bloat_repair_log SET (status, ended, message, waiting_for) = ('skipped', clock_timestamp(), $2, NULL)
WHERE id = $1 AND status IN ('queued', 'waiting'))"};
constinit Statement update_interrupted{
	"UPDATE warden.bloat_repair_log SET (status, ended) = ('interrupted', clock_timestamp()) WHERE status = 'running'"};

// $1 the relation, $2 whether an index is made.
constinit Statement update_worker{R"(
UPDATE warden.bloat_repair_log l SET (pid, may_leave, made_by) =
    (pg_backend_pid(), $2, CASE WHEN $2 THEN pg_current_xact_id()::xid END)
WHERE l.relation = $1 AND l.status = 'running')"};

// The new index, known by the transaction that made it, in which the worker wrote its row: nothing changes the rows of
// its columns, which nobody else's index has.  Or after they have changed places the old one, by its OID and new name.
#define LEFTOVER                                                                                                       \
	"SELECT l.id, l.status, c.oid AS index, x.indrelid AS heap FROM warden.bloat_repair_log l "                        \
	"JOIN pg_index x ON NOT x.indisvalid "                                                                             \
	"AND x.indrelid IN (l.of_table, (SELECT reltoastrelid FROM pg_class t WHERE t.oid = l.of_table)) "                 \
	"JOIN pg_class c ON c.oid = x.indexrelid "                                                                         \
	"WHERE l.may_leave AND (c.oid = l.relation AND c.relname ~ '_ccold[0-9]*$' AND c.relname <> l.index_name "         \
	"OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.xmin = l.made_by))"

// While an index of the table is being made it may be that one.
constinit Statement select_leftovers{"SELECT DISTINCT index, heap FROM (" LEFTOVER
                                     ") leftover WHERE status <> 'running' "
                                     "AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE relid = heap)"};
constinit Statement find_leftover{"SELECT 1 FROM (" LEFTOVER ") leftover WHERE index = $1"};
constinit Statement update_clean{"UPDATE warden.bloat_repair_log l SET may_leave = false WHERE may_leave AND "
                                 "status <> 'running' AND NOT EXISTS (SELECT FROM (" LEFTOVER ") o WHERE o.id = l.id)"};
constinit Statement delete_old{"DELETE FROM warden.bloat_repair_log WHERE ended < clock_timestamp() - "
                               "make_interval(mins => $1) AND NOT may_leave"};

} // namespace

bool enqueue(const Proposal &proposal, bool forced, Oid role) {
	const std::string name = qualified_name(proposal.relation);
	const AsExtension owner;
	Spi spi;
	return !spi.query<int64>(insert_repair, proposal.relation, proposal.table, name,
	                         std::string_view(name_of(proposal.action.value_or(Action::Vacuum))), proposal.command,
	                         proposal.reason, forced, role, proposal.filenode, proposal.predicted)
	            .empty();
}

std::vector<Repair> pending_repairs() {
	const AsExtension owner;
	Spi spi;
	std::vector<Repair> repairs;
	for (const auto &[id, relation, table, filenode, role, action, forced, attempts] :
	     spi.query_latest<int64, Oid, Oid, Oid, Oid, std::string_view, bool, int32>(select_pending)) {
		repairs.push_back({.id = id,
		                   .relation = relation,
		                   .table = table,
		                   .filenode = filenode,
		                   .role = role,
		                   .action = action_named(action),
		                   .forced = forced,
		                   .attempts = attempts});
	}
	return repairs;
}

bool has_work() {
	const AsExtension owner;
	Spi spi;
	return !spi.query_latest<int32>(find_work).empty();
}

void note_waiting(const Repair &repair, const std::string &reason) {
	const AsExtension owner;
	Spi().execute_latest(update_waiting, int64{repair.id}, reason);
}

bool note_running(const Repair &repair, const Proposal &proposal) {
	const AsExtension owner;
	return Spi().execute_latest(update_running, int64{repair.id}, proposal.command, int64{proposal.bytes},
	                            proposal.predicted) > 0;
}

Oid note_done(const Repair &repair) {
	const AsExtension owner;
	Spi spi;
	std::optional<int64> bytes;
	Oid successor = repair.relation;
	for (const auto &[relation, size] :
	     spi.query_latest<Oid, std::optional<int64>>(select_successor, int64{repair.id})) {
		successor = relation;
		bytes = size;
	}
	spi.execute_latest(update_done, int64{repair.id}, bytes);
	if (successor != repair.relation) {
		spi.execute_latest(hand_on, repair.relation, successor);
	}
	return successor;
}

void note_failed(const Repair &repair, const char *status, const Error &error) {
	const std::string sqlstate = call([&] { return unpack_sql_state(error.sqlstate); });
	const AsExtension owner;
	Spi().execute_latest(update_failed, int64{repair.id}, std::string_view(status), sqlstate, error.message);
}

void note_skipped(const Repair &repair, const std::string &reason) {
	const AsExtension owner;
	Spi().execute_latest(update_skipped, int64{repair.id}, reason);
}

void note_interrupted() {
	const AsExtension owner;
	Spi().execute_latest(update_interrupted);
}

bool note_worker(Oid relation, bool may_leave) {
	const AsExtension owner;
	return Spi().execute_latest(update_worker, relation, may_leave) > 0;
}

std::vector<Leftover> find_leftovers() {
	const AsExtension owner;
	Spi spi;
	std::vector<Leftover> leftovers;
	for (const auto &[index, heap] : spi.query_latest<Oid, Oid>(select_leftovers)) {
		leftovers.push_back({index, heap});
	}
	return leftovers;
}

bool is_leftover(Oid index) {
	const AsExtension owner;
	Spi spi;
	return !spi.query_latest<int32>(find_leftover, index).empty();
}

void forget_leftovers() {
	const AsExtension owner;
	Spi().execute_latest(update_clean);
}

void delete_old_repairs() {
	const AsExtension owner;
	Spi().execute_latest(delete_old, int32{history_minutes()});
}

} // namespace warden::bloat
