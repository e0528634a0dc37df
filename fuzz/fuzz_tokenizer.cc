// Vocabularies and texts from any bytes: an Error, or ids that are below the size. The input is up to three files with
// a byte 0xFF, which no valid file holds, between them; the last is also the text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "transload/error.h"
#include "transload/tokenizer.h"

namespace {

using namespace transload;

std::shared_ptr<Source> file(std::string_view text) {
  const ByteView view = as_bytes(text);
  return memory_source("x", Bytes(std::vector<std::byte>(view.begin(), view.end())));
}

void try_tokenizer(const std::function<std::unique_ptr<Tokenizer>()>& open, std::string_view text) {
  try {
    const auto tokenizer = open();
    for (const std::int64_t id : tokenizer->encode(text)) {
      if (id < 0 || id >= tokenizer->size()) std::abort();
    }
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string_view> parts;
  while (parts.size() < 2 && rest.find('\xFF') != rest.npos) {
    parts.push_back(rest.substr(0, rest.find('\xFF')));
    rest.remove_prefix(parts.back().size() + 1);
  }
  parts.push_back(rest);
  const std::string_view first = parts.front(), second = parts[parts.size() / 2], text = parts.back();
  try_tokenizer([&] { return tokenizer_from_json(*file(first)); }, text);
  try_tokenizer([&] { return wordpiece(*file(first), text.size() % 2 == 0); }, text);
  try_tokenizer([&] { return byte_level_bpe(*file(first), *file(second)); }, text);
  return 0;
}
