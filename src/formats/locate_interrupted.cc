// What an interrupted conversion leaves where its output was to be.

#include <fmt/format.h>

#include <string>
#include <system_error>

#include "core/text.h"
#include "formats/locate_parts.h"
#include "io/staging.h"

namespace transload::locating {
namespace {

// A set without a record had not begun to take its places: what was there before is there still.
fs::path with_record(const fs::path& home, const std::string& prefix) {
  std::error_code error;
  for (fs::directory_iterator at(home, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(prefix) && is_file(at->path() / io::kRecord)) return at->path();
  }
  return {};
}

}  // namespace

fs::path interrupted_set(const fs::path& folder) {
  if (fs::path inside = with_record(folder, io::staging_prefix()); !inside.empty()) return inside;
  std::error_code ignored;
  const fs::path absolute = fs::absolute(folder, ignored);
  const fs::path whole = fs::weakly_canonical(absolute, ignored);
  const fs::path named = whole.has_filename() ? whole : whole.parent_path();
  if (!named.has_filename()) return {};
  return with_record(named.parent_path(), io::staging_prefix(named.filename().string()));
}

void missing(const fs::path& path, const fs::path& folder, std::string_view message, std::string_view advice) {
  const fs::path left = interrupted_set(folder);
  if (left.empty()) throw Error(Errc::io, message, where(path), advice);
  throw Error(Errc::io,
              fmt::format("{}, but {} of a conversion that was interrupted or still runs", message,
                          shortened(left.string(), 400)),
              where(path), "the next conversion into this folder completes it or clears it away");
}

}  // namespace transload::locating
