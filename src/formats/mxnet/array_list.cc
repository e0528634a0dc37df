#include "formats/mxnet/array_list.h"

#include <fmt/format.h>

#include <unordered_set>
#include <utility>

#include "core/text.h"
#include "formats/mxnet/type_flag.h"
#include "transload/error.h"
#include "wire/cursor.h"

namespace transload::mxnet {
namespace {

constexpr std::uint64_t kFirstWords = 24, kCount = 8;  // magic, reserved, number of arrays; any count
constexpr std::uint64_t kLeastArray = 4;               // version 0 without dimensions
// As many bytes of an array and what follows it are there and are no values: a version, a type of storage and a number
// of dimensions, or less of an older version and the count of names.
constexpr std::uint64_t kLook = 12;

class ListParser {
 public:
  explicit ListParser(const Source& source) : source_(source) {}

  ArrayList parse() {
    ArrayList list;
    wire::Cursor first = next(kFirstWords);
    if (first.u64() != kListMagic) first.fail_at(0, "is no MXNet list of arrays: it does not begin with 0x112");
    list.reserved = first.u64();
    const std::uint64_t count = first.u64();
    check_count(count, kLeastArray, "arrays", 16);
    if (count > kMaxArrays) {
      fail_at(16, fmt::format("a list of {} arrays; at most {} are read", count, kMaxArrays), Errc::unsupported);
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      Array array;
      array.offset = at_;
      array.name = std::to_string(i);
      try {
        read_array(array);
      } catch (Error& error) {
        error.in({.file = {}, .offset = {}, .tensor = fmt::format("number {}", i)});
        throw;
      }
      array.end = at_;
      list.arrays.push_back(std::move(array));
    }
    read_names(list);
    return list;
  }

 private:
  std::uint64_t left() const { return source_.size() - at_; }

  [[noreturn]] void fail_at(std::uint64_t offset, std::string_view message, Errc code = Errc::corrupt) const {
    throw Error(code, message, {.file = source_.name(), .offset = offset, .tensor = {}});
  }
  [[noreturn]] void truncated(std::uint64_t needed, std::string_view what) const {
    throw Error(
        Errc::corrupt, fmt::format("the file ends within {}: {} bytes are needed, {} are left", what, needed, left()),
        {.file = source_.name(), .offset = at_, .tensor = {}}, "the file is truncated: download or copy it again");
  }

  // The next `size` bytes, and a step past them.
  wire::Cursor next(std::uint64_t size, std::string_view what = "a header") {
    wire::Cursor cursor = look(size, what);
    at_ += size;
    return cursor;
  }
  wire::Cursor look(std::uint64_t size, std::string_view what) const {
    if (size > left()) truncated(size, what);
    std::vector<std::byte> bytes(size);
    source_.read(at_, bytes);
    return {Bytes(std::move(bytes)), source_.name(), at_};
  }
  void skip(std::uint64_t size, std::string_view what) {
    if (size > left()) truncated(size, what);
    at_ += size;
  }

  void check_count(std::uint64_t count, std::uint64_t least, std::string_view what, std::uint64_t at) const {
    if (count > left() / least) fail_at(at, fmt::format("claims {} {}, but {} bytes are left", count, what, left()));
  }

  std::uint32_t check_rank(std::uint32_t rank, std::uint64_t at) const {
    if (rank > kMaxRank) {
      fail_at(at, fmt::format("claims {} dimensions; 0 to {} are read", static_cast<std::int32_t>(rank), kMaxRank));
    }
    return rank;
  }

  // A number of dimensions, then as many of 64 bits.
  Shape read_shape() {
    const std::uint64_t at = at_;
    return read_dims(check_rank(next(4).u32(), at));
  }
  Shape read_dims(std::uint32_t rank) {
    wire::Cursor cursor = next(std::uint64_t{8} * rank);
    Shape shape(rank);
    for (std::int64_t& size : shape) {
      size = cursor.integer<std::int64_t>();
      if (size < 0) cursor.fail_at(cursor.offset() - 8, fmt::format("a dimension of {}", size));
    }
    return shape;
  }

  DType read_type(wire::Cursor& cursor) const {
    const std::uint64_t at = cursor.offset();
    const auto flag = cursor.integer<std::int32_t>();
    const std::optional<DType> type = dtype_of_flag(flag);
    if (!type) fail_at(at, fmt::format("has the unknown element type {}; 0 to 12 are known", flag), Errc::unsupported);
    return *type;
  }

  void read_array(Array& array) {
    wire::Cursor cursor = look(kLook, "a header");
    const std::uint32_t magic = cursor.u32();
    switch (magic) {
      case kV3Magic:
      case kV2Magic: return read_new(array, cursor, magic == kV3Magic);
      case kV1Magic: {
        at_ += 4;
        array.shape = read_shape();
        break;
      }
      default: {
        if (magic > kMaxRank) {
          fail_at(at_, fmt::format("an array begins with 0x{:08x}, which is no version of the format and no number of "
                                   "dimensions",
                                   magic));
        }
        at_ += 4;
        wire::Cursor dims = next(std::uint64_t{4} * magic);
        for (std::uint32_t i = 0; i < magic; ++i) array.shape.push_back(dims.u32());
      }
    }
    array.none = array.shape.empty();
    if (!array.none) read_dense(array);
  }

