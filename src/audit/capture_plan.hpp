// capture_plan.hpp - What capture has to know of a table, looked up once and kept as long as the table stays as it is.
//
// The invariant: a plan that is in use is not freed before the end of the transaction.  What changes a table or its
// audit marks the plan as stale, by the relation cache's invalidation, and the next row makes it anew.
#pragma once

#include "audit/encoders.hpp"

extern "C" {
#include "utils/reltrigger.h"
}

namespace warden::audit {

/// One audited column of a table.
struct Column {
	AttrNumber number;
	std::string_view name;
	Encoder encoder;
	std::int16_t length; ///< of the column's type, which may be a domain
	bool by_value;
};

/// What becomes of TRUNCATE.
enum class OnTruncate : std::uint8_t { Rows, Event, Refuse };

struct CapturePlan {
	std::int32_t relation;  ///< in audit_relations
	std::int32_t version;   ///< in audit_versions
	std::int16_t log_class; ///< in audit_classes, and the part of the log for it:
	Oid log;
	bool requires_context;
	OnTruncate on_truncate;
	bool has_number_key; ///< the key is one column of whole numbers
	std::size_t count;   ///< of the columns
	std::size_t keys;    ///< of the columns of the key; 0 if there is no key
	Column *columns;     ///< in the order that keys have in jsonb
	std::size_t *key;    ///< which of them are the key, in the same order
	AttrNumber last;     ///< the greatest attribute number that is read
};

/// Server code.  The plan for a table with one of our triggers, whose argument is the number of the relation.  Null if
/// there is no such audit in this database, of which a WARNING says so once a session.  Error 55000 if audit_enable()
/// has not made that trigger.
const CapturePlan *plan_for(Relation table, const Trigger *trigger);

/// Server code.  The trigger of rows that audit_enable() has made; null if there is none.
const Trigger *capture_trigger(Relation table);

/// Server code.  A plan in the current memory context, for a table with such a trigger of which columns are just being
/// dropped: with the key and the version from before that.  False if their values are not to be kept.
bool plan_for_dropping(Relation table, const Trigger *trigger, CapturePlan &plan);

} // namespace warden::audit
