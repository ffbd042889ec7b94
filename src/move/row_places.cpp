#include "move/row_places.hpp"
#include "pg/error.hpp"
namespace warden::move {
} // namespace warden::move
