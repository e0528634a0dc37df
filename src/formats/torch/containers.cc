#include "formats/torch/containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/text.h"
#include "formats/torch/key_text.h"
#include "formats/torch/parts.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kLongestName = 4096;
constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;
constexpr std::uint64_t kMostNamed = 6;  // of what is not carried over

class Lister {
 public:
  Lister(const Pickle& pickle, Rebuilder& rebuilder, Index& index)
      : pickle_(pickle),
        rebuilder_(rebuilder),
        parts_(pickle, rebuilder),
        index_(index),
        counts_(pickle.value_count()),
        open_(pickle.opaque() ? pickle.value_count() : 0) {
    // Values may be shared: what one byte of the file stands for is bounded, or 60 of them would stand for 2^60 names.
    budget_ = pickle.size() * 4 + 1000;
  }

  void list() {
    count();
    if (counts_[pickle_.root()].tensors == 0) {
      if (parts_.is_container(pickle_.root()) && !parts_.is_object(pickle_.root()) &&
          counts_[pickle_.root()].others == 0)
        return;
      pickle_.fail(pickle_.root(),
                   fmt::format("the file holds {} without any tensor", name(pickle_.kind(pickle_.root()))),
                   Errc::unsupported);
    }
    todo_.push_back({pickle_.root(), {}});
    while (!todo_.empty()) {
      const Item item = std::move(todo_.back());
      todo_.pop_back();
      if (item.leaving) {
        open_[item.ref] = false;
      } else if (rebuilder_.is_tensor(item.ref)) {
        add_tensor(item);
      } else {
        descend(item);
      }
    }
    add_note();
    note_inert();
  }

 private:
  struct Counts {
    std::uint64_t tensors = 0, others = 0;  // paths from here to a tensor, to another plain value; saturating
  };
  struct Item {
    PickleRef ref;
    std::string name;
    bool in_module = false;  // a module of a module: state_dict() joins their names with dots
    bool leaving = false;    // all below it has been listed
  };

  // Parts come before wholes, so each value's counts are those of its parts.
  void count() {
    for (const PickleRef ref : pickle_.parts_first()) {
      Counts& own = counts_[ref];
      const auto add = [&](PickleRef part) {
        if (__builtin_add_overflow(own.tensors, counts_[part].tensors, &own.tensors)) own.tensors = ~std::uint64_t{0};
        if (__builtin_add_overflow(own.others, counts_[part].others, &own.others)) own.others = ~std::uint64_t{0};
      };
      if (rebuilder_.is_tensor(ref)) {
        own.tensors = 1;
      } else if (parts_.is_sequence(ref)) {
        for (const PickleRef item : pickle_.items(ref)) add(item);
      } else if (parts_.is_container(ref)) {
        const auto parts = parts_.of(ref);
        // Many OrderedDicts may be made from one shared dict, many objects have one shared state: each has its parts.
        if (pickle_.kind(ref) == PickleKind::call) visit(ref, parts.size());
        for (const Part& part : parts) {
          if (part.hidden) {
            own.others += counts_[part.value].tensors == 0 ? 0 : 1;
          } else {
            add(part.value);
          }
        }
      } else {
        // A set, a Size, a plain value: one thing. A tensor inside is named, and left out.
        bool hides_tensor = false;
        pickle_.for_each_part(ref, [&](PickleRef part) { hides_tensor = hides_tensor || counts_[part].tensors != 0; });
        own.tensors = hides_tensor ? 1 : 0;
        own.others = hides_tensor ? 0 : 1;
      }
    }
  }

  void visit(PickleRef ref, std::uint64_t parts) {
    visited_ += parts;
    if (visited_ <= 8 * pickle_.size() + 1000) return;
    pickle_.fail(ref, "shared dicts stand for more entries than a file of this size has room for", Errc::unsupported);
  }

  void spend(PickleRef ref, std::uint64_t amount) {
    if (amount > budget_) {
      pickle_.fail(ref, "shared containers stand for more values than a file of this size has room for",
                   Errc::unsupported);
    }
    budget_ -= amount;
  }

  void add_tensor(const Item& item) {
    try {
      auto made = rebuilder_.tensor(item.ref);
      if (auto* left_out = std::get_if<LeftOut>(&made)) {
        index_.left_out.push_back({item.name, std::move(left_out->reason)});
        return;
      }
      auto& tensor = std::get<TensorInfo>(made);
      tensor.name = item.name;
      index_.tensors.push_back(std::move(tensor));
    } catch (Error& error) {
      error.in({.file = {}, .offset = {}, .tensor = item.name});
      throw;
    }
  }

