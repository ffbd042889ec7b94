// indexes.cpp - advice_indexes(): each index that there is with one verdict, and foreign keys that lack one.
//
// The invariants: what is to go was verified with the workload, as far as it is known; no index is to go together with
// the one that it is left to, nor together with another one that a foreign key is left to.
#include "advice/drop_check.hpp"
#include "advice/foreign_keys.hpp"
#include "advice/index_commands.hpp"

#include "pg/names.hpp"
#include "pg/result_set.hpp"
#include "pg/security.hpp"
#include "pg/spi.hpp"

#include <algorithm>

namespace warden::advice {

using namespace pg;

namespace {

using Text = std::optional<std::string>;
using Time = std::optional<Timestamptz>;
using Rows = ResultSet<std::optional<Oid>, Oid, std::string, std::string, Text, std::optional<int64>,
                       std::optional<int64>, std::optional<Oid>, std::optional<std::vector<std::string>>, Time,
                       std::optional<int64>, std::optional<int64>, Time, Text, std::vector<std::string>>;

constexpr std::chrono::seconds longest_sampling{5}; // for the sizes of what is missing

struct Finding {
	IndexVerdict verdict = {};
	Commands commands = {};
	std::optional<ObjectId> covered_by = {};
	std::vector<std::string> caveats = {};
	std::string takes_over = {};
	bool goes = false;
};

class Inspection {
public:
	explicit Inspection(ObjectId target)
		: indexes_(read_indexes(target)), keys_(read_foreign_keys(target)), findings_(indexes_.size()),
		  check_(indexes_) {}

	void run() {
		for_each_table(indexes_, [&](std::span<IndexFacts> table) { find_covered(table); });
		for (std::size_t i = 0; i < indexes_.size(); ++i) {
			check_for_interrupts();
			if (!findings_[i].goes) {
				judge(i);
			}
		}
	}

	void report(Rows &rows, ObjectId only) const {
		for (std::size_t i = 0; i < indexes_.size(); ++i) {
			if (only == 0 || indexes_[i].rival.id == only) {
				add(rows, indexes_[i], findings_[i]);
			}
		}
		if (only == 0) {
			const auto end = std::chrono::steady_clock::now() + longest_sampling;
			for (const MissingIndex &missing : find_missing(keys_, indexes_)) {
				add(rows, missing, std::chrono::steady_clock::now() < end);
			}
		}
	}

private:
	std::size_t number_of(const IndexFacts &facts) const { return static_cast<std::size_t>(&facts - indexes_.data()); }

	/// The finding of the index that another one is attached to, if it is known.
	Finding *parent_of(const IndexFacts &facts) {
		const auto parent = std::ranges::find_if(
			indexes_, [&](const IndexFacts &other) { return facts.parent != 0 && other.rival.id == facts.parent; });
		return parent == indexes_.end() ? nullptr : &findings_[number_of(*parent)];
	}

	void find_covered(std::span<IndexFacts> table) {
		std::vector<Rival> rivals;
		for (const IndexFacts &facts : table) {
			rivals.push_back(facts.rival);
			const Finding *const parent = parent_of(facts);
			findings_[number_of(facts)].goes = parent != nullptr && parent->goes;
			rivals.back().is_usable = facts.rival.is_usable && !findings_[number_of(facts)].goes;
		}
		const auto covers = find_covers(rivals);
		for (std::size_t i = 0; i < table.size(); ++i) {
			if (const auto &cover = covers[i]) {
				let_go(table[i], table[cover->by], *cover);
			}
		}
	}

	void let_go(const IndexFacts &facts, const IndexFacts &by, const Cover &cover) {
		Finding &finding = findings_[number_of(facts)];
		const std::string name = qualified_name(by.rival.id);
		const DropCheck::Answer answer = check_.without(facts);
		finding.covered_by = by.rival.id;
		if (answer.outcome == DropCheck::Outcome::Objection) {
			finding.verdict.reason = format("%s covers it, but %s", name.c_str(), answer.text.c_str());
		} else if (cover.is_narrower && answer.outcome != DropCheck::Outcome::Replaced) {
			finding.verdict.reason =
				format("%s covers it, but it has fewer rows, and no statement is known that shows that "
			           "these do not matter",
			           name.c_str());
		} else {
			finding.verdict = {
				.verdict = cover.is_same ? "duplicate" : "redundant",
				.reason = format(cover.is_same ? "%s is the same" : "%s does all that it does, and more", name.c_str()),
				.may_go = true};
			drop(facts, finding, answer);
			for (Finding *heir = &findings_[number_of(by)]; heir != nullptr;) {
				heir->takes_over = qualified_name(facts.rival.id);
				const IndexFacts &at = indexes_[static_cast<std::size_t>(heir - findings_.data())];
				heir = parent_of(at);
			}
		}
		is_judged(finding);
	}

	static void is_judged(Finding &finding) { finding.goes = finding.verdict.may_go; }

	void drop(const IndexFacts &facts, Finding &finding, const DropCheck::Answer &answer) const {
		finding.commands = drop_commands(facts);
		finding.caveats = drop_caveats(facts, finding.covered_by.has_value());
		if (answer.outcome == DropCheck::Outcome::Unknown) {
			finding.caveats.push_back(answer.text);
		}
	}

