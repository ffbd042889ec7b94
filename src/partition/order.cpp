#include "partition/order.hpp"

#include <algorithm>

namespace warden::partition {

namespace {

class Walk {
public:
	explicit Walk(const std::vector<Reference> &references) : references_(references) {}

	void visit(Table table) {
		if (std::ranges::find(seen_, table) != seen_.end()) {
			return;
		}
		seen_.push_back(table);
		for (const auto &[referring, referred] : references_) {
			if (referred == table) {
				visit(referring);
			}
		}
		order_.push_back(table);
	}

	const std::vector<Table> &order() const { return order_; }

private:
	const std::vector<Reference> &references_;
	std::vector<Table> seen_;
	std::vector<Table> order_;
};

} // namespace

std::vector<Table> by_references(const std::vector<Table> &tables, const std::vector<Reference> &references) {
	Walk walk(references);
	for (const Table table : tables) {
		walk.visit(table);
	}
	std::vector<Table> order = walk.order();
	std::erase_if(order, [&](Table table) { return std::ranges::find(tables, table) == tables.end(); });
	return order;
}

} // namespace warden::partition
