// Finding out what a named file is: by its content, except for the parts of a set.

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/text.h"
#include "formats/confined_store.h"
#include "formats/foreign.h"
#include "formats/locate_parts.h"
#include "formats/shard_name.h"
#include "formats/sharded.h"
#include "transload/error.h"

namespace transload::locating {
namespace {

constexpr std::uint64_t kHead = 4096;  // bytes that tell a format
constexpr int kByContent = 50;         // a format that is this sure saw it in the bytes, not in the name

struct Guess {
  const Format* format = nullptr;
  int sure = 0;
};

Guess best_guess(std::string_view name, ByteView head) {
  Guess best;
  for (const Format& format : formats()) {
    const int sure = format.sniff(name, head);
    if (sure > best.sure) best = {&format, sure};
  }
  return best;
}

std::string readable_formats() {
  std::string names;
  for (const Format& format : formats()) names += fmt::format("{}{}", names.empty() ? "" : ", ", format.title);
  return names;
}

const Format& format_of(const fs::path& file) {
  const std::shared_ptr<Source> source = open_file(file);
  if (source->size() == 0) {
    throw Error(Errc::corrupt, "is empty", where(file), "the download or copy did not finish: repeat it");
  }
  std::vector<std::byte> head(std::min(source->size(), kHead));
  source->read(0, head);
  if (is_lfs_pointer(head)) {
    throw Error(Errc::unsupported, "is a git-lfs pointer, not the weights themselves", where(file),
                "fetch the weights with: git lfs pull");
  }
  const Guess guess = best_guess(file.filename().string(), head);
  if (guess.sure >= kByContent) return *guess.format;
  if (const std::optional<Foreign> foreign = foreign_kind(head)) {
    throw Error(Errc::unsupported, foreign->what, where(file), foreign->advice);
  }
  // The name alone decides only which format's own error the user will see.
  if (guess.format != nullptr) return *guess.format;
  throw Error(Errc::unsupported, fmt::format("is none of the formats that are read ({})", readable_formats()),
              where(file));
}

}  // namespace

Location in_file(const fs::path& file, const LocateOptions& options) {
  const std::string name = file.filename().string();
  const auto wants = [&](std::string_view format) { return options.format.empty() || options.format == format; };
  if (name == "checkpoint" && wants("tensor_bundle")) return at_checkpoint_file(file);
  Location location;
  location.folder = folder_of(file);
  location.name = name;
  location.display = file.string();
  if (names_shard_index(name)) {
    location.store = open_confined_folder(file.parent_path());
    location.format = &shards_format(*location.store, name);
  } else if (const auto prefix = bundle_prefix_of(file);
             prefix && (is_bundle_prefix(*prefix) || !name.ends_with(".meta"))) {
    location = at_bundle_prefix(*prefix, file.string());
  } else {
    location.store = open_folder(file.parent_path());
    location.format = &format_of(file);
    if (const auto shard = parse_shard_name(name); shard && shard->count > 1) {
      location.notes.push_back(fmt::format(
          "'{}' is part {} of {}; the others are not read: the index of the set, or its folder, names them all.",
          shortened(name), shard->number, shard->count));
    }
  }
  if (!wants(location.format->name)) {
    throw Error(Errc::unsupported, fmt::format("is {}, not {}", location.format->name, options.format), where(file));
  }
  return location;
}

}  // namespace transload::locating