	void judge(std::size_t i) {
		const IndexFacts &facts = indexes_[i];
		Finding &finding = findings_[i];
		if (!finding.verdict.reason.empty()) {
			return;
		}
		if (!facts.is_valid) {
			const InvalidVerdict invalid = judge_invalid(facts.invalid);
			finding.verdict = invalid.verdict;
			finding.commands = repair_commands(facts, indexes_, invalid.repair);
		} else if (facts.parent != 0) {
			finding.verdict.reason = "it is attached to " + qualified_name(facts.parent) + ", where that is decided";
		} else if (!facts.is_looked_at) {
			finding.verdict = {.verdict = "unknown",
			                   .reason = "it could not be looked at: another session has locked it"};
		} else {
			judge_valid(i);
		}
	}

	void judge_valid(std::size_t i) {
		const IndexFacts &facts = indexes_[i];
		Finding &finding = findings_[i];
		finding.verdict = judge_use({.protection = facts.protection,
		                             .is_unique = facts.rival.is_unique,
		                             .takes_over = finding.takes_over,
		                             .foreign_key = foreign_key_of(facts),
		                             .is_btree = facts.rival.is_btree,
		                             .columns = facts.columns,
		                             .bytes = facts.rival.bytes,
		                             .table_bytes = facts.table_bytes},
		                            facts.use);
		if (!finding.verdict.may_go) {
			return;
		}
		const DropCheck::Answer answer = check_.without(facts);
		if (answer.outcome == DropCheck::Outcome::Objection) {
			finding.verdict = {.reason = format("%s, but %s", finding.verdict.reason.c_str(), answer.text.c_str())};
		} else {
			drop(facts, finding, answer);
			is_judged(finding);
		}
	}

	/// A foreign key whose rows no other index finds that stays.
	std::string foreign_key_of(const IndexFacts &facts) const {
		const AsReadingOwner owner(owner_of(facts.table));
		for (const ForeignKey &key : keys_) {
			const bool is_alone = std::ranges::none_of(indexes_, [&](const IndexFacts &other) {
				return other.table == facts.table && other.rival.id != facts.rival.id &&
				       !findings_[number_of(other)].goes && serves(other, key);
			});
			if (key.child == facts.table && serves(facts, key) && is_alone) {
				return key.name;
			}
		}
		return "";
	}

	static void add(Rows &rows, const IndexFacts &facts, const Finding &finding) {
		const auto time = [](const std::optional<std::int64_t> &value) {
			return value ? Time(Timestamptz{*value}) : std::nullopt;
		};
		const auto if_known = [](bool is_known, std::int64_t value) {
			return is_known ? std::optional<int64>(value) : std::nullopt;
		};
		const bool is_observed = facts.use.since.has_value();
		rows.add(facts.rival.id, facts.table, finding.verdict.verdict, finding.verdict.reason, finding.commands.text,
		         if_known(facts.is_looked_at, facts.rival.bytes), facts.rival.scans, finding.covered_by, std::nullopt,
		         time(facts.use.since), if_known(is_observed, facts.use.scans), if_known(is_observed, facts.use.writes),
		         time(facts.last_scan), finding.commands.lock, finding.caveats);
	}

	static void add(Rows &rows, const MissingIndex &missing, bool with_size) {
		const ForeignKey &key = missing.key;
		std::string reason = format(
			"rows of %s cannot be found by foreign key \"%s\": a delete of one of %s, of which there were %lld, reads "
			"all %lld pages",
			qualified_name(key.child).c_str(), key.name.c_str(), qualified_name(key.parent).c_str(),
			static_cast<long long>(key.deletes), static_cast<long long>(key.child_pages));
		if (key.is_partitioned) {
			reason += format("; %d partitions have no index for it", missing.lacking);
		}
		const Commands commands = create_commands(key, with_size);
		std::vector<std::string> caveats = missing.caveats;
		caveats.insert(caveats.end(), commands.caveats.begin(), commands.caveats.end());
		rows.add(std::nullopt, key.child, "missing", reason, commands.text, commands.bytes, std::nullopt, std::nullopt,
		         missing.names, std::nullopt, std::nullopt, std::nullopt, std::nullopt, commands.lock, caveats);
	}

	std::vector<IndexFacts> indexes_;
	std::vector<ForeignKey> keys_;
	std::vector<Finding> findings_;
	DropCheck check_;
};

constinit pg::Statement select_target{R"(
SELECT c.relkind IN ('r', 'm', 'p', 'i', 'I'), c.relkind IN ('i', 'I'),
       n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') OR c.relpersistence = 't',
       coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = c.oid), c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)"};

struct Target {
	ObjectId table = 0;
	ObjectId index = 0;
};

Target resolve(Oid relation) {
	const AsExtension owner;
	Spi spi;
	const auto found = spi.query_latest<bool, bool, bool, Oid>(select_target, relation);
	if (found.empty()) {
		throw Error(ERRCODE_UNDEFINED_TABLE, format("relation with OID %u does not exist", relation));
	}
	const auto &[is_right, is_index, is_excluded, table] = found.front();
	if (!is_right) {
		throw Error(ERRCODE_WRONG_OBJECT_TYPE,
		            format("%s is neither a table nor an index", qualified_name(relation).c_str()));
	}
	if (is_excluded) {
		throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, format("there is no advice on %s", qualified_name(relation).c_str()))
			.with_detail("It belongs to the server, or is temporary.");
	}
	return {.table = table, .index = is_index ? relation : InvalidOid};
}

} // namespace

/// advice_indexes(target)
PG_FUNCTION(advice_indexes) {
	const auto relation = argument<std::optional<Oid>>(fcinfo, 0);
	const Target target = relation ? resolve(*relation) : Target{};
	Rows rows(fcinfo);
	Inspection inspection(target.table);
	inspection.run();
	inspection.report(rows, target.index);
	PG_RETURN_NULL();
}

} // namespace warden::advice
