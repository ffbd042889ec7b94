#include "pg/names.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace warden::pg {

namespace {

/// Names are quoted where needed, and nowhere else: they are compared as text.
class WithoutQuotes {
public:
	WithoutQuotes() { quote_all_identifiers = false; }
	WithoutQuotes(const WithoutQuotes &) = delete;
	WithoutQuotes &operator=(const WithoutQuotes &) = delete;
	~WithoutQuotes() { quote_all_identifiers = before_; }

private:
	bool before_ = quote_all_identifiers;
};

} // namespace

std::string qualified_name(Oid relation) {
	const WithoutQuotes scope;
	return call([&] {
		const char *const name = get_rel_name(relation);
		const char *const schema = name != nullptr ? get_namespace_name(get_rel_namespace(relation)) : nullptr;
		if (schema == nullptr) {
			ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation));
		}
		return static_cast<const char *>(quote_qualified_identifier(schema, name));
	});
}

std::string qualified_name(const std::string &schema, const std::string &name) {
	const WithoutQuotes scope;
	return call([&] { return static_cast<const char *>(quote_qualified_identifier(schema.c_str(), name.c_str())); });
}

std::string quoted_literal(const std::string &text) {
	return call([&] { return static_cast<const char *>(quote_literal_cstr(text.c_str())); });
}

bool relation_exists(Oid relation) {
	return call([&] { return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)); });
}

} // namespace warden::pg
