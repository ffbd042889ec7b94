#include "pg/command.hpp"

extern "C" {
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/timeout.h"
}

namespace warden::pg {

namespace {

const RawStmt *raw(const void *statement) {
	return static_cast<const RawStmt *>(statement);
}

bool is_kind(const Node *statement, TransactionStmtKind kind) {
	return IsA(statement, TransactionStmt) && reinterpret_cast<const TransactionStmt *>(statement)->kind == kind;
}

// Server code.  Whether ALTER TABLE has DETACH PARTITION ... CONCURRENTLY among its commands.
bool detaches_concurrently(const AlterTableStmt *alter) {
	for (int i = 0; i < list_length(alter->cmds); ++i) {
		const auto *const command = static_cast<const AlterTableCmd *>(list_nth(alter->cmds, i));
		if (command->subtype == AT_DetachPartition && castNode(PartitionCmd, command->def)->concurrent) {
			return true;
		}
	}
	return false;
}

// Server code: what exec_simple_query() does with a statement, less the talk with the client.
uint64 run_statement(RawStmt *statement, const char *sql) {
	if (analyze_requires_snapshot(statement)) {
		PushActiveSnapshot(GetTransactionSnapshot());
	}
	List *const queries = pg_analyze_and_rewrite_fixedparams(statement, sql, nullptr, 0, nullptr);
	List *const plans = pg_plan_queries(queries, sql, CURSOR_OPT_PARALLEL_OK, nullptr);
	if (ActiveSnapshotSet()) {
		PopActiveSnapshot();
	}
	CHECK_FOR_INTERRUPTS();

	Portal portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, nullptr, sql, CreateCommandTag(statement->stmt), plans, nullptr);
	PortalStart(portal, nullptr, 0, InvalidSnapshot);
	DestReceiver *const nowhere = CreateDestReceiver(DestNone);
	QueryCompletion completion;
	InitializeQueryCompletion(&completion);
#if PG_VERSION_NUM >= 180000
	PortalRun(portal, FETCH_ALL, true, nowhere, nowhere, &completion);
#else
	PortalRun(portal, FETCH_ALL, true, true, nowhere, nowhere, &completion);
#endif
	nowhere->rDestroy(nowhere);
	PortalDrop(portal, false);
	return completion.nprocessed;
}

} // namespace

Command::Command(std::string text) : text_(std::move(text)) {
	// The tree outlives the transactions that a statement commits.
	const MemoryScope scope(TopMemoryContext);
	const List *const tree = call([&] { return pg_parse_query(text_.c_str()); });
	for (int i = 0; i < (tree != nullptr ? tree->length : 0); ++i) {
		statements_.push_back(tree->elements[i].ptr_value);
		const Node *const statement = raw(statements_.back())->stmt;
		if (IsA(statement, CopyStmt) && reinterpret_cast<const CopyStmt *>(statement)->filename == nullptr) {
			throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "COPY from stdin or to stdout is not possible here")
				.with_detail("There is no client to copy from or to.");
		}
		if (is_kind(statement, TRANS_STMT_PREPARE)) {
			throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "PREPARE TRANSACTION is not possible here")
				.with_detail("Whether the command is over would not be known before the transaction is.");
		}
	}
}

bool Command::is_transactional(size_t n) const {
	const Node *const statement = raw(statements_[n])->stmt;
	switch (nodeTag(statement)) {
	case T_CallStmt:
	case T_DoStmt:
	case T_VacuumStmt:
	case T_ClusterStmt:
	case T_ReindexStmt:
	case T_CheckPointStmt:
	case T_CreatedbStmt:
	case T_DropdbStmt:
	case T_AlterDatabaseStmt:
	case T_AlterSystemStmt:
	case T_CreateTableSpaceStmt:
	case T_DropTableSpaceStmt:
	case T_CreateSubscriptionStmt:
	case T_AlterSubscriptionStmt:
	case T_DropSubscriptionStmt:
		return false;
	case T_TransactionStmt:
		return !is_kind(statement, TRANS_STMT_COMMIT_PREPARED) && !is_kind(statement, TRANS_STMT_ROLLBACK_PREPARED);
	case T_IndexStmt:
		return !reinterpret_cast<const IndexStmt *>(statement)->concurrent;
	case T_DropStmt:
		return !reinterpret_cast<const DropStmt *>(statement)->concurrent;
	case T_AlterTableStmt:
		return !call([&] { return detaches_concurrently(reinterpret_cast<const AlterTableStmt *>(statement)); });
	default:
		return true;
	}
}

bool Command::writes_at_commit(size_t n) const {
	const Node *const statement = raw(statements_[n])->stmt;
	return IsA(statement, DeclareCursorStmt) &&
	       (reinterpret_cast<const DeclareCursorStmt *>(statement)->options & CURSOR_OPT_HOLD) != 0;
}

bool Command::chains(size_t n) const {
	const Node *const statement = raw(statements_[n])->stmt;
	return IsA(statement, TransactionStmt) && reinterpret_cast<const TransactionStmt *>(statement)->chain;
}

bool Command::in_block() {
	return IsTransactionBlock();
}

void Command::begin(size_t n) {
	call([&] {
		debug_query_string = text_.c_str();
		const char *const text = text_.c_str() + Max(raw(statements_[n])->stmt_location, 0);
		pgstat_report_activity(STATE_RUNNING, text + strspn(text, " \t\n\r\f"));
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		if (StatementTimeout > 0) {
			enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
		}
		CHECK_FOR_INTERRUPTS();
	});
}

bool Command::is_commit(size_t n) const {
	return is_kind(raw(statements_[n])->stmt, TRANS_STMT_COMMIT) && IsTransactionBlock() &&
	       !IsAbortedTransactionBlockState();
}

uint64 Command::execute(size_t n) {
	// Planning and rewriting scribble on the tree, which nobody looks at again.
	return call([&] {
		const MemoryContext memory =
			MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "warden statement", ALLOCSET_DEFAULT_SIZES));
		const MemoryContext statement_memory = CurrentMemoryContext;
		const uint64 rows = run_statement(const_cast<RawStmt *>(raw(statements_[n])), text_.c_str());
		MemoryContextSwitchTo(memory);
		MemoryContextDelete(statement_memory);
		return rows;
	});
}

void Command::commit() {
	call([] {
		disable_timeout(STATEMENT_TIMEOUT, false);
		CommitTransactionCommand();
		debug_query_string = nullptr;
		pgstat_report_activity(IsTransactionBlock() ? STATE_IDLEINTRANSACTION : STATE_IDLE, nullptr);
		pgstat_report_stat(true);
	});
}

} // namespace warden::pg
