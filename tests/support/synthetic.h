// Checkpoints of names and shapes only, for what never touches tensor bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "transload/error.h"
#include "transload/format.h"
#include "transload/index.h"

namespace transload::testing {

struct NamedShape {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
};

// Each tensor has a storage of its own.
inline Index synthetic_index(const std::vector<NamedShape>& tensors, const std::string& format = "torch") {
  Index index;
  index.format = format;
  index.files = {"synthetic"};
  std::uint64_t offset = 0;
  for (const NamedShape& each : tensors) {
    const std::uint64_t size = tensor_bytes(each.dtype, each.shape);
    Storage storage_bytes;
    storage_bytes.at = {0, offset, size};
    storage_bytes.size = size;
    index.storages.push_back(storage_bytes);
    offset += size;
    const auto storage = static_cast<std::uint32_t>(index.storages.size() - 1);
    index.tensors.push_back({each.name,
                             each.dtype,
                             each.shape,
                             {{.start = {}, .extent = {}, .storage = storage, .offset = 0, .strides = {}}}});
  }
  index.seal();
  return index;
}

// Answers index() only: a test that reads bytes through it fails.
class IndexOnlyReader final : public Reader {
 public:
  explicit IndexOnlyReader(Index index) : index_(std::move(index)) {}
  const Index& index() const noexcept override { return index_; }
  void read(std::uint32_t, std::uint64_t, MutableByteView) const override { refuse(); }
  Bytes view(std::uint32_t) const override { refuse(); }

 private:
  [[noreturn]] static void refuse() { throw Error(Errc::usage, "this checkpoint has no bytes"); }
  Index index_;
};

}  // namespace transload::testing
