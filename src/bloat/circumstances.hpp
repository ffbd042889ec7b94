// circumstances.hpp - Finds out what is known of a relation besides its pages.
#pragma once

#include "bloat/facts.hpp"
#include "bloat/subject.hpp"

namespace warden::bloat {

/// Without a lock, so that nobody is waited for; without family_rewritten, which is to be measured.  Nothing if the
/// relation is gone.
std::optional<Facts> find_facts(const Subject &subject, bool is_catalog);

} // namespace warden::bloat
