// row_places.hpp - Where the rows of one block of a source were copied to, packed: plain C++.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace warden::move {

/// A row of a side.
struct Copy {
	std::int16_t side;
	std::uint32_t block;
	std::uint16_t offset; ///< from 1

	bool operator==(const Copy &) const = default;
};

/// By the offset of the row in the source's block, from 1.  Rows that were copied one after the other stand so in the
/// side as well, mostly: such a run is packed into 12 bytes, however long it is.
class RowPlaces {
public:
	RowPlaces() = default;
	/// What pack() gave; std::nullopt if it is damaged.
	static std::optional<RowPlaces> unpack(std::span<const std::byte> bytes);
	std::vector<std::byte> pack() const;

	std::optional<Copy> find(std::uint16_t offset) const;
	void put(std::uint16_t offset, const Copy &copy);
	void erase(std::uint16_t offset);
	bool empty() const;

private:
	std::vector<std::optional<Copy>> copies_;
};

} // namespace warden::move
