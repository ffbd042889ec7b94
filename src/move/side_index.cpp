#include "move/side_index.hpp"
#include "pg/error.hpp"
namespace warden::move {
std::vector<IndexDefinition> index_definitions(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void register_indexes(const Job &, const Side &, const std::vector<IndexDefinition> &, const std::function<bool(IndexDefinition &)> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
bool build_next_index(const Job &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void add_foreign_keys(const Side &, Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
