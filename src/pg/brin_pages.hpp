// brin_pages.hpp - Pages of a BRIN index.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "access/brin_page.h"
#include "access/brin_tuple.h"
}
