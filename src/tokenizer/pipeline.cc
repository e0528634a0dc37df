#include "tokenizer/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "transload/error.h"

namespace transload::tokenizer {
namespace {

constexpr std::size_t kLongestText = 256 << 20;  // bytes

class Pipeline final : public Tokenizer {
 public:
  Pipeline(Parts parts, const std::string& file)
      : parts_(std::move(parts)),
        raw_(parts_.added, false, parts_.normalizers, file),
        normalized_(parts_.added, true, parts_.normalizers, file) {
    std::uint64_t end = parts_.model->vocabulary().end();
    for (const AddedToken& token : parts_.added) end = std::max(end, std::uint64_t{token.id} + 1);
    size_ = static_cast<std::int64_t>(end);
    for (const std::string_view name :
         {std::string_view(parts_.pad), std::string_view("[PAD]"), std::string_view("<pad>")}) {
      if (!name.empty() && pad_ < 0) pad_ = id_of(name);
    }
    for (const auto* ids : {&parts_.before, &parts_.after}) {
      for (const std::uint32_t id : *ids) {
        if (id >= end) {
          throw Error(Errc::corrupt, fmt::format("the id {} around a sentence is beyond the vocabulary of {}", id, end),
                      {.file = file, .offset = {}, .tensor = {}});
        }
      }
    }
  }

  std::vector<std::int64_t> encode(std::string_view text) const override {
    if (text.size() > kLongestText) {
      throw Error(Errc::usage,
                  fmt::format("a text of {}: {} at most", human_bytes(text.size()), human_bytes(kLongestText)));
    }
    if (!valid_utf8(text)) throw Error(Errc::usage, "the text is not UTF-8");
    std::vector<std::int64_t> ids(parts_.before.begin(), parts_.before.end());
    for (const Part& outer : raw_.split(text)) {
      if (outer.id) {
        ids.push_back(*outer.id);
        continue;
      }
      const std::string plain = normalized(parts_.normalizers, outer.text);
      for (const Part& inner : normalized_.split(plain)) {
        if (inner.id) {
          ids.push_back(*inner.id);
          continue;
        }
        for (const std::string& word : words(parts_.splitters, inner.text)) parts_.model->encode(word, ids);
      }
    }
    ids.insert(ids.end(), parts_.after.begin(), parts_.after.end());
    return ids;
  }

  std::int64_t size() const noexcept override { return size_; }
  std::int64_t pad() const noexcept override { return pad_; }
  const std::string& kind() const noexcept override { return parts_.kind; }

 private:
  std::int64_t id_of(std::string_view token) const noexcept {
    if (const auto id = parts_.model->vocabulary().find(token)) return *id;
    const auto added = std::ranges::find(parts_.added, token, &AddedToken::content);
    return added != parts_.added.end() ? std::int64_t{added->id} : -1;
  }

  Parts parts_;
  AddedTokens raw_, normalized_;
  std::int64_t size_ = 0;
  std::int64_t pad_ = -1;
};

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(Parts parts, const std::string& file) {
  return std::make_unique<Pipeline>(std::move(parts), file);
}

}  // namespace transload::tokenizer
