#include "target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/target_path.h"
#include "transload/error.h"

namespace transload::cli {
namespace {

bool ends_in_weights_suffix(std::string_view name) {
  constexpr std::array<std::string_view, 6> kSuffixes{".safetensors", ".bin", ".pt", ".pth", ".npz", ".params"};
  return std::ranges::any_of(kSuffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

// "torch" for a name like pytorch_model.bin, "mxnet" for .params, "npz" for .npz, "safetensors" for anything else.
std::string_view format_of_name(std::string_view name) {
  if (name.ends_with(".params")) return "mxnet";
  if (name.ends_with(".npz")) return "npz";
  return name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth") ? "torch" : "safetensors";
}

const Format& writable(std::string_view name) {
  const Format* format = format_named(name);
  if (format == nullptr) {
    std::string known;
    for (const Format& each : formats()) known += fmt::format("{}{}", known.empty() ? "" : ", ", each.name);
    throw Error(Errc::usage, fmt::format("there is no format '{}'", name), {},
                fmt::format("the formats are {}", known));
  }
  if (format->layout == nullptr) {
    throw Error(Errc::unsupported, fmt::format("writing the format '{}' is not there yet, only reading", name), {},
                "give the output a name that ends in .safetensors, or a folder");
  }
  return *format;
}

// Names of files that Transload does not write: as a folder's they would be a surprise.
void refuse_other_kinds(const std::string& leaf) {
  constexpr std::array<std::string_view, 9> kEndings{".onnx", ".h5",  ".hdf5",   ".keras",  ".gguf",
                                                     ".pb",   ".npy", ".tflite", ".msgpack"};
  if (std::ranges::none_of(kEndings, [&](std::string_view ending) { return leaf.ends_with(ending); })) return;
  throw Error(Errc::unsupported, fmt::format("'{}' is the name of a kind of file that is not written", leaf), {},
              "give the output a name that ends in .safetensors, .bin or .params, or a folder");
}

// What nothing could load: a framework's names in a format that it does not read, or under a name that says otherwise.
void refuse_mixtures(const TargetOptions& options, const Target& target) {
  if (options.format.empty()) return;
  if (target.bare) {
    const std::string_view by_name = format_of_name(target.name);
    if (target.format->name == by_name) return;
    throw Error(Errc::usage, fmt::format("'{}' is the name of a file of the format {}", target.name, by_name), {},
                fmt::format("leave out --format {}, or choose another name", options.format));
  }
  const std::string& dialect = target.dialect;
  const std::string_view only = dialect == "tf1" ? "tensor_bundle" : dialect == "gluon" ? "mxnet" : "";
  const bool neutral = options.format == "safetensors";  // holds any names, and any program can read it
  const bool fits = neutral || options.format == (only.empty() ? "torch" : only);
  if (fits) return;
  throw Error(Errc::usage, fmt::format("--to {} is not stored as {}", dialect, options.format), {},
              only.empty() ? "leave out --format, or say safetensors or torch" : "leave out --format");
}

}  // namespace

std::string Target::config_name() const {
  const std::string to = resolved_dialect();
  if (to == "tf1") return "bert_config.json";
  return to == "gluon" ? fs::path(name).replace_extension(".json").string() : "config.json";
}

Target target_of(const TargetOptions& options) {
  if (options.path.empty())
    throw Error(Errc::usage, "the destination has no name", {}, "name a file, a folder or a prefix");
  Target target;
  target.dialect = options.dialect;
  std::error_code ignored;
  const fs::path path(options.path);
  io::refuse_missing_parent(path);
  const bool is_folder = options.path.ends_with('/') || fs::is_directory(path, ignored);
  const std::string leaf = is_folder ? "" : path.filename().string();

  refuse_other_kinds(leaf);
  if (ends_in_weights_suffix(leaf)) {
    target.bare = options.dialect != "gluon" || !leaf.ends_with(".params");
    target.format = &writable(options.format.empty() ? format_of_name(leaf) : std::string_view(options.format));
    target.folder = path.parent_path();
    target.name = leaf;
  } else if (options.dialect == "gluon") {
    target.format = &writable(options.format.empty() ? "mxnet" : std::string_view(options.format));
    target.folder = path;
    target.name = target.format->name == "mxnet" ? "model.params" : "model.safetensors";
  } else if (options.dialect == "tf1" || options.format == "tensor_bundle" || leaf.ends_with(".ckpt")) {
    if (target.dialect.empty()) target.dialect = "tf1";
    target.format = &writable(options.format.empty() ? "tensor_bundle" : std::string_view(options.format));
    target.folder = is_folder ? path : path.parent_path();
    target.name = is_folder ? "model.ckpt" : leaf;
  } else {
    if (target.dialect.empty()) target.dialect = "hf";
    target.format = &writable(options.format.empty() ? "safetensors" : std::string_view(options.format));
    target.folder = path;
    target.name = target.format->name == "torch" ? "pytorch_model.bin" : "model.safetensors";
  }
  refuse_mixtures(options, target);
  return target;
}

std::string loaded_instead(const Target& target) {
  if (target.bare || target.name != "pytorch_model.bin") return {};
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    std::error_code ignored;
    if (fs::exists(target.folder / name, ignored)) return name;
  }
  return {};
}

}  // namespace transload::cli
