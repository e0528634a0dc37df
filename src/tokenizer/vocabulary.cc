#include "tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/text.h"
#include "transload/error.h"

namespace transload::tokenizer {
namespace {

constexpr std::uint64_t kLargestFile = 64 << 20;  // bytes; the largest known, of 250000 tokens, has 17 MB

[[noreturn]] void fail(const std::string& file, std::string_view message) {
  throw Error(Errc::corrupt, message, {.file = file, .offset = {}, .tensor = {}});
}

}  // namespace

Vocabulary::Vocabulary(std::vector<Entry> entries, const std::string& file) : entries_(std::move(entries)) {
  std::ranges::sort(entries_);
  std::vector<std::uint32_t> ids;
  ids.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (i > 0 && entries_[i].first == entries_[i - 1].first) {
      fail(file, fmt::format("the token '{}' has two ids, {} and {}", shortened(entries_[i].first),
                             entries_[i - 1].second, entries_[i].second));
    }
    ids.push_back(entries_[i].second);
  }
  std::ranges::sort(ids);
  if (const auto twice = std::ranges::adjacent_find(ids); twice != ids.end()) {
    fail(file, fmt::format("two tokens have the id {}", *twice));
  }
  if (!ids.empty()) end_ = std::uint64_t{ids.back()} + 1;
}

std::optional<std::uint32_t> Vocabulary::find(std::string_view token) const noexcept {
  const auto at = std::ranges::lower_bound(entries_, token, {}, &Entry::first);
  if (at == entries_.end() || at->first != token) return std::nullopt;
  return at->second;
}

std::string read_text(const Source& source) {
  const Where where{.file = source.name(), .offset = {}, .tensor = {}};
  if (source.size() > kLargestFile) {
    throw Error(Errc::unsupported,
                fmt::format("{} are too many for a vocabulary: {} at most", human_bytes(source.size()),
                            human_bytes(kLargestFile)),
                where);
  }
  std::string text(source.size(), '\0');
  source.read(0, std::as_writable_bytes(std::span(text)));
  if (!valid_utf8(text)) throw Error(Errc::corrupt, "this is not UTF-8", where);
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::uint32_t id_from(const wire::Json& value, const std::string& file, std::string_view what) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) {
    fail(file, fmt::format("the id of '{}' is no integer from 0 to 4294967295", shortened(what)));
  }
  return value.get<std::uint32_t>();
}

Vocabulary vocabulary_from(const wire::Json& json, const std::string& file) {
  if (!json.is_object()) fail(file, "a vocabulary is an object of tokens and ids");
  std::vector<Vocabulary::Entry> entries;
  if (const auto list = json.find("idx_to_token"); list != json.end() && list->is_array()) {
    for (const auto& token : *list) {
      if (!token.is_string()) fail(file, "idx_to_token holds something else than texts");
      entries.emplace_back(token.get<std::string>(), static_cast<std::uint32_t>(entries.size()));
    }
  } else {
    entries.reserve(json.size());
    for (const auto& [token, id] : json.items()) entries.emplace_back(token, id_from(id, file, token));
  }
  return {std::move(entries), file};
}

Merges merges_from_lines(std::string_view text, const std::string& file) {
  Merges merges;
  std::uint64_t number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (line.starts_with("#version")) continue;
    const std::size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos) {
      fail(file, fmt::format("line {} is not two tokens with a space between them: '{}'", number, shortened(line)));
    }
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

}  // namespace transload::tokenizer
