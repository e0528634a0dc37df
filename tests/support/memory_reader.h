// A checkpoint in memory, built tensor by tensor.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "formats/reader.h"

namespace transload::testing {

class MemoryCheckpoint {
 public:
  // A tensor with a storage of its own, in C order.
  template <class T>
  MemoryCheckpoint& add(std::string name, DType dtype, Shape shape, const std::vector<T>& values) {
    const std::uint32_t storage = add_storage(values);
    index_.tensors.push_back({std::move(name), dtype, std::move(shape), {{{}, {}, storage, 0, {}}}});
    return *this;
  }
  // A view of the storage that was added last.
  MemoryCheckpoint& add_view(std::string name, DType dtype, Shape shape, std::vector<std::int64_t> strides,
                             std::uint64_t offset = 0) {
    const auto storage = static_cast<std::uint32_t>(index_.storages.size() - 1);
    index_.tensors.push_back(
        {std::move(name), dtype, std::move(shape), {{{}, {}, storage, offset, std::move(strides)}}});
    return *this;
  }
  template <class T>
  std::uint32_t add_storage(const std::vector<T>& values) {
    Storage storage;
    storage.at = {0, bytes_.size(), values.size() * sizeof(T)};
    storage.size = storage.at.size;
    bytes_.resize(bytes_.size() + storage.size);
    if (!values.empty()) std::memcpy(bytes_.data() + storage.at.offset, values.data(), storage.size);
    index_.storages.push_back(storage);
    return static_cast<std::uint32_t>(index_.storages.size() - 1);
  }
  Index& index() { return index_; }

  std::shared_ptr<Reader> reader() {
    index_.format = "memory";
    index_.files = {"memory"};
    index_.seal();
    return make_reader(std::move(index_), {memory_source("memory", Bytes(bytes_))});
  }

 private:
  Index index_;
  std::vector<std::byte> bytes_;
};

// The values of a tensor in C order.
template <class T>
std::vector<T> values_of(const Reader& reader, std::string_view name) {
  const TensorInfo* tensor = reader.index().find(name);
  if (tensor == nullptr) return {};
  std::vector<T> values(element_count(tensor->shape));
  read_tensor(reader, *tensor, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace transload::testing
