#include "move/replay.hpp"
#include "pg/error.hpp"
namespace warden::move {
std::int64_t replay_changes(const Job &, const std::vector<Source> &, const std::vector<Side> &, std::optional<std::size_t>) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
