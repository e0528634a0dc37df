#include "formats/mxnet_prefix.h"

#include <fmt/format.h>

#include <cstdint>
#include <unordered_map>

#include "core/text.h"
#include "transload/error.h"

namespace transload {

CutNames cut_mxnet_prefixes(const std::vector<std::string_view>& names, const std::string& file) {
  constexpr std::string_view kParameter = "arg:", kAuxiliary = "aux:";
  CutNames result;
  result.names.reserve(names.size());
  std::uint64_t parameters = 0, auxiliaries = 0;
  std::unordered_map<std::string_view, std::string_view> owners;  // name without its prefix -> with it
  for (const std::string_view stored : names) {
    std::string_view name = stored;
    const bool parameter = name.starts_with(kParameter), auxiliary = name.starts_with(kAuxiliary);
    if (parameter || auxiliary) name.remove_prefix(kParameter.size());
    parameters += parameter ? 1 : 0;
    auxiliaries += auxiliary ? 1 : 0;
    const auto [owner, is_new] = owners.emplace(name, stored);
    if (!is_new && owner->second == stored) {
      throw Error(Errc::corrupt, "two arrays have this name",
                  {.file = file, .offset = {}, .tensor = std::string(stored)},
                  "rename one of them with the framework that wrote the file");
    }
    if (!is_new) {
      throw Error(Errc::corrupt,
                  fmt::format("'{}' and '{}' are one name when their prefix is cut off", shortened(owner->second),
                              shortened(stored)),
                  {.file = file, .offset = {}, .tensor = std::string(name)},
                  "rename one of them with the framework that wrote the file");
    }
    result.names.emplace_back(name);
  }
  if (parameters + auxiliaries != 0) {
    result.note =
        fmt::format("{} of {} names began with `arg:` and {} with `aux:`, as MXNet exports models; that is cut off.",
                    parameters, names.size(), auxiliaries);
  }
  return result;
}

}  // namespace transload
