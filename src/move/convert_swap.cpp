// convert_swap.cpp - The moment in which a plain table becomes a partitioned one: its locks, and what is done under
// them.
//
// The invariant: nothing is read but the catalogue.  What ATTACH would look for in a table, a constraint of that table
// says.
#include "move/convert_parts.hpp"

#include "move/keys_aside.hpp"
#include "move/origins.hpp"
#include "move/partition_flip.hpp"
#include "move/side.hpp"
#include "move/storage_exchange.hpp"
#include "move/swap_locks.hpp"
#include "partition/declaration.hpp"
#include "partition/policy.hpp"
#include "partition/steps.hpp"
#include "partition/tree.hpp"
#include "pg/lock.hpp"
#include "pg/names.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
}

namespace warden::move {

using namespace pg;

namespace {

constexpr const char *rest_check = "warden_move_rest";

void run_as_owner(Oid owner, const std::vector<std::string> &statements) {
	const AsOwner scope(owner);
	partition::pin_notation();
	PinnedSettings::set("default_tablespace", "");
	Spi spi;
	for (const std::string &statement : statements) {
		spi.execute(statement.c_str());
	}
}

std::string quoted(const std::string &name) {
	return call([&] { return quote_identifier(name.c_str()); });
}

/// What rows have that are in no side but the one that takes the rest: those between two ranges among them.
std::string rest_condition(const std::vector<Side> &sides, const std::string &key, Oid type) {
	const std::string column = quoted(key);
	const std::string type_name = call([&] { return format_type_be_qualified(type); });
	const auto bound = [&](const std::string &text) { return quoted_literal(text) + "::" + type_name; };
	std::string condition;
	for (auto side = sides.begin(); side != sides.end(); ++side) {
		if (side->takes_rest) {
			continue;
		}
		auto last = side; // of those that follow each other without a gap
		while (std::next(last) != sides.end() && !std::next(last)->takes_rest && last->upper &&
		       std::next(last)->lower == last->upper) {
			++last;
		}
		condition += (condition.empty() ? "(" : " AND (") + column + " IS NULL";
		condition += side->lower ? " OR " + column + " < " + bound(side->lower.value_or("")) : "";
		condition += last->upper ? " OR " + column + " >= " + bound(last->upper.value_or("")) : "";
		condition += ")";
		side = last;
	}
	return condition;
}

bool is_empty(Oid table) {
	const OpenRelation relation(table, NoLock);
	return call([&] { return RelationGetNumberOfBlocks(relation.get()) == 0; });
}

bool is_identified_by_index(Oid table) {
	const OpenRelation relation(table, NoLock);
	return relation->rd_rel->relreplident == REPLICA_IDENTITY_INDEX;
}

/// Statements name what they are about, and a table or its schema may have been renamed since they were written.
void check_name(const Job &job, const Side &side) {
	const std::string target = qualified_name(job.wish.target);
	const std::string attachment = "ALTER TABLE " + target + " ATTACH PARTITION " + qualified_name(side.relation) + " ";
	if (side.attach.value_or("").find(attachment) == std::string::npos) {
		throw Error(errcode_begin_anew, format("%s was renamed", target.c_str()));
	}
}

void attach(const Job &job, const Side &side, Oid owner) {
	run_as_owner(owner, {side.attach.value_or("")});
	const Oid target = job.wish.target;
	const Oid parent = call(
		[&] { return get_rel_relispartition(side.relation) ? get_partition_parent(side.relation, true) : InvalidOid; });
	if (parent != target) {
		throw partition::renamed_meanwhile(target);
	}
}

/// The default partition comes first, as nothing is to be proven of it then; but of each that comes after it.
void attach_all(const Job &job, const std::vector<Side> &sides, Oid owner) {
	const Oid target = job.wish.target;
	const auto rest = std::ranges::find_if(sides, &Side::takes_rest);
	const std::string key = job.wish.key.value_or("");
	bool has_check = false;
	std::string rest_name;
	if (rest != sides.end()) {
		rest_name = qualified_name(rest->relation);
		const std::string condition = rest_condition(sides, key, partition::column_type(target, key));
		has_check = !condition.empty() && !is_empty(rest->relation);
		if (has_check) {
			run_as_owner(owner, {"ALTER TABLE " + rest_name + " ADD CONSTRAINT " + rest_check + " CHECK (" + condition +
			                     ") NOT VALID"});
			trust_constraint(call(get_relation_constraint_oid, rest->relation, rest_check, false));
		}
		attach(job, *rest, owner);
	}
	for (const Side &side : sides) {
		if (!side.takes_rest) {
			attach(job, side, owner);
		}
	}
	if (has_check) {
		run_as_owner(owner, {"ALTER TABLE ONLY " + rest_name + " DROP CONSTRAINT " + rest_check});
	}
	partition::Blueprint blueprint{};
	blueprint.identified = is_identified_by_index(target) ? target : InvalidOid;
	for (const Side &side : sides) {
		const std::vector<std::string> statements = replica_identities(blueprint, qualified_name(side.relation));
		run_as_owner(owner, statements);
		if (!side.takes_rest) { // which has none
			drop_bound_check(side);
		}
	}
}

/// Pairs of indexes of the table and of its heir.
std::vector<std::pair<Oid, Oid>> heirs_indexes(const Job &job, const Side &heir) {
	std::vector<std::pair<Oid, Oid>> pairs;
	for (const SideIndex &index : read_indexes(job.id)) {
		if (index.side == heir.number) {
			pairs.emplace_back(index.target_index, index.index);
		}
	}
	return pairs;
}

} // namespace

std::optional<Refusal> lock_convert(const Job &job, int milliseconds) {
	return lock_for_swap(job, read_sides(job.id), milliseconds);
}

void swap_convert(const Job &job, const std::vector<Source> & /* sources */, const std::vector<Side> &sides) {
	const Oid target = job.wish.target;
	const Request request = read_request(job.wish.declaration.value_or("{}"));
	for (const Side &side : sides) {
		check_name(job, side);
	}
	const std::string name = qualified_name(target);
	const std::string schema = call([&] { return get_namespace_name(get_rel_namespace(target)); });
	const Oid owner = owner_of(target);
	const std::vector<NarrowIndex> narrow = find_narrow(target, request.key);
	const std::vector<std::string> before = drop_narrow(name, narrow);
	Oid heir = InvalidOid;
	std::vector<std::pair<Oid, Oid>> indexes;
	if (request.metadata_only) {
		heir = sides.front().relation;
		indexes = heirs_indexes(job, sides.front());
	}
	run_as_owner(owner, before);
	const Removed removed = make_partitioned(target, request.key, heir, indexes);
	run_as_owner(owner, create_wide(schema, name, narrow));
	const ForeignKeysAside foreign_keys(target);
	attach_all(job, sides, owner);
	foreign_keys.put_back(sides);
	write_origin(target, {.storage_parameters = removed.storage_parameters,
	                      .access_method = std::nullopt,
	                      .statements = removed.statements,
	                      .keys = origins_of(narrow)});
	partition::log_step(
		target, name, "convert",
		declaration_of(request, name, key_for(request, target).notation == partition::Notation::Number));
}

void finish_convert(const Procedure & /* procedure */, const Job &job) {
	const Oid target = job.wish.target;
	if (!relation_exists(target) || partition::find_policy(target)) {
		return;
	}
	const Request request = read_request(job.wish.declaration.value_or("{}"));
	const bool is_number = key_for(request, target).notation == partition::Notation::Number;
	Spi spi;
	std::ignore = spi.query<std::string_view>(
		("SELECT action FROM (" + declaration_of(request, format("%u", target), is_number) + ") done").c_str());
}

} // namespace warden::move
