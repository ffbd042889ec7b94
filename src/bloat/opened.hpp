// opened.hpp - A relation that is open to be measured.
#pragma once

#include "bloat/subject.hpp"

#include "pg/scoped.hpp"

namespace warden::bloat {

/// A relation that nobody had locked, with its table if it is an index: in ACCESS SHARE mode until the end of the
/// scope, so that those who measure a thousand of them hold the locks of one.
class Opened : pg::Scoped {
public:
	explicit Opened(const Subject &subject) {
		pg::call([&] { open(subject); });
	}
	~Opened() {
		release([this] {
			close(relation);
			close(heap);
			close(toasted);
		});
	}

	Relation relation = nullptr;
	Relation heap = nullptr;        ///< of an index
	Relation toasted = nullptr;     ///< of a TOAST table, unless somebody has locked it
	const char *obstacle = nullptr; ///< why it cannot be measured

	// Of the relation, if it can.
	BlockNumber pages = 0;
	BlockNumber table_pages = 0; ///< of an index or a TOAST table, those of its table
	bool is_valid = true;        ///< an index that queries use
	bool is_catalog = false;
	bool is_shared = false;
	std::int64_t pending_limit = 0; ///< of a GIN index, in bytes

private:
	// All of this is server code.
	void open(const Subject &subject);
	Relation open(Oid oid);
	void look();
	static void close(Relation relation);
};

} // namespace warden::bloat
