// read_only.hpp - A scope in which nothing can be written, whoever's code runs in it.
#pragma once

#include "pg/server.hpp"

namespace warden::pg {

class ReadOnly {
public:
	ReadOnly() noexcept { XactReadOnly = true; }
	ReadOnly(const ReadOnly &) = delete;
	ReadOnly &operator=(const ReadOnly &) = delete;
	~ReadOnly() { XactReadOnly = previous_; } // an assignment: cannot raise an error

private:
	const bool previous_ = XactReadOnly;
};

} // namespace warden::pg
