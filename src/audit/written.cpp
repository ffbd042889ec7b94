#include "audit/written.hpp"

namespace warden::audit {

namespace {

// All of this is server code.

constinit Written *rows = nullptr;

void take_back(Written *row) {
	row->in = InvalidSubTransactionId;
	row->is_gone = true;
}

void end_transaction(XactEvent event, void * /*unused*/) {
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) {
		return;
	}
	for (Written *row = rows; row != nullptr; row = row->next) {
		if (row->in == InvalidSubTransactionId) {
			continue;
		}
		if (event == XACT_EVENT_COMMIT) {
			row->in = InvalidSubTransactionId;
		} else {
			take_back(row);
		}
	}
}

void end_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void * /*unused*/) {
	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB) {
		return;
	}
	for (Written *row = rows; row != nullptr; row = row->next) {
		if (row->in != id) {
			continue;
		}
		if (event == SUBXACT_EVENT_COMMIT_SUB) {
			row->in = parent;
		} else {
			take_back(row);
		}
	}
}

} // namespace

void note_written(Written &row) {
	if (rows == nullptr) {
		RegisterXactCallback(end_transaction, nullptr);
		RegisterSubXactCallback(end_subtransaction, nullptr);
	}
	if (!row.is_listed) {
		row.is_listed = true;
		row.next = rows;
		rows = &row;
	}
	row.in = GetCurrentSubTransactionId();
	row.is_gone = false;
}

void forget_written() {
	for (Written *row = rows; row != nullptr; row = row->next) {
		take_back(row);
	}
}

} // namespace warden::audit
