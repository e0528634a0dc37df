#include "formats/hub_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <system_error>
#include <utility>

#include "core/text.h"
#include "transload/error.h"

namespace transload {
namespace {

constexpr std::size_t kMaxPart = 96;    // huggingface_hub/utils/_validators.py, REPO_ID_REGEX
constexpr std::uint64_t kMaxRef = 256;  // bytes; a commit has 40

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// One half of an id: letters, digits, '-', '_', '.', none of the last three ones at an end except '_', no run of
// "--" or "..".
bool valid_part(std::string_view part) {
  if (part.empty() || part.size() > kMaxPart || !std::ranges::all_of(part, plain)) return false;
  const auto edge = [](char c) { return c == '-' || c == '.'; };
  return !edge(part.front()) && !edge(part.back()) && part.find("--") == part.npos && part.find("..") == part.npos;
}

// A branch may have a '/' ("refs/pr/1"), but never leads out of the folder.
bool valid_revision(std::string_view revision) {
  return std::ranges::all_of(revision, [](char c) { return plain(c) || c == '/' || c == '+'; }) &&
         !revision.starts_with('/') && !revision.ends_with('/') && revision.find("..") == revision.npos &&
         revision.find("//") == revision.npos;
}

// The commit that a ref names. nullopt: there is no such ref.
std::optional<std::string> read_ref(const fs::path& ref) {
  std::error_code ignored;
  if (!fs::is_regular_file(ref, ignored)) return std::nullopt;
  const std::shared_ptr<Source> source = open_file(ref);
  std::string text(std::min(source->size(), kMaxRef), '\0');
  source->read(0, std::as_writable_bytes(std::span(text)));
  text.erase(std::min(text.find_last_not_of(" \t\r\n") + 1, text.size()));
  if (text.empty() || !std::ranges::all_of(text, plain) || text.find("..") != text.npos || text == ".") {
    throw Error(Errc::corrupt, "is a ref of the hub cache and names no commit",
                {.file = ref.string(), .offset = {}, .tensor = {}}, "download the model again");
  }
  return text;
}

// A folder of snapshots/ itself, not a link to one elsewhere.
bool is_snapshot(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(fs::symlink_status(path, ignored));
}

std::vector<fs::path> snapshots_in(const fs::path& model_folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(model_folder / "snapshots", error), end; !error && at != end; at.increment(error)) {
    if (is_snapshot(at->path())) found.push_back(at->path());
  }
  return found;
}

}  // namespace

std::optional<HubId> parse_hub_id(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view name = text.substr(0, at);
  const std::string_view revision = at == text.npos ? std::string_view() : text.substr(at + 1);
  const std::size_t slash = name.find('/');
  const bool valid =
      slash == name.npos ? valid_part(name) : valid_part(name.substr(0, slash)) && valid_part(name.substr(slash + 1));
  if (!valid || !valid_revision(revision) || (at != text.npos && revision.empty())) return std::nullopt;
  return HubId{std::string(name), std::string(revision)};
}

fs::path hub_cache_root(const Environment& environment) {
  const auto value = [&](const char* variable) -> std::optional<fs::path> {
    const char* text = environment(variable);
    if (text == nullptr || *text == '\0') return std::nullopt;
    const std::string_view path = text;
    const char* home = environment("HOME");
    if ((path == "~" || path.starts_with("~/")) && home != nullptr) {
      return fs::path(home) / fs::path(path.substr(std::min<std::size_t>(2, path.size())));
    }
    return fs::path(path);
  };
  if (const auto root = value("HF_HUB_CACHE")) return *root;
  if (const auto root = value("HUGGINGFACE_HUB_CACHE")) return *root;
  if (const auto home = value("HF_HOME")) return *home / "hub";
  if (const auto cache = value("XDG_CACHE_HOME")) return *cache / "huggingface" / "hub";
  return value("HOME").value_or(fs::path()) / ".cache" / "huggingface" / "hub";
}

fs::path hub_cache_root() {
  return hub_cache_root([](const char* variable) -> const char* { return std::getenv(variable); });
}

std::string download_advice(const HubId& id) {
  return fmt::format("if this is a model of the Hugging Face hub, download it first: huggingface-cli download {}{}{}",
                     id.name, id.revision.empty() ? "" : " --revision ", id.revision);
}

HubSnapshot hub_snapshot(const HubId& id, const fs::path& root) {
  if (std::optional<HubSnapshot> snapshot = find_hub_snapshot(id, root)) return *std::move(snapshot);
  throw Error(Errc::io,
              fmt::format("no such file or folder, and no such model in the hub cache '{}'", shortened(root.string())),
              {.file = id.name, .offset = {}, .tensor = {}}, download_advice(id));
}

std::optional<HubSnapshot> find_snapshot_in(const fs::path& model_folder, std::string_view revision) {
  const fs::path snapshots = model_folder / "snapshots";
  const fs::path named = revision.empty() ? fs::path("main") : fs::path(revision);
  if (const std::optional<std::string> commit = read_ref(model_folder / "refs" / named)) {
    if (is_snapshot(snapshots / *commit)) return HubSnapshot{snapshots / *commit, {}};
  }
  if (!revision.empty()) {
    if (revision.find('/') == revision.npos && is_snapshot(snapshots / revision)) {
      return HubSnapshot{snapshots / revision, {}};
    }
    return std::nullopt;
  }
  const std::vector<fs::path> all = snapshots_in(model_folder);
  if (all.size() != 1) return std::nullopt;
  return HubSnapshot{all.front(),
                     {fmt::format("The hub cache does not say which snapshot is 'main'; the only one, {}, is taken.",
                                  shortened(all.front().filename().string()))}};
}

std::optional<HubSnapshot> find_hub_snapshot(const HubId& id, const fs::path& root) {
  std::string folder = "models--" + id.name;
  if (const std::size_t slash = folder.find('/'); slash != folder.npos) folder.replace(slash, 1, "--");
  return find_snapshot_in(root / folder, id.revision);
}

}  // namespace transload
