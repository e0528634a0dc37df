#include "formats/torch/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/text.h"
#include "formats/torch/globals.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kMostMetadata = 1000;
constexpr std::size_t kMostArguments = 8;  // of unknown functions: so many are looked at

}  // namespace

Rebuilder::Rebuilder(const Pickle& pickle, const Storages& storages, std::uint64_t file_size, bool in_file)
    : pickle_(pickle),
      storages_(storages),
      views_(file_size),
      roles_(pickle.value_count(), Role::unknown),
      widths_(storages.all().size(), 0),
      numpy_(pickle, roles_),
      in_file_(in_file) {
  if (pickle.opaque()) tainted_.resize(pickle.value_count());
  // Parts come first, so a call's name has its role before the call.
  for (const PickleRef ref : pickle.parts_first()) {
    if (pickle.opaque()) {
      bool any = unknown(ref);
      pickle.for_each_part(ref, [&](PickleRef part) { any = any || tainted_[part]; });
      tainted_[ref] = any;
    }
    if (pickle.inert(ref)) continue;
    if (pickle.kind(ref) == PickleKind::global) {
      const Global* global = find_global(pickle.module(ref), pickle.global_name(ref));
      roles_[ref] = global == nullptr ? Role::unknown : global->role;
    } else if (pickle.kind(ref) == PickleKind::call) {
      roles_[ref] = roles_[pickle.call(ref).callee];
    }
  }
}

bool Rebuilder::is_tensor(PickleRef ref) const {
  if (pickle_.kind(ref) == PickleKind::persistent) return storages_.is_storage(ref) || given_.contains(ref);
  if (pickle_.kind(ref) != PickleKind::call) return false;
  if (pickle_.inert(ref)) {
    const auto holds_storage = [&](PickleRef tuple, auto&& inner) {
      const auto items = pickle_.items(tuple);
      return std::ranges::any_of(items.first(std::min(items.size(), kMostArguments)), inner);
    };
    const auto is_storage = [&](PickleRef part) {
      return pickle_.kind(part) == PickleKind::persistent && storages_.is_storage(part);
    };
    return holds_storage(pickle_.call(ref).arguments, [&](PickleRef part) {
      return is_storage(part) || (pickle_.kind(part) == PickleKind::tuple && holds_storage(part, is_storage));
    });
  }
  switch (roles_[ref]) {
    case Role::tensor_v1:
    case Role::tensor_v2:
    case Role::tensor_v3:
    case Role::parameter:
    case Role::parameter_state:
    case Role::from_type:
    case Role::tensor_class:
    case Role::parameter_class:
    case Role::numpy_array:
    case Role::numpy_buffer:
    case Role::sparse:
    case Role::quantised:
    case Role::meta:
    case Role::nested:
    case Role::subclass:
    case Role::foreign: return true;
    default: return false;
  }
}

std::span<const PickleRef> Rebuilder::arguments(PickleRef ref, std::size_t least, std::size_t most) const {
  const auto items = pickle_.items(pickle_.call(ref).arguments);
  if (items.size() < least || items.size() > most) {
    pickle_.fail(ref, fmt::format("{} with {} arguments", pickle_.global_name(pickle_.call(ref).callee), items.size()));
  }
  return items;
}

std::int64_t Rebuilder::number(PickleRef ref, std::string_view what) const {
  if (pickle_.kind(ref) == PickleKind::wide) pickle_.fail(ref, fmt::format("a tensor's {} is beyond 64 bits", what));
  if (pickle_.kind(ref) != PickleKind::integer) {
    pickle_.fail(ref, fmt::format("a tensor's {} is {}, not an integer", what, name(pickle_.kind(ref))));
  }
  const std::int64_t value = pickle_.integer(ref);
  if (value < 0) pickle_.fail(ref, fmt::format("a tensor's {} is negative ({})", what, value));
  return value;
}

