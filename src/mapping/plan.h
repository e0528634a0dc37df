// From a binding to a plan: what each tensor of the target dialect is made of.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "mapping/family.h"
#include "transload/mapping.h"

namespace transload::mapping {

Plan plan(const Family& family, const Index& index, std::string_view path, const Binding& binding,
          std::string_view to_dialect, std::span<const std::string> only_parts, bool with_ties);

}  // namespace transload::mapping
