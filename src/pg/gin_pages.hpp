// gin_pages.hpp - Pages of a GIN index.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/gin_private.h"
}
