// The header of a safetensors file: read, with every rule of the format enforced.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "transload/dtype.h"
#include "transload/io.h"

namespace transload::safetensors {

inline constexpr std::uint64_t kLengthBytes = 8;          // u64, little endian: the header's length
inline constexpr std::uint64_t kMaxHeader = 100'000'000;  // of the library (tensor.rs, MAX_HEADER_SIZE)
inline constexpr std::string_view kMetadataKey = "__metadata__";
// Bounds of our own; no framework makes files beyond them.
inline constexpr std::size_t kMaxRank = 64;
inline constexpr std::size_t kMaxName = 4096;

struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // in the data
};

struct Header {
  std::vector<Entry> tensors;  // in the order of the JSON text
  std::map<std::string, std::string> metadata;
  std::uint64_t data = 0;  // where the data begins, from the start of the file
};

// The JSON text of a header that begins at byte 8 of `file` and is followed by `data_size` bytes.
//
// Errc::corrupt unless: the text begins with '{' and nothing but blanks (0x20) follows its '}'; every key is there
// once; "__metadata__" maps strings to strings; every tensor has a dtype, a shape and data_offsets, of plain
// non-negative integers, and nothing else; shape and dtype give the size; the tensors fill the data from its first
// byte to its last, without holes or overlaps. Errc::unsupported beyond the bounds above.
Header parse_header(std::string_view json, const std::string& file, std::uint64_t data_size);

// Reads the length and the header of `source`, and no byte of a tensor. Also Errc::corrupt when the length is beyond
// kMaxHeader or the file.
Header read_header(const Source& source);

// Empty if a safetensors file can hold a tensor of this name; otherwise why not.
std::string_view name_problem(std::string_view name) noexcept;

}  // namespace transload::safetensors
