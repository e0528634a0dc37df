// One file in memory as a Store, for fuzzers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transload/format.h"

namespace transload::fuzz {

class OneFile final : public Store {
 public:
  explicit OneFile(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::string describe(std::string_view name) const override { return std::string(name); }
  std::vector<std::string> list() const override { return {"x"}; }
  bool exists(std::string_view name) const override { return name == "x"; }
  std::shared_ptr<Source> open(std::string_view name) const override {
    return memory_source(std::string(name), bytes_);
  }

 private:
  Bytes bytes_;
};

// Tensors beyond this many bytes come from sparse arrays, whose zeros cost time and say nothing.
inline constexpr std::uint64_t kLargest = std::uint64_t{4} << 20;

inline void read_unless_large(const Reader& reader, const TensorInfo& tensor) {
  const std::uint64_t size = tensor_bytes(tensor.dtype, tensor.shape);
  if (size > kLargest) return;
  std::vector<std::byte> out(size);
  read_tensor(reader, tensor, out);
}

// Opens `bytes` and reads every tensor that is not too large.
inline std::unique_ptr<Reader> read_all(const Format& format, ByteView bytes) {
  format.sniff("x", bytes);
  auto reader = format.open(std::make_shared<OneFile>(Bytes(bytes, nullptr)), "x", {});
  for (const TensorInfo& tensor : reader->index().tensors) read_unless_large(*reader, tensor);
  // Stored bytes are mapped, or decoded as a whole.
  for (std::uint32_t i = 0; i < reader->index().storages.size(); ++i) {
    if (reader->index().storages[i].size <= kLargest) reader->view(i);
  }
  return reader;
}

}  // namespace transload::fuzz
