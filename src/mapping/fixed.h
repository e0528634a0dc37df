// Keys of a configuration that a dialect's code fixes, and models that have another value.
#pragma once

#include <string>

#include "mapping/family.h"
#include "transload/mapping.h"

namespace transload::mapping {

// The key as configurations of this dialect call it; the family's own name where they do not have it.
std::string source_spelling(const ConfigKey& key, std::size_t dialect);

// Errc::unsupported where the target would compute something else than the source, because its code has no choice
// (`else` in the family file).
void refuse_what_is_fixed_otherwise(const Family& family, const Binding& binding, std::size_t from, std::size_t to);

}  // namespace transload::mapping
