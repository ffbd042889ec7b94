#include "advice/index_shape.hpp"

#include <algorithm>
#include <string_view>

namespace warden::advice {

namespace {

bool is_same_value(const IndexKey &left, const IndexKey &right) {
	return left.column == right.column && left.expression == right.expression && left.family == right.family &&
	       left.input_type == right.input_type && left.collation == right.collation;
}

bool is_turned_round(const IndexKey &left, const IndexKey &right) {
	return left.is_descending != right.is_descending && left.is_nulls_first != right.is_nulls_first;
}

bool is_same_direction(const IndexKey &left, const IndexKey &right) {
	return left.is_descending == right.is_descending && left.is_nulls_first == right.is_nulls_first;
}

} // namespace

bool begins_with(const std::vector<IndexKey> &keys, const std::vector<IndexKey> &prefix) {
	if (prefix.size() > keys.size()) {
		return false;
	}
	const auto each = [&](auto relation) { return std::equal(prefix.begin(), prefix.end(), keys.begin(), relation); };
	return each(is_same_value) && (each(is_same_direction) || each(is_turned_round));
}

std::string without_places(std::string_view node_tree) {
	constexpr std::string_view place = ":location ";
	std::string result;
	result.reserve(node_tree.size());
	std::size_t from = 0;
	for (std::size_t at = node_tree.find(place); at != std::string_view::npos; at = node_tree.find(place, from)) {
		const std::size_t number = at + place.size();
		result.append(node_tree, from, number - from).append("-1");
		from = std::min(node_tree.find_first_not_of("-0123456789", number), node_tree.size());
	}
	return result.append(node_tree, from);
}

} // namespace warden::advice
