#include "formats/torch/storages.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kMostItems = 6;

std::uint64_t count_of(const Pickle& pickle, PickleRef ref, std::string_view what) {
  if (pickle.kind(ref) != PickleKind::integer) {
    pickle.fail(ref, fmt::format("{} is {}", what,
                                 pickle.kind(ref) == PickleKind::wide ? "beyond 64 bits" : name(pickle.kind(ref))));
  }
  const std::int64_t value = pickle.integer(ref);
  if (value < 0) pickle.fail(ref, fmt::format("{} is negative ({})", what, value));
  return static_cast<std::uint64_t>(value);
}

bool plain_key(std::string_view key) {
  return !key.empty() && key.size() <= 64 && std::ranges::all_of(key, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
           c == '-';
  });
}

}  // namespace

Storages::Storages(const Pickle& pickle, PersistentIds kind) {
  std::vector<PickleRef> found;
  for (const PickleRef ref : pickle.parts_first()) {
    if (pickle.kind(ref) == PickleKind::persistent) found.push_back(ref);
  }
  std::ranges::sort(found);
  for (const PickleRef ref : found) declare(pickle, ref, kind);
}

std::int64_t Storages::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? -1 : std::int64_t{found->second};
}

void Storages::declare(const Pickle& pickle, PickleRef ref, PersistentIds kind) {
  const PickleRef id = pickle.persistent_id(ref);
  if (pickle.inert(id)) return;
  if (pickle.kind(id) != PickleKind::tuple) {
    pickle.fail(ref, fmt::format("a persistent id that is {}, not a tuple", name(pickle.kind(id))));
  }
  const auto items = pickle.items(id);
  if (std::ranges::any_of(items.first(std::min(items.size(), kMostItems)),
                          [&](PickleRef item) { return pickle.inert(item); })) {
    return;
  }
  if (items.empty() || pickle.kind(items[0]) != PickleKind::text) pickle.fail(ref, "a persistent id without a kind");
  if (pickle.text(items[0]) == "module") {
    if (pickle.opaque()) return;
    Error error(Errc::unsupported, "a model saved whole, with the source code of its classes",
                {.file = {}, .offset = pickle.offset(ref), .tensor = {}},
                "--allow-opaque reads its tensors; in PyTorch, torch.save(model.state_dict(), path) saves them alone");
    throw error;
  }
  if (pickle.text(items[0]) != "storage") {
    pickle.fail(ref, fmt::format("a persistent id of the unknown kind '{}'", shortened(pickle.text(items[0]), 40)));
  }
  const std::size_t wanted = kind == PersistentIds::legacy ? 6 : 5;
  if (items.size() != wanted) {
    pickle.fail(ref, fmt::format("a persistent id of {} items where {} are expected", items.size(), wanted));
  }
  const Global* type = pickle.kind(items[1]) == PickleKind::global
                           ? find_global(pickle.module(items[1]), pickle.global_name(items[1]))
                           : nullptr;
  if (type == nullptr || type->role != Role::storage) pickle.fail(ref, "a persistent id without a storage class");
  if (pickle.kind(items[2]) != PickleKind::text || !plain_key(pickle.text(items[2]))) {
    pickle.fail(ref, "a storage key that is not 1 to 64 letters, digits, '_', '.' or '-'");
  }
  if (pickle.kind(items[3]) != PickleKind::text) pickle.fail(ref, "a storage whose location is not text");

  DeclaredStorage declared;
  declared.key = pickle.text(items[2]);
  declared.type = type;
  declared.declared = ref;
  declared.numel = count_of(pickle, items[4], "the number of a storage's elements");
  if (__builtin_mul_overflow(declared.numel, std::uint64_t{type->bytes}, &declared.size)) {
    pickle.fail(ref, fmt::format("a storage of {} elements of {} bytes", declared.numel, type->bytes));
  }
  const auto [place, is_new] = by_key_.try_emplace(declared.key, static_cast<std::uint32_t>(all_.size()));
  if (is_new) {
    all_.push_back(declared);
  } else {
    const DeclaredStorage& before = all_[place->second];
    // Of torch.FloatStorage and torch.cuda.FloatStorage only the element type matters.
    if (before.type->name != type->name || before.numel != declared.numel) {
      pickle.fail(ref, fmt::format("storage '{}' is {} elements of {} here and {} of {} at 0x{:x}", declared.key,
                                   declared.numel, type->name, before.numel, before.type->name,
                                   pickle.offset(before.declared)));
    }
  }
  StorageView view{.storage = place->second, .type = type, .offset = 0, .size = declared.size};
  if (kind == PersistentIds::legacy && !pickle.is_none(items[5])) {
    // (key of the view, offset and number of elements): the storages of PyTorch before 0.4 could be such parts.
    const auto part = pickle.kind(items[5]) == PickleKind::tuple ? pickle.items(items[5]) : decltype(items){};
    if (part.size() != 3) pickle.fail(ref, "a storage view that is not (key, offset, count)");
    const std::uint64_t offset = count_of(pickle, part[1], "a storage view's offset");
    const std::uint64_t numel = count_of(pickle, part[2], "a storage view's count");
    if (offset > declared.numel || numel > declared.numel - offset) {
      const PickleRef before = all_[place->second].declared;
      pickle.fail(ref, fmt::format("a view of {} elements from {} on in storage '{}' of {}{}", numel, offset,
                                   declared.key, declared.numel,
                                   before == ref ? "" : fmt::format(", first used at 0x{:x}", pickle.offset(before))));
    }
    view.offset = offset * type->bytes;
    view.size = numel * type->bytes;
  }
  views_.emplace(ref, view);
}

}  // namespace transload::torch
