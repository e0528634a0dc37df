// What a checkpoint holds, without its tensor bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "transload/dtype.h"

namespace transload {

// A byte range of one of the checkpoint's files.
struct Extent {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// How stored bytes become a storage's bytes.
enum class Codec : std::uint8_t {
  plain,
  deflate,     // RFC 1951, as in a zip entry
  latin1,      // text of a pickle that stands for bytes: characters below 256, in UTF-8
  tf_strings,  // a string tensor of a TensorFlow bundle; decoded: per element u64 length, then its bytes
};

// A checksum that the file itself carries for stored bytes.
struct Checksum {
  enum class Kind : std::uint8_t { crc32, crc32c } kind;
  std::uint32_t value;
};

// Bytes that tensors look into. Tensors that name the same storage are tied.
struct Storage {
  Extent at;               // stored bytes
  std::uint64_t size = 0;  // decoded bytes
  Codec codec = Codec::plain;
  std::uint8_t swap = 0;  // width of big-endian units to reverse when reading; 0: little endian
  // Of the stored bytes of a plain storage, of the decoded ones of another; of strings as TensorFlow counts it.
  std::optional<Checksum> checksum;
};

// A box of a tensor that lies in one storage. Most tensors are one chunk that covers them.
struct Chunk {
  Shape start;   // where the box begins in the tensor; empty: at its origin
  Shape extent;  // its size; empty: the whole tensor
  std::uint32_t storage = 0;
  std::uint64_t offset = 0;           // bytes into the decoded storage
  std::vector<std::int64_t> strides;  // in elements; empty: C order of the box
};

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::vector<Chunk> chunks;
};

// A tensor that a file holds and Transload cannot carry: sparse, quantised, lazily conjugated.
struct LeftOut {
  std::string tensor, reason;
};

// Immutable once sealed. Moves, does not copy: the lookups point into it. The order of tensors is that of the file.
class Index {
 public:
  Index() = default;
  Index(Index&&) = default;
  Index& operator=(Index&&) = default;

  std::string format;              // "torch", "safetensors", "tensor_bundle"
  std::vector<std::string> files;  // as the user would name them
  std::vector<Storage> storages;
  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;  // what the format keeps beside tensors, as text
  std::vector<std::string> notes;               // oddities that a user should know; one sentence each
  std::vector<LeftOut> left_out;                // tensors that are there and cannot be carried

  // Builds the lookups and checks what holds for every format: names are unique, chunks lie inside their storages
  // and tensors (Errc::corrupt). Readers call it once, last.
  void seal();
  const TensorInfo* find(std::string_view name) const noexcept;
  // The first tensor in the order that looks into the same storage; nullptr when `tensor` is that one.
  const TensorInfo* tied_to(const TensorInfo& tensor) const noexcept;
  std::uint64_t total_bytes() const;  // of all tensors in C order, tied ones each

 private:
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::unordered_map<std::uint32_t, std::size_t> first_user_;  // storage -> tensor
};

// SHA-256 (hex) of names, dtypes, shapes, places and stored checksums, not of the values. A plan keeps it, and is
// refused for a source in which anything of that differs.
std::string digest(const Index& index);

}  // namespace transload
