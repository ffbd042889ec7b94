// method_size.hpp - How large indexes of the other methods become.
//
// Plain C++.
#pragma once

#include <cstdint>

namespace warden::advice {

/// Entries of a hash index, some of which have the same key: so many that they need pages of their own.
double hash_pages(double rows, double entries, double pages_of_frequent);

/// Of a table of so many pages, with summaries of so many bytes.
double brin_pages(double table_pages, std::uint32_t summary);

/// Of so many entries, whose length is that on the average with their line pointers.  sorts: the build does.
double gist_pages_of(double entries, double length, bool sorts);

double spgist_pages(double entries, double length);

} // namespace warden::advice
