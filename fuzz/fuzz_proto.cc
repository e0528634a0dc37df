// Protobuf messages: any bytes as fields of any kind, and as the entries of a bundle's table; an entry that is read is
// written to one that is read alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "formats/tensor_bundle/entry.h"
#include "formats/tensor_bundle/slice.h"
#include "transload/error.h"
#include "wire/proto.h"

namespace {

using namespace transload;

// The kind that is asked for depends on the field's number only: sometimes it is there, sometimes not.
void walk(wire::ProtoReader message, int depth) {
  while (message.next()) {
    switch (message.field() % 8) {
      case 0: message.uint64(); break;
      case 1: message.int64(); break;
      case 2:
        if (depth > 0) {
          walk(message.message(), depth - 1);
        } else {
          message.skip();
        }
        break;
      case 3: message.int32(); break;
      case 4: message.boolean(); break;
      case 5: message.fixed32(); break;
      case 6: message.bytes(); break;
      default: message.skip();
    }
  }
}

template <class Function>
void guarded(Function function) {
  try {
    function();
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const wire::TableEntry value{.key = "w", .value = text, .value_offset = 0};
  guarded([&] { walk(wire::ProtoReader(text, "x", 0), 4); });
  guarded([&] { tensor_bundle::read_header(value, "x"); });
  guarded([&] {
    const tensor_bundle::Entry entry = tensor_bundle::read_entry(value, "x");
    std::vector<Chunk> boxes;
    for (const tensor_bundle::Slice& slice : entry.slices) {
      if (tensor_bundle::slice_key("w", slice).front() != '\0') std::abort();
      guarded([&] { boxes.push_back(tensor_bundle::slice_box(slice, entry.shape)); });
    }
    guarded([&] { tensor_bundle::check_cover(boxes, entry.shape); });
    const std::string bytes = tensor_bundle::entry_bytes(entry);
    const tensor_bundle::Entry again = tensor_bundle::read_entry({.key = "w", .value = bytes, .value_offset = 0}, "x");
    if (again.shape != entry.shape || again.data_type != entry.data_type || again.offset != entry.offset ||
        again.size != entry.size || again.masked_crc32c != entry.masked_crc32c) {
      std::abort();
    }
  });
  return 0;
}
