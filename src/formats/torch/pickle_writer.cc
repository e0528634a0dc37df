#include "formats/torch/pickle_writer.h"

#include <algorithm>
#include <array>
#include <map>

#include "wire/pickle_opcodes.h"
#include "wire/write.h"

namespace transload::torch {
namespace {

using wire::PickleOp;

// How torch writes a tensor of a type: over a storage class of its own, or over untyped bytes with the dtype's name.
struct Written {
  DType type;
  std::string_view storage;  // empty: untyped
  std::string_view dtype;
};

constexpr std::array<Written, 24> kWritten{{
    {DType::f64, "DoubleStorage", ""},
    {DType::f32, "FloatStorage", ""},
    {DType::f16, "HalfStorage", ""},
    {DType::bf16, "BFloat16Storage", ""},
    {DType::i64, "LongStorage", ""},
    {DType::i32, "IntStorage", ""},
    {DType::i16, "ShortStorage", ""},
    {DType::i8, "CharStorage", ""},
    {DType::u8, "ByteStorage", ""},
    {DType::boolean, "BoolStorage", ""},
    {DType::c128, "ComplexDoubleStorage", ""},
    {DType::c64, "ComplexFloatStorage", ""},
    {DType::u16, "", "uint16"},
    {DType::u32, "", "uint32"},
    {DType::u64, "", "uint64"},
    {DType::c32, "", "complex32"},
    {DType::f8_e4m3fn, "", "float8_e4m3fn"},
    {DType::f8_e5m2, "", "float8_e5m2"},
    {DType::f8_e4m3fnuz, "", "float8_e4m3fnuz"},
    {DType::f8_e5m2fnuz, "", "float8_e5m2fnuz"},
    {DType::f8_e8m0fnu, "", "float8_e8m0fnu"},
    {DType::f4_e2m1fn_x2, "", "float4_e2m1fn_x2"},
    {DType::bits8, "", "bits8"},
    {DType::bits16, "", "bits16"},
}};

const Written* written(DType type) noexcept {
  for (const Written& row : kWritten) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

// Python's pickler keeps every text, tuple, name and result in a numbered memo, and refers to what it met before, which
// it knows by identity: texts that torch itself makes are met again, names of tensors are not.
class Writer {
 public:
  std::string dict(const std::vector<Entry>& entries) {
    constexpr std::size_t kBatch = 1000;
    op(PickleOp::proto);
    out_ += '\2';
    op(PickleOp::empty_dict);
    put();
    if (entries.size() == 1) {
      entry(entries.front());
      op(PickleOp::setitem);
    } else if (!entries.empty()) {
      // A batch that is full is followed by another one, which may be empty.
      for (std::size_t begin = 0;; begin += kBatch) {
        const std::size_t end = std::min(entries.size(), begin + kBatch);
        op(PickleOp::mark);
        for (std::size_t i = begin; i < end; ++i) entry(entries[i]);
        op(PickleOp::setitems);
        if (end - begin < kBatch) break;
      }
    }
    op(PickleOp::stop);
    return std::move(out_);
  }

 private:
  void op(PickleOp code) { out_ += static_cast<char>(code); }
  void put() { memo(PickleOp::binput, PickleOp::long_binput, count_++); }
  void memo(PickleOp small, PickleOp large, std::uint32_t number) {
    if (number < 256) {
      op(small);
      out_ += static_cast<char>(number);
    } else {
      op(large);
      wire::append_u32(out_, number);
    }
  }
  // Refers to what was written under `key` before; otherwise remembers it, and the caller writes it.
  bool met(const std::string& key) {
    const auto [found, fresh] = known_.try_emplace(key, count_);
    if (!fresh) memo(PickleOp::binget, PickleOp::long_binget, found->second);
    return !fresh;
  }

  void text(std::string_view value) {
    op(PickleOp::binunicode);
    wire::append_u32(out_, static_cast<std::uint32_t>(value.size()));
    out_ += value;
    put();
  }
  void shared_text(const std::string& value) {
    if (!met("text " + value)) text(value);
  }
  void global(std::string_view module, std::string_view name) {
    const std::string line = std::string(module) + '\n' + std::string(name) + '\n';
    if (met("global " + line)) return;
    op(PickleOp::global);
    out_ += line;
    put();
  }
  void integer(std::uint64_t value) {
    if (value < 0x100) {
      op(PickleOp::binint1);
      out_ += static_cast<char>(value);
    } else if (value < 0x10000) {
      op(PickleOp::binint2);
      wire::append_integer(out_, static_cast<std::uint16_t>(value));
    } else if (value < 0x80000000) {
      op(PickleOp::binint);
      wire::append_u32(out_, static_cast<std::uint32_t>(value));
    } else {  // two's complement, so the highest bit of the last byte is clear
      std::string bytes;
      for (std::uint64_t rest = value; rest != 0; rest >>= 8) bytes += static_cast<char>(rest);
      if ((bytes.back() & 0x80) != 0) bytes += '\0';
      op(PickleOp::long1);
      out_ += static_cast<char>(bytes.size());
      out_ += bytes;
    }
  }
  void tuple(const Shape& values) {
    if (values.empty()) {
      op(PickleOp::empty_tuple);
      return;
    }
    if (values.size() > 3) op(PickleOp::mark);
    for (const std::int64_t value : values) integer(static_cast<std::uint64_t>(value));
    constexpr std::array kTuples{PickleOp::tuple1, PickleOp::tuple2, PickleOp::tuple3};
    op(values.size() > 3 ? PickleOp::tuple : kTuples[values.size() - 1]);
    put();
  }

  void entry(const Entry& entry) {
    text(entry.name);
    const Written& type = *written(entry.dtype);
    const bool untyped = type.storage.empty();
    global("torch._utils", untyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    op(PickleOp::mark);
    op(PickleOp::mark);
    shared_text("storage");
    if (untyped) {
      global("torch.storage", "UntypedStorage");
    } else {
      global("torch", type.storage);
    }
    shared_text(std::to_string(entry.storage));
    shared_text("cpu");
    integer(untyped ? tensor_bytes(entry.dtype, *entry.shape) : element_count(*entry.shape));
    op(PickleOp::tuple);
    put();
    op(PickleOp::binpersid);
    integer(0);  // the offset in the storage
    tuple(*entry.shape);
    tuple(strides(*entry.shape));
    op(PickleOp::newfalse);                // requires_grad
    global("collections", "OrderedDict");  // hooks: none
    op(PickleOp::empty_tuple);
    op(PickleOp::reduce);
    put();
    if (untyped) global("torch", type.dtype);
    op(PickleOp::tuple);
    put();
    op(PickleOp::reduce);
    put();
  }

  // In elements, of C order; torch counts an axis of no length as 1.
  static Shape strides(const Shape& shape) {
    Shape result(shape.size());
    std::int64_t stride = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
      result[i] = stride;
      if (shape[i] > 1 && __builtin_mul_overflow(stride, shape[i], &stride)) stride = INT64_MAX;
    }
    return result;
  }

  std::string out_;
  std::uint32_t count_ = 0;
  std::map<std::string, std::uint32_t> known_;
};

}  // namespace

bool holds(DType type) noexcept { return written(type) != nullptr; }

std::string pickle_of(const std::vector<Entry>& entries) { return Writer().dict(entries); }

}  // namespace transload::torch
