#include "move/partition_flip.hpp"
#include "pg/error.hpp"
namespace warden::move {
void make_partitioned(Oid, const std::string &, Oid, const std::vector<std::pair<Oid, Oid>> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void make_plain(const Job &, const Side &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void drop_reference_clones(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
