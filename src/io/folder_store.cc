// A folder on disk as a Store.

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "core/text.h"
#include "transload/error.h"
#include "transload/io.h"

namespace transload {
namespace {

class FolderStore final : public Store {
 public:
  explicit FolderStore(fs::path path) : path_(std::move(path)) {}

  std::string describe(std::string_view name) const override { return full(name).string(); }

  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(path_.empty() ? "." : path_, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;  // a dangling link is no regular file
      if (at->is_regular_file(ignored)) names.push_back(at->path().filename().string());
    }
    if (error) throw Error(Errc::io, fmt::format("cannot list the folder: {}", error.message()), at_path());
    std::ranges::sort(names);
    return names;
  }

  bool exists(std::string_view name) const override {
    std::error_code ignored;
    return fs::exists(full(name), ignored);
  }

  std::shared_ptr<Source> open(std::string_view name) const override { return open_file(full(name)); }

 private:
  Where at_path() const { return {.file = path_.string(), .offset = {}, .tensor = {}}; }

  // A name never leads out of the folder.
  fs::path full(std::string_view name) const {
    const fs::path relative(name);
    const bool plain = !name.empty() && name.find('\0') == name.npos && relative.is_relative() &&
                       std::ranges::none_of(relative, [](const fs::path& part) { return part == ".."; });
    if (!plain) {
      throw Error(Errc::corrupt, fmt::format("'{}' is not a plain file name", shortened(name)), at_path());
    }
    return path_.empty() ? relative : path_ / relative;
  }

  fs::path path_;
};

}  // namespace

std::shared_ptr<Store> open_folder(const fs::path& path) { return std::make_shared<FolderStore>(path); }

}  // namespace transload
