// What tells a file from any other that has its name later.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace transload::io {

// Inode, size, modification time. kNoFile: there is none.
std::string identity(const std::optional<struct stat>& status);
inline constexpr const char* kNoFile = "-";

// Whether other files, or none, stand in `folder` where these were published (OutputSet::published). Links are
// followed.
bool any_replaced(const std::filesystem::path& folder, const std::map<std::string, std::string>& published);

}  // namespace transload::io