  // Versions 2 and 3, whose difference is what shapes without elements mean.
  void read_new(Array& array, wire::Cursor& cursor, bool numpy_shapes) {
    const auto storage = cursor.integer<std::int32_t>();
    if (storage < 0 || storage > 2) {
      fail_at(at_ + 4, fmt::format("has the unknown storage type {}; 0 to 2 are known", storage), Errc::unsupported);
    }
    array.kind = static_cast<Kind>(storage);
    if (numpy_shapes && array.kind != Kind::dense) {
      fail_at(at_ + 4, "a sparse array with the shapes of NumPy, which no MXNet writes", Errc::unsupported);
    }
    at_ += 8;
    if (array.kind != Kind::dense) array.stored = read_shape();
    array.shape = read_shape();
    array.none = array.shape.empty() && !numpy_shapes;
    if (array.none) return;
    if (array.kind == Kind::dense) return read_dense(array);
    read_sparse(array);
  }

  void read_context_and_type(Array& array) {
    wire::Cursor cursor = next(12);
    cursor.skip(8);  // the device that the array was on; any will do
    array.dtype = read_type(cursor);
  }

  void read_dense(Array& array) {
    read_context_and_type(array);
    array.data = at_;
    array.bytes = bytes_of(array.dtype, array.shape);
    skip(array.bytes, "the values");
  }

  void read_sparse(Array& array) {
    read_context_and_type(array);
    for (std::size_t i = 0; i < (array.kind == Kind::csr ? 2U : 1U); ++i) {
      const std::uint64_t at = at_;
      wire::Cursor cursor = next(4);
      Aux aux{.dtype = read_type(cursor), .count = 0, .offset = 0};
      const Shape shape = read_shape();
      if (shape.size() != 1) fail_at(at, fmt::format("indices of {} dimensions instead of 1", shape.size()));
      aux.count = static_cast<std::uint64_t>(shape[0]);
      array.aux.push_back(aux);
    }
    bytes_of(array.dtype, array.shape);  // does not overflow
    array.data = at_;
    array.bytes = bytes_of(array.dtype, array.stored);
    skip(array.bytes, "the stored values");
    for (Aux& aux : array.aux) {
      aux.offset = at_;
      skip(bytes_of(aux.dtype, Shape{static_cast<std::int64_t>(aux.count)}), "the indices");
    }
  }

  std::uint64_t bytes_of(DType type, const Shape& shape) const {
    try {
      return tensor_bytes(type, shape);
    } catch (Error& error) {
      error.in({.file = source_.name(), .offset = at_, .tensor = {}});
      throw;
    }
  }

  void read_names(ArrayList& list) {
    const std::uint64_t at = at_;
    const std::uint64_t count = next(kCount, "the number of names").u64();
    if (count != 0 && count != list.arrays.size()) {
      fail_at(at, fmt::format("{} names for {} arrays", count, list.arrays.size()));
    }
    list.named = count != 0;
    check_count(count, kCount, "names", at);
    // All that is left are names: read at once, unless names cannot take as much.
    const std::uint64_t most = count * (kCount + kMaxName);
    wire::Cursor cursor = look(std::min(left(), most), "the names");
    std::unordered_set<std::string_view> seen;
    for (Array& array : list.arrays) {
      if (!list.named) break;
      array.name = read_name(cursor);
      if (!seen.insert(array.name).second) {
        cursor.fail(fmt::format("the name '{}' occurs twice", shortened(array.name)));
      }
    }
    at_ = cursor.offset();
    if (left() != 0) fail_at(at_, fmt::format("{} bytes follow the end of the list", left()));
  }

  std::string read_name(wire::Cursor& cursor) const {
    const std::uint64_t at = cursor.offset();
    if (cursor.left() < kCount) cursor.fail("the file ends within the names");
    const std::uint64_t size = cursor.u64();
    if (const std::uint64_t rest = source_.size() - cursor.offset(); size > rest) {
      cursor.fail_at(at, fmt::format("a name of {} bytes, but {} are left", size, rest));
    }
    if (size > kMaxName) {
      cursor.fail_at(at, fmt::format("a tensor name of {} bytes; at most {} are read", size, kMaxName),
                     Errc::unsupported);
    }
    const std::string_view name = cursor.text(size);
    if (const std::string_view problem = name_problem(name); !problem.empty()) {
      cursor.fail_at(at, fmt::format("the tensor name '{}' {}", shortened(name), problem));
    }
    return std::string(name);
  }

  const Source& source_;
  std::uint64_t at_ = 0;
};

}  // namespace

std::string_view name_problem(std::string_view name) noexcept {
  if (name.size() > kMaxName) return "is longer than 4096 bytes";
  if (name.find('\0') != name.npos) return "contains a NUL";
  if (!valid_utf8(name)) return "is not valid UTF-8";
  return {};
}

ArrayList read_array_list(const Source& source) { return ListParser(source).parse(); }

}  // namespace transload::mxnet
