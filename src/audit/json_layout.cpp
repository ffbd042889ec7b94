#include "audit/json_layout.hpp"

#include <cstring>

namespace warden::audit {

namespace {

// The word that a container begins with: how many members, and which kind of container.
constexpr std::uint32_t object_flag = 0x20000000;
constexpr std::uint32_t array_flag = 0x40000000;

// The words that follow, one for each key, then each value: its length, and its kind in the upper four bits.
constexpr std::uint32_t has_offset = 0x80000000;
constexpr std::size_t stride = 32; // each so many have, instead of the length, where they end

constexpr std::uint32_t kind_bits(Item::Kind kind) {
	switch (kind) {
	case Item::Kind::Null:
		return 0x40000000;
	case Item::Kind::False:
		return 0x20000000;
	case Item::Kind::True:
		return 0x30000000;
	case Item::Kind::String:
		return 0x00000000;
	case Item::Kind::Number:
		return 0x10000000;
	case Item::Kind::Container:
		return 0x50000000;
	}
	return 0;
}

constexpr std::size_t aligned(std::size_t size) {
	return (size + 3) & ~std::size_t{3};
}

constexpr bool is_aligned(Item::Kind kind) {
	return kind == Item::Kind::Number || kind == Item::Kind::Container;
}

std::size_t room_for(const Item &item) {
	return item.bytes.size() + (is_aligned(item.kind) ? 3 : 0);
}

/// Writes the parts of a container one after the other, each with its word at the front.
class Parts {
public:
	Parts(char *out, std::uint32_t header, std::size_t count)
		: out_(out), begin_(sizeof header + count * sizeof(std::uint32_t)), end_(begin_) {
		std::memcpy(out_, &header, sizeof header);
	}

	void add(std::string_view key) { add(key, 0, 0); }

	void add(const Item &item) {
		const std::size_t padding = is_aligned(item.kind) ? aligned(end_) - end_ : 0;
		add(item.bytes, padding, kind_bits(item.kind));
	}

	std::size_t size() const { return end_; }

private:
	void add(std::string_view bytes, std::size_t padding, std::uint32_t kind) {
		for (std::size_t i = 0; i < padding; ++i) {
			out_[end_ + i] = '\0'; // three at most: no call
		}
		if (!bytes.empty()) {
			std::memcpy(out_ + end_ + padding, bytes.data(), bytes.size());
		}
		const std::size_t length = padding + bytes.size();
		end_ += length;
		const auto word = number_ % stride == 0 ? has_offset | static_cast<std::uint32_t>(end_ - begin_)
		                                        : static_cast<std::uint32_t>(length);
		const std::uint32_t entry = word | kind;
		++number_;
		std::memcpy(out_ + number_ * sizeof entry, &entry, sizeof entry);
	}

	char *const out_;
	const std::size_t begin_; ///< where the first part is
	std::size_t end_;
	std::size_t number_ = 0; ///< of the next part
};

} // namespace

bool comes_before(std::string_view key, std::string_view other) {
	return key.size() != other.size() ? key.size() < other.size() : key < other;
}

std::size_t room_for_object(const Member *members, std::size_t count) {
	std::size_t room = sizeof(std::uint32_t) * (1 + 2 * count);
	for (std::size_t i = 0; i < count; ++i) {
		room += members[i].key.size() + room_for(members[i].value);
	}
	return room;
}

std::size_t room_for_array(const Item *elements, std::size_t count) {
	std::size_t room = sizeof(std::uint32_t) * (1 + count);
	for (std::size_t i = 0; i < count; ++i) {
		room += room_for(elements[i]);
	}
	return room;
}

std::size_t write_object(char *out, const Member *members, std::size_t count) {
	Parts parts(out, object_flag | static_cast<std::uint32_t>(count), 2 * count);
	for (std::size_t i = 0; i < count; ++i) {
		parts.add(members[i].key);
	}
	for (std::size_t i = 0; i < count; ++i) {
		parts.add(members[i].value);
	}
	return parts.size();
}

std::size_t write_array(char *out, const Item *elements, std::size_t count) {
	Parts parts(out, array_flag | static_cast<std::uint32_t>(count), count);
	for (std::size_t i = 0; i < count; ++i) {
		parts.add(elements[i]);
	}
	return parts.size();
}

} // namespace warden::audit
