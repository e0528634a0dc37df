#include "formats/tensor_bundle/entry.h"

#include <fmt/format.h>

#include <bitset>

#include "transload/error.h"
#include "wire/proto.h"

namespace transload::tensor_bundle {
namespace {

using wire::ProtoReader;
using wire::ProtoWriter;

constexpr std::int32_t kVersion = 1;  // kTensorBundleVersion

// Fields that may occur once. Protobuf takes the last of several; no writer makes several, so they are refused.
class Once {
 public:
  explicit Once(const ProtoReader& message) : message_(message) {}
  void operator()() {
    const std::uint32_t field = message_.field();
    if (field >= seen_.size()) return;
    if (seen_[field]) message_.fail(fmt::format("field {} occurs twice", field));
    seen_[field] = true;
  }

 private:
  const ProtoReader& message_;
  std::bitset<8> seen_;
};

std::uint64_t not_negative(const ProtoReader& message, std::int64_t value, std::string_view what) {
  if (value < 0) message.fail(fmt::format("{} of {}", what, value));
  return static_cast<std::uint64_t>(value);
}

std::int64_t read_dimension(ProtoReader dim) {
  std::int64_t size = 0;
  for (Once once(dim); dim.next();) {
    if (dim.field() != 1) {  // 2 is a name
      dim.skip();
      continue;
    }
    once();
    size = dim.int64();
    not_negative(dim, size, "a dimension");
  }
  return size;
}

Shape read_shape(ProtoReader message) {
  Shape shape;
  while (message.next()) {
    switch (message.field()) {
      case 2:
        if (shape.size() == kMostDimensions) message.fail(fmt::format("more than {} dimensions", kMostDimensions));
        shape.push_back(read_dimension(message.message()));
        break;
      case 3:
        if (message.boolean()) message.fail("a tensor of unknown rank");
        break;
      default: message.skip();
    }
  }
  return shape;
}

SliceExtent read_extent(ProtoReader message) {
  SliceExtent extent;
  for (Once once(message); message.next();) {
    switch (message.field()) {
      case 1:
        once();
        extent.start = message.int64();
        not_negative(message, extent.start, "a slice that begins at an index");
        break;
      case 2:
        once();
        extent.length = message.int64();
        not_negative(message, extent.length, "a slice with a length");
        break;
      default: message.skip();
    }
  }
  return extent;
}

Slice read_slice(ProtoReader message) {
  Slice slice;
  while (message.next()) {
    if (message.field() != 1) {
      message.skip();
      continue;
    }
    if (slice.size() == kMostDimensions) message.fail(fmt::format("more than {} dimensions", kMostDimensions));
    slice.push_back(read_extent(message.message()));
  }
  return slice;
}

// VersionDef: 1 producer, 2 min_consumer, 3 bad_consumers. The producer's version does not matter.
void check_version(ProtoReader message) {
  while (message.next()) {
    switch (message.field()) {
      case 2:
        if (const std::int32_t version = message.int32(); version > kVersion) {
          throw Error(
              Errc::unsupported,
              fmt::format("this bundle asks for readers of version {}; Transload reads version {}", version, kVersion),
              {.file = message.file(), .offset = message.offset(), .tensor = {}});
        }
        break;
      default: message.skip();
    }
  }
}

}  // namespace

Header read_header(const wire::TableEntry& value, const std::string& file) {
  Header header;
  ProtoReader message(value.value, file, value.value_offset);
  for (Once once(message); message.next();) {
    switch (message.field()) {
      case 1:
        once();
        header.shards = message.int32();
        break;
      case 2:
        once();
        switch (const std::int32_t endianness = message.int32()) {
          case 0: header.big_endian = false; break;
          case 1: header.big_endian = true; break;
          default: message.fail(fmt::format("unknown byte order {}", endianness));
        }
        break;
      case 3: check_version(message.message()); break;
      default: message.skip();
    }
  }
  if (header.shards < 1) message.fail(fmt::format("a bundle of {} data files", header.shards));
  return header;
}

Entry read_entry(const wire::TableEntry& value, const std::string& file) {
  Entry entry;
  entry.at = value.value_offset;
  ProtoReader message(value.value, file, value.value_offset);
  for (Once once(message); message.next();) {
    if (message.field() != 7) once();
    switch (message.field()) {
      case 1: entry.data_type = message.int32(); break;
      case 2: entry.shape = read_shape(message.message()); break;
      case 3:
        entry.shard = message.int32();
        not_negative(message, entry.shard, "a data file with the number");
        break;
      case 4: entry.offset = not_negative(message, message.int64(), "an offset"); break;
      case 5: entry.size = not_negative(message, message.int64(), "a size"); break;
      case 6: entry.masked_crc32c = message.fixed32(); break;
      case 7: entry.slices.push_back(read_slice(message.message())); break;
      default: message.skip();
    }
  }
  return entry;
}

std::string header_bytes() {
  ProtoWriter version;
  version.varint(1, kVersion);
  ProtoWriter header;
  header.varint(1, 1).message(3, version);
  return std::move(header).take();
}

std::string shape_bytes(const Shape& shape) {
  ProtoWriter message;
  for (const std::int64_t size : shape) {
    ProtoWriter dimension;
    if (size != 0) dimension.int64(1, size);
    message.message(2, dimension);
  }
  return std::move(message).take();
}

std::string entry_bytes(const Entry& entry) {
  ProtoWriter message;
  message.int64(1, entry.data_type).bytes(2, shape_bytes(entry.shape));
  if (entry.shard != 0) message.int64(3, entry.shard);
  if (entry.offset != 0) message.varint(4, entry.offset);
  if (entry.size != 0) message.varint(5, entry.size);
  message.fixed32(6, entry.masked_crc32c);
  return std::move(message).take();
}

}  // namespace transload::tensor_bundle
