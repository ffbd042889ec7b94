// What is said of a relation, in its order: by which figures, with which command, and what that takes.
#include "bloat/verdict.hpp"

#include <gtest/gtest.h>

using namespace warden::bloat;

namespace {

constexpr std::int64_t mb = std::int64_t{1024} * 1024;
constexpr std::int64_t no_list = 4 * mb;
constexpr Thresholds usual{.min_size = 8 * mb, .min_waste = 16 * mb, .min_ratio = 0.2};

/// Of 1000 MB, so that a percent is 10 MB.
Measurement measured(std::int64_t frees_mb, std::int64_t blocked_mb, std::int64_t free_mb) {
	Measurement m;
	m.bytes = 1000 * mb;
	m.account = Account{.live = (1000 - frees_mb - blocked_mb - free_mb) * mb,
	                    .overhead = 0,
	                    .reserve = 0,
	                    .vacuum_frees = frees_mb * mb,
	                    .blocked = blocked_mb * mb,
	                    .free = free_mb * mb};
	const std::int64_t kept = (1000 - frees_mb - free_mb) * mb;
	m.rewritten = Prediction{kept, kept, kept};
	return m;
}

Facts table() {
	Facts facts{};
	facts.name = "s.t";
	facts.constant = "'s.t'";
	facts.table = "s.t";
	facts.squeeze_arguments = "'s', 't'";
	facts.database = "app";
	facts.can_be_concurrent = true;
	facts.pending_limit = no_list;
	facts.writes_wal = true;
	facts.table_bytes = 1000 * mb;
	facts.family_bytes = 1400 * mb;
	facts.family_rewritten = 900 * mb;
	facts.rows = 1e6;
	facts.dead_rows_limit = 200050;
	facts.autovacuum = true;
	return facts;
}

Facts index() {
	Facts facts = table();
	facts.name = "s.i";
	facts.constant = "'s.i'";
	facts.is_index = true;
	facts.is_btree = true;
	return facts;
}

Judgement judged(const Measurement &m, const Facts &facts, const std::optional<Experience> &experience = std::nullopt,
                 const std::optional<Holder> &holder = std::nullopt) {
	if (const auto judgement = judge_by_pages(m, usual, facts.pending_limit)) {
		return *judgement;
	}
	return judge(m, usual, facts, holder, experience);
}

Experience after_repairs(double half_life_days) {
	return {.repairs = 2,
	        .half_life_days = half_life_days,
	        .growth_a_day = std::nullopt,
	        .is_steady = false,
	        .prediction_error = std::nullopt};
}

TEST(Verdict, WithoutAPredictionTheReasonIsWhyThereIsNone) {
	Measurement m = measured(0, 0, 900);
	m.rewritten.reset();
	m.withheld = "it was not analyzed";
	const Judgement judgement = judged(m, table());
	EXPECT_EQ(judgement.verdict, Verdict::Unknown);
	EXPECT_EQ(judgement.reason, "it was not analyzed");
	EXPECT_FALSE(judgement.remedy.command);
}

TEST(Verdict, SmallFilesAndSmallWasteAreLeftAlone) {
	Measurement small = measured(0, 0, 900);
	small.bytes = usual.min_size - 1;
	EXPECT_EQ(judged(small, table()).verdict, Verdict::TooSmall);

	EXPECT_EQ(judged(measured(0, 0, 199), table()).verdict, Verdict::Healthy);
	EXPECT_EQ(judged(measured(0, 0, 200), table()).verdict, Verdict::Rewrite);

	Measurement little;
	little.bytes = 20 * mb;
	little.account = Account{.live = 5 * mb, .free = 15 * mb};
	little.rewritten = Prediction{5 * mb, 5 * mb, 5 * mb};
	const Judgement judgement = judged(little, table());
	EXPECT_EQ(judgement.verdict, Verdict::TooSmall);
	EXPECT_EQ(judgement.reason, "a rewrite would give back 15 MB of 20 MB (75 %)");
}

TEST(Verdict, AnIntervalIsJudgedByItsWorseEnd) {
	Measurement m = measured(0, 0, 300);
	m.rewritten = Prediction{700 * mb, 550 * mb, 810 * mb};
	const Judgement doubtful = judged(m, table());
	EXPECT_EQ(doubtful.verdict, Verdict::Healthy);
	EXPECT_EQ(doubtful.reason, "a rewrite would give back 300 MB of 1000 MB (30 %), at least 190 MB");
	m.rewritten->high = 790 * mb;
	EXPECT_EQ(judged(m, table()).verdict, Verdict::Rewrite);
}

TEST(Verdict, ARewriteThatWouldMakeItLargerIsSaid) {
	Measurement m = measured(0, 0, 0);
	m.rewritten = Prediction{1300 * mb, 1300 * mb, 1300 * mb};
	const Judgement judgement = judged(m, table());
	EXPECT_EQ(judgement.verdict, Verdict::GrowsOnRewrite);
	EXPECT_EQ(judgement.reason, "after a rewrite it would have 1300 MB instead of 1000 MB");
	m.rewritten->low = 1100 * mb; // perhaps
	EXPECT_EQ(judged(m, table()).verdict, Verdict::Healthy);
}

TEST(Verdict, BlockedRowsNameTheirHolder) {
	const Measurement m = measured(50, 300, 0);
	const Holder holder{"process 7 (user app)", "SELECT pg_terminate_backend(7)", false};
	const Judgement judgement = judged(m, table(), std::nullopt, holder);
	EXPECT_EQ(judgement.verdict, Verdict::Blocked);
	EXPECT_EQ(judgement.reason,
	          "300 MB of 1000 MB (30 %) are rows that are dead, but may still be seen by process 7 (user app)");
	EXPECT_EQ(judgement.remedy.command, "SELECT pg_terminate_backend(7)");
	EXPECT_FALSE(judgement.remedy.lock);

	EXPECT_EQ(judged(m, table()).remedy.command, "VACUUM s.t");
	EXPECT_FALSE(judged(m, table(), std::nullopt, Holder{"process 8", "", true}).remedy.command);
	EXPECT_FALSE(judged(m, table(), std::nullopt, Holder{"standby s", "", false}).remedy.command);
	// a tenth is not considerable
	EXPECT_EQ(judged(measured(0, 100, 200), table(), std::nullopt, holder).verdict, Verdict::Rewrite);
}

TEST(Verdict, VacuumIsStarvedWhereAutovacuumShouldHaveCome) {
	Facts facts = table();
	facts.dead_rows = 200051;
	const Measurement m = measured(300, 0, 0);
	const Judgement judgement = judged(m, facts);
	EXPECT_EQ(judgement.verdict, Verdict::VacuumStarved);
	EXPECT_EQ(judgement.remedy.command, "VACUUM (ANALYZE) s.t");
	EXPECT_EQ(judgement.remedy.lock, "SHARE UPDATE EXCLUSIVE");
	EXPECT_EQ(judgement.remedy.disk_bytes, 0);
	EXPECT_FALSE(judgement.remedy.wal_bytes);
	EXPECT_DOUBLE_EQ(judgement.remedy.seconds.value_or(0), 14.0);

	// the statistics were lost, but 300 of 700 MB are 43 % of a million rows
	facts.dead_rows = 0;
	EXPECT_EQ(judged(m, facts).verdict, Verdict::VacuumStarved);
	// autovacuum is not late: nothing to do but to wait
	facts.dead_rows_limit = 500000;
	EXPECT_EQ(judged(m, facts).verdict, Verdict::Healthy);
	// without it, it will not come
	facts.autovacuum = false;
	EXPECT_EQ(judged(m, facts).verdict, Verdict::VacuumStarved);
	EXPECT_NE(judged(m, facts).reason.find("autovacuum is switched off"), std::string::npos);
	// more waste than that
	facts.autovacuum = true;
	EXPECT_EQ(judged(measured(150, 0, 400), facts).verdict, Verdict::Rewrite);
	// an index has no rows to count
	Facts of_index = index();
	of_index.dead_rows = 200051;
	EXPECT_EQ(judged(m, of_index).remedy.command, "VACUUM (ANALYZE) s.t");
}

TEST(Verdict, AnEmptyEndIsCutOff) {
	Measurement m = measured(0, 0, 400);
	m.truncatable = 200 * mb;
	const Judgement judgement = judged(m, table());
	EXPECT_EQ(judgement.verdict, Verdict::Truncatable);
	EXPECT_EQ(judgement.reason, "200 MB of 1000 MB (20 %) at the end of the file have no rows");
	EXPECT_EQ(judgement.remedy.command, "VACUUM (TRUNCATE) s.t");
	EXPECT_EQ(judgement.remedy.lock, "ACCESS EXCLUSIVE, only at the end");
	m.truncatable = 199 * mb; // not enough
	EXPECT_EQ(judged(m, table()).verdict, Verdict::Rewrite);
	m = measured(0, 0, 800);
	m.truncatable = 399 * mb; // the lesser part
	EXPECT_EQ(judged(m, table()).verdict, Verdict::Rewrite);
}

TEST(Verdict, ARewriteUsesWhatIsThere) {
	Facts facts = table();
	const Measurement m = measured(0, 0, 500);
	const Remedy full = judged(m, facts).remedy;
	EXPECT_EQ(full.command, "VACUUM (FULL, ANALYZE) s.t");
	EXPECT_EQ(full.lock, "ACCESS EXCLUSIVE");
	EXPECT_EQ(full.disk_bytes, 900 * mb);
	EXPECT_EQ(full.wal_bytes, 900 * mb);
	EXPECT_DOUBLE_EQ(full.seconds.value_or(0), 23.0);
	facts.writes_wal = false;
	EXPECT_EQ(judged(m, facts).remedy.wal_bytes, 0);

	facts.rewriter = Rewriter::Repack;
	EXPECT_EQ(judged(m, facts).remedy.command, "REPACK (CONCURRENTLY) s.t");
	EXPECT_EQ(judged(m, facts).remedy.lock, "ACCESS EXCLUSIVE, only at the end");
	facts.rewriter = Rewriter::PgRepack;
	facts.table = "\"it's\".t";
	EXPECT_EQ(judged(m, facts).remedy.command, R"(pg_repack --dbname='app' --table='"it'\''s".t')");
	facts.rewriter = Rewriter::PgSqueeze;
	EXPECT_EQ(judged(m, facts).remedy.command, "SELECT squeeze.squeeze_table('s', 't', NULL, NULL, NULL)");
}

TEST(Verdict, AnIndexIsRebuilt) {
	Facts facts = index();
	const Measurement m = measured(0, 0, 500);
	const Judgement judgement = judged(m, facts);
	EXPECT_EQ(judgement.verdict, Verdict::Reindex);
	EXPECT_EQ(judgement.remedy.command, "REINDEX INDEX CONCURRENTLY s.i");
	EXPECT_EQ(judgement.remedy.lock, "SHARE UPDATE EXCLUSIVE");
	EXPECT_EQ(judgement.remedy.disk_bytes, 500 * mb);
	EXPECT_DOUBLE_EQ(judgement.remedy.seconds.value_or(0), 25.0);
	EXPECT_FALSE(judgement.returns_in_days);
	facts.can_be_concurrent = false;
	EXPECT_EQ(judged(m, facts).remedy.command, "REINDEX INDEX s.i");
	EXPECT_EQ(judged(m, facts).remedy.lock, "ACCESS EXCLUSIVE");

	Measurement old = measured(0, 0, 250);
	old.would_deduplicate = true;
	EXPECT_EQ(judged(old, index()).verdict, Verdict::DedupGain);
}

TEST(Verdict, WhatIsUsedAgainIsNoWaste) {
	// as full as random inserts leave it
	EXPECT_EQ(judged(measured(0, 0, 290), index()).verdict, Verdict::SteadyState);
	EXPECT_EQ(judged(measured(0, 0, 310), index()).verdict, Verdict::Reindex);
	Measurement emptied = measured(0, 0, 290);
	emptied.deleted_pages = 100 * mb / 8192;
	EXPECT_EQ(judged(emptied, index()).verdict, Verdict::Reindex);
	Facts other = index();
	other.is_btree = false;
	EXPECT_EQ(judged(measured(0, 0, 290), other).verdict, Verdict::Reindex);
	// history knows better
	EXPECT_EQ(judged(measured(0, 0, 290), index(), after_repairs(365)).verdict, Verdict::Reindex);
	Experience steady = after_repairs(0);
	steady.half_life_days.reset();
	steady.is_steady = true;
	EXPECT_EQ(judged(measured(0, 0, 600), table(), steady).verdict, Verdict::SteadyState);
}

TEST(Verdict, WhatComesBackTooSoonIsNotRepairedAgain) {
	// 500 MB saved for d days against 1000 MB written: 14 days pay a week for each byte
	const Measurement m = measured(0, 0, 500);
	const Judgement soon = judged(m, index(), after_repairs(13.9));
	EXPECT_EQ(soon.verdict, Verdict::WillRegrow);
	EXPECT_FALSE(soon.remedy.command);
	EXPECT_DOUBLE_EQ(soon.returns_in_days.value_or(0), 13.9);
	const Judgement late = judged(m, index(), after_repairs(14));
	EXPECT_EQ(late.verdict, Verdict::Reindex);
	EXPECT_DOUBLE_EQ(late.returns_in_days.value_or(0), 14.0);
}

TEST(Verdict, AListOfPendingEntriesIsEmptiedFirst) {
	Measurement m = measured(0, 0, 900);
	m.pending_pages = 513;
	const Judgement judgement = judged(m, index());
	EXPECT_EQ(judgement.verdict, Verdict::PendingList);
	EXPECT_EQ(judgement.remedy.command, "SELECT gin_clean_pending_list('s.i')");
	m.pending_pages = 512;
	EXPECT_EQ(judged(m, index()).verdict, Verdict::Reindex);
}

TEST(Verdict, AnInvalidIndexIsRebuiltOrDroppedButNotWhileItIsBuilt) {
	const Measurement m = measured(0, 0, 0);
	Facts facts = index();
	EXPECT_EQ(judge_invalid(m, facts).remedy.command, "REINDEX INDEX CONCURRENTLY s.i");
	facts.is_leftover = true;
	EXPECT_EQ(judge_invalid(m, facts).remedy.command, "DROP INDEX CONCURRENTLY s.i");
	facts.builder = 7;
	EXPECT_FALSE(judge_invalid(m, facts).remedy.command);
	EXPECT_EQ(judge_invalid(m, facts).reason, "process 7 is building it");
}

TEST(Verdict, SizesAreRoundedAsTheServerDoes) {
	EXPECT_EQ(size_text(0), "0 bytes");
	EXPECT_EQ(size_text(10239), "10239 bytes");
	EXPECT_EQ(size_text(10240), "10 kB");
	EXPECT_EQ(size_text(10 * mb), "10 MB");
	EXPECT_EQ(size_text(10 * mb - 1), "10 MB");
	EXPECT_EQ(size_text(-20 * mb), "-20 MB");
	EXPECT_EQ(size_text(20 * mb * 1024), "20 GB");
}

} // namespace
