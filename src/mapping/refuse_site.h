// Why a model that was found is not taken: each throws Errc::unmapped with what chooses another.
#pragma once

#include "mapping/family.h"
#include "mapping/site.h"

namespace transload::mapping {

// The model lies in a container that is none of the dialect's.
[[noreturn]] void refuse_odd_place(const Family& family, const Dialect& dialect, const Site& site);

// Two models, and nothing says which is meant.
[[noreturn]] void refuse_two(const Site& a, const Site& b);

}  // namespace transload::mapping
