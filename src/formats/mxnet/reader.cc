#include "formats/mxnet/reader.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "core/text.h"
#include "formats/mxnet/array_list.h"
#include "formats/mxnet_prefix.h"
#include "formats/sparse.h"
#include "transload/error.h"
#include "wire/cursor.h"

namespace transload::mxnet {
namespace {

class Indexer {
 public:
  explicit Indexer(const std::string& file) { index_.format = "mxnet", index_.files = {file}; }

  void add(const ArrayList& list) {
    cut_prefixes(list);
    if (list.reserved != 0) {
      index_.notes.push_back(
          fmt::format("the second word of the file is 0x{:x}, not 0 as MXNet writes it.", list.reserved));
    }
    if (!list.named && !list.arrays.empty()) {
      index_.notes.push_back("the list has no names; its arrays are called 0, 1, ... in its order.");
    }
    index_.tensors.reserve(list.arrays.size());
    for (std::size_t i = 0; i < list.arrays.size(); ++i) add(list.arrays[i], names_[i]);
    for (std::string& note : sparse_notes(sparse_)) index_.notes.push_back(std::move(note));
  }

  Index take_index() { return std::move(index_); }
  std::vector<SparseArray> take_sparse() { return std::move(sparse_); }

 private:
  void cut_prefixes(const ArrayList& list) {
    std::vector<std::string_view> stored;
    stored.reserve(list.arrays.size());
    for (const Array& array : list.arrays) stored.push_back(array.name);
    CutNames cut = cut_mxnet_prefixes(stored, index_.files.front());
    names_ = std::move(cut.names);
    if (!cut.note.empty()) index_.notes.push_back(std::move(cut.note));
  }

  std::uint32_t add_storage(std::uint64_t offset, std::uint64_t stored, std::uint64_t size) {
    index_.storages.push_back({.at = {.file = 0, .offset = offset, .size = stored},
                               .size = size,
                               .codec = Codec::plain,
                               .swap = 0,
                               .checksum = {}});
    return static_cast<std::uint32_t>(index_.storages.size() - 1);
  }

  void add(const Array& array, const std::string& name) {
    if (array.none) {
      index_.left_out.push_back({name, "it was saved without a value"});
      return;
    }
    Chunk chunk;
    if (array.kind == Kind::dense) {
      chunk.storage = add_storage(array.data, array.bytes, array.bytes);
    } else {
      chunk.storage = add_sparse(array, name);
    }
    index_.tensors.push_back({.name = name, .dtype = array.dtype, .shape = array.shape, .chunks = {chunk}});
  }

  std::uint32_t add_sparse(const Array& array, const std::string& name) {
    SparseArray sparse;
    sparse.kind = array.kind == Kind::csr ? SparseArray::Kind::csr : SparseArray::Kind::rows;
    sparse.name = name;
    sparse.dtype = array.dtype;
    sparse.shape = array.shape;
    sparse.dense = add_storage(array.data, array.end - array.data, tensor_bytes(array.dtype, array.shape));
    check_stored(array, name);
    sparse.values = {add_storage(array.data, array.bytes, array.bytes), 0, element_count(array.stored), array.dtype};
    std::vector<SparsePart> parts;
    for (const Aux& aux : array.aux) {
      const std::uint64_t bytes = aux.count * element_bytes(aux.dtype);
      parts.push_back({add_storage(aux.offset, bytes, bytes), 0, aux.count, aux.dtype});
    }
    sparse.indices = parts.back();
    if (parts.size() > 1) sparse.starts = parts.front();
    const std::uint32_t dense = sparse.dense;
    sparse_.push_back(std::move(sparse));
    return dense;
  }

  // The shape of what is stored is that of the array, but for the number of rows; of a matrix a plain list.
  void check_stored(const Array& array, const std::string& name) const {
    Shape wanted{array.stored.empty() ? 0 : array.stored.front()};
    if (array.kind == Kind::row_sparse) wanted.insert(wanted.end(), array.shape.begin() + 1, array.shape.end());
    if (array.stored == wanted) return;
    throw Error(Errc::corrupt,
                fmt::format("stored values of shape {} in a sparse array of shape {}", to_string(array.stored),
                            to_string(array.shape)),
                {.file = index_.files.front(), .offset = array.offset, .tensor = name});
  }

  Index index_;
  std::vector<SparseArray> sparse_;
  std::vector<std::string> names_;
};

}  // namespace

int sniff(std::string_view file_name, ByteView head) {
  if (head.size() >= 8) {
    wire::Cursor cursor(Bytes(head, nullptr), std::string(file_name));
    if (cursor.u64() == kListMagic) return 95;
  }
  return file_name.ends_with(".params") ? 10 : 0;
}

std::unique_ptr<Reader> open(std::shared_ptr<Store> store, std::string_view name, const OpenOptions& options) {
  std::shared_ptr<Source> source = store->open(name);
  if (!options.key.empty()) {
    throw Error(Errc::usage, "an MXNet file has no containers to choose from with a key",
                {.file = source->name(), .offset = {}, .tensor = {}}, "leave the key out");
  }
  Indexer indexer(source->name());
  indexer.add(read_array_list(*source));
  Index index = indexer.take_index();
  index.seal();
  return make_sparse_reader(std::move(index), {std::move(source)}, indexer.take_sparse());
}

}  // namespace transload::mxnet