std::vector<std::int64_t> Rebuilder::numbers(PickleRef ref, std::string_view what) const {
  PickleRef list = ref;
  if (role(ref) == Role::size && pickle_.kind(ref) == PickleKind::call) list = arguments(ref, 1, 1)[0];
  if (pickle_.kind(list) != PickleKind::tuple && pickle_.kind(list) != PickleKind::list) {
    pickle_.fail(list, fmt::format("a tensor's {} is {}, not a tuple", what, name(pickle_.kind(list))));
  }
  const auto items = pickle_.items(list);
  if (std::ssize(items) > kMostDimensions) {
    pickle_.fail(list, fmt::format("a tensor of {} dimensions; at most {} are read", items.size(), kMostDimensions));
  }
  std::vector<std::int64_t> values;
  for (const PickleRef item : items) values.push_back(number(item, what));
  return values;
}

// Hooks are functions; a checkpoint has an empty OrderedDict in their place, or None.
void Rebuilder::check_hooks(PickleRef ref) const {
  if (tainted(ref)) return;
  const bool is_dict =
      pickle_.kind(ref) == PickleKind::dict || (pickle_.kind(ref) == PickleKind::call && role(ref) == Role::dict_like);
  if (!is_dict && !pickle_.is_none(ref)) {
    pickle_.fail(ref, fmt::format("a tensor's backward hooks are {}", name(pickle_.kind(ref))));
  }
}

// conj() and imag of a conjugate are not computed until they are used; the bytes are those before it.
std::string Rebuilder::lazy_flags(PickleRef metadata) const {
  if (pickle_.is_none(metadata)) return "";
  if (pickle_.kind(metadata) != PickleKind::dict) pickle_.fail(metadata, "a tensor's metadata is not a dict");
  const auto items = pickle_.items(metadata);
  if (items.size() > 2 * kMostMetadata) pickle_.fail(metadata, "a tensor's metadata has too many entries");
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const std::string_view key = pickle_.kind(items[i]) == PickleKind::text ? pickle_.text(items[i]) : "?";
    const bool off = pickle_.kind(items[i + 1]) == PickleKind::boolean && !pickle_.boolean(items[i + 1]);
    if (off && (key == "conj" || key == "neg")) continue;
    if (key == "conj") return "is a lazily conjugated view";
    if (key == "neg") return "is a lazily negated view";
    return fmt::format("carries the metadata '{}', which is not known", shortened(key, 40));
  }
  return "";
}

// `values`: storage, offset, size, strides.
TensorInfo Rebuilder::describe(PickleRef ref, std::span<const PickleRef> values, DType dtype) {
  const std::int64_t offset = number(values[1], "offset");
  Shape shape = numbers(values[2], "size");
  return fit(ref, storages_.view(values[0]), dtype, offset, std::move(shape), numbers(values[3], "stride"));
}

TensorInfo Rebuilder::fit(PickleRef ref, const StorageView& view, DType dtype, std::int64_t offset, Shape shape,
                          std::vector<std::int64_t> strides) {
  TensorInfo tensor;
  try {
    tensor = views_.make(view, dtype, offset, std::move(shape), std::move(strides));
  } catch (const Error& error) {
    pickle_.fail(ref, error.message(), error.code());
  }
  std::uint8_t& unit = widths_[view.storage];
  if (unit != 0 && unit != unit_width(dtype)) mixed_ = view.storage;
  unit = unit_width(dtype);
  return tensor;
}

std::variant<TensorInfo, LeftOut> Rebuilder::plain(PickleRef ref, std::span<const PickleRef> values, Role role) {
  // v1: storage, offset, size, strides. v2: requires_grad, hooks, perhaps metadata. v3: the same, with a dtype before
  // the metadata.
  const std::size_t fixed = role == Role::tensor_v1 ? 4 : role == Role::tensor_v2 ? 6 : 7;
  const std::size_t most = role == Role::tensor_v1 ? 4 : fixed + 1;
  if (values.size() < fixed || values.size() > most) {
    pickle_.fail(ref, fmt::format("a tensor with {} parts", values.size()));
  }
  // Whether gradients are wanted and what is called then does not change a tensor; everything else does.
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 4 && i != 5 && tainted(values[i])) return LeftOut{{}, dependence(values[i])};
  }
  if (pickle_.kind(values[0]) != PickleKind::persistent || !storages_.is_storage(values[0])) {
    pickle_.fail(ref, fmt::format("a tensor over {} instead of a storage", name(pickle_.kind(values[0]))));
  }
  if (fixed > 4) check_hooks(values[5]);
  const Global* type = storages_.view(values[0]).type;
  if (role == Role::tensor_v3) {
    type = pickle_.kind(values[6]) == PickleKind::global
               ? find_global(pickle_.module(values[6]), pickle_.global_name(values[6]))
               : nullptr;
    if (type == nullptr || type->role != Role::dtype) pickle_.fail(ref, "a tensor without a dtype");
  }
  if (!type->dtype) return LeftOut{{}, fmt::format("has the type {}, which is not read", type->name)};
  TensorInfo tensor = describe(ref, values.first(4), *type->dtype);
  if (values.size() > fixed) {
    if (std::string reason = lazy_flags(values.back()); !reason.empty()) return LeftOut{{}, std::move(reason)};
  }
  return tensor;
}

