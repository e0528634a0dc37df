#include "formats/torch/containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/text.h"
#include "formats/torch/key_text.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kLongestName = 4096;
constexpr std::uint64_t kMostNamed = 6;  // of what is not carried over

class Lister {
 public:
  Lister(const Pickle& pickle, Rebuilder& rebuilder, Index& index)
      : pickle_(pickle), rebuilder_(rebuilder), index_(index), counts_(pickle.value_count()) {
    // Values may be shared: what one byte of the file stands for is bounded, or 60 of them would stand for 2^60 names.
    budget_ = pickle.size() * 4 + 1000;
  }

  void list() {
    count();
    if (counts_[pickle_.root()].tensors == 0) {
      if (is_container(pickle_.root()) && counts_[pickle_.root()].others == 0) return;
      pickle_.fail(pickle_.root(),
                   fmt::format("the file holds {} without any tensor", name(pickle_.kind(pickle_.root()))),
                   Errc::unsupported);
    }
    todo_.push_back({pickle_.root(), {}});
    while (!todo_.empty()) {
      const Item item = std::move(todo_.back());
      todo_.pop_back();
      if (rebuilder_.is_tensor(item.ref)) {
        add_tensor(item);
      } else {
        descend(item);
      }
    }
    add_note();
  }

 private:
  struct Counts {
    std::uint64_t tensors = 0, others = 0;  // paths from here to a tensor, to another plain value; saturating
  };
  struct Item {
    PickleRef ref;
    std::string name;
  };

  Role role(PickleRef ref) const {
    return pickle_.kind(ref) == PickleKind::call ? rebuilder_.role(ref) : Role::unknown;
  }
  bool is_dict(PickleRef ref) const { return pickle_.kind(ref) == PickleKind::dict || role(ref) == Role::dict_like; }
  bool is_sequence(PickleRef ref) const {
    return pickle_.kind(ref) == PickleKind::list || pickle_.kind(ref) == PickleKind::tuple;
  }
  bool is_container(PickleRef ref) const { return is_dict(ref) || is_sequence(ref); }

  // Keys and values of a dict or OrderedDict. Python 2 gave an OrderedDict its items as a list of pairs.
  std::vector<std::pair<PickleRef, PickleRef>> entries(PickleRef ref) const {
    std::vector<std::pair<PickleRef, PickleRef>> all;
    const auto add = [&](std::span<const PickleRef> flat) {
      for (std::size_t i = 0; i + 1 < flat.size(); i += 2) all.emplace_back(flat[i], flat[i + 1]);
    };
    if (pickle_.kind(ref) == PickleKind::dict) {
      add(pickle_.items(ref));
      return all;
    }
    const Pickle::Call call = pickle_.call(ref);
    for (const PickleRef argument : pickle_.items(call.arguments)) {
      if (pickle_.kind(argument) == PickleKind::dict) {
        add(pickle_.items(argument));
        continue;
      }
      for (const PickleRef pair : pickle_.items(argument)) {
        if (!is_sequence(pair) || pickle_.items(pair).size() != 2) pickle_.fail(pair, "a dict's item that is no pair");
        add(pickle_.items(pair));
      }
    }
    add(call.entries);
    return all;
  }

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
      } else if (is_dict(ref)) {
        // Many OrderedDicts may be made from one shared dict: each copies it.
        const auto all = entries(ref);
        visited_ += all.size();
        if (visited_ > 8 * pickle_.size() + 1000) {
          pickle_.fail(ref, "shared dicts stand for more entries than a file of this size has room for",
                       Errc::unsupported);
        }
        for (const auto& [key, value] : all) add(value);
      } else if (is_sequence(ref)) {
        for (const PickleRef item : pickle_.items(ref)) add(item);
      } else {
        // A set, a Size, a plain value: one thing. A tensor inside is named, and left out.
        bool hides_tensor = false;
        pickle_.for_each_part(ref, [&](PickleRef part) { hides_tensor = hides_tensor || counts_[part].tensors != 0; });
        own.tensors = hides_tensor ? 1 : 0;
        own.others = hides_tensor ? 0 : 1;
      }
    }
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

  void descend(const Item& item) {
    std::vector<Item> children;
    const std::string prefix = at_top_ ? std::string() : item.name + '/';
    at_top_ = false;
    if (is_dict(item.ref)) {
      const auto all = entries(item.ref);
      spend(item.ref, all.size());
      for (const auto& [key, value] : all) children.push_back({value, key_text(pickle_, key)});
      check_unique(item, children);
    } else if (is_sequence(item.ref)) {
      const auto items = pickle_.items(item.ref);
      spend(item.ref, items.size());
      for (const PickleRef child : items) children.push_back({child, std::to_string(children.size())});
    } else {
      index_.left_out.push_back({item.name, fmt::format("is inside of {}", name(pickle_.kind(item.ref)))});
      return;
    }
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      const std::string& key = child->name;
      if (prefix.size() + key.size() > kLongestName) {
        pickle_.fail(child->ref, fmt::format("a name of more than {} bytes", kLongestName), Errc::unsupported);
      }
      spend(child->ref, (prefix.size() + key.size()) / 64);
      child->name = prefix + key;
      if (counts_[child->ref].tensors != 0) todo_.push_back(std::move(*child));
    }
    for (const Item& child : children) {
      const Counts& counts = counts_[child.ref];
      if (counts.tensors != 0 || counts.others == 0) continue;
      if (others_.size() < kMostNamed) others_.push_back(child.name);
      ++other_places_;
      if (__builtin_add_overflow(other_values_, counts.others, &other_values_)) other_values_ = ~std::uint64_t{0};
    }
  }

  void check_unique(const Item& item, const std::vector<Item>& children) const {
    std::vector<std::string_view> keys;
    for (const Item& child : children) keys.push_back(child.name);
    std::ranges::sort(keys);
    if (const auto twin = std::ranges::adjacent_find(keys); twin != keys.end()) {
      pickle_.fail(item.ref, fmt::format("the key '{}' occurs twice in one dict", shortened(*twin, 80)));
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

  const Pickle& pickle_;
  Rebuilder& rebuilder_;
  Index& index_;
  std::vector<Counts> counts_;
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
  std::erase_if(index.tensors, [&](const TensorInfo& tensor) { return !below(tensor.name); });
  std::erase_if(index.left_out, [&](const LeftOut& left) { return !below(left.tensor); });
  if (index.tensors.empty() && index.left_out.empty()) {
    std::string there;
    for (const std::string& one : containers) there += (there.empty() ? "" : ", ") + shortened(one, 60);
    throw Error(Errc::usage, fmt::format("there is no container '{}' with tensors", shortened(key, 80)), {},
                there.empty() ? "the tensors lie at the top: leave the key out" : fmt::format("there is: {}", there));
  }
  for (TensorInfo& tensor : index.tensors) strip(tensor.name);
  for (LeftOut& left : index.left_out) strip(left.tensor);
}

}  // namespace transload::torch
