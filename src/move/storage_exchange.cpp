#include "move/storage_exchange.hpp"
#include "pg/error.hpp"
namespace warden::move {
void exchange_storage(const Job &, const Side &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void exchange_storage(Oid, Oid, const std::vector<std::pair<Oid, Oid>> &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
void trust_constraint(Oid) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
