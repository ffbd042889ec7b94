// What is done to the text of a statement: that it can be parsed, and that a literal, a quoted name or a comment is
// never taken for anything else.
#include "advice/statement_text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

using namespace warden::advice;

namespace {

std::string replaced(std::string_view text) {
	std::array<char, 1000> room{};
	const std::size_t length = replace_constants(text, room.data(), room.size());
	EXPECT_LE(length, room.size());
	return {room.data(), length};
}

std::vector<std::string> significant(std::string_view text) {
	std::vector<std::string> found;
	Tokens tokens(text);
	for (Token token = tokens.next_significant(); token.kind != TokenKind::End; token = tokens.next_significant()) {
		found.emplace_back(token.text);
	}
	return found;
}

using Texts = std::vector<std::string>;

TEST(Tokens, CommentsAreNestedAndEndWhereTheyEnd) {
	EXPECT_EQ(significant("/*a*/ SELECT 1 /*b*/"), (Texts{"SELECT", "1"}));
	EXPECT_EQ(significant("/* a /* b */ c */ SELECT -- 'x\n 1 +--2\n 3"), (Texts{"SELECT", "1", "+", "3"}));
	EXPECT_EQ(significant("SELECT /* never closed"), (Texts{"SELECT"}));
}

TEST(Tokens, LiteralsAreWhole) {
	EXPECT_EQ(significant("'--' '/*' 'a;b' 'it''s' ';'"), (Texts{"'--'", "'/*'", "'a;b'", "'it''s'", "';'"}));
	EXPECT_EQ(significant(R"(E'a\'b' e'\\' 'a\' n'x' B'1' X'1F')"),
	          (Texts{R"(E'a\'b')", R"(e'\\')", R"('a\')", "n'x'", "B'1'", "X'1F'"}));
	EXPECT_EQ(significant("$$a;'$$ $t$ $$ ; $t$ $1 a$b$ $tag"),
	          (Texts{"$$a;'$$", "$t$ $$ ; $t$", "$1", "a$b$", "$", "tag"}));
	EXPECT_EQ(significant(R"("a;""b" U&"d\0061" u&'x' u &)"),
	          (Texts{R"("a;""b")", R"(U&"d\0061")", "u&'x'", "u", "&"}));
	EXPECT_EQ(significant("'never closed ; "), (Texts{"'never closed ; "}));
	EXPECT_EQ(significant("1.5e-3 .5 0x1F 1_000 t.c 1::int"),
	          (Texts{"1.5e-3", ".5", "0x1F", "1_000", "t", ".", "c", "1", ":", ":", "int"}));
}

TEST(Repair, ATypeBeforeAConstantBecomesACast) {
	EXPECT_EQ(repair("SELECT now() - interval $1"), "SELECT now() - $1::interval");
	EXPECT_EQ(repair("SELECT interval $1 day to second, INTERVAL (3) $2"),
	          "SELECT $1::interval day to second, $2::INTERVAL (3)");
	EXPECT_EQ(repair("WHERE d > DATE $1 AND t < timestamp with time zone $2 AND x = double precision $3"),
	          "WHERE d > $1::DATE AND t < $2::timestamp with time zone AND x = $3::double precision");
	EXPECT_EQ(repair("timestamp(3) without time zone $12"), "$12::timestamp(3) without time zone");
}

TEST(Repair, AColumnWithTheNameOfATypeIsLeft) {
	const std::string text = "SELECT date, t.time FROM t WHERE date = $1 AND path IN ($2, $3) ORDER BY date LIMIT $4";
	EXPECT_EQ(repair(text), text);
}

TEST(Repair, ExtractOfAParameterIsACall) {
	EXPECT_EQ(repair("SELECT EXTRACT($1 FROM ts), extract(year from ts)"),
	          "SELECT pg_catalog.extract($1, ts), extract(year from ts)");
	EXPECT_EQ(repair("extract( /* f */ $1 from date $2)"), "pg_catalog.extract($1, $2::date)");
}

TEST(Repair, AListThatWasCutShortHasManyElements) {
	EXPECT_EQ(repair("a IN ($1 /*, ... */) AND b = $2"), "a IN ($1, $1, $1, $1, $1, $1, $1, $1, $1, $1) AND b = $2");
	EXPECT_EQ(repair("a IN ($1 /*, */)"), "a IN ($1 /*, */)");
}

TEST(Repair, WhatFollowsAUnicodeStringGoesWithIt) {
	EXPECT_EQ(repair("SELECT $1 UESCAPE '!' FROM t"), "SELECT $1 FROM t");
}

TEST(Repair, OneStatementIsLeft) {
	EXPECT_EQ(repair("  SELECT ';' ; ; -- end"), "SELECT ';'");
	EXPECT_EQ(repair("PREPARE p (int, numeric(3)) AS SELECT $1"), "SELECT $1");
	EXPECT_EQ(repair("prepare p as select 1;"), "select 1");
	EXPECT_EQ(repair("/*a*/ SELECT 1 /*b*/"), "SELECT 1");
}

TEST(Repair, NothingInALiteralIsChanged) {
	for (const char *text :
	     {"SELECT 'interval $1'", "SELECT 'EXTRACT($1 FROM x)'", "SELECT \"interval\", '--', '/*' FROM t",
	      "SELECT $$date $1;$$", "SELECT E'\\' interval $1'", "SELECT '$1 /*, ... */'"}) {
		EXPECT_EQ(repair(text), text);
	}
}

TEST(Skipping, SaysWhy) {
	EXPECT_EQ(reason_to_skip("SELECT ';', $$;$$;"), "");
	EXPECT_EQ(reason_to_skip("/*;*/ ((SELECT 1) UNION SELECT 2) -- ;"), "");
	EXPECT_EQ(reason_to_skip("with x as (select 1) select * from x;;"), "");
	EXPECT_NE(reason_to_skip(""), "");
	EXPECT_NE(reason_to_skip("/* only */ -- this\n ;"), "");
	EXPECT_NE(reason_to_skip("VACUUM t"), "");
	EXPECT_NE(reason_to_skip("EXPLAIN ANALYZE SELECT 1"), "");
	EXPECT_NE(reason_to_skip("<insufficient privilege>"), "");
	EXPECT_NE(reason_to_skip("SELECT 1; SELECT 2"), "");
}

TEST(Ourselves, AreKnownByTheSchema) {
	EXPECT_TRUE(is_about_ourselves("SELECT * FROM Warden . advice_workload"));
	EXPECT_TRUE(is_about_ourselves("CALL \"warden\".maintain()"));
	EXPECT_FALSE(is_about_ourselves("SELECT 'warden.x', warden FROM my.warden -- warden.x"));
}

TEST(Fingerprint, IsThatOfTheStatementWithoutConstants) {
	EXPECT_EQ(fingerprint("SELECT a FROM t WHERE b = 1"), fingerprint("select /*x*/ a  from T where b = 'two' ;"));
	EXPECT_EQ(fingerprint("SELECT $1"), fingerprint("SELECT 5"));
	EXPECT_NE(fingerprint("SELECT a FROM t"), fingerprint("SELECT b FROM t"));
	EXPECT_NE(fingerprint("SELECT \"a\""), fingerprint("SELECT \"A\""));
	EXPECT_NE(fingerprint("SELECT a - 1"), fingerprint("SELECT a + 1"));
	EXPECT_NE(fingerprint(""), 0);
}

TEST(Constants, AreReplacedAndNothingElse) {
	EXPECT_EQ(replaced("SELECT 'secret', E'it\\'s', $$x$$, 42 -- 'secret'\n FROM t WHERE a = $2"),
	          "SELECT $3, $4, $5, $6   FROM t WHERE a = $2");
	EXPECT_EQ(replaced("SELECT a::numeric(10,2), f(5) FROM t GROUP BY 1, f(7) ORDER BY 2, 1 LIMIT 10"),
	          "SELECT a::numeric(10,2), f($1) FROM t GROUP BY 1, f($2) ORDER BY 2, 1 LIMIT $3");
	EXPECT_EQ(repair(replaced("d > date '2020-01-01' - interval '3' day")), "d > $1::date - $2::interval day");
}

TEST(Constants, DoNotOverrunTheirRoom) {
	std::array<char, 8> room{};
	EXPECT_GT(replace_constants("SELECT 1, 2, 3", room.data(), 7), 7U);
	EXPECT_EQ(room[7], '\0');
}

} // namespace
