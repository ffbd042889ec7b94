#include "advice/index_moves.hpp"

#include <algorithm>

namespace warden::advice {

namespace {

// Beyond that an index is a copy of its table.  The server's limit is 32.
constexpr std::size_t most_columns = 16;

bool has_key(const IndexShape &shape, const IndexKey &key) {
	return std::ranges::any_of(shape.keys, [&](const IndexKey &other) {
		return other.column == key.column && other.expression == key.expression;
	});
}

bool gives_back(const IndexShape &shape, std::int16_t column) {
	const auto is_it = [&](const IndexKey &key) { return key.column == column; };
	return std::ranges::any_of(shape.keys, is_it) || std::ranges::find(shape.included, column) != shape.included.end();
}

void carry(IndexShape &shape, const std::vector<std::int16_t> &columns) {
	for (const std::int16_t column : columns) {
		if (!gives_back(shape, column)) {
			shape.included.push_back(column);
		}
	}
	std::ranges::sort(shape.included);
}

void add_keys(IndexShape &shape, const std::vector<IndexKey> &keys) {
	for (const IndexKey &key : keys) {
		if (!has_key(shape, key)) {
			shape.keys.push_back(key);
			std::erase(shape.included, key.column);
		}
	}
}

void normalize(std::vector<std::int16_t> &columns) {
	std::ranges::sort(columns);
	const auto repeated = std::ranges::unique(columns);
	columns.erase(repeated.begin(), repeated.end());
}

/// The columns that keys hold as they are; those in expressions cannot be carried for them.
std::vector<std::int16_t> plain_columns(const IndexShape &shape) {
	std::vector<std::int16_t> columns;
	for (const IndexKey &key : shape.keys) {
		if (!key.is_expression()) {
			columns.push_back(key.column);
		}
	}
	return columns;
}

/// Depends on nothing but the columns that it holds.
bool is_plain(const IndexShape &shape) {
	return shape.predicate.empty() && plain_columns(shape).size() == shape.keys.size();
}

void add(std::vector<IndexShape> &shapes, IndexShape shape) {
	if (shape.keys.size() + shape.included.size() <= most_columns && std::ranges::find(shapes, shape) == shapes.end()) {
		shapes.push_back(std::move(shape));
	}
}

IndexShape without_columns(const IndexShape &shape) {
	IndexShape other = shape;
	other.columns = plain_columns(shape);
	other.columns.insert(other.columns.end(), shape.included.begin(), shape.included.end());
	normalize(other.columns);
	return other;
}

} // namespace

std::vector<IndexShape> merge(const IndexShape &first, const IndexShape &second) {
	std::vector<IndexShape> shapes;
	if (first.table != second.table || first.method != second.method || first.predicate != second.predicate) {
		return shapes;
	}
	IndexShape keyed = first; // to look up by all the keys
	add_keys(keyed, second.keys);
	carry(keyed, second.included);
	keyed.columns.insert(keyed.columns.end(), second.columns.begin(), second.columns.end());
	normalize(keyed.columns);
	IndexShape carrying = keyed; // to give all the columns back
	carrying.keys = first.keys;
	if (is_plain(second)) {
		carry(carrying, plain_columns(second));
		add(shapes, std::move(carrying));
	}
	add(shapes, std::move(keyed));
	std::erase(shapes, first);
	std::erase(shapes, second);
	return shapes;
}

std::vector<IndexShape> narrow(const IndexShape &shape) {
	std::vector<IndexShape> shapes;
	if (!is_plain(shape)) {
		return shapes;
	}
	if (!shape.included.empty()) {
		IndexShape other = shape;
		other.included.clear();
		add(shapes, without_columns(other));
	}
	if (shape.keys.size() > 1) {
		IndexShape other = shape;
		other.keys.pop_back();
		add(shapes, without_columns(other));
		other.included.clear();
		add(shapes, without_columns(other));
	}
	return shapes;
}

} // namespace warden::advice
