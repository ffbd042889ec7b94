// remedy.hpp - Commands that take waste away, and what each of them takes.
//
// Plain C++.  The invariant: a command can be run as it is, its lock is the strongest it takes, and a figure that is
// not known is absent.
#pragma once

#include "bloat/facts.hpp"

namespace warden::bloat {

struct Remedy {
	std::optional<std::string> command;
	std::optional<std::string> lock;        ///< as in the command LOCK
	std::optional<std::int64_t> disk_bytes; ///< until it has ended
	std::optional<std::int64_t> wal_bytes;
	std::optional<double> seconds;
};

/// How fast it is assumed that files are read and written.
constexpr double bytes_a_second = 100.0 * 1024 * 1024;

Remedy no_remedy();

/// A command that is over at once, and is not about the table itself.
Remedy just_run(std::string command);

/// options: what stands between the parentheses, or nothing.
Remedy vacuum(const Facts &facts, const std::string &options);

/// A rewrite of the table that the relation belongs to.
Remedy rewrite(const Facts &facts);

/// A rebuild of an index that will have so many bytes then.
Remedy rebuild(const Facts &facts, std::int64_t bytes);

Remedy drop_index(const Facts &facts);

} // namespace warden::bloat
