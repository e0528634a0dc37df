#include "vocabulary_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "sidecars.h"
#include "transload/error.h"

namespace transload::cli {
namespace {

// Empty lines at the end are no tokens.
std::uint64_t lines_of(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text.empty() ? 0 : 1 + static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

// Entries of vocab.txt (one a line), vocab.json (an object) or X.vocab (GluonNLP's "idx_to_token"). Empty: `text` is
// none of these.
std::optional<std::uint64_t> vocabulary_entries(std::string_view name, const std::string& text) {
  if (name.ends_with(".txt")) return lines_of(text);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  if (name.ends_with(".json")) return json.size();
  const auto tokens = json.find("idx_to_token");
  if (tokens == json.end() || !tokens->is_array()) return std::nullopt;
  return tokens->size();
}

}  // namespace

std::vector<std::string> check_vocabularies(const Location& location, std::uint64_t rows) {
  std::vector<std::string> notes;
  const std::string own = fs::path(location.name).filename().replace_extension(".vocab").string();
  for (const std::string& name : {std::string("vocab.txt"), std::string("vocab.json"), own}) {
    const std::optional<TextFile> file = read_beside(location, name);
    if (!file) continue;
    const std::optional<std::uint64_t> entries = vocabulary_entries(name, file->text);
    if (!entries || *entries == rows) continue;
    if (*entries > rows) {
      throw Error(Errc::mismatch,
                  fmt::format("has {} entries, but the embedding of the model has {} rows: it is the vocabulary of "
                              "another model",
                              *entries, rows),
                  {.file = file->name, .offset = {}, .tensor = {}},
                  "--no-sidecars goes on without it; or move it away");
    }
    notes.push_back(
        fmt::format("{} has {} entries, fewer than the {} rows of the embedding", shortened(name), *entries, rows));
  }
  return notes;
}

}  // namespace transload::cli