// (function, type, its arguments, attributes): the attributes of a tensor are not carried over.
std::variant<TensorInfo, LeftOut> Rebuilder::typed(PickleRef ref, std::span<const PickleRef> values) {
  const auto is = [&](PickleRef value, Role wanted) {
    return pickle_.kind(value) == PickleKind::global && role(value) == wanted;
  };
  if (pickle_.inert(values[0])) return LeftOut{{}, dependence(values[0])};
  if (pickle_.inert(values[2])) return LeftOut{{}, dependence(values[2])};
  // A class of someone's own has the same elements.
  if (!is(values[1], Role::tensor_class) && !is(values[1], Role::parameter_class) && !pickle_.inert(values[1])) {
    pickle_.fail(ref, "a tensor of a class that is not known", Errc::unsupported);
  }
  if (pickle_.kind(values[2]) != PickleKind::tuple) pickle_.fail(ref, "a tensor without its parts");
  check_attributes(ref, values[3]);
  for (const Role one : {Role::tensor_v1, Role::tensor_v2, Role::tensor_v3}) {
    if (is(values[0], one)) return plain(ref, pickle_.items(values[2]), one);
  }
  if (is(values[0], Role::sparse)) return sparse(ref, pickle_.items(values[2]));
  if (is(values[0], Role::quantised)) return quantised(ref, pickle_.items(values[2]));
  pickle_.fail(ref, "a tensor that is not built by a function for tensors", Errc::unsupported);
}

std::variant<TensorInfo, LeftOut> Rebuilder::numpy(PickleRef ref) {
  if (tainted(ref)) return LeftOut{{}, dependence(ref)};
  const NumpyArray array = numpy_.array(ref);
  if (array.type.objects && !pickle_.opaque()) pickle_.fail(ref, "a numpy array of Python objects", Errc::unsupported);
  if (!array.problem.empty()) return LeftOut{{}, array.problem};
  if (!in_file_) return LeftOut{{}, "is a numpy array in a compressed pickle"};
  const std::uint8_t width = array.type.big ? unit_width(*array.type.dtype) : std::uint8_t{0};
  const std::uint8_t swap = width > 1 ? width : std::uint8_t{0};
  const auto [place, is_new] =
      embedded_at_.try_emplace({array.data.position, swap}, static_cast<std::uint32_t>(embedded_.size()));
  if (is_new) {
    embedded_.push_back({.at = {.file = 0, .offset = array.data.position, .size = array.data.stored},
                         .size = array.data.size,
                         .codec = array.data.latin1 ? Codec::latin1 : Codec::plain,
                         .swap = swap,
                         .checksum = std::nullopt});
  }
  TensorInfo tensor;
  tensor.dtype = *array.type.dtype;
  tensor.shape = array.shape;
  Chunk chunk;
  chunk.storage = static_cast<std::uint32_t>(storages_.all().size()) + place->second;
  if (!in_c_order(array.shape, array.strides)) chunk.strides = array.strides;
  tensor.chunks.push_back(std::move(chunk));
  return tensor;
}

void Rebuilder::place_embedded(std::uint64_t begin, std::vector<Storage>& storages) const {
  for (Storage storage : embedded_) {
    storage.at.offset += begin;
    storages.push_back(std::move(storage));
  }
}

