#include "audit/log_tuple.hpp"

#include <cstring>

extern "C" {
#include "access/htup_details.h"
}

namespace warden::audit {

// All of this is server code.

namespace {

constexpr std::size_t bitmap_size = (log_columns_count + BITS_PER_BYTE - 1) / BITS_PER_BYTE;

/// Where the next column goes.
class Columns {
public:
	explicit Columns(char *begin) : begin_(begin), end_(begin) {}

	template <class... Values>
	void add(const Values &...values) {
		((std::memcpy(end_, &values, sizeof values), end_ += sizeof values), ...);
	}

	// A short one has a header of one byte, and stands anywhere.
	void add_image(const struct varlena *image) {
		if (VARATT_CAN_MAKE_SHORT(image)) {
			const std::size_t size = VARATT_CONVERTED_SHORT_SIZE(image);
			SET_VARSIZE_SHORT(end_, size);
			std::memcpy(end_ + VARHDRSZ_SHORT, VARDATA(image), size - VARHDRSZ_SHORT);
			end_ += size;
			return;
		}
		// The server tells padding from a header by its being zero.
		while (size() % sizeof(std::int32_t) != 0) {
			*end_++ = '\0';
		}
		std::memcpy(end_, image, VARSIZE(image));
		end_ += VARSIZE(image);
	}

	std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }

private:
	char *const begin_; // aligned as much as anything
	char *end_;
};

std::size_t room_for(const LogFields &fields) {
	std::size_t room = sizeof fields;
	for (const struct varlena *const image : fields.images) {
		room += image == nullptr ? 0 : VARSIZE(image) + sizeof(std::int32_t);
	}
	return room;
}

bool has_nulls(const LogFields &fields) {
	bool is_null = !fields.has_key;
	for (const struct varlena *const image : fields.images) {
		is_null = is_null || image == nullptr;
	}
	return is_null;
}

// A bit for each column that is not NULL.
void write_nulls(bits8 *bits, const LogFields &fields) {
	std::uint32_t present = (1U << static_cast<unsigned>(log_columns_count)) - 1;
	const auto leave_out = [&](int column) { present &= ~(1U << static_cast<unsigned>(column - 1)); };
	if (!fields.has_key) {
		leave_out(key_number_column);
	}
	for (std::size_t i = 0; i < lengthof(fields.images); ++i) {
		if (fields.images[i] == nullptr) {
			leave_out(first_image_column + static_cast<int>(i));
		}
	}
	for (std::size_t i = 0; i < bitmap_size; ++i) {
		bits[i] = static_cast<bits8>(present >> (BITS_PER_BYTE * i));
	}
}

HeapTuple begin_tuple(const LogFields &fields, std::size_t header_size) {
	char *const memory = static_cast<char *>(palloc(HEAPTUPLESIZE + header_size + room_for(fields)));
	auto *const tuple = reinterpret_cast<HeapTuple>(memory);
	ItemPointerSetInvalid(&tuple->t_self);
	tuple->t_tableOid = InvalidOid;
	tuple->t_data = reinterpret_cast<HeapTupleHeader>(memory + HEAPTUPLESIZE);
	std::memset(static_cast<void *>(tuple->t_data), 0, header_size);
	ItemPointerSetInvalid(&tuple->t_data->t_ctid);
	HeapTupleHeaderSetNatts(tuple->t_data, log_columns_count);
	tuple->t_data->t_hoff = static_cast<std::uint8_t>(header_size);
	return tuple;
}

} // namespace

HeapTuple form_log_tuple(const LogFields &fields) {
	const bool is_partial = has_nulls(fields);
	const std::size_t header_size = MAXALIGN(SizeofHeapTupleHeader + (is_partial ? bitmap_size : 0));
	const HeapTuple tuple = begin_tuple(fields, header_size);
	if (is_partial) {
		tuple->t_data->t_infomask |= HEAP_HASNULL;
		write_nulls(tuple->t_data->t_bits, fields);
	}
	Columns columns(reinterpret_cast<char *>(tuple->t_data) + header_size);
	columns.add(fields.id, fields.at, fields.transaction, fields.session);
	if (fields.has_key) {
		columns.add(fields.key_number);
	}
	columns.add(fields.relation, fields.version, fields.log_class, fields.flags, fields.operation);
	for (const struct varlena *const image : fields.images) {
		if (image != nullptr) {
			columns.add_image(image);
			tuple->t_data->t_infomask |= HEAP_HASVARWIDTH;
		}
	}
	tuple->t_len = static_cast<std::uint32_t>(header_size + columns.size());
	return tuple;
}

} // namespace warden::audit
