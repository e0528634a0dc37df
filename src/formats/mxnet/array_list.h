// The structure of a .params file: what lies where, every rule of the format checked, no tensor byte read.
// Source of the format: src/ndarray/ndarray.cc (NDArray::Load, NDArray::Save), include/mxnet/tuple.h of MXNet 1.5.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transload/dtype.h"
#include "transload/io.h"

namespace transload::mxnet {

inline constexpr std::uint64_t kListMagic = 0x112;  // u64 at the begin of the file
inline constexpr std::uint32_t kV1Magic = 0xF993FAC8, kV2Magic = 0xF993FAC9, kV3Magic = 0xF993FACA;
// Bounds of our own. MXNet has none; its operators end at far fewer dimensions.
inline constexpr std::uint32_t kMaxRank = 32;
inline constexpr std::size_t kMaxName = 4096;
// An array without a value takes 4 bytes in the file, and a hundred times that here.
inline constexpr std::uint64_t kMaxArrays = 100'000;

enum class Kind : std::uint8_t { dense, row_sparse, csr };

// Indices of a sparse array: one dimension.
struct Aux {
  DType dtype = DType::i64;
  std::uint64_t count = 0;
  std::uint64_t offset = 0;  // in the file
};

struct Array {
  std::string name;          // as stored, with its prefix; "0", "1", ... in a list without names
  std::uint64_t offset = 0;  // where its header begins
  std::uint64_t end = 0;     // where the next one begins
  bool none = false;         // declared without a shape and a value; only `kind` means anything beside the above
  Kind kind = Kind::dense;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t data = 0, bytes = 0;  // of the stored values
  Shape stored;                       // sparse: the shape of the stored values
  std::vector<Aux> aux;               // row_sparse: indices; csr: row starts, then columns
};

struct ArrayList {
  std::vector<Array> arrays;  // in the order of the file
  bool named = false;
  std::uint64_t reserved = 0;  // the second word of the file, which MXNet writes 0 and does not look at
};

// Errc::corrupt for a file that ends early or goes on after its end, for counts and sizes that it cannot hold, for
// negative, too large or too many dimensions, for names that are no UTF-8, contain NUL or occur twice.
// Errc::unsupported for element and storage types that are not known, and beyond the bounds above.
ArrayList read_array_list(const Source& source);

// Empty if a file can hold a tensor of this name; otherwise why not.
std::string_view name_problem(std::string_view name) noexcept;

}  // namespace transload::mxnet
