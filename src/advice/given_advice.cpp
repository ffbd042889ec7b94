#include "advice/given_advice.hpp"

namespace warden::advice {

void remember(const std::vector<GivenAdvice> & /*advice*/) {}

} // namespace warden::advice
