// gin_size.hpp - How large a GIN index of made-up keys becomes.
//
// Plain C++.  Keys that agree with a sample are packed by the rules of a build; of many, some stand for all.
#pragma once

#include "advice/key_population.hpp"

#include "bloat/gin_contents.hpp"

namespace warden::advice {

/// Of a table of so many pages.
double gin_pages(const KeyPopulation &population, double table_pages, const bloat::GinBuild &build);

} // namespace warden::advice
