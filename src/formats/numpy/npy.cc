// A single array.

#include <utility>
#include <vector>

#include "formats/numpy/numpy.h"
#include "formats/numpy/place.h"
#include "formats/reader.h"
#include "transload/error.h"

namespace transload::numpy {
namespace {

int sniff(std::string_view file_name, ByteView head) {
  if (as_text(head).starts_with(kMagic)) return 95;
  return file_name.ends_with(".npy") ? 10 : 0;
}

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options) {
  std::shared_ptr<Source> source = store->open(name);
  if (!options.key.empty()) {
    throw Error(Errc::usage, "a NumPy array has no containers to choose from with a key",
                {.file = source->name(), .offset = {}, .tensor = {}}, "leave the key out");
  }
  const Begin begin = [&](std::uint64_t size) {
    std::vector<std::byte> bytes(size);
    source->read(0, bytes);
    return Bytes(std::move(bytes));
  };
  const Array array = read_array(source->size(), begin, source->name());
  if (array.element.kind != Element::Kind::numbers) {
    throw Error(Errc::unsupported, array.reason, {.file = source->name(), .offset = {}, .tensor = {}});
  }
  Index index;
  index.format = "npy";
  index.files = {source->name()};
  index.storages.push_back({.at = {.file = 0, .offset = array.values, .size = array.bytes},
                            .size = array.bytes,
                            .codec = Codec::plain,
                            .swap = array.element.swap,
                            .checksum = {}});
  Chunk chunk;
  chunk.strides = array.strides;
  index.tensors.push_back({.name = "0", .dtype = array.element.type, .shape = array.shape, .chunks = {chunk}});
  index.notes.emplace_back("the file gives its array no name; it is called 0.");
  index.seal();
  return make_reader(std::move(index), {std::move(source)});
}

}  // namespace

const Format& npy_format() {
  static constexpr Format kFormat{
      .name = "npy",
      .title = "NumPy array (.npy)",
      .keeps_ties = false,
      .sniff = sniff,
      .open = open,
      .layout = nullptr,
      .finish = nullptr,
  };
  return kFormat;
}

}  // namespace transload::numpy
