#include "advice/sample_writer.hpp"

#include "advice/statement_text.hpp"

#include "pg/call.hpp"
#include "pg/tree_walker.hpp"

#include <algorithm>
#include <array>

extern "C" {
#include "access/detoast.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace warden::advice {

namespace {

constexpr Size longest_value = 1000;
constexpr int most_variables = 100;

// The sample that is being written, which is too large for the stack of some.
constinit Sample sample{};

/// Returns whether there was room.
bool add(const void *bytes, size_t length) {
	if (static_cast<size_t>(sample.length) + length > sample_bytes) {
		return false;
	}
	memcpy(sample.data + sample.length, bytes, length);
	sample.length += static_cast<int>(length);
	return true;
}

/// What is counted only.
const Sample *without_text() {
	sample.length = 0;
	sample.text_length = 0;
	sample.path_length = 0;
	sample.parameters = 0;
	sample.has_values = false;
	return &sample;
}

void begin(double milliseconds, double planning_ms) {
	sample.at = GetCurrentTimestamp();
	sample.milliseconds = milliseconds;
	sample.planning_ms = planning_ms;
	without_text();
}

/// With or without its constants.
bool add_text(std::string_view text, bool keeps_constants) {
	if (keeps_constants) {
		sample.text_length = static_cast<int>(text.size());
		return add(text.data(), text.size());
	}
	const size_t length = replace_constants(text, sample.data, sample_bytes);
	sample.length = static_cast<int>(std::min<size_t>(length, sample_bytes));
	sample.text_length = sample.length;
	return length <= sample_bytes;
}

bool add_path() {
	const size_t length = strlen(namespace_search_path);
	sample.path_length = static_cast<int>(length);
	return add(namespace_search_path, length);
}

/// Whether its text is made by the server's own functions alone.
bool has_safe_text(Oid type) {
	Oid base = getBaseType(type);
	if (const Oid element = get_element_type(base); OidIsValid(element)) {
		base = getBaseType(element);
	}
	const char kind = get_typtype(base);
	Oid output = InvalidOid;
	bool is_varlena = false;
	getTypeOutputInfo(base, &output, &is_varlena);
	return (kind == TYPTYPE_BASE || kind == TYPTYPE_ENUM) && output < FirstGenbkiObjectId;
}

/// Dates and numbers in a form that every session reads the same.
class IsoDates {
public:
	IsoDates() noexcept {
		DateStyle = USE_ISO_DATES;
		IntervalStyle = INTSTYLE_POSTGRES;
		extra_float_digits = 1;
	}
	IsoDates(const IsoDates &) = delete;
	IsoDates &operator=(const IsoDates &) = delete;
	~IsoDates() {
		DateStyle = dates_;
		IntervalStyle = intervals_;
		extra_float_digits = digits_;
	}

private:
	const int dates_ = DateStyle;
	const int intervals_ = IntervalStyle;
	const int digits_ = extra_float_digits;
};

/// C++ code.
const char *iso_text(Oid output, Datum value) {
	const IsoDates iso;
	return pg::call(OidOutputFunctionCall, output, value);
}

/// The value as text in a form that every session reads the same; nullptr: it is not to be had.
const char *text_of(const ParamExternData &parameter) {
	if (!has_safe_text(parameter.ptype)) {
		return nullptr;
	}
	Oid output = InvalidOid;
	bool is_varlena = false;
	getTypeOutputInfo(parameter.ptype, &output, &is_varlena);
	if (is_varlena && toast_raw_datum_size(parameter.value) > longest_value) {
		return nullptr;
	}
	const char *const text = pg::entry([&] { return iso_text(output, parameter.value); });
	return strlen(text) <= longest_value ? text : nullptr;
}

bool add_parameter(const ParamExternData &parameter, bool keeps_constants) {
	int32 length = unknown_value;
	const char *text = nullptr;
	if (!keeps_constants || !OidIsValid(parameter.ptype)) {
		sample.has_values = sample.has_values && !OidIsValid(parameter.ptype);
	} else if (parameter.isnull) {
		length = null_value;
	} else if ((text = text_of(parameter)) != nullptr) {
		length = static_cast<int32>(strlen(text));
	} else {
		sample.has_values = false;
	}
	++sample.parameters;
	return add(&parameter.ptype, sizeof(Oid)) && add(&length, sizeof(length)) &&
	       (length <= 0 || add(text, static_cast<size_t>(length)));
}

ParamExternData fetch(ParamListInfo parameters, int number) {
	ParamExternData workspace{};
	if (number < 1 || number > parameters->numParams) {
		return workspace;
	}
	return parameters->paramFetch != nullptr ? *parameters->paramFetch(parameters, number, true, &workspace)
	                                         : parameters->params[number - 1];
}

/// Where a variable is in the text.
struct Variable {
	int location;
	int number; ///< of the parameter
	Oid type;
};

struct Variables {
	int count;
	bool fit;
	bool has_tables;
	std::array<Variable, most_variables> all;
};

bool find_variables(Node *node, void *context) {
	if (node == nullptr) {
		return false;
	}
	if (IsA(node, Param)) {
		auto *const found = static_cast<Variables *>(context);
		const auto *const parameter = reinterpret_cast<const Param *>(node);
		if (parameter->paramkind == PARAM_EXTERN) {
			if (parameter->location < 0 || found->count == most_variables) {
				found->fit = false;
				return true;
			}
			found->all[static_cast<size_t>(found->count++)] = {parameter->location, parameter->paramid,
			                                                   parameter->paramtype};
		}
		return false;
	}
	if (IsA(node, Query)) {
		auto *const query = reinterpret_cast<Query *>(node);
		static_cast<Variables *>(context)->has_tables |= reads_tables(query->rtable);
		return pg::walk_query(query, find_variables, context, 0);
	}
	return pg::walk_expression(node, find_variables, context);
}

/// How long the name of a variable is: a.b.c.
size_t name_length(std::string_view text) {
	size_t length = 0;
	for (;;) {
		Tokens tokens(text.substr(length));
		length += tokens.next().text.size();
		if (text.substr(length, 1) != ".") {
			return length;
		}
		++length;
	}
}

/// PL/pgSQL has expressions, and assignments, where SQL has a SELECT: how much of the text is not of it, or nothing if
/// it is a whole statement.
size_t before_expression(std::string_view text) {
	Tokens tokens(text);
	for (Token token = tokens.next_significant(); token.kind != TokenKind::End; token = tokens.next_significant()) {
		if (token.is_symbol(':') && token.text.data() + 1 < text.data() + text.size() && token.text.data()[1] == '=') {
			return static_cast<size_t>(token.text.data() - text.data()) + 2;
		}
		if (token.kind != TokenKind::Word && token.kind != TokenKind::Name && !token.is_symbol('.')) {
			break;
		}
	}
	return 0;
}

} // namespace

bool reads_tables(const List *relations) {
	for (int i = 0; i < list_length(relations); ++i) {
		const auto *const entry = static_cast<const RangeTblEntry *>(list_nth(relations, i));
		if (entry->rtekind == RTE_RELATION && entry->relid >= FirstNormalObjectId) {
			return true;
		}
	}
	return false;
}

const Sample *write_sample(std::string_view text, ParamListInfo parameters, bool keeps_constants, double milliseconds,
                           double planning_ms) {
	begin(milliseconds, planning_ms);
	if (!add_text(text, keeps_constants) || !add_path()) {
		return without_text();
	}
	sample.has_values = true;
	for (int i = 1; parameters != nullptr && i <= parameters->numParams; ++i) {
		if (!add_parameter(fetch(parameters, i), keeps_constants)) {
			return without_text();
		}
	}
	sample.has_values = sample.has_values && keeps_constants;
	return &sample;
}

const Sample *write_named_sample(const Query *query, const char *source, std::string_view text,
                                 ParamListInfo parameters, bool keeps_constants) {
	static constinit Variables found{};
	static constinit std::array<char, sample_bytes> written{};
	found.count = 0;
	found.fit = true;
	found.has_tables = false;
	find_variables(reinterpret_cast<Node *>(const_cast<Query *>(query)), &found);
	if (!found.fit || !found.has_tables) {
		return nullptr;
	}
	Variable *const variables = found.all.data();
	const auto place = [](const Variable &variable) { return variable.location; };
	std::ranges::sort(variables, variables + found.count, {}, place);
	const auto repeated = std::ranges::unique(variables, variables + found.count, {}, place);
	const int count = static_cast<int>(repeated.begin() - variables);

	size_t length = 0;
	const auto append = [&](std::string_view part) {
		if (length + part.size() <= written.size()) {
			std::ranges::copy(part, written.data() + length);
		}
		length += part.size();
	};
	size_t at = before_expression(text);
	if (at > 0 || !reason_to_skip(text).empty()) {
		append("SELECT ");
	}
	const auto offset = static_cast<int>(text.data() - source);
	for (int i = 0; i < count; ++i) {
		const int location = variables[i].location - offset;
		if (location < 0 || static_cast<size_t>(location) >= text.size()) {
			return nullptr;
		}
		const auto begin_of_name = static_cast<size_t>(location);
		if (begin_of_name < at) {
			continue; // before the expression
		}
		append(text.substr(at, begin_of_name - at));
		std::array<char, 12> number{};
		append({number.data(), static_cast<size_t>(snprintf(number.data(), number.size(), "$%d", i + 1))});
		at = begin_of_name + name_length(text.substr(begin_of_name));
	}
	append(text.substr(at));
	begin(-1, -1);
	if (length > written.size() || !add_text({written.data(), length}, keeps_constants) || !add_path()) {
		return nullptr;
	}
	sample.has_values = true;
	for (int i = 0; i < count; ++i) {
		ParamExternData parameter = fetch(parameters, variables[i].number);
		if (parameter.ptype != variables[i].type) {
			parameter = {.value = 0, .isnull = false, .pflags = 0, .ptype = InvalidOid};
			sample.has_values = false;
		}
		if (!add_parameter(parameter, keeps_constants)) {
			return nullptr;
		}
	}
	sample.has_values = sample.has_values && keeps_constants;
	return &sample;
}

} // namespace warden::advice
