// throttle_test.cpp - Rates are kept whatever a batch did, and batches stay of a size that is worth a commit.
#include "move/throttle.hpp"

#include <cmath>
