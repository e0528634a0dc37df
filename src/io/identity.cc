#include "io/identity.h"

#include <fmt/format.h>

#include <algorithm>

namespace transload::io {

std::string identity(const std::optional<struct stat>& status) {
  if (!status) return kNoFile;
  return fmt::format("{}:{}:{}.{}", status->st_ino, status->st_size, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
}

bool any_replaced(const std::filesystem::path& folder, const std::map<std::string, std::string>& published) {
  return std::ranges::any_of(published, [&](const auto& file) {
    struct stat status {};
    const bool there = ::stat((folder / file.first).c_str(), &status) == 0;
    return !there || identity(status) != file.second;
  });
}

}  // namespace transload::io
