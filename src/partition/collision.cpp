#include "partition/collision.hpp"

#include "partition/default_survey.hpp"
#include "partition/references.hpp"
#include "partition/tree.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

extern "C" {
#include "utils/partcache.h"
}

namespace warden::partition {

using namespace pg;

namespace {

constinit Statement select_columns{R"(
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '')"};

/// The columns that rows are moved with.
std::string columns_of(Oid table) {
	Spi spi;
	return std::string(
		std::get<0>(spi.query<std::optional<std::string_view>>(select_columns, table).front()).value_or(""));
}

// Server code.  The columns of a key that has no expressions, as arguments.
const char *key_columns(Relation parent) {
	const PartitionKey key = RelationGetPartitionKey(parent);
	StringInfoData text;
	initStringInfo(&text);
	for (int i = 0; i < key->partnatts; ++i) {
		const char *const name = NameStr(TupleDescAttr(RelationGetDescr(parent), key->partattrs[i] - 1)->attname);
		appendStringInfo(&text, "%s%s", i == 0 ? "" : ", ", quote_identifier(name));
	}
	return text.data;
}

/// Statements as one transaction of the table's owner, who waits for no lock while he holds another: the parent's is
/// the one that others queue for.  Rows that policies hide from him would be lost: then it fails.
std::string transaction(Oid parent, Oid partition, const std::vector<std::string> &statements) {
	const Oid owner = owner_of(parent);
	std::string text = "BEGIN;\nSET LOCAL ROLE ";
	text += call([&] { return quote_identifier(GetUserNameFromId(owner, false)); });
	text += ";\nSET LOCAL row_security = off";
	text +=
		";\nLOCK TABLE ONLY " + qualified_name(parent) + ", " + qualified_name(partition) + " IN ACCESS EXCLUSIVE MODE";
	for (const std::string &statement : statements) {
		text += ";\n" + statement;
	}
	return text + ";\nCOMMIT";
}

std::string count_of(std::int64_t rows) {
	return (rows < Collision::most_counted ? "" : "at least ") + format("%ld", rows) + (rows == 1 ? " row" : " rows");
}

/// The keys of a list, where the view has them.
const char *keys_of(const Policy &policy) {
	return OidIsValid(policy.kind.declared_on) ? "s.sub_keys" : "s.keys";
}

constexpr const char *referenced =
	"Foreign keys refer to the table, and would keep its rows from being moved, or follow them.";

/// The partition of a remainder, in parts.
Outcome split_outcome(const Policy &policy, const Set &set, const Blueprint &blueprint, const Remainder &whole,
                      Oid partition) {
	const std::string name = qualified_name(partition);
	const std::string parent = qualified_name(policy.parent);
	const std::string columns = columns_of(policy.parent);
	const std::string key = call(key_columns, OpenRelation(policy.parent, NoLock).get());
	std::vector<std::string> statements{"ALTER TABLE " + parent + " DETACH PARTITION " + name};
	std::string parts;
	for (const Remainder &part : parts_of(whole, policy.kind.modulus)) {
		Draft draft = draft_partition(blueprint, placement_of(policy, set, part));
		std::ranges::move(draft.build, std::back_inserter(statements));
		// Before it is attached, and has triggers and indexes; unless it cannot take rows until then.
		const bool must_wait = draft.attach.size() > 1;
		const std::string move = "INSERT INTO " + draft.qualified_name + " (" + columns + ")" +
		                         (must_wait ? " OVERRIDING SYSTEM VALUE" : "") + " SELECT " + columns + " FROM " +
		                         name + " WHERE pg_catalog.satisfies_hash_partition(" + quoted_literal(parent) +
		                         "::pg_catalog.regclass" + format(", %d, %d, ", part.modulus, part.remainder) + key +
		                         ")";
		if (!must_wait) {
			statements.push_back(move);
		}
		std::ranges::move(draft.attach, std::back_inserter(statements));
		if (must_wait) {
			statements.push_back(move);
		}
		parts += format("%s%d", parts.empty() ? "" : ", ", part.remainder);
	}
	statements.push_back("DROP TABLE " + name);
	std::string detail =
		format("Modulus %d, remainder %d would become modulus %d, remainders %s. To move its rows takes "
	           "ACCESS EXCLUSIVE locks on both tables.",
	           whole.modulus, whole.remainder, policy.kind.modulus, parts.c_str());
	const bool can_move = !is_referred_to(policy.parent);
	if (!can_move) {
		detail += std::string(" ") + referenced;
	}
	return {name, "split", "skipped",
	        can_move ? std::optional(transaction(policy.parent, partition, statements)) : std::nullopt, detail};
}

} // namespace

Outcome collision_outcome(const Work &work, const Collision &collision) {
	const PinnedSettings settings;
	pin_notation();
	const Oid parent = work.policy.parent;
	const Oid default_partition = work.set.bounds.default_partition;
	const std::string name = qualified_name(default_partition);
	const std::string columns = columns_of(parent);
	const Place place = collision.value;
	const std::string condition = condition_of(place, work.policy, work.set);
	const Draft draft =
		draft_partition(read_blueprint(work.policy, work.set.bounds), placement_of(work.policy, work.set, place));
	std::vector<std::string> statements = draft.build;
	// Unless it can take rows before it is attached.
	const bool must_wait = draft.attach.size() > 1;
	if (must_wait) {
		statements.push_back("CREATE TEMPORARY TABLE moved_rows ON COMMIT DROP AS SELECT " + columns + " FROM " + name +
		                     " WITH NO DATA");
	}
	statements.push_back("WITH moved AS (DELETE FROM " + name + " WHERE " + condition + " RETURNING " + columns +
	                     ") INSERT INTO " + (must_wait ? "pg_temp.moved_rows" : draft.qualified_name) + " (" + columns +
	                     ") SELECT " + columns + " FROM moved");
	statements.insert(statements.end(), draft.attach.begin(), draft.attach.end());
	if (must_wait) {
		statements.push_back("INSERT INTO " + draft.qualified_name + " (" + columns +
		                     ") OVERRIDING SYSTEM VALUE SELECT " + columns + " FROM pg_temp.moved_rows");
	}
	std::string detail =
		"Default partition " + name + " holds " + count_of(collision.rows) + " with " + condition + ".";
	const bool can_move = !is_referred_to(parent);
	if (!can_move) {
		detail += std::string(" ") + referenced;
	}
	return {draft.qualified_name, "create", "colliding",
	        can_move ? std::optional(transaction(parent, default_partition, statements)) : std::nullopt, detail};
}

Error collision_error(const Work &work, const Collision &collision) {
	const PinnedSettings settings;
	return rows_in_default(work.set.bounds.default_partition, collision.rows,
	                       condition_of(Place(collision.value), work.policy, work.set));
}

Error unreadable_error(const Policy &policy, const Unreadable &key) {
	const char *const keys = keys_of(policy);
	return Error(key.error.sqlstate, format("key \"%s\" cannot be read: %s", key.value.text.c_str(), key.error.what()))
	    .with_detail(key.error.detail)
	    .with_hint(
			format(" declares the set without it. If it has a new name, type array_replace(%s, %s, 'new name') in "
	               "the place of %s.",
	               keys, quoted_literal(key.value.text).c_str(), keys));
}

std::string command_without(const Policy &policy, const std::vector<Unreadable> &keys) {
	std::string rest = keys_of(policy);
	for (const Unreadable &key : keys) {
		rest = "array_remove(" + rest + ", " + quoted_literal(key.value.text) + ")";
	}
	const bool is_below = OidIsValid(policy.kind.declared_on);
	const std::string declaration = is_below ? "subdivide(s.parent, s.sub_method, s.sub_key, keys => " + rest + ")"
	                                         : "by_list(s.parent, s.min_rows, " + rest + ", s.storage_parameters)";
	return "SELECT result.* FROM warden.partition_sets s, warden.partition_" + declaration +
	       " result WHERE s.parent = " +
	       quoted_literal(qualified_name(is_below ? policy.kind.declared_on : policy.parent)) + "::regclass";
}

std::vector<Outcome> growth_outcomes(const Policy &policy) {
	const PinnedSettings settings;
	const Set set = examine(policy);
	const Blueprint blueprint = read_blueprint(policy, set.bounds);
	std::vector<Outcome> outcomes;
	for (std::size_t i = 0; i < set.bounds.remainders.size(); ++i) {
		if (set.bounds.remainders[i].modulus < policy.kind.modulus) {
			outcomes.push_back(split_outcome(policy, set, blueprint, set.bounds.remainders[i], set.bounds.oids[i]));
		}
	}
	return outcomes;
}

} // namespace warden::partition
