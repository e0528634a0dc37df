#include "tokenizer/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "tokenizer/unicode.h"
#include "transload/error.h"

namespace transload::tokenizer {
namespace {

// Looking for them takes time proportional to their length for each character of the text.
constexpr std::size_t kLongestToken = 256;

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, bool normalized, const std::vector<Normalizer>& steps,
                         const std::string& file)
    : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [&](const AddedToken& token) { return token.normalized != normalized; });
  const bool takes_right = std::ranges::any_of(tokens_, &AddedToken::rstrip);
  std::vector<LongestMatch::Entry> entries;
  for (const AddedToken& token : tokens_) {
    std::string text = normalized ? tokenizer::normalized(steps, token.content) : token.content;
    if (text.empty() || text.size() > kLongestToken) {
      throw Error(Errc::unsupported,
                  fmt::format("the added token '{}' is {}", shortened(token.content),
                              text.empty() ? "empty" : fmt::format("longer than {} bytes", kLongestToken)),
                  {.file = file, .offset = {}, .tensor = {}});
    }
    // White space that one token takes and another begins with: the library's ids depend on how its search goes on.
    if ((takes_right || token.lstrip) && is_space(character_at(text, 0).code)) {
      throw Error(Errc::unsupported,
                  fmt::format("the added token '{}' begins with white space, and {}", shortened(token.content),
                              token.lstrip ? "has 'lstrip'" : "there is one with 'rstrip'"),
                  {.file = file, .offset = {}, .tensor = {}});
    }
    entries.emplace_back(std::move(text), static_cast<std::uint32_t>(entries.size()));
  }
  match_ = LongestMatch(std::move(entries));
}

std::vector<Part> AddedTokens::split(std::string_view text) const {
  std::vector<Part> parts;
  std::size_t done = 0;  // where the text begins that is in no part yet
  for (std::size_t at = 0; !match_.empty() && at < text.size();) {
    const auto found = match_.at(text.substr(at));
    if (found.size == 0) {
      at += character_at(text, at).size;
      continue;
    }
    const AddedToken& token = tokens_[found.value];
    std::size_t begin = at;
    std::size_t end = at + found.size;
    at = end;
    if (token.single_word && ((begin > 0 && is_word(character_before(text, begin).code)) ||
                              (end < text.size() && is_word(character_at(text, end).code)))) {
      continue;
    }
    if (token.lstrip) {
      while (begin > done) {
        const Character before = character_before(text, begin);
        if (!is_space(before.code)) break;
        begin -= before.size;
      }
    }
    if (token.rstrip) {
      end = std::max(end, done);
      while (end < text.size() && is_space(character_at(text, end).code)) end += character_at(text, end).size;
    }
    if (begin > done) parts.push_back({text.substr(done, begin - done), std::nullopt});
    parts.push_back({text.substr(begin, end - begin), token.id});
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), std::nullopt});
  return parts;
}

}  // namespace transload::tokenizer
