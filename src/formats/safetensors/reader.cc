#include "formats/safetensors/reader.h"

#include <utility>
#include <vector>

#include "formats/reader.h"
#include "formats/safetensors/header.h"
#include "transload/error.h"
#include "wire/cursor.h"

namespace transload::safetensors {

int sniff(std::string_view file_name, ByteView head) {
  const bool named = file_name.ends_with(".safetensors");
  if (head.size() > kLengthBytes && as_text(head)[kLengthBytes] == '{') {
    wire::Cursor cursor(Bytes(head, nullptr), std::string(file_name));
    const std::uint64_t size = cursor.u64();
    // A length of 2 to 100,000,000 before a '{': three NULs at least, which no text has.
    if (size >= 2 && size <= kMaxHeader) return 95;
  }
  return named ? 10 : 0;
}

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options) {
  std::shared_ptr<Source> source = store->open(name);
  if (!options.key.empty()) {
    throw Error(Errc::usage, "a safetensors file has no containers to choose from with a key",
                {.file = source->name(), .offset = {}, .tensor = {}}, "leave the key out");
  }
  Header header = read_header(*source);
  Index index;
  index.format = "safetensors";
  index.files = {source->name()};
  index.metadata = std::move(header.metadata);
  index.storages.reserve(header.tensors.size());
  index.tensors.reserve(header.tensors.size());
  for (Entry& entry : header.tensors) {
    Chunk chunk;
    chunk.storage = static_cast<std::uint32_t>(index.storages.size());
    const std::uint64_t size = entry.end - entry.begin;
    index.storages.push_back({.at = {.file = 0, .offset = header.data + entry.begin, .size = size},
                              .size = size,
                              .codec = Codec::plain,
                              .swap = 0,
                              .checksum = {}});
    index.tensors.push_back(
        {.name = std::move(entry.name), .dtype = entry.dtype, .shape = std::move(entry.shape), .chunks = {chunk}});
  }
  index.seal();
  return make_reader(std::move(index), {std::move(source)});
}

}  // namespace transload::safetensors
