#include "partition/kind.hpp"

#include "pg/security.hpp"

#include <array>

namespace warden::partition {

using namespace pg;

namespace {

constexpr std::array names{"range", "list", "hash"};

constinit Statement select_kind{R"(
SELECT method, modulus, keys, min_rows, sub_method, sub_key::text, sub_modulus, sub_keys, sub_every, sub_ahead, sub_keep,
       sub_timezone
FROM warden.partition_policies WHERE parent = $1)"};

constinit Statement update_subdivision{R"(
UPDATE warden.partition_policies
SET (sub_method, sub_key, sub_modulus, sub_keys, sub_every, sub_ahead, sub_keep, sub_timezone)
    = ($2, $3, $4, $5, $6, $7, $8, $9)
WHERE parent = $1)"};

std::optional<std::string> owned(std::optional<std::string_view> text) {
	return text ? std::optional<std::string>(*text) : std::nullopt;
}

} // namespace

const char *name_of(Method method) {
	return names.at(static_cast<std::size_t>(method));
}

std::optional<Method> method_of(std::string_view name) {
	for (const Method method : {Method::Range, Method::List, Method::Hash}) {
		if (name == name_of(method)) {
			return method;
		}
	}
	return std::nullopt;
}

Kind read_kind(Spi &spi, Oid parent) {
	Kind kind;
	for (const auto &[method, modulus, keys, min_rows, sub_method, sub_key, sub_modulus, sub_keys, every, ahead, keep,
	                  timezone] :
	     spi.query_latest<std::string_view, std::optional<int32>, std::optional<TextArray>, std::optional<int64>,
	                      std::optional<std::string_view>, std::optional<std::string_view>, std::optional<int32>,
	                      std::optional<TextArray>, std::optional<std::string_view>, std::optional<std::string_view>,
	                      std::optional<std::string_view>, std::optional<std::string_view>>(select_kind, parent)) {
		kind.method = method_of(method).value_or(Method::Range);
		kind.modulus = modulus.value_or(0);
		kind.keys = keys ? values_of(*keys) : std::vector<Value>();
		kind.min_rows = min_rows;
		if (const auto below = sub_method ? method_of(*sub_method) : std::nullopt) {
			Subdivision &subdivision = kind.subdivision.emplace();
			subdivision.method = *below;
			subdivision.key = sub_key.value_or("");
			subdivision.modulus = sub_modulus.value_or(0);
			subdivision.keys = sub_keys ? values_of(*sub_keys) : std::vector<Value>();
			subdivision.every = every.value_or("");
			subdivision.ahead = owned(ahead);
			subdivision.keep = owned(keep);
			subdivision.timezone = timezone.value_or("");
		}
	}
	return kind;
}

void write_subdivision(Oid parent, const std::optional<Subdivision> &subdivision) {
	const AsExtension owner;
	Spi spi;
	const auto if_method = [&](Method method, auto value) {
		return subdivision && subdivision->method == method ? std::optional(value) : std::nullopt;
	};
	const auto text = [](const std::string &value) { return std::optional<std::string>(value); };
	const Subdivision s = subdivision.value_or(Subdivision{});
	spi.execute(update_subdivision, parent,
	            subdivision ? std::optional<std::string_view>(name_of(s.method)) : std::nullopt,
	            subdivision ? text(s.key) : std::nullopt, if_method(Method::Hash, int32{s.modulus}),
	            if_method(Method::List, array_of(s.keys)), if_method(Method::Range, s.every), s.ahead, s.keep,
	            if_method(Method::Range, s.timezone));
}

} // namespace warden::partition
