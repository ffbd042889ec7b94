#include "advice/index_names.hpp"

#include "pg/error.hpp"

namespace warden::advice {

std::size_t clip_utf8(std::string_view text, std::size_t bytes) {
	if (text.size() <= bytes) {
		return text.size();
	}
	const auto continues = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; };
	while (bytes > 0 && continues(bytes)) {
		--bytes;
	}
	return bytes;
}

std::string name_of(const NameWish &wish, Clip clip, std::size_t attempt) {
	std::string columns;
	for (const std::string &part : wish.parts) {
		columns += (columns.empty() ? "" : "_") + part;
	}
	const std::string end = "_" + wish.label + (attempt > 0 ? format("%zu", attempt) : "");
	std::string table = wish.table;
	const std::size_t room = longest_name - end.size() - (columns.empty() ? 0 : 1);
	if (table.size() + columns.size() > room) {
		// The longer one is cut, and both if both are longer than half.
		const std::size_t half = room / 2;
		if (columns.size() <= half) {
			table.resize(clip(table, room - columns.size()));
		} else if (table.size() <= half) {
			columns.resize(clip(columns, room - table.size()));
		} else {
			table.resize(clip(table, half));
			columns.resize(clip(columns, room - table.size()));
		}
	}
	return table + (columns.empty() ? "" : "_" + columns) + end;
}

} // namespace warden::advice
