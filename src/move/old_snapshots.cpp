#include "move/old_snapshots.hpp"
#include "pg/error.hpp"
namespace warden::move {
std::optional<std::string> find_old_snapshot(TransactionId) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