  struct Child {
    Item item;
    bool bears = false;  // tensors that are to be listed
    std::uint64_t values = 0;
  };

  void descend(const Item& item) {
    if (!parts_.is_container(item.ref)) {
      index_.left_out.push_back({item.name, fmt::format("is inside of {}", name(pickle_.kind(item.ref)))});
      return;
    }
    if (!open_.empty()) {
      if (open_[item.ref]) return;  // an object that knows what it is part of
      open_[item.ref] = true;
      todo_.push_back({item.ref, {}, false, true});
    }
    const std::string prefix = at_top_ ? std::string() : item.name + (item.in_module ? '.' : '/');
    at_top_ = false;
    std::vector<Child> children = children_of(item, prefix);
    leave_out_attributes(item, prefix);
    check_unique(item, children);
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      child->item.name = prefix + child->item.name;
      if (child->bears) todo_.push_back(std::move(child->item));
    }
    for (const Child& child : children) {
      if (child.bears || child.values == 0) continue;
      if (others_.size() < kMostNamed) others_.push_back(child.item.name);
      ++other_places_;
      if (__builtin_add_overflow(other_values_, child.values, &other_values_)) other_values_ = ~std::uint64_t{0};
    }
  }

  std::vector<Child> children_of(const Item& item, const std::string& prefix) {
    const bool is_module = parts_.is_module(item.ref);
    const auto parts = parts_.of(item.ref);
    spend(item.ref, parts.size());
    check_numbers(item, parts);
    std::vector<Child> children;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Part& part = parts[i];
      const Counts& counts = counts_[part.value];
      Child child;
      child.item = {part.value, {}, is_module && parts_.is_object(part.value), false};
      child.bears = !part.hidden && counts.tensors != 0;
      child.values = part.hidden ? counts.tensors : counts.others;
      const bool has_name = !part.key || has_key_text(pickle_, *part.key);
      child.item.name = !has_name  ? fmt::format("<key {}>", i)
                        : part.key ? key_text(pickle_, *part.key)
                                   : std::to_string(part.position);
      if (prefix.size() + child.item.name.size() > kLongestName) {
        pickle_.fail(part.value, fmt::format("a name of more than {} bytes", kLongestName), Errc::unsupported);
      }
      spend(part.value, (prefix.size() + child.item.name.size()) / 64);
      if (child.bears && !has_name) {
        index_.left_out.push_back({prefix + child.item.name, "lies below a key that is an object and has no text"});
        continue;
      }
      children.push_back(std::move(child));
    }
    return children;
  }

  // An OrderedDict may have attributes beside its items, such as the _metadata of a state_dict.
  void leave_out_attributes(const Item& item, const std::string& prefix) {
    if (pickle_.kind(item.ref) != PickleKind::call || parts_.is_object(item.ref)) return;
    const auto attributes = parts_.state(item.ref);
    if (!attributes) return;
    const auto items = pickle_.items(*attributes);
    spend(item.ref, items.size() / 2);
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (counts_[items[i + 1]].tensors == 0) continue;
      const std::string name = has_key_text(pickle_, items[i]) ? key_text(pickle_, items[i]) : "<attribute>";
      index_.left_out.push_back({prefix + name, "is an attribute of a dict, and no item of it"});
    }
  }

  // An object may have an attribute and an element of the same name; what bears no tensors is not named then.
  void check_unique(const Item& item, const std::vector<Child>& children) const {
    std::vector<std::string_view> keys;
    for (const Child& child : children) {
      if (child.bears || !parts_.is_object(item.ref)) keys.push_back(child.item.name);
    }
    std::ranges::sort(keys);
    if (const auto twin = std::ranges::adjacent_find(keys); twin != keys.end()) {
      pickle_.fail(item.ref, fmt::format("the key '{}' occurs twice in one dict", shortened(*twin, 80)));
    }
  }

  // Python takes True, 1 and 1.0 for one key of a dict.
  void check_numbers(const Item& item, const std::vector<Part>& parts) const {
    std::vector<double> keys;
    for (const Part& part : parts) {
      if (!part.key) continue;
      switch (pickle_.kind(*part.key)) {
        case PickleKind::boolean: keys.push_back(pickle_.boolean(*part.key) ? 1 : 0); break;
        case PickleKind::floating: keys.push_back(pickle_.floating(*part.key)); break;
        case PickleKind::integer: {
          const std::int64_t value = pickle_.integer(*part.key);
          if (value >= -kExactInDouble && value <= kExactInDouble) keys.push_back(static_cast<double>(value));
          break;
        }
        default: break;
      }
    }
    std::erase_if(keys, [](double key) { return std::isnan(key); });  // a NaN is no other key
    std::ranges::sort(keys);
    if (const auto twin = std::ranges::adjacent_find(keys); twin != keys.end()) {
      pickle_.fail(item.ref, fmt::format("the key {} occurs twice in one dict", *twin));
    }
  }

  void add_note() {
    if (other_places_ == 0) return;
    std::string names;
    for (const std::string& one : others_) names += (names.empty() ? "" : ", ") + shortened(one, 60);
    if (other_places_ > others_.size()) names += fmt::format(" and {} more", other_places_ - others_.size());
    index_.notes.push_back(
        fmt::format("not carried over: {} ({} value{})", names, other_values_, other_values_ == 1 ? "" : "s"));
  }

  void note_inert() {
    for (const Pickle::Unknown& one : pickle_.unknown()) {
      const std::string times = one.count == 1 ? std::string() : fmt::format(", {} times", one.count);
      index_.notes.push_back(
          fmt::format("not known, and taken for an inert value: {} at 0x{:x}{}", one.name, one.offset, times));
    }
    const auto others = std::ranges::count_if(pickle_.parts_first(), [&](PickleRef ref) {
      return pickle_.kind(ref) == PickleKind::persistent && !rebuilder_.is_tensor(ref);
    });
    if (others != 0) {
      index_.notes.push_back(fmt::format(
          "not known, and taken for an inert value: a persistent id that is no storage, such as a class, {} times",
          others));
    }
    if (pickle_.more_unknown() != 0) {
      index_.notes.push_back(
          fmt::format("not known, and taken for inert values: other names, {} times", pickle_.more_unknown()));
    }
  }

  const Pickle& pickle_;
  Rebuilder& rebuilder_;
  Parts parts_;
  Index& index_;
  std::vector<Counts> counts_;
  std::vector<bool> open_;  // containers on the way down; empty where no value can contain itself
  std::vector<Item> todo_;
  std::uint64_t budget_ = 0;
  std::uint64_t visited_ = 0;  // entries of dicts, as often as a call copies them
  bool at_top_ = true;
  std::vector<std::string> others_;
  std::uint64_t other_places_ = 0, other_values_ = 0;
};

}  // namespace

