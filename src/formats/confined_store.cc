#include "formats/confined_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "core/text.h"
#include "transload/error.h"

namespace transload {
namespace {

// `folder` has no links. The model's folder where it is a snapshot of a hub cache, or lies in one.
fs::path root_of(const fs::path& folder) {
  for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    const fs::path model = at.parent_path().parent_path();
    if (at.parent_path().filename() == "snapshots" && model.filename().string().starts_with("models--")) return model;
  }
  return folder;
}

class ConfinedStore final : public Store {
 public:
  explicit ConfinedStore(const fs::path& path) : folder_(open_folder(path)) {
    std::error_code error;
    const fs::path real = fs::canonical(path.empty() ? "." : path, error);
    if (error) {
      throw Error(Errc::io, fmt::format("cannot be resolved: {}", error.message()),
                  {.file = path.string(), .offset = {}, .tensor = {}});
    }
    root_ = root_of(real);
  }

  std::string describe(std::string_view name) const override { return folder_->describe(name); }
  std::vector<std::string> list() const override { return folder_->list(); }
  bool exists(std::string_view name) const override { return folder_->exists(name); }

  std::shared_ptr<Source> open(std::string_view name) const override {
    const std::string file = folder_->describe(name);
    std::error_code error;
    const fs::path real = fs::canonical(file, error);
    if (error) {
      throw Error(Errc::io, fmt::format("cannot be opened: {}", error.message()),
                  {.file = file, .offset = {}, .tensor = {}});
    }
    if (std::ranges::mismatch(root_, real).in1 != root_.end()) {
      throw Error(Errc::unsupported,
                  fmt::format("is a link that leads out of its folder, to '{}'", shortened(real.string())),
                  {.file = file, .offset = {}, .tensor = {}},
                  "if you trust it, name the file itself, or put it into the folder");
    }
    return folder_->open(name);
  }

 private:
  fs::path root_;
  std::shared_ptr<Store> folder_;
};

}  // namespace

std::shared_ptr<Store> open_confined_folder(const fs::path& path) { return std::make_shared<ConfinedStore>(path); }

}  // namespace transload
