// Sparse arrays read as the dense ones that they stand for: zeros, but for what is stored.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "formats/reader.h"
#include "transload/dtype.h"

namespace transload {

// A run of numbers in one storage of an index.
struct SparsePart {
  std::uint32_t storage = 0;
  std::uint64_t offset = 0;  // bytes into the decoded storage
  std::uint64_t count = 0;   // numbers
  DType dtype = DType::i64;  // of indices and row starts: i64 or i32
};

struct SparseArray {
  enum class Kind : std::uint8_t {
    rows,      // whole rows along the first axis: indices[k] is the row that values[k] holds
    csr,       // a matrix; the entries of row r are starts[r] to starts[r + 1], indices[k] is the column of entry k
    computed,  // what `fill` makes of other storages: PyTorch's sparse and quantised tensors
  } kind = Kind::rows;
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  SparsePart values;   // `count` in elements
  SparsePart indices;  // not repeated, in any order
  SparsePart starts;   // csr only; none at all where nothing is stored
  // The storage of the index that stands for the dense array: its `size` is that of the dense array, its `at` is where
  // the parts lie.
  std::uint32_t dense = 0;
  // computed only: the bytes of the dense array from `offset` on; `parts` reads the other storages of the index. Called
  // for the whole of it, unless `in_pieces`. From several threads.
  std::function<void(const Reader& parts, std::uint64_t offset, MutableByteView out)> fill;
  bool in_pieces = false;
};

// As make_reader(), for an index some of whose storages are dense images of `arrays`. Reads the row indices and row
// starts at once, and nothing else: Errc::corrupt where they lie outside of the array, repeat, run backwards or do not
// fit the values. The columns of a csr matrix, and the indices of what is computed, are checked when it is read; it is
// then decoded whole. Errc::unsupported
// where the dense arrays would take more than 256 MiB and more than 200 times the files.
std::unique_ptr<Reader> make_sparse_reader(Index index, std::vector<std::shared_ptr<Source>> files,
                                           std::vector<SparseArray> arrays);

// What was made dense, for the notes of an index: at most one sentence per kind.
std::vector<std::string> sparse_notes(const std::vector<SparseArray>& arrays);

}  // namespace transload
