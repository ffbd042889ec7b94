// spgist_pages.hpp - Pages of an SP-GiST index.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/spgist_private.h"
}
