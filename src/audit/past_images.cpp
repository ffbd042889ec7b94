#include "audit/past_images.hpp"

namespace warden::audit {

namespace {

bool have_same_names(const JsonbContainer &one, const JsonbContainer &other) {
	const std::uint32_t count = JsonContainerSize(&one);
	if (count != JsonContainerSize(&other) || memcmp(one.children, other.children, count * sizeof(JEntry)) != 0) {
		return false;
	}
	std::size_t length = 0;
	for (std::uint32_t i = 0; i < count; ++i) {
		const JEntry entry = one.children[i];
		length = JBE_OFFLENFLD(entry) + (JBE_HAS_OFF(entry) ? 0 : length);
	}
	// All names come first, behind one entry for each name and value.
	const std::size_t entries = std::size_t{2} * count;
	return memcmp(one.children + entries, other.children + entries, length) == 0;
}

bool has_name(const PastImage *image, const PastImage *end, std::int32_t version, const JsonbValue &name) {
	JsonbValue value;
	for (; image != end; image = image->next) {
		if (image->version == version &&
		    getKeyJsonValueFromContainer(const_cast<JsonbContainer *>(&image->image.root), name.val.string.val,
		                                 name.val.string.len, &value) != nullptr) {
			return true;
		}
	}
	return false;
}

// Whether the images up to this one say all that another would.
bool have_all_names(const PastImage *images, const PastImage *end, std::int32_t version, const JsonbContainer &other) {
	JsonbIterator *iterator = JsonbIteratorInit(const_cast<JsonbContainer *>(&other));
	JsonbValue token;
	for (JsonbIteratorToken kind; (kind = JsonbIteratorNext(&iterator, &token, true)) != WJB_DONE;) {
		if (kind == WJB_KEY && !has_name(images, end, version, token)) {
			return false;
		}
	}
	return true;
}

} // namespace

std::ptrdiff_t note(PastImage *&images, std::int64_t event, std::int32_t version, const Jsonb *image,
                    MemoryContext memory) {
	PastImage **at = &images;
	for (; *at != nullptr && (*at)->event < event; at = &(*at)->next) {
		if ((*at)->version == version && have_same_names((*at)->image.root, image->root)) {
			return 0;
		}
	}
	if (*at != images && have_all_names(images, *at, version, image->root)) {
		return 0;
	}
	auto *const made =
		static_cast<PastImage *>(MemoryContextAlloc(memory, offsetof(PastImage, image) + VARSIZE(image)));
	*made = {.next = *at, .event = event, .version = version, .image = {}};
	memcpy(&made->image, image, VARSIZE(image));
	*at = made;
	auto grown = static_cast<std::ptrdiff_t>(GetMemoryChunkSpace(made));
	for (PastImage **later = &made->next; *later != nullptr;) {
		PastImage *const other = *later;
		if (other->version == version && have_same_names(other->image.root, image->root)) {
			*later = other->next;
			grown -= static_cast<std::ptrdiff_t>(GetMemoryChunkSpace(other));
			pfree(other);
		} else {
			later = &other->next;
		}
	}
	return grown;
}

std::ptrdiff_t forget(PastImage *images) {
	std::ptrdiff_t bytes = 0;
	while (images != nullptr) {
		PastImage *const next = images->next;
		bytes += static_cast<std::ptrdiff_t>(GetMemoryChunkSpace(images));
		pfree(images);
		images = next;
	}
	return bytes;
}

void add_values(const JsonbContainer *object, const PastColumn *columns, std::size_t count, PastValue *values) {
	JsonbIterator *iterator = JsonbIteratorInit(const_cast<JsonbContainer *>(object));
	JsonbValue token;
	std::size_t next = 0;
	PastValue *value = nullptr;
	for (JsonbIteratorToken kind; (kind = JsonbIteratorNext(&iterator, &token, true)) != WJB_DONE;) {
		if (kind == WJB_KEY) {
			const std::string_view name(token.val.string.val, static_cast<std::size_t>(token.val.string.len));
			while (next < count && columns[next].name != name) {
				++next;
			}
			value = next < count && columns[next].today >= 0 ? &values[columns[next].today] : nullptr;
		} else if (kind == WJB_VALUE && value != nullptr && value->of == nullptr) {
			*value = {&columns[next], token};
		}
	}
}

} // namespace warden::audit
