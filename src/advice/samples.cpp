#include "advice/samples.hpp"

#include "advice/sample_board.hpp"
#include "advice/sampler.hpp"

#include "pg/security.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

#include <algorithm>
#include <charconv>

namespace warden::advice {

using namespace pg;

namespace {

// The newest samples of a statement take the place of older ones, whose counts stay.
constinit pg::Statement insert_sample{R"(
INSERT INTO warden.advice_samples AS s (query_id, role, number, text, search_path, parameter_types, parameter_values,
    sampled_at, duration_ms, planning_ms, calls, total_ms, rows, since)
VALUES ($1, $2, $3, $4, $5, $6::oid[], $7::text[], $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (query_id, role, number) DO UPDATE SET
    (text, search_path, parameter_types, parameter_values, sampled_at, duration_ms, planning_ms, calls, total_ms, rows, since) =
    (coalesce(EXCLUDED.text, s.text), coalesce(EXCLUDED.search_path, s.search_path),
     CASE WHEN EXCLUDED.text IS NULL THEN s.parameter_types ELSE EXCLUDED.parameter_types END,
     CASE WHEN EXCLUDED.text IS NULL THEN s.parameter_values ELSE EXCLUDED.parameter_values END,
     EXCLUDED.sampled_at, EXCLUDED.duration_ms, EXCLUDED.planning_ms, s.calls + EXCLUDED.calls,
     s.total_ms + EXCLUDED.total_ms, s.rows + EXCLUDED.rows, least(s.since, EXCLUDED.since)))"};

// A clock that was set back makes nothing old.
constinit pg::Statement delete_old{
	"DELETE FROM warden.advice_samples WHERE sampled_at < clock_timestamp() - make_interval(mins => $1)"};
constinit pg::Statement delete_least{R"(
DELETE FROM warden.advice_samples s USING (SELECT query_id, role, number FROM warden.advice_samples
    ORDER BY total_ms DESC, query_id, role, number OFFSET $1) least
WHERE (s.query_id, s.role, s.number) = (least.query_id, least.role, least.number))"};

constinit pg::Statement select_samples{R"(
SELECT query_id, role, text, search_path, array_to_string(parameter_types, ' '), parameter_values,
       planning_ms, calls, total_ms, rows, since
FROM warden.advice_samples ORDER BY query_id, role, number)"};

/// Reads what stands in the data of a sample, one after the other.
class Reader {
public:
	explicit Reader(const Sample &sample) : data_(sample.data, static_cast<std::size_t>(sample.length)) {}

	std::string_view text(std::size_t length) {
		const std::string_view found = data_.substr(0, length);
		data_.remove_prefix(found.size());
		return found;
	}

	template <class T>
	T number() {
		T value{};
		const std::string_view bytes = text(sizeof(T));
		std::ranges::copy(bytes, reinterpret_cast<char *>(&value));
		return value;
	}

private:
	std::string_view data_;
};

Recorded recorded(const SampledQuery &query, const Sample *sample) {
	const double parts = std::max(query.kept, 1);
	Recorded found{.source = Source::Sample,
	               .is_sampled = true,
	               .calls = query.calls / parts,
	               .milliseconds = query.milliseconds / parts,
	               .rows = query.rows / parts,
	               .since = query.since};
	found.statement.id = query.query;
	found.statement.role = query.role;
	if (sample == nullptr || sample->text_length == 0) {
		return found;
	}
	Reader reader(*sample);
	found.statement.text = reader.text(static_cast<std::size_t>(sample->text_length));
	found.statement.search_path = std::string(reader.text(static_cast<std::size_t>(sample->path_length)));
	found.statement.has_values = sample->has_values;
	for (int i = 0; i < sample->parameters; ++i) {
		Parameter parameter{.type = reader.number<Oid>(), .value = {}};
		if (const auto length = reader.number<int32>(); length >= 0) {
			parameter.value = std::string(reader.text(static_cast<std::size_t>(length)));
		}
		found.statement.parameters.push_back(std::move(parameter));
	}
	if (sample->planning_ms >= 0) {
		found.planning_ms = sample->planning_ms;
	}
	return found;
}

/// Calls f(query) with each of this database that is in shared memory.
template <class F>
void for_each_sampled(bool take, F &&f) {
	const ScratchMemory memory;
	auto *const query = call([] { return static_cast<SampledQuery *>(palloc(sizeof(SampledQuery))); });
	for (int place = 0; (place = call([&] { return copy_sampled(place, take, query); })) >= 0;) {
		check_for_interrupts();
		f(*query);
	}
}

std::string types_literal(const Statement &statement) {
	std::string types = "{";
	for (const Parameter &parameter : statement.parameters) {
		types += format("%s%u", types.size() > 1 ? "," : "", parameter.type);
	}
	return types + "}";
}

std::optional<std::string> values_literal(const Statement &statement) {
	if (!statement.has_values) {
		return std::nullopt;
	}
	std::string values = "{";
	for (const Parameter &parameter : statement.parameters) {
		values += values.size() > 1 ? "," : "";
		if (!parameter.value) {
			values += "NULL";
			continue;
		}
		values += '"';
		for (const char c : *parameter.value) {
			values += c == '"' || c == '\\' ? "\\" : "";
			values += c;
		}
		values += '"';
	}
	return values + "}";
}

void insert(Spi &spi, const SampledQuery &query, int number) {
	const Sample *const sample = number < query.kept ? &query.samples[number] : nullptr;
	const Recorded found = recorded(query, sample);
	const Statement &statement = found.statement;
	const std::optional<std::string> text = statement.text.empty() ? std::nullopt : std::optional(statement.text);
	const auto duration =
		sample != nullptr && sample->milliseconds >= 0 ? std::optional(sample->milliseconds) : std::nullopt;
	spi.execute_latest(insert_sample, int64{statement.id}, statement.role, int32{number}, text, statement.search_path,
	                   types_literal(statement), values_literal(statement), Timestamptz{query.last}, duration,
	                   found.planning_ms, found.calls, found.milliseconds, found.rows, Timestamptz{query.since});
}

void add_types(Statement &statement, std::string_view types) {
	while (!types.empty()) {
		const std::size_t length = std::min(types.find(' '), types.size());
		Oid type = InvalidOid;
		const char *const begin = &types.front();
		std::from_chars(begin, begin + length, type);
		statement.parameters.push_back({.type = type, .value = {}});
		types.remove_prefix(std::min(length + 1, types.size()));
	}
}

void add_values(Statement &statement, TextArray array) {
	Datum *values = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	call([&] {
		deconstruct_array(DatumGetArrayTypeP(array.datum), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	});
	for (int i = 0; i < count && static_cast<std::size_t>(i) < statement.parameters.size(); ++i) {
		if (!nulls[i]) {
			const std::string_view value = call([&] { return SqlType<std::string_view>::from_datum(values[i]); });
			statement.parameters[static_cast<std::size_t>(i)].value = std::string(value);
		}
	}
	statement.has_values = true;
}

bool comes_before(const Recorded &a, const Recorded &b) {
	return std::pair(a.statement.id, a.statement.role) < std::pair(b.statement.id, b.statement.role);
}

/// Writes nothing when there is nothing too old or too much.
void tidy(Spi &spi) {
	spi.execute_latest(delete_old, int32{sample_retention_minutes()});
	spi.execute_latest(delete_least, int32{most_remembered});
}

} // namespace

void take_in_samples(const Procedure &procedure) {
	if (const auto error = attempt([] {
			const AsExtension owner;
			Spi spi;
			for_each_sampled(true, [&](const SampledQuery &query) {
				for (int number = 0; number < std::max(query.kept, 1); ++number) {
					insert(spi, query, number);
				}
			});
			tidy(spi);
		})) {
		report(WARNING, Error(error->sqlstate, format("could not take in samples of statements: %s", error->what())));
	}
	procedure.commit();
}

std::vector<Recorded> read_samples() {
	std::vector<Recorded> all;
	for_each_sampled(false, [&](const SampledQuery &query) {
		for (int number = 0; number < std::max(query.kept, 1); ++number) {
			all.push_back(recorded(query, number < query.kept ? &query.samples[number] : nullptr));
		}
	});
	const AsExtension owner;
	Spi spi;
	using Text = std::optional<std::string_view>;
	for (const auto &[id, role, text, path, types, values, planning, calls, milliseconds, rows, since] :
	     spi.query_latest<int64, Oid, Text, Text, Text, std::optional<TextArray>, std::optional<double>, double, double,
	                      double, Timestamptz>(select_samples)) {
		Recorded found{.source = Source::Sample,
		               .is_sampled = true,
		               .calls = calls,
		               .milliseconds = milliseconds,
		               .rows = rows,
		               .planning_ms = planning,
		               .since = since.value};
		found.statement.id = id;
		found.statement.role = role;
		found.statement.text = text.value_or("");
		if (path) {
			found.statement.search_path = std::string(*path);
		}
		add_types(found.statement, types.value_or(""));
		if (values) {
			add_values(found.statement, *values);
		}
		all.push_back(std::move(found));
	}
	std::ranges::sort(all, comes_before);
	return all;
}

} // namespace warden::advice
