// Tokens and their ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transload/io.h"
#include "wire/json.h"

namespace transload::tokenizer {

class Vocabulary {
 public:
  using Entry = std::pair<std::string, std::uint32_t>;

  Vocabulary() = default;
  // Errc::corrupt in `file` where a token or an id occurs twice.
  Vocabulary(std::vector<Entry> entries, const std::string& file);

  std::optional<std::uint32_t> find(std::string_view token) const noexcept;
  const std::vector<Entry>& entries() const noexcept { return entries_; }  // sorted by token
  std::uint64_t count() const noexcept { return entries_.size(); }
  std::uint64_t end() const noexcept { return end_; }  // one above the largest id, 0 without any

 private:
  std::vector<Entry> entries_;
  std::uint64_t end_ = 0;
};

// The whole text of a file. Errc::unsupported above 64 MiB, Errc::corrupt where it is not UTF-8.
std::string read_text(const Source& source);
// Its lines, without their ends ("\n" or "\r\n").
std::vector<std::string_view> lines_of(std::string_view text);

// An id from 0 to 2^32 - 1. `what` is for the message.
std::uint32_t id_from(const wire::Json& value, const std::string& file, std::string_view what);
// {"token": id, ...}, the same object as GPT-2's encoder.json; or GluonNLP's {"idx_to_token": [...], ...}.
Vocabulary vocabulary_from(const wire::Json& json, const std::string& file);

// {"token a", "token b"} of each merge, in order.
using Merges = std::vector<std::pair<std::string, std::string>>;
// merges.txt: one "a b" a line; lines that begin with "#version" say nothing.
Merges merges_from_lines(std::string_view text, const std::string& file);

}  // namespace transload::tokenizer
