#include "sidecars.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>

#include "core/text.h"
#include "formats/confined_store.h"
#include "transload/error.h"

namespace transload::cli {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 20;
constexpr std::array<std::string_view, 7> kForHuggingFace{
    "vocab.txt",  "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt"};

bool is_paper(std::string_view name) {
  return name == "README.md" || name == "LICENSE" || name == "LICENSE.txt" || name == "LICENSE.md" || name == "NOTICE";
}

bool is_regular(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

TextFile text_of(const Source& source) {
  if (source.size() > kMostBytes) {
    throw Error(Errc::unsupported,
                fmt::format("{} are too many for a configuration or vocabulary: {} at most", human_bytes(source.size()),
                            human_bytes(kMostBytes)),
                {.file = source.name(), .offset = {}, .tensor = {}});
  }
  std::string text(source.size(), '\0');
  source.read(0, std::as_writable_bytes(std::span(text)));
  return {source.name(), std::move(text)};
}

// X.vocab beside the weights X.params.
std::string vocabulary_name(std::string_view weights) {
  return fs::path(weights).filename().replace_extension(".vocab").string();
}

// Other files go by the same name, such as the symbol of a network.
bool is_configuration(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() && (json.contains("num_layers") || json.contains("num_heads") || json.contains("units") ||
                              json.contains("num_attention_heads"));
}

// X.json beside the weights X.params.
std::optional<TextFile> own_config(const Location& location) {
  std::optional<TextFile> file =
      read_beside(location, fs::path(location.name).filename().replace_extension(".json").string());
  return file && is_configuration(file->text) ? std::move(file) : std::nullopt;
}

}  // namespace

TextFile read_text_file(const fs::path& path) { return text_of(*open_file(path)); }

std::optional<TextFile> read_beside(const Location& location, std::string_view name) {
  if (location.folder.empty()) return std::nullopt;
  const std::shared_ptr<Store> folder = open_confined_folder(location.folder);
  return folder->exists(name) ? std::optional(text_of(*folder->open(name))) : std::nullopt;
}

std::optional<TextFile> find_config(const Location& location) {
  // MXNet 2 writes NPZ under the name X.params: the name says it, not the format.
  const std::string extension = fs::path(location.name).extension().string();
  if (extension == ".params") {
    if (std::optional<TextFile> own = own_config(location)) return own;
  }
  std::array<std::string_view, 2> names{"config.json", "bert_config.json"};
  if (location.format != nullptr && location.format->name == "tensor_bundle") std::swap(names[0], names[1]);
  for (const std::string_view name : names) {
    if (std::optional<TextFile> file = read_beside(location, name)) return file;
  }
  // `--to gluon --format safetensors` writes X.safetensors and X.json.
  return extension == ".safetensors" || extension == ".npz" ? own_config(location) : std::nullopt;
}

std::vector<std::string> carried_names(std::string_view to_dialect, std::string_view target_name) {
  if (to_dialect == "tf1") return {"vocab.txt"};
  if (to_dialect == "hf") return {kForHuggingFace.begin(), kForHuggingFace.end()};
  if (to_dialect == "gluon") return {vocabulary_name(target_name)};
  return {};
}

std::vector<Sidecar> carried_files(const Location& location, std::string_view to_dialect, std::string_view target_name,
                                   bool with_papers) {
  std::vector<std::string> names;
  if (to_dialect != "gluon") names = carried_names(to_dialect, target_name);
  if (with_papers) {
    for (const std::string& name : open_confined_folder(location.folder)->list()) {
      if (is_paper(name)) names.push_back(name);
    }
  }
  std::vector<Sidecar> sidecars;
  if (to_dialect == "gluon") {
    if (std::optional<TextFile> file = read_beside(location, vocabulary_name(location.name))) {
      sidecars.push_back({vocabulary_name(target_name), std::move(file->text)});
    }
  }
  for (const std::string& name : names) {
    if (std::optional<TextFile> file = read_beside(location, name)) sidecars.push_back({name, std::move(file->text)});
  }
  return sidecars;
}

std::vector<Sidecar> still_needed(std::vector<Sidecar> sidecars, const fs::path& folder) {
  std::erase_if(sidecars, [&](Sidecar& sidecar) {
    const fs::path path = folder / sidecar.name;
    if (!is_regular(path)) return false;
    sidecar.there = read_text_file(path).text == sidecar.bytes;
    return !sidecar.there && is_paper(sidecar.name);
  });
  return sidecars;
}

}  // namespace transload::cli
