#include "move/side.hpp"
#include "pg/error.hpp"
namespace warden::move {
Side create_partition_side(const Job &, const partition::Draft &, const std::string &, Side) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
Side create_storage_side(const Job &, Oid, Oid, Side) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void release_side(const Side &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void drop_side(const Side &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void drop_tables(const Job &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void drop_bound_check(const Side &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void add_member(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void remove_member(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
