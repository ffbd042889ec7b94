#include "move/transfer.hpp"
#include "pg/error.hpp"
namespace warden::move {
Copied copy_blocks(const Job &, const Source &, const std::vector<Side> &, std::int64_t) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
