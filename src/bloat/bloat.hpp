// bloat.hpp - Where every byte of a file went, what a rewrite gives back, and the repair.
//
// Reading order: byte_account, heap_packing, btree_packing and sample_estimate (plain logic), tuple_fate (who sees a
// row), page_reader (pages, unnoticed), measurement and subject (what measuring is), heap_page, heap_scan,
// heap_measure, btree_measure and its siblings, measure (for SQL: one relation, or all).
#pragma once

namespace warden::bloat {

/// Defines the feature's settings.  Server code, for _PG_init().
void init();

} // namespace warden::bloat
