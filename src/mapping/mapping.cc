#include "transload/mapping.h"

#include <fmt/format.h>

#include "core/text.h"
#include "mapping/bind.h"
#include "mapping/builtin.h"
#include "mapping/config.h"
#include "mapping/family.h"
#include "mapping/plan.h"
#include "transload/error.h"

namespace transload {

struct Mapping::Rep {
  std::shared_ptr<const mapping::Family> family;
};

std::shared_ptr<const mapping::Family> mapping::builtin_family(std::string_view name) {
  static const std::map<std::string, std::shared_ptr<const Family>, std::less<>> all = [] {
    std::string_view dialects;
    for (const BuiltinFile& file : builtin_files()) {
      if (file.name == "dialects") dialects = file.text;
    }
    std::map<std::string, std::shared_ptr<const Family>, std::less<>> made;
    for (const BuiltinFile& file : builtin_files()) {
      if (file.name == "dialects") continue;
      made.emplace(file.name, std::make_shared<const Family>(
                                  parse_family(file.text, dialects, fmt::format("{}.toml", file.name))));
    }
    return made;
  }();
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

Mapping Mapping::parse(std::string_view family_toml, std::string_view dialects_toml, std::string_view file_name) {
  return Mapping(std::make_shared<const Rep>(
      Rep{std::make_shared<const mapping::Family>(mapping::parse_family(family_toml, dialects_toml, file_name))}));
}

const Mapping& Mapping::builtin(std::string_view family) {
  static const std::map<std::string, Mapping, std::less<>> all = [] {
    std::map<std::string, Mapping, std::less<>> made;
    for (const std::string_view name : builtin_families()) {
      made.emplace(name, Mapping(std::make_shared<const Rep>(Rep{mapping::builtin_family(name)})));
    }
    return made;
  }();
  const auto found = all.find(family);
  if (found == all.end()) {
    throw Error(Errc::usage, fmt::format("there is no family '{}'; there is {}", shortened(family),
                                         fmt::join(builtin_families(), ", ")));
  }
  return found->second;
}

const std::string& Mapping::family() const noexcept { return rep_->family->name; }
std::span<const std::string> Mapping::dialects() const noexcept { return rep_->family->dialect_names; }

double Mapping::fit(const Index& index, std::string_view dialect) const {
  return mapping::fit(*rep_->family, index, dialect).named;
}

Binding Mapping::bind(const Index& index, const BindOptions& options) const {
  return mapping::bind(*rep_->family, index, options);
}

Plan Mapping::plan(const Reader& source, std::string_view path, const Binding& binding, std::string_view to_dialect,
                   std::span<const std::string> only_parts, bool with_ties) const {
  return mapping::plan(*rep_->family, source.index(), path, binding, to_dialect, only_parts, with_ties);
}

std::string Mapping::config_file(const Binding& binding, std::string_view dialect, DType dtype,
                                 const std::optional<std::string>& base) const {
  return mapping::write_config(*rep_->family, binding, dialect, dtype, base);
}

std::span<const std::string_view> builtin_families() noexcept {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const mapping::BuiltinFile& file : mapping::builtin_files()) {
      if (file.name != "dialects") all.push_back(file.name);
    }
    return all;
  }();
  return names;
}

}  // namespace transload
