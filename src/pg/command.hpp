// command.hpp - Running statements the way a client does, in a background worker.
//
// Unlike through Spi, a statement is at the top level: a procedure it CALLs may commit, and it may be VACUUM or another
// one that cannot run inside a transaction block.  It goes through a portal, because such statements look for one.
#pragma once

#include "pg/scoped.hpp"

#include <string>
#include <vector>

namespace warden::pg {

/// The statements of a command, parsed.  Each is a transaction of its own, unless BEGIN and COMMIT make several one.
class Command {
public:
	/// Outside of any transaction, as everything here.  Error 42601 if it cannot be parsed, 0A000 for COPY from or to a
	/// client, as there is none.
	explicit Command(std::string text);

	size_t size() const { return statements_.size(); }

	/// Whether the statement is undone as a whole if it does not come to its end: not one that may commit by itself.
	bool is_transactional(size_t n) const;

	/// Runs a statement, and returns how many rows it processed.  before_commit(rows) is called in the transaction that
	/// is about to be committed, unless it leaves one open: the last of its own, or that which a COMMIT ends.
	template <class F>
	uint64 run(size_t n, F &&before_commit) {
		return run(n, [] {}, std::forward<F>(before_commit));
	}

	/// The same, with after_begin() in the first transaction before the statement.
	template <class F, class G>
	uint64 run(size_t n, F &&after_begin, G &&before_commit) {
		begin(n);
		after_begin();
		const bool ends_block = is_commit(n);
		if (ends_block) {
			before_commit(uint64{0});
		}
		const uint64 rows = execute(n);
		if (!ends_block && !in_block()) {
			before_commit(rows);
		}
		commit();
		return rows;
	}

	/// Whether the statement may begin to write only when its transaction is committed: a cursor WITH HOLD is read to
	/// its end then.
	bool writes_at_commit(size_t n) const;

	/// Whether the statement leaves a transaction open: COMMIT AND CHAIN and its like.
	bool chains(size_t n) const;

	/// Whether a transaction that a BEGIN began is open.
	static bool in_block();

private:
	void begin(size_t n);
	bool is_commit(size_t n) const;
	uint64 execute(size_t n);
	static void commit();

	std::string text_;
	std::vector<const void *> statements_; // RawStmt, in memory that lasts as long as the session
};

} // namespace warden::pg
