// Finding the weights in a folder.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/text.h"
#include "formats/confined_store.h"
#include "formats/hub_cache.h"
#include "formats/locate_parts.h"
#include "formats/shard_name.h"
#include "formats/sharded.h"
#include "transload/error.h"

namespace transload::locating {
namespace {

struct Candidate {
  std::string name;  // in the folder
  std::string_view format;
};

// What frameworks call the weights of a folder, in the order in which they are taken.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kStandard{{
    {"model.safetensors", "safetensors"},
    {"model.safetensors.index.json", "safetensors"},
    {"pytorch_model.bin", "torch"},
    {"pytorch_model.bin.index.json", "torch"},
    {"checkpoint", "tensor_bundle"},
}};

// What training leaves beside the weights.
constexpr std::array<std::string_view, 6> kNotWeights{"training_args.bin", "optimizer.bin", "optimizer.pt",
                                                      "scheduler.bin",     "scheduler.pt",  "scaler.pt"};

// The format that a file of this name would have; empty: it is no weights file. A TensorFlow checkpoint counts once,
// by its index, and a sharded set once, by its own.
std::string_view format_by_name(std::string_view name) {
  if (std::ranges::find(kNotWeights, name) != kNotWeights.end() || name.starts_with("rng_state")) return {};
  if (name.ends_with(".safetensors.index.json")) return "safetensors";
  if (name.ends_with(".bin.index.json")) return "torch";
  if (name.ends_with(".safetensors")) return "safetensors";
  if (name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth")) return "torch";
  if (name.ends_with(".index")) return "tensor_bundle";
  if (name.ends_with(".params")) return "mxnet";
  if (name.ends_with(".npz")) return "npz";
  return {};
}

std::vector<Candidate> standard(const std::vector<std::string>& names) {
  std::vector<Candidate> found;
  for (const auto& [name, format] : kStandard) {
    if (std::ranges::binary_search(names, name)) found.push_back({std::string(name), format});
  }
  return found;
}

std::vector<Candidate> by_extension(const std::vector<std::string>& names) {
  std::vector<Candidate> found;
  for (const std::string& name : names) {
    if (const std::string_view format = format_by_name(name); !format.empty()) found.push_back({name, format});
  }
  // Shards that an index speaks for.
  const auto has_index = [&](std::string_view format) {
    return std::ranges::any_of(found,
                               [&](const Candidate& c) { return names_shard_index(c.name) && c.format == format; });
  };
  const std::array indexed{has_index("safetensors") ? "safetensors" : "", has_index("torch") ? "torch" : ""};
  std::erase_if(found, [&](const Candidate& c) {
    return parse_shard_name(c.name) && std::ranges::find(indexed, c.format) != indexed.end();
  });
  return found;
}

std::string list(const std::vector<Candidate>& candidates) {
  std::string text;
  for (const Candidate& candidate : candidates) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", shortened(candidate.name));
  }
  return text;
}

void keep_format(std::vector<Candidate>& candidates, const LocateOptions& options) {
  if (!options.format.empty())
    std::erase_if(candidates, [&](const Candidate& c) { return c.format != options.format; });
}

// Anything may be kept in an .npz: it counts as weights only where nothing else does.
void prefer_others_to_npz(std::vector<Candidate>& candidates) {
  const auto is_npz = [](const Candidate& candidate) { return candidate.format == "npz"; };
  if (!std::ranges::all_of(candidates, is_npz)) std::erase_if(candidates, is_npz);
}

[[noreturn]] void nothing(const fs::path& folder, const std::vector<std::string>& names, const LocateOptions& options) {
  constexpr std::string_view kAdvice =
      "looked for model.safetensors, pytorch_model.bin, their .index.json, a TensorFlow `checkpoint`, and single "
      "*.safetensors, *.bin, *.pt, *.pth, *.index, *.params and *.npz files";
  const auto foreign = std::ranges::find_if(names, [](const std::string& name) {
    return std::ranges::any_of(std::array{".h5", ".msgpack", ".onnx", ".gguf", ".ot"},
                               [&](const char* extension) { return name.ends_with(extension); });
  });
  if (options.format.empty() && foreign != names.end()) {
    throw Error(Errc::unsupported,
                fmt::format("the only weights in this folder are '{}', which is not read", shortened(*foreign)),
                where(folder), kAdvice);
  }
  missing(folder, folder,
          options.format.empty() ? "no weights in this folder"
                                 : fmt::format("no {} weights in this folder", options.format),
          kAdvice);
}

}  // namespace

Location in_folder(const fs::path& folder, const LocateOptions& options) {
  const std::vector<std::string> names = open_folder(folder)->list();
  std::vector<Candidate> candidates = standard(names);
  const std::vector<Candidate> all = candidates;
  keep_format(candidates, options);
  const bool is_standard = !candidates.empty();
  if (!is_standard) {
    candidates = by_extension(names);
    keep_format(candidates, options);
    prefer_others_to_npz(candidates);
  }
  if (candidates.empty()) {
    if (const std::optional<HubSnapshot> snapshot = find_snapshot_in(folder)) {
      Location location = in_folder(snapshot->folder, options);
      location.notes.insert(location.notes.begin(), snapshot->notes.begin(), snapshot->notes.end());
      return location;
    }
    nothing(folder, names, options);
  }
  if (!is_standard && candidates.size() > 1) {
    const auto is_shard = [](const Candidate& c) { return parse_shard_name(c.name).has_value(); };
    if (std::ranges::all_of(candidates, is_shard)) {
      throw Error(Errc::unmapped,
                  fmt::format("{} shards of a model lie here without their index, such as '{}'", candidates.size(),
                              shortened(candidates.front().name)),
                  where(folder), "get the file that ends in .index.json too; one shard alone can be named");
    }
    throw Error(Errc::usage,
                fmt::format("{} files in this folder could be the weights: {}", candidates.size(), list(candidates)),
                where(folder), "name one of them");
  }
  LocateOptions as_found = options;
  as_found.format = {};
  static_cast<void>(open_confined_folder(folder)->open(candidates.front().name));  // it does not lead elsewhere
  Location location = in_file(folder / candidates.front().name, as_found);
  std::vector<Candidate> others = is_standard ? all : std::vector<Candidate>();
  std::erase_if(others, [&](const Candidate& c) { return c.name == candidates.front().name; });
  if (!others.empty()) {
    location.notes.push_back(fmt::format("'{}' is taken; also there: {}.", candidates.front().name, list(others)));
  }
  return location;
}

}  // namespace transload::locating
