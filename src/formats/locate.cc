// What a user may name, in the order in which it is tried: something that exists, a TensorFlow prefix, a hub id.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "core/text.h"
#include "formats/hub_cache.h"
#include "formats/locate_parts.h"
#include "transload/error.h"

namespace transload {
namespace locating {

const Format& format_or_fail(std::string_view name, const std::string& file) {
  const Format* format = format_named(name);
  if (format == nullptr) {
    throw Error(Errc::unsupported, fmt::format("is {}, which this build does not read", name),
                {.file = file, .offset = {}, .tensor = {}});
  }
  return *format;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

Where where(const fs::path& path) { return {.file = path.string(), .offset = {}, .tensor = {}}; }

}  // namespace locating

namespace {

using namespace locating;

// Could only be meant as a path, so that a hub id is not searched for.
bool is_path_like(std::string_view what) {
  constexpr std::array<std::string_view, 11> kEndings{".safetensors", ".bin",  ".pt",     ".pth", ".ckpt", ".json",
                                                      ".index",       ".meta", ".params", ".npz", ".npy"};
  return what.starts_with('.') || what.starts_with('/') || what.starts_with('~') || what.ends_with('/') ||
         std::ranges::count(what.substr(0, what.find('@')), '/') > 1 ||
         std::ranges::any_of(kEndings, [&](std::string_view ending) { return what.ends_with(ending); });
}

Location in_hub_cache(const HubId& id, std::string_view what, const LocateOptions& options) {
  const fs::path root = options.hub_cache.empty() ? hub_cache_root() : options.hub_cache;
  const HubSnapshot snapshot = hub_snapshot(id, root);
  try {
    Location location = in_folder(snapshot.folder, options);
    location.display = what;
    location.notes.insert(location.notes.begin(), snapshot.notes.begin(), snapshot.notes.end());
    location.notes.push_back(fmt::format("Found in the hub cache: {}.", shortened(snapshot.folder.string(), 400)));
    return location;
  } catch (Error& error) {
    // A snapshot of which only the configuration was downloaded is a common case.
    if (error.code() != Errc::io) throw;
    throw Error(Errc::io, error.message(), error.where(), download_advice(id));
  }
}

}  // namespace

Location locate(std::string_view what, const LocateOptions& options) {
  if (what.empty()) throw Error(Errc::usage, "no checkpoint is named", {}, "name a file, a folder or a hub id");
  if (what.find('\0') != what.npos) throw Error(Errc::usage, "a path cannot contain a NUL", where(what));
  if (!options.format.empty()) format_or_fail(options.format, std::string(what));
  const fs::path path(what);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  switch (status.type()) {
    case fs::file_type::regular: return in_file(path, options);
    case fs::file_type::directory: return in_folder(path, options);
    case fs::file_type::none:
    case fs::file_type::unknown:
      throw Error(Errc::io, fmt::format("cannot be looked at: {}", error.message()), where(path));
    case fs::file_type::not_found: break;
    default:
      throw Error(Errc::unsupported, "is a device, a pipe or a socket, not a regular file", where(path),
                  "copy it into a file first");
  }
  if (is_bundle_prefix(path)) {
    Location location = at_bundle_prefix(path, path.string());
    if (options.format.empty() || options.format == location.format->name) return location;
    throw Error(Errc::unsupported, fmt::format("is {}, not {}", location.format->name, options.format), where(path));
  }
  if (fs::is_symlink(fs::symlink_status(path, error))) {
    throw Error(Errc::io, "is a symbolic link that leads nowhere", where(path));
  }
  if (!is_path_like(what)) {
    if (const std::optional<HubId> id = parse_hub_id(what)) return in_hub_cache(*id, what, options);
  }
  const fs::path named = path.has_filename() ? path : path.parent_path();
  // A folder that is to be, or a file in one that is there.
  missing(path, interrupted_set(path).empty() ? folder_of(named) : path, "no such file or folder", {});
}

}  // namespace transload
