// What the tests of damaged files share: which variants of a file are tried, and what comes of reading one.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/memory_store.h"
#include "transload/format.h"

namespace transload::damage {

// Every byte of small files, or a sample that takes seconds: `TRANSLOAD_DAMAGE=full` in the environment.
inline bool full() {
  const char* wanted = std::getenv("TRANSLOAD_DAMAGE");
  return wanted != nullptr && std::string(wanted) == "full";
}

// Offsets to damage in a file of `size` bytes: all of a small one; of a larger one its ends, where structure is
// dense, and a sample of the rest.
inline std::vector<std::size_t> places(std::size_t size) {
  const std::size_t all = full() ? 4096 : 256, ends = full() ? 1024 : 64, between = full() ? 1024 : 128;
  std::vector<std::size_t> found;
  const std::size_t step = size <= all ? 1 : std::max<std::size_t>(1, size / between);
  for (std::size_t at = 0; at < size; ++at) {
    if (size <= all || at < ends || size - at <= ends || at % step == 0) found.push_back(at);
  }
  return found;
}

// What is changed in a byte: each of its bits alone; three patterns of several in a sample.
inline std::vector<unsigned char> patterns() {
  if (full()) return {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80};
  return {0x01, 0x20, 0xFF};
}

struct Tensor {
  std::string name;
  DType dtype;
  Shape shape;
  std::string digest;

  bool same_structure(const Tensor& other) const {
    return std::tie(name, dtype, shape) == std::tie(other.name, other.dtype, other.shape);
  }
  bool operator==(const Tensor&) const = default;
};

// What a reader gives: all of its tensors with the digests of their values, and the names of those left out.
struct Seen {
  std::vector<Tensor> tensors;
  std::vector<std::string> left_out;

  bool operator==(const Seen&) const = default;
  bool same_structure(const Seen& other) const {
    return left_out == other.left_out &&
           std::ranges::equal(tensors, other.tensors, [](const auto& a, const auto& b) { return a.same_structure(b); });
  }
};

inline Seen seen(const Reader& reader) {
  Seen all;
  for (const TensorInfo& tensor : reader.index().tensors) {
    all.tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor_digest(reader, tensor)});
  }
  for (const LeftOut& left : reader.index().left_out) all.left_out.push_back(left.tensor);
  return all;
}

// A checkpoint in memory: its files, and the name and format by which it is opened.
struct Checkpoint {
  std::string title;
  std::map<std::string, std::string> files;
  std::string name;
  std::function<std::unique_ptr<Reader>(std::shared_ptr<Store>, std::string_view)> open;

  std::unique_ptr<Reader> read(const std::string& changed, const std::string& bytes) const {
    const auto store = std::make_shared<testing::MemoryStore>();
    for (const auto& [file, whole] : files) store->put(file, file == changed ? bytes : whole);
    return open(store, name);
  }
};

}  // namespace transload::damage
