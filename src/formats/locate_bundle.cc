// Finding a TensorFlow checkpoint by any of its names.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "formats/confined_store.h"
#include "formats/locate_parts.h"
#include "formats/shard_name.h"
#include "formats/tensor_bundle/checkpoint_file.h"
#include "transload/error.h"

namespace transload::locating {
namespace {

constexpr std::uint64_t kMaxCheckpointFile = std::uint64_t{16} << 20;

}  // namespace

std::optional<fs::path> bundle_prefix_of(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const std::string_view extension : {".index", ".meta"}) {
    if (name.size() > extension.size() && name.ends_with(extension)) {
      return file.parent_path() / name.substr(0, name.size() - extension.size());
    }
  }
  constexpr std::string_view kData = ".data";
  const std::string ended = name + ".";  // outlives `shard`, which looks into it; the number ends the name here
  const std::optional<ShardName> shard = parse_shard_name(ended);
  if (!shard || shard->extension != "." || !shard->stem.ends_with(kData)) return std::nullopt;
  return file.parent_path() / shard->stem.substr(0, shard->stem.size() - kData.size());
}

bool is_bundle_prefix(const fs::path& path) { return path.has_filename() && is_file(path.string() + ".index"); }

Location at_bundle_prefix(const fs::path& prefix, std::string display) {
  if (!is_bundle_prefix(prefix)) {
    throw Error(
        Errc::io,
        fmt::format("the index of this TensorFlow checkpoint is missing: '{}'", shortened(prefix.string() + ".index")),
        {.file = std::move(display), .offset = {}, .tensor = {}},
        "put NAME.index and all NAME.data-* files into one folder");
  }
  Location location;
  location.store = open_confined_folder(prefix.parent_path());
  location.name = prefix.filename().string();
  location.format = &format_or_fail("tensor_bundle", display);
  location.folder = folder_of(prefix);
  location.display = std::move(display);
  return location;
}

Location at_checkpoint_file(const fs::path& checkpoint) {
  const std::shared_ptr<Source> source = open_file(checkpoint);
  if (source->size() > kMaxCheckpointFile) {
    throw Error(Errc::unsupported, fmt::format("{} bytes are too many for a `checkpoint` file", source->size()),
                where(checkpoint));
  }
  std::string text(source->size(), '\0');
  source->read(0, std::as_writable_bytes(std::span(text)));
  const fs::path named = tensor_bundle::checkpoint_prefix(text, source->name());
  // An absolute path is where the folder once lay: what it names is taken from this folder. A relative one never leads
  // out: checkpoint_prefix() sees to its text, and the store to links.
  const fs::path inside = named.is_relative() ? named : named.filename();
  const fs::path prefix = checkpoint.parent_path() / inside;
  if (named.is_absolute() && !is_bundle_prefix(prefix)) {
    throw Error(Errc::io,
                fmt::format("names '{}', and there is no such checkpoint in its own folder", shortened(named.string())),
                where(checkpoint), "if that one is wanted, name it itself");
  }
  try {
    Location location = at_bundle_prefix(prefix, prefix.string());
    static_cast<void>(open_confined_folder(checkpoint.parent_path())->open(inside.string() + ".index"));
    if (named.is_absolute()) {
      location.notes.push_back(fmt::format("`checkpoint` names '{}'; '{}' is taken.", shortened(named.string()),
                                           shortened(prefix.string())));
    }
    return location;
  } catch (Error& error) {
    error.advise("name the checkpoint's own prefix instead of its folder");
    throw;
  }
}

}  // namespace transload::locating
