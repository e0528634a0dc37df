#include "sidecars.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <system_error>

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

// Other files go by the same name, such as the symbol of a network.
bool is_configuration(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() && (json.contains("num_layers") || json.contains("num_heads") || json.contains("units") ||
                              json.contains("num_attention_heads"));
}

// X.json beside the weights X.params.
std::optional<TextFile> own_config(const Location& location) {
  const fs::path path = location.folder / fs::path(location.name).filename().replace_extension(".json");
  if (!is_regular(path)) return std::nullopt;
  TextFile file = read_text_file(path);
  return is_configuration(file.text) ? std::optional(std::move(file)) : std::nullopt;
}

}  // namespace

TextFile read_text_file(const fs::path& path) {
  const std::shared_ptr<Source> source = open_file(path);
  if (source->size() > kMostBytes) {
    throw Error(Errc::unsupported, "is too large for a configuration or vocabulary",
                {.file = path.string(), .offset = {}, .tensor = {}});
  }
  std::string text(source->size(), '\0');
  source->read(0, std::as_writable_bytes(std::span(text)));
  return {path.string(), std::move(text)};
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
    if (const fs::path path = location.folder / name; is_regular(path)) return read_text_file(path);
  }
  // `--to gluon --format safetensors` writes X.safetensors and X.json.
  return extension == ".safetensors" || extension == ".npz" ? own_config(location) : std::nullopt;
}

std::vector<Sidecar> carried_files(const Location& location, std::string_view to_dialect, std::string_view target_name,
                                   bool with_papers) {
  std::vector<std::string> names;
  if (to_dialect == "tf1") names = {"vocab.txt"};
  if (to_dialect == "hf") names.assign(kForHuggingFace.begin(), kForHuggingFace.end());
  if (with_papers) {
    for (const std::string& name : open_folder(location.folder)->list()) {
      if (is_paper(name)) names.push_back(name);
    }
  }
  std::vector<Sidecar> sidecars;
  const fs::path vocabulary = location.folder / fs::path(location.name).filename().replace_extension(".vocab");
  if (to_dialect == "gluon" && is_regular(vocabulary)) {
    sidecars.push_back(
        {fs::path(target_name).filename().replace_extension(".vocab").string(), read_text_file(vocabulary).text});
  }
  for (const std::string& name : names) {
    if (const fs::path path = location.folder / name; is_regular(path)) {
      sidecars.push_back({name, read_text_file(path).text});
    }
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