void list_tensors(const Pickle& pickle, Rebuilder& rebuilder, Index& index) { Lister(pickle, rebuilder, index).list(); }

void choose_container(Index& index, const std::string& key) {
  if (key.empty()) return;
  const std::string prefix = key + '/';
  std::set<std::string> containers;
  for (const TensorInfo& tensor : index.tensors) {
    if (const std::size_t slash = tensor.name.find('/'); slash != std::string::npos && containers.size() < 20) {
      containers.insert(tensor.name.substr(0, slash));
    }
  }
  const auto below = [&](const std::string& name) { return name.starts_with(prefix); };
  const auto strip = [&](std::string& name) { name.erase(0, prefix.size()); };
  const std::size_t outside =
      std::erase_if(index.tensors, [&](const TensorInfo& tensor) { return !below(tensor.name); }) +
      std::erase_if(index.left_out, [&](const LeftOut& left) { return !below(left.tensor); });
  if (index.tensors.empty() && index.left_out.empty()) {
    std::string there;
    for (const std::string& one : containers) there += (there.empty() ? "" : ", ") + shortened(one, 60);
    throw Error(Errc::usage, fmt::format("there is no container '{}' with tensors", shortened(key, 80)), {},
                there.empty() ? "the tensors lie at the top: leave the key out" : fmt::format("there is: {}", there));
  }
  if (outside != 0) {
    index.notes.push_back(fmt::format("not carried over: {} tensor{} outside of '{}'", outside, outside == 1 ? "" : "s",
                                      shortened(key, 80)));
  }
  for (TensorInfo& tensor : index.tensors) strip(tensor.name);
  for (LeftOut& left : index.left_out) strip(left.tensor);
}

}  // namespace transload::torch
