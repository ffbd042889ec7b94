// oid_list.hpp - A list of object ids that the server made, in C++ code.
#pragma once

#include "pg/server.hpp"

#include <vector>

namespace warden::pg {

/// Looks into the list without a call of the server.
inline std::vector<Oid> oids_in(const List *list) {
	std::vector<Oid> ids;
	for (int i = 0; list != nullptr && i < list->length; ++i) {
		ids.push_back(list->elements[i].oid_value);
	}
	return ids;
}

} // namespace warden::pg
