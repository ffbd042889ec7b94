// planner_settings.hpp - The settings by which another role's statements are planned: those that the role logs in with.
//
// C++ code.
#pragma once

#include "pg/server.hpp"

#include <string>
#include <utility>
#include <vector>

namespace warden::advice {

class PlannerSettings {
public:
	/// Makes those of ALTER ROLE and ALTER ROLE IN DATABASE hold in the scope of a PinnedSettings, as far as planning
	/// and what literals mean depend on them.  Nothing for the role that is logged in: it has them.
	void apply(Oid role);

private:
	struct OfRole {
		Oid role;
		std::vector<std::pair<std::string, std::string>> values;
	};

	const OfRole &find(Oid role);

	std::vector<OfRole> roles_;
};

} // namespace warden::advice
