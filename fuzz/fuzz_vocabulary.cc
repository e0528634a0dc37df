// A folder of vocabulary files: parts with a byte 0xFF between them, of which the first byte, '0' to '6', tells the
// file. An Error, or a tokenizer whose ids are below its size.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "parts.h"
#include "transload/error.h"
#include "transload/tokenizer.h"

namespace {

using namespace transload;

constexpr std::array<std::string_view, 7> kNames{
    "vocab.txt",      "vocab.json",       "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
    "tokenizer.json", "added_tokens.json"};

class Folder final : public Store {
 public:
  void add(std::string_view name, std::string_view text) { files_[std::string(name)] = std::string(text); }
  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    for (const auto& [name, text] : files_) names.push_back(name);
    return names;
  }
  bool exists(std::string_view name) const override { return files_.contains(std::string(name)); }
  std::shared_ptr<Source> open(std::string_view name) const override {
    const std::string& text = files_.at(std::string(name));
    return memory_source(std::string(name), Bytes(as_bytes(text), nullptr));
  }

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Folder folder;
  std::string text = "The Palace, the palace!";
  for (const std::string_view part : fuzz::parts_of(data, size, 8)) {
    const std::size_t kind = part.empty() ? kNames.size() : static_cast<std::size_t>(part.front() - '0');
    if (kind < kNames.size()) {
      folder.add(kNames.at(kind), part.substr(1));
    } else {
      text = part;
    }
  }
  try {
    const auto tokenizer = find_tokenizer(folder);
    if (!tokenizer) return 0;
    for (const std::int64_t id : tokenizer->encode(text)) {
      if (id < 0 || id >= tokenizer->size()) std::abort();
    }
  } catch (const Error&) {
  }
  return 0;
}
