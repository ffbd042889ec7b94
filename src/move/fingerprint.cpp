#include "move/fingerprint.hpp"
#include "pg/error.hpp"
namespace warden::move {
std::string fingerprint_of(const Job &) { throw Error(ERRCODE_FEATURE_NOT_SUPPORTED, "not written yet"); }
} // namespace warden::move
