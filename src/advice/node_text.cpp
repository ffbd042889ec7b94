#include "advice/node_text.hpp"

#include "pg/scoped.hpp"

#include <algorithm>

extern "C" {
#include "access/sysattr.h"
#include "nodes/bitmapset.h"
#include "nodes/nodes.h"
#include "optimizer/optimizer.h"
}

namespace warden::advice {

using namespace pg;

std::string text_of(const void *node) {
	const char *const text = call([&] { return nodeToString(const_cast<void *>(node)); });
	return without_places(text);
}

void add_columns(std::vector<std::int16_t> &columns, const void *node) {
	const Bitmapset *const found = call([&] {
		Bitmapset *set = nullptr;
		pull_varattnos(static_cast<Node *>(const_cast<void *>(node)), 1, &set);
		return set;
	});
	for (int member = -1; (member = call(bms_next_member, found, member)) >= 0;) {
		if (const int column = member + FirstLowInvalidHeapAttributeNumber; column > 0) {
			columns.push_back(static_cast<std::int16_t>(column));
		}
	}
}

void normalize(std::vector<std::int16_t> &columns) {
	std::ranges::sort(columns);
	const auto repeated = std::ranges::unique(columns);
	columns.erase(repeated.begin(), repeated.end());
}

} // namespace warden::advice
