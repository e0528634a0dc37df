// What a bundle's table holds: its header under the empty key, and one entry for each tensor under its name
// (tensorflow/core/protobuf/tensor_bundle.proto).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transload/dtype.h"
#include "wire/table.h"

namespace transload::tensor_bundle {

inline constexpr std::size_t kMostDimensions = 254;  // TensorShape::MaxDimensions()

struct Header {
  std::int32_t shards = 0;
  bool big_endian = false;
};

// One dimension of a slice. A length of -1 is the whole dimension, and kept as such because keys are made of it.
struct SliceExtent {
  std::int64_t start = 0, length = -1;
  bool operator==(const SliceExtent&) const = default;
};
using Slice = std::vector<SliceExtent>;

// With `slices`, the entry only describes the tensor: each slice has an entry of its own (slice.h).
struct Entry {
  std::int32_t data_type = 0;
  Shape shape;
  std::int32_t shard = 0;
  std::uint64_t offset = 0, size = 0;
  std::uint32_t masked_crc32c = 0;
  std::vector<Slice> slices;
  std::uint64_t at = 0;  // offset of the entry in its file, for messages
};

// Errc::corrupt with the offset of the field for everything that no writer makes: a broken message, a field twice, a
// negative or unknown dimension, more than 254 of them, a negative number. Fields that they do not know are skipped, as
// TensorFlow does. Errc::unsupported for a version that asks for newer readers.
Header read_header(const wire::TableEntry& value, const std::string& file);
Entry read_entry(const wire::TableEntry& value, const std::string& file);

// As TensorFlow 2.15 serialises them: fields in order, zeros left out, the checksum always there.
std::string header_bytes();  // one shard, little endian, version 1
std::string entry_bytes(const Entry& entry);
// A TensorShapeProto; -1 for a dimension of unknown size.
std::string shape_bytes(const Shape& shape);

}  // namespace transload::tensor_bundle
