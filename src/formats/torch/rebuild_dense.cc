// Rebuilder: sparse and quantised tensors, described as storages that are computed from others.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/text.h"
#include "formats/torch/dense.h"
#include "formats/torch/rebuild.h"
#include "transload/error.h"

namespace transload::torch {

using wire::PickleKind;
using wire::PickleRef;

namespace {

struct SparseLayout {
  std::string_view name;
  bool compressed, by_rows, blocked;
};
constexpr SparseLayout kLayouts[] = {
    {"torch.sparse_coo", false, false, false}, {"torch.sparse_csr", true, true, false},
    {"torch.sparse_csc", true, false, false},  {"torch.sparse_bsr", true, true, true},
    {"torch.sparse_bsc", true, false, true},
};

// How quantised elements are stored, by the name of their storage.
struct QuantisedType {
  std::string_view storage;
  DType stored;
  unsigned bits;
};
constexpr QuantisedType kQuantised[] = {
    {"QInt8Storage", DType::i8, 8},    {"QUInt8Storage", DType::u8, 8},   {"QInt32Storage", DType::i32, 32},
    {"QUInt4x2Storage", DType::u8, 4}, {"QUInt2x4Storage", DType::u8, 2},
};

}  // namespace

void Rebuilder::make_dense() { first_dense_ = static_cast<std::uint32_t>(storages_.all().size()); }

std::vector<SparseArray> Rebuilder::take_dense(Index& index) {
  for (SparseArray& array : dense_) {
    Storage storage;
    storage.at = index.storages[array.values.storage].at;
    storage.size = tensor_bytes(array.dtype, array.shape);
    index.storages.push_back(storage);
  }
  for (const TensorInfo& tensor : index.tensors) {
    const std::uint32_t storage = tensor.chunks.front().storage;
    if (!dense_.empty() && storage >= *first_dense_) dense_[storage - *first_dense_].name = tensor.name;
  }
  return std::move(dense_);
}

TensorInfo Rebuilder::add_dense(PickleRef ref, SparseArray array) {
  array.kind = SparseArray::Kind::computed;
  array.dense = *first_dense_ + static_cast<std::uint32_t>(dense_.size());
  try {
    tensor_bytes(array.dtype, array.shape);
  } catch (const Error& error) {
    pickle_.fail(ref, error.message());
  }
  TensorInfo tensor;
  tensor.dtype = array.dtype;
  tensor.shape = array.shape;
  tensor.chunks.push_back({.start = {}, .extent = {}, .storage = array.dense, .offset = 0, .strides = {}});
  dense_.push_back(std::move(array));
  given_.insert_or_assign(ref, tensor);  // the same tensor under another name is tied to it
  return tensor;
}

// A tensor that is part of another one.
TensorInfo Rebuilder::part(PickleRef ref, std::string_view what) {
  const Role own = pickle_.kind(ref) == PickleKind::call ? role(ref) : Role::unknown;
  if (own == Role::tensor_v1 || own == Role::tensor_v2 || own == Role::tensor_v3) {
    auto made = plain(ref, pickle_.items(pickle_.call(ref).arguments), own);
    if (auto* tensor = std::get_if<TensorInfo>(&made)) return std::move(*tensor);
    pickle_.fail(ref, fmt::format("the {} of a tensor: {}", what, std::get<LeftOut>(made).reason), Errc::unsupported);
  }
  pickle_.fail(ref, fmt::format("the {} of a tensor are no tensor", what));
}

// (layout, (indices, values, size[, is_coalesced])) or (layout, (starts, indices, values, size)).
std::variant<TensorInfo, LeftOut> Rebuilder::sparse(PickleRef ref, std::span<const PickleRef> values) {
  std::string layout = "unknown layout";
  if (!values.empty() && role(values[0]) == Role::layout && pickle_.kind(values[0]) == PickleKind::call) {
    layout = pickle_.text(arguments(values[0], 1, 1)[0]);
  }
  const auto* known = std::ranges::find(kLayouts, layout, &SparseLayout::name);
  if (!first_dense_ || known == std::end(kLayouts)) {
    return LeftOut{{}, fmt::format("is sparse ({})", shortened(layout, 40))};
  }
  for (const PickleRef value : values) {
    if (tainted(value)) return LeftOut{{}, dependence(value)};
  }
  if (values.size() != 2 || pickle_.kind(values[1]) != PickleKind::tuple)
    pickle_.fail(ref, "a sparse tensor without its parts");
  const auto parts = pickle_.items(values[1]);
  if (known->compressed ? parts.size() != 4 : parts.size() != 3 && parts.size() != 4) {
    pickle_.fail(ref, fmt::format("a sparse tensor of {} parts", parts.size()));
  }
  SparseArray array;
  try {
    if (known->compressed) {
      CompressedTensor tensor{.compressed = part(parts[0], "starts"),
                              .plain = part(parts[1], "indices"),
                              .values = part(parts[2], "values"),
                              .shape = numbers(parts[3], "size"),
                              .by_rows = known->by_rows,
                              .blocked = known->blocked};
      check(tensor);
      array.dtype = tensor.values.dtype;
      array.shape = tensor.shape;
      array.values.storage = tensor.values.chunks.front().storage;
      array.fill = [tensor = std::move(tensor)](const Reader& reader, std::uint64_t, MutableByteView out) {
        fill(tensor, reader, out);
      };
    } else {
      CooTensor tensor{
          .indices = part(parts[0], "indices"), .values = part(parts[1], "values"), .shape = numbers(parts[2], "size")};
      check(tensor);
      // PyTorch adds those in an order of its own, and sums of floating-point numbers depend on it.
      if (tensor.indices.shape[0] == 0 && tensor.indices.shape[1] > 1) {
        return LeftOut{{}, "is sparse, without coordinates: several entries for one place"};
      }
      array.dtype = tensor.values.dtype;
      array.shape = tensor.shape;
      array.values.storage = tensor.values.chunks.front().storage;
      array.fill = [tensor = std::move(tensor)](const Reader& reader, std::uint64_t, MutableByteView out) {
        fill(tensor, reader, out);
      };
    }
  } catch (Error& error) {
    error.in({.file = pickle_.file(), .offset = pickle_.offset(ref), .tensor = {}});
    throw;
  }
  if (!can_add(array.dtype)) {
    return LeftOut{{},
                   fmt::format("is sparse ({}), and {} is a type that PyTorch does not make dense either", layout,
                               name(array.dtype))};
  }
  return add_dense(ref, std::move(array));
}

// (storage, offset, size, stride, (scheme, ...), requires_grad, hooks).
std::variant<TensorInfo, LeftOut> Rebuilder::quantised(PickleRef ref, std::span<const PickleRef> values) {
  if (!first_dense_) return LeftOut{{}, "is quantised"};
  for (const PickleRef value : values.first(std::min<std::size_t>(values.size(), 5))) {
    if (tainted(value)) return LeftOut{{}, dependence(value)};
  }
  if (values.size() != 7) pickle_.fail(ref, fmt::format("a quantised tensor with {} parts", values.size()));
  if (pickle_.kind(values[0]) != PickleKind::persistent || !storages_.is_storage(values[0])) {
    pickle_.fail(ref, "a quantised tensor without a storage");
  }
  check_hooks(values[6]);
  const StorageView& view = storages_.view(values[0]);
  const auto* type = std::ranges::find(kQuantised, view.type->name, &QuantisedType::storage);
  if (type == std::end(kQuantised)) pickle_.fail(ref, fmt::format("a quantised tensor over a {}", view.type->name));
  QuantisedTensor tensor;
  tensor.bits = type->bits;
  tensor.shape = numbers(values[2], "size");
  if (type->bits < 8) {
    if (auto reason = packed(ref, values, tensor); !reason.empty()) return LeftOut{{}, std::move(reason)};
  } else {
    tensor.values = describe(ref, values.first(4), type->stored);
  }
  const PickleRef scheme = values[4];
  if (pickle_.kind(scheme) != PickleKind::tuple || pickle_.items(scheme).empty() ||
      pickle_.kind(pickle_.items(scheme)[0]) != PickleKind::global || role(pickle_.items(scheme)[0]) != Role::scheme) {
    pickle_.fail(ref, "a quantised tensor without its scheme");
  }
  const auto parts = pickle_.items(scheme);
  const std::string_view scheme_name = pickle_.global_name(parts[0]);
  if (scheme_name == "per_tensor_affine" && parts.size() == 3) {
    tensor.scale = real(parts[1], "scale");
    if (pickle_.kind(parts[2]) != PickleKind::integer) pickle_.fail(ref, "a zero point that is no integer");
    tensor.zero_point = pickle_.integer(parts[2]);
  } else if (scheme_name.starts_with("per_channel_affine") && parts.size() == 4) {
    const std::int64_t axis = number(parts[3], "axis");
    if (static_cast<std::uint64_t>(axis) >= tensor.shape.size()) {
      pickle_.fail(ref, fmt::format("a tensor of shape {} is quantised along axis {}", to_string(tensor.shape), axis));
    }
    QuantisedTensor::Channels channels{part(parts[1], "scales"), part(parts[2], "zero points"),
                                       static_cast<std::size_t>(axis)};
    if (auto reason = check_channels(ref, tensor, channels); !reason.empty()) return LeftOut{{}, std::move(reason)};
    tensor.channels = std::move(channels);
  } else {
    return LeftOut{{},
                   fmt::format("is quantised by {}, which PyTorch does not load either", shortened(scheme_name, 40))};
  }
  SparseArray array;
  array.dtype = DType::f32;
  array.shape = tensor.shape;
  array.values.storage = view.storage;
  const Dequantizer dequantizer(std::move(tensor));
  array.in_pieces = dequantizer.in_pieces();
  array.fill = [dequantizer](const Reader& reader, std::uint64_t offset, MutableByteView out) {
    dequantizer.fill(reader, offset, out);
  };
  return add_dense(ref, std::move(array));
}

// Several elements to a byte: in C order, from the begin of the storage. Anything else gives a reason.
std::string Rebuilder::packed(PickleRef ref, std::span<const PickleRef> values, QuantisedTensor& tensor) {
  std::uint64_t elements = 0;
  try {
    elements = element_count(tensor.shape);
  } catch (const Error& error) {
    pickle_.fail(ref, error.message());
  }
  const std::vector<std::int64_t> strides = numbers(values[3], "stride");
  if (strides.size() != tensor.shape.size()) pickle_.fail(ref, "a tensor with other strides than dimensions");
  std::int64_t expected = 1;
  bool in_order = true;
  for (std::size_t i = strides.size(); i-- > 0 && elements != 0;) {
    in_order = in_order && (tensor.shape[i] == 1 || strides[i] == expected);
    expected *= tensor.shape[i];
  }
  if (number(values[1], "offset") != 0 || !in_order) return "is quantised, packed, and a view";
  const std::uint64_t per_byte = 8 / tensor.bits;
  const std::uint64_t bytes = (elements + per_byte - 1) / per_byte;
  tensor.values = fit(ref, storages_.view(values[0]), DType::u8, 0, {static_cast<std::int64_t>(bytes)}, {1});
  return "";
}

std::string Rebuilder::check_channels(PickleRef ref, const QuantisedTensor& tensor,
                                      const QuantisedTensor::Channels& channels) const {
  const Shape wanted = {tensor.shape[channels.axis]};
  if (channels.scales.shape != wanted || channels.zero_points.shape != wanted) {
    pickle_.fail(ref, fmt::format("{} channels with scales of shape {} and zero points of shape {}", wanted[0],
                                  to_string(channels.scales.shape), to_string(channels.zero_points.shape)));
  }
  const auto one_of = [](DType dtype, std::initializer_list<DType> types) {
    return std::ranges::find(types, dtype) != types.end();
  };
  if (!one_of(channels.scales.dtype, {DType::f64, DType::f32}) ||
      !one_of(channels.zero_points.dtype, {DType::f64, DType::f32, DType::i64, DType::i32})) {
    return fmt::format("is quantised with scales of {} and zero points of {}", name(channels.scales.dtype),
                       name(channels.zero_points.dtype));
  }
  if (tensor.bits < 8 && !one_of(channels.zero_points.dtype, {DType::f64, DType::f32})) {
    return "is quantised, packed, with zero points that are integers";
  }
  return "";
}

double Rebuilder::real(PickleRef ref, std::string_view what) const {
  if (pickle_.kind(ref) == PickleKind::floating) return pickle_.floating(ref);
  if (pickle_.kind(ref) == PickleKind::integer) return static_cast<double>(pickle_.integer(ref));
  pickle_.fail(ref, fmt::format("a tensor's {} is {}, not a number", what, wire::name(pickle_.kind(ref))));
}

}  // namespace transload::torch
