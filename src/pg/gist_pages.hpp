// gist_pages.hpp - Pages of a GiST index, and how the server builds one.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/genam.h"
#include "access/gist_private.h"
}

namespace warden::pg {

/// Whether a build sorts the entries and packs them, because all operator classes know an order.  Server code.
inline bool sorts_entries(Relation index) {
	const auto *const options = reinterpret_cast<const GiSTOptions *>(index->rd_options);
	if (options != nullptr && options->buffering_mode == GIST_OPTION_BUFFERING_ON) {
		return false;
	}
	for (int column = 1; column <= IndexRelationGetNumberOfKeyAttributes(index); ++column) {
		if (!OidIsValid(index_getprocid(index, static_cast<AttrNumber>(column), GIST_SORTSUPPORT_PROC))) {
			return false;
		}
	}
	return true;
}

} // namespace warden::pg
