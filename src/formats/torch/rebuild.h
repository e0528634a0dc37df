// From the pickle's calls to tensors: what torch._utils would have built, as descriptions of bytes.
// Source: torch/_utils.py and torch/_tensor.py of torch 2.13.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "formats/sparse.h"
#include "formats/torch/dense.h"
#include "formats/torch/numpy_values.h"
#include "formats/torch/storages.h"
#include "formats/torch/strided_view.h"
#include "transload/index.h"
#include "wire/pickle.h"

namespace transload::torch {

class Rebuilder {
 public:
  // `file_size` bounds what tensors that repeat their elements (stride 0) may stand for. `in_file`: the pickle's bytes
  // lie in the file as they are, so that arrays in it can be read from there.
  Rebuilder(const wire::Pickle& pickle, const Storages& storages, std::uint64_t file_size, bool in_file = true);

  // What a value that can be called, or its call, stands for; Role::unknown for everything else, inert values too.
  Role role(wire::PickleRef ref) const { return roles_[ref]; }
  // Whether `ref` is a tensor, one that cannot be carried included, or a bare storage. What an unknown function makes
  // of a storage is taken for a tensor.
  bool is_tensor(wire::PickleRef ref) const;
  // The tensor without its name. Errc::corrupt with the offset when its parts do not fit together.
  std::variant<TensorInfo, LeftOut> tensor(wire::PickleRef ref);
  // What a persistent id stands for where it is a tensor itself: in the tar archives of PyTorch 0.1.
  void give(wire::PickleRef persistent, TensorInfo tensor) { given_.insert_or_assign(persistent, std::move(tensor)); }
  // From now on sparse and quantised tensors are dense ones, over storages of their own. Once all others are placed and
  // all tensors listed, take_dense() adds those to `index` and puts their numbers into its tensors.
  void make_dense() { make_dense_ = true; }
  std::vector<SparseArray> take_dense(Index& index);
  // Checks every call that is no tensor and not inert: its arguments are what such a call takes.
  void check_calls() const;
  // The width of the units to reverse in each storage if the file is big-endian. Errc::corrupt where tensors disagree
  // and `big` is set.
  const std::vector<std::uint8_t>& unit_widths() const noexcept { return widths_; }
  // Appends the storages of arrays that lie in the pickle itself: tensors refer to them by the numbers that follow
  // those of Storages. `begin`: where the pickle lies in the first file.
  void place_embedded(std::uint64_t begin, std::vector<Storage>& storages) const;
  // A storage that tensors of two widths look into; -1: none.
  std::int64_t mixed_widths() const noexcept { return mixed_; }

 private:
  std::variant<TensorInfo, LeftOut> plain(wire::PickleRef ref, std::span<const wire::PickleRef> arguments, Role role);
  std::variant<TensorInfo, LeftOut> numpy(wire::PickleRef ref);
  std::variant<TensorInfo, LeftOut> by_state(wire::PickleRef ref);
  std::variant<TensorInfo, LeftOut> parameter(wire::PickleRef ref, wire::PickleRef data);
  std::variant<TensorInfo, LeftOut> typed(wire::PickleRef ref, std::span<const wire::PickleRef> arguments);
  TensorInfo describe(wire::PickleRef ref, std::span<const wire::PickleRef> arguments, DType dtype);
  TensorInfo fit(wire::PickleRef ref, const StorageView& view, DType dtype, std::int64_t offset, Shape shape,
                 std::vector<std::int64_t> strides);
  std::variant<TensorInfo, LeftOut> sparse(wire::PickleRef ref, std::span<const wire::PickleRef> arguments);
  std::variant<TensorInfo, LeftOut> quantised(wire::PickleRef ref, std::span<const wire::PickleRef> arguments);
  std::string packed(wire::PickleRef ref, std::span<const wire::PickleRef> arguments, QuantisedTensor& tensor);
  std::string check_channels(wire::PickleRef ref, const QuantisedTensor& tensor,
                             const QuantisedTensor::Channels& channels) const;
  TensorInfo part(wire::PickleRef ref, std::string_view what);
  TensorInfo add_dense(wire::PickleRef ref, SparseArray array);
  double real(wire::PickleRef ref, std::string_view what) const;
  std::string lazy_flags(wire::PickleRef metadata) const;
  std::vector<std::int64_t> numbers(wire::PickleRef ref, std::string_view what) const;
  std::int64_t number(wire::PickleRef ref, std::string_view what) const;
  std::span<const wire::PickleRef> arguments(wire::PickleRef ref, std::size_t least, std::size_t most) const;
  void check_hooks(wire::PickleRef ref) const;
  void check_call(wire::PickleRef ref) const;
  void check_new_object(wire::PickleRef ref) const;
  void check_attributes(wire::PickleRef tensor, wire::PickleRef state) const;
  // Inert, or not a storage though it is a persistent id.
  bool unknown(wire::PickleRef ref) const;
  // Whether anything unknown is in it, and the reason to leave a tensor out for it.
  bool tainted(wire::PickleRef ref) const { return !tainted_.empty() && tainted_[ref]; }
  std::string dependence(wire::PickleRef ref) const;

  const wire::Pickle& pickle_;
  const Storages& storages_;
  StridedViews views_;
  std::unordered_map<wire::PickleRef, TensorInfo> given_;
  bool make_dense_ = false;
  std::vector<SparseArray> dense_;
  std::vector<Role> roles_;    // by reference; of calls and of globals
  std::vector<bool> tainted_;  // by reference; empty: nothing is
  std::vector<std::uint8_t> widths_;
  std::int64_t mixed_ = -1;
  NumpyValues numpy_;
  bool in_file_;
  std::vector<Storage> embedded_;                                                // `at` counts from the pickle's begin
  std::map<std::pair<std::uint64_t, std::uint8_t>, std::uint32_t> embedded_at_;  // position and swap: its place
};

}  // namespace transload::torch