// What PyTorch wrote before 0.4: FloatTensor() with the state (storage, offset, size, stride), and Parameter(tensor)
// with (requires_grad, volatile, hooks), or Parameter() with (tensor, gradient, hooks, requires_grad, volatile).
std::variant<TensorInfo, LeftOut> Rebuilder::by_state(PickleRef ref) {
  const Pickle::Call call = pickle_.call(ref);
  const auto values = pickle_.items(call.arguments);
  if (call.state && pickle_.inert(*call.state)) return LeftOut{{}, dependence(*call.state)};
  std::span<const PickleRef> state;
  if (call.state && pickle_.kind(*call.state) == PickleKind::tuple) state = pickle_.items(*call.state);
  if (role(ref) == Role::parameter_class) {
    if (!values.empty() && values.size() <= 2 && (!call.state || state.size() == 3)) return parameter(ref, values[0]);
    if (values.empty() && state.size() == 5) return parameter(ref, state[0]);
    pickle_.fail(ref, "a Parameter without a tensor");
  }
  if (!values.empty() || state.size() != 4) {
    pickle_.fail(ref, fmt::format("{} with arguments that no checkpoint gives it", pickle_.global_name(call.callee)));
  }
  auto made = plain(ref, state, Role::tensor_v1);
  const Global* type = find_global(pickle_.module(call.callee), pickle_.global_name(call.callee));
  if (const auto* tensor = std::get_if<TensorInfo>(&made); tensor != nullptr && type->dtype != tensor->dtype) {
    if (type->dtype) pickle_.fail(ref, fmt::format("{} over a storage of another type", type->name));
  }
  return made;
}

std::variant<TensorInfo, LeftOut> Rebuilder::parameter(PickleRef ref, PickleRef data) {
  if (pickle_.inert(data)) return LeftOut{{}, dependence(data)};
  // A Parameter of a Parameter would be a way to nest; torch writes the tensor itself.
  const bool nests =
      role(data) == Role::parameter || role(data) == Role::parameter_state || role(data) == Role::parameter_class;
  if (!is_tensor(data) || nests) pickle_.fail(ref, "a Parameter without a tensor");
  return tensor(data);
}

std::variant<TensorInfo, LeftOut> Rebuilder::tensor(PickleRef ref) {
  if (const auto given = given_.find(ref); given != given_.end()) return given->second;
  if (pickle_.kind(ref) == PickleKind::persistent) return LeftOut{{}, "is a bare storage, not a tensor"};
  if (pickle_.inert(ref)) return LeftOut{{}, dependence(ref)};
  const Pickle::Call call = pickle_.call(ref);
  const Role own = role(ref);
  const bool has_state = own == Role::tensor_class || own == Role::parameter_class || own == Role::numpy_array;
  if ((call.state && !has_state) || !call.elements.empty() || !call.entries.empty()) {
    pickle_.fail(ref, "a tensor that is changed after it was built");
  }
  const auto values = pickle_.items(call.arguments);
  switch (own) {
    case Role::tensor_v1:
    case Role::tensor_v2:
    case Role::tensor_v3: return plain(ref, values, own);
    case Role::tensor_class:
    case Role::parameter_class: return by_state(ref);
    case Role::numpy_array:
    case Role::numpy_buffer: return numpy(ref);
    case Role::parameter:
    case Role::parameter_state: {
      const auto parts = arguments(ref, own == Role::parameter ? 3 : 4, own == Role::parameter ? 3 : 4);
      check_hooks(parts[2]);
      if (own == Role::parameter_state) check_attributes(ref, parts[3]);
      return parameter(ref, parts[0]);
    }
    case Role::from_type: return typed(ref, arguments(ref, 4, 4));
    case Role::sparse: return sparse(ref, values);
    case Role::quantised: return quantised(ref, values);
    case Role::meta: return LeftOut{{}, "is on the meta device: it has a shape and no values"};
    case Role::nested: return LeftOut{{}, "is a nested tensor"};
    case Role::subclass: return LeftOut{{}, "is of a tensor subclass"};
    default: return LeftOut{{}, "was written from an accelerator in a form that is not read"};
  }
}

}  // namespace transload::torch
