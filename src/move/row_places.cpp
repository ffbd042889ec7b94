// row_places.cpp - The packing of runs.
#include "move/row_places.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace warden::move {

namespace {

// Rows of a source with offsets one after the other, whose copies have offsets one after the other in one block.
struct Run {
	std::uint16_t offset;
	std::uint16_t count;
	std::int16_t side;
	std::uint16_t copy_offset;
	std::uint32_t copy_block;
};
static_assert(sizeof(Run) == 12, "no padding, which would be packed as well");

// A copy is never at offset 0, nor is a row; and no offset is beyond 16 bits.
bool is_sound(const Run &run, std::size_t after) {
	constexpr std::size_t most = UINT16_MAX;
	return run.count > 0 && run.offset > after && run.copy_offset > 0 &&
	       std::size_t{run.offset} + run.count - 1 <= most && std::size_t{run.copy_offset} + run.count - 1 <= most;
}

bool continues(const Run &run, std::uint16_t offset, const Copy &copy) {
	return run.offset + run.count == offset && run.side == copy.side && run.copy_block == copy.block &&
	       run.copy_offset + run.count == copy.offset;
}

} // namespace

std::optional<RowPlaces> RowPlaces::unpack(std::span<const std::byte> bytes) {
	if (bytes.size() % sizeof(Run) != 0) {
		return std::nullopt;
	}
	RowPlaces places;
	for (std::size_t at = 0; at < bytes.size(); at += sizeof(Run)) {
		std::array<std::byte, sizeof(Run)> packed = {};
		std::ranges::copy(bytes.subspan(at, sizeof(Run)), packed.begin());
		Run run = {};
		std::memcpy(&run, packed.data(), sizeof(Run));
		if (!is_sound(run, places.copies_.size())) {
			return std::nullopt;
		}
		places.copies_.resize(std::size_t{run.offset} + run.count - 1);
		for (std::uint16_t i = 0; i < run.count; ++i) {
			places.copies_[std::size_t{run.offset} + i - 1] =
				Copy{run.side, run.copy_block, static_cast<std::uint16_t>(run.copy_offset + i)};
		}
	}
	return places;
}

std::vector<std::byte> RowPlaces::pack() const {
	std::vector<Run> runs;
	for (std::size_t i = 0; i < copies_.size(); ++i) {
		const std::optional<Copy> &copy = copies_[i];
		const auto offset = static_cast<std::uint16_t>(i + 1);
		if (!copy) {
			continue;
		}
		if (!runs.empty() && continues(runs.back(), offset, *copy)) {
			++runs.back().count;
		} else {
			runs.push_back({offset, 1, copy->side, copy->offset, copy->block});
		}
	}
	const std::span<const std::byte> bytes = std::as_bytes(std::span(runs));
	return {bytes.begin(), bytes.end()};
}

std::optional<Copy> RowPlaces::find(std::uint16_t offset) const {
	return offset == 0 || offset > copies_.size() ? std::nullopt : copies_[std::size_t{offset} - 1];
}

void RowPlaces::put(std::uint16_t offset, const Copy &copy) {
	if (offset == 0) {
		return; // no row is there
	}
	if (offset > copies_.size()) {
		copies_.resize(offset);
	}
	copies_[std::size_t{offset} - 1] = copy;
}

void RowPlaces::erase(std::uint16_t offset) {
	if (find(offset)) {
		copies_[std::size_t{offset} - 1].reset();
	}
}

bool RowPlaces::empty() const {
	return std::ranges::none_of(copies_, [](const std::optional<Copy> &copy) { return copy.has_value(); });
}

} // namespace warden::move
