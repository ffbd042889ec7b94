// past_images.hpp - What the log says that a row was.
//
// All of this is server code.  The invariant: the images of a row are in the order of their events, and each has a
// value that no earlier one has: so they are few, however often the row was changed.
#pragma once

#include "audit/past_table.hpp"

namespace warden::audit {

struct PastImage {
	PastImage *next; ///< of a later event
	std::int64_t event;
	std::int32_t version; ///< of the table's columns that it was written under
	Jsonb image;          ///< and its content
};

/// Notes the image of an event, in any order; a copy in `memory`.  Returns by how many bytes it has grown.
std::ptrdiff_t note(PastImage *&images, std::int64_t event, std::int32_t version, const Jsonb *image,
                    MemoryContext memory);

/// Frees them.  Returns how many bytes they had.
std::ptrdiff_t forget(PastImage *images);

/// What a column of today was; without `of` nothing is known of it.
struct PastValue {
	const PastColumn *of;
	JsonbValue value;
};

/// Adds the values of an object with these columns, which are in the same order, for those that have none yet.
void add_values(const JsonbContainer *object, const PastColumn *columns, std::size_t count, PastValue *values);

} // namespace warden::audit
