#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <queue>

#include "core/text.h"
#include "tokenizer/model.h"
#include "tokenizer/unicode.h"
#include "transload/error.h"

namespace transload::tokenizer {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kLongestWord = 1 << 30;  // bytes: places are 32 bits wide

struct Merge {
  std::uint64_t pair;  // the ids of the two tokens
  std::uint32_t rank;  // the place in the list
  std::uint32_t id;    // of what they become
};

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) noexcept { return (std::uint64_t{left} << 32) | right; }

// A part of the word, in a list of those that are left.
struct Symbol {
  std::uint32_t id;
  std::uint32_t previous, next;
  bool gone = false;
};

// A merge that was possible when it was found.
struct Candidate {
  std::uint32_t rank;
  std::uint32_t at;
  std::uint32_t id;

  bool operator<(const Candidate& other) const noexcept {  // the largest is taken first
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

class Bpe final : public Model {
 public:
  Bpe(Vocabulary vocabulary, const BpeRules& rules, const std::string& file)
      : Model(std::move(vocabulary)),
        prefix_(rules.prefix),
        fuse_unknown_(rules.fuse_unknown),
        unknown_(rules.unknown.empty() ? std::nullopt : this->vocabulary().find(rules.unknown)) {
    merges_.reserve(rules.merges.size());
    for (const auto& [left, right] : rules.merges) {
      const auto fail = [&, &a = left, &b = right](std::string_view why) {
        throw Error(Errc::corrupt, fmt::format("the merge '{} {}' {}", shortened(a, 40), shortened(b, 40), why),
                    {.file = file, .offset = {}, .tensor = {}});
      };
      if (!right.starts_with(prefix_)) fail("continues a word without the prefix of that");
      const auto a = this->vocabulary().find(left);
      const auto b = this->vocabulary().find(right);
      const auto both = this->vocabulary().find(left + right.substr(prefix_.size()));
      if (!a || !b) fail("names a token that the vocabulary lacks");
      if (!both) fail("makes a token that the vocabulary lacks");
      merges_.push_back({pair_of(*a, *b), static_cast<std::uint32_t>(merges_.size()), *both});
    }
    std::ranges::sort(merges_, {}, &Merge::pair);
    if (const auto twice = std::ranges::adjacent_find(merges_, {}, &Merge::pair); twice != merges_.end()) {
      const auto [first, second] = std::minmax(twice->rank, std::next(twice)->rank);
      throw Error(Errc::corrupt, fmt::format("merges {} and {} are the same", first + 1, second + 1),
                  {.file = file, .offset = {}, .tensor = {}});
    }
    for (char32_t code = 0; code < kQuick; ++code) {
      std::string character;
      append(character, code);
      quick_[0][code] = this->vocabulary().find(character);
      quick_[1][code] = this->vocabulary().find(prefix_ + character);
    }
  }

  void encode(std::string_view word, std::vector<std::int64_t>& ids) const override {
    if (word.size() > kLongestWord) throw Error(Errc::usage, "a word is longer than a gibibyte");
    std::vector<Symbol> symbols = symbols_of(word);
    merge(symbols);
    for (const Symbol& symbol : symbols) {
      if (!symbol.gone) ids.push_back(symbol.id);
    }
  }

 private:
  // Characters below this have their ids in a table: all that stand for bytes are among them.
  static constexpr char32_t kQuick = 0x180;

  std::optional<std::uint32_t> character_id(std::string_view word, std::size_t at, Character character) const {
    if (character.code < kQuick) return quick_[at > 0 ? 1 : 0][character.code];
    const std::string_view text = word.substr(at, character.size);
    return vocabulary().find(at > 0 ? prefix_ + std::string(text) : std::string(text));
  }

  std::vector<Symbol> symbols_of(std::string_view word) const {
    std::vector<Symbol> symbols;
    symbols.reserve(word.size());
    bool after_unknown = false;
    for (std::size_t at = 0; at < word.size();) {
      const Character character = character_at(word, at);
      const auto known = character_id(word, at, character);
      if (!known && !unknown_) {
        throw Error(Errc::usage, fmt::format("the vocabulary has no token for '{}', and no unknown token",
                                             escaped(word.substr(at, character.size))));
      }
      if (known || !after_unknown || !fuse_unknown_) {
        const auto place = static_cast<std::uint32_t>(symbols.size());
        symbols.push_back({known ? *known : *unknown_, place == 0 ? kNone : place - 1, place + 1});
      }
      after_unknown = !known;
      at += character.size;
    }
    if (!symbols.empty()) symbols.back().next = kNone;
    return symbols;
  }

  const Merge* find(std::uint32_t left, std::uint32_t right) const noexcept {
    const auto pair = pair_of(left, right);
    const auto at = std::ranges::lower_bound(merges_, pair, {}, &Merge::pair);
    return at != merges_.end() && at->pair == pair ? &*at : nullptr;
  }

  void merge(std::vector<Symbol>& symbols) const {
    std::vector<Candidate> found;
    for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) {
      if (const Merge* merge = find(symbols[i].id, symbols[i + 1].id)) found.push_back({merge->rank, i, merge->id});
    }
    std::priority_queue<Candidate> queue({}, std::move(found));
    const auto consider = [&](std::uint32_t left, std::uint32_t right) {
      if (left == kNone || right == kNone) return;
      if (const Merge* merge = find(symbols[left].id, symbols[right].id)) queue.push({merge->rank, left, merge->id});
    };
    while (!queue.empty()) {
      const Candidate candidate = queue.top();
      queue.pop();
      Symbol& left = symbols[candidate.at];
      if (left.gone || left.next == kNone) continue;
      Symbol& right = symbols[left.next];
      // Out of date unless these two still make the same token, as the library judges it.
      const Merge* now = find(left.id, right.id);
      if (now == nullptr || now->id != candidate.id) continue;
      left.id = candidate.id;
      left.next = right.next;
      right.gone = true;
      if (left.next != kNone) symbols[left.next].previous = candidate.at;
      consider(left.previous, candidate.at);
      consider(candidate.at, left.next);
    }
  }

  std::string prefix_;
  bool fuse_unknown_;
  std::optional<std::uint32_t> unknown_;
  std::vector<Merge> merges_;                                              // sorted by pair
  std::array<std::array<std::optional<std::uint32_t>, kQuick>, 2> quick_;  // at the start of a word, and inside
};

}  // namespace

std::unique_ptr<Model> make_bpe(Vocabulary vocabulary, const BpeRules& rules, const std::string& file) {
  return std::make_unique<Bpe>(std::move(vocabulary), rules, file);
}

}  // namespace transload::tokenizer
