#include "formats/torch/script.h"

#include <fmt/format.h>

#include <vector>

#include "core/text.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::string_view kOwn = "__torch__";
constexpr std::size_t kLongestName = 4096, kMostNamed = 6;

bool is_own(std::string_view module) { return module == kOwn || module.starts_with("__torch__."); }

// The class of an object of the archive's own code; none for other values.
struct ClassName {
  std::string_view module, name;
};
std::optional<ClassName> class_of(const Pickle& pickle, PickleRef ref) {
  if (pickle.kind(ref) != PickleKind::call) return std::nullopt;
  const PickleRef callee = pickle.call(ref).callee;
  if (pickle.kind(callee) != PickleKind::global || !is_own(pickle.module(callee))) return std::nullopt;
  return ClassName{pickle.module(callee), pickle.global_name(callee)};
}

// The quoted names in `["a", "b", ]`.
void add_quoted(std::string_view list, std::set<std::string, std::less<>>& names) {
  for (std::size_t at = list.find('"'); at != std::string_view::npos; at = list.find('"', at)) {
    const std::size_t end = list.find('"', at + 1);
    if (end == std::string_view::npos) return;
    names.emplace(list.substr(at + 1, end - at - 1));
    at = end + 1;
  }
}

class Lister {
 public:
  Lister(const Pickle& pickle, Rebuilder& rebuilder, ScriptClasses& classes, Index& index)
      : pickle_(pickle), rebuilder_(rebuilder), classes_(classes), index_(index) {
    // A module may be part of several: what one byte of the file stands for is bounded.
    budget_ = pickle.size() * 4 + 1000;
  }

  void list() {
    todo_.push_back({pickle_.root(), {}});
    while (!todo_.empty()) {
      const Item item = std::move(todo_.back());
      todo_.pop_back();
      descend(item);
    }
    add_notes();
  }

 private:
  struct Item {
    PickleRef ref;
    std::string prefix;  // "" or "a.b."
  };

  void descend(const Item& item) {
    const Pickle::Call call = pickle_.call(item.ref);
    if (!call.state || pickle_.kind(*call.state) != PickleKind::dict) {
      if (call.state)
        others_.push_back(item.prefix.empty() ? "the module" : item.prefix.substr(0, item.prefix.size() - 1));
      return;
    }
    const ClassName own = *class_of(pickle_, item.ref);
    const ScriptClass* declared = classes_.find(own.module, own.name);
    if (declared == nullptr) ++undeclared_;
    const auto entries = pickle_.items(*call.state);
    spend(item.ref, entries.size() / 2);
    std::vector<Item> modules;
    for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
      if (pickle_.kind(entries[i]) != PickleKind::text) pickle_.fail(entries[i], "an attribute whose name is not text");
      const std::string_view key = pickle_.text(entries[i]);
      const PickleRef value = entries[i + 1];
      if (item.prefix.size() + key.size() > kLongestName || !valid_utf8(key)) {
        pickle_.fail(entries[i], "an attribute whose name is too long, or not UTF-8", Errc::unsupported);
      }
      spend(value, (item.prefix.size() + key.size()) / 64);
      const std::string name = item.prefix + std::string(key);
      if (class_of(pickle_, value)) {
        modules.push_back({value, name + '.'});
      } else if (rebuilder_.is_tensor(value)) {
        if (declared == nullptr || declared->members.contains(key)) {
          add(name, value);
        } else {
          others_.push_back(name);
        }
      }
    }
    for (auto module = modules.rbegin(); module != modules.rend(); ++module) todo_.push_back(std::move(*module));
  }

  void add(const std::string& name, PickleRef value) {
    try {
      auto made = rebuilder_.tensor(value);
      if (auto* left_out = std::get_if<LeftOut>(&made)) {
        index_.left_out.push_back({name, std::move(left_out->reason)});
        return;
      }
      index_.tensors.push_back(std::move(std::get<TensorInfo>(made)));
      index_.tensors.back().name = name;
    } catch (Error& error) {
      error.in({.file = {}, .offset = {}, .tensor = name});
      throw;
    }
  }

  void spend(PickleRef ref, std::uint64_t amount) {
    if (amount > budget_) {
      pickle_.fail(ref, "shared modules stand for more names than a file of this size has room for", Errc::unsupported);
    }
    budget_ -= amount;
  }

  void add_notes() {
    index_.notes.push_back("a TorchScript archive: its code is not read, nor are the constants of its code");
    if (undeclared_ != 0) {
      index_.notes.push_back(
          fmt::format("the code of {} module{} is missing: all tensors there are taken for parameters", undeclared_,
                      undeclared_ == 1 ? "" : "s"));
    }
    if (others_.empty()) return;
    std::string names;
    for (std::size_t i = 0; i < others_.size() && i < kMostNamed; ++i) {
      names += (i == 0 ? "" : ", ") + shortened(others_[i], 60);
    }
    if (others_.size() > kMostNamed) names += fmt::format(" and {} more", others_.size() - kMostNamed);
    index_.notes.push_back(fmt::format("not carried over, since no state_dict() has them: {}", names));
  }

  const Pickle& pickle_;
  Rebuilder& rebuilder_;
  ScriptClasses& classes_;
  Index& index_;
  std::vector<Item> todo_;
  std::vector<std::string> others_;
  std::uint64_t budget_ = 0, undeclared_ = 0;
};

}  // namespace

std::map<std::string, ScriptClass> read_script_classes(std::string_view code) {
  std::map<std::string, ScriptClass> classes;
  ScriptClass* current = nullptr;
  while (!code.empty()) {
    const std::string_view line = code.substr(0, code.find('\n'));
    code.remove_prefix(std::min(line.size() + 1, code.size()));
    if (line.starts_with("class ")) {
      const std::string_view name = line.substr(6, line.find('(') - 6);
      current = line.find("(Module):") == std::string_view::npos ? nullptr : &classes[std::string(name)];
    } else if (current != nullptr &&
               (line.starts_with("  __parameters__ = [") || line.starts_with("  __buffers__ = ["))) {
      add_quoted(line.substr(line.find('[')), current->members);
    }
  }
  return classes;
}

const ScriptClass* ScriptClasses::find(std::string_view module, std::string_view name) {
  if (!read_.contains(module)) read(std::string(module));
  const auto found = classes_.find({std::string(module), std::string(name)});
  return found == classes_.end() ? nullptr : &found->second;
}

void ScriptClasses::read(const std::string& module) {
  read_.insert(module);
  std::string path = module;
  for (char& c : path) c = c == '.' ? '/' : c;
  const std::optional<std::string> code = code_(path);
  if (!code) return;
  for (auto& [name, one] : read_script_classes(*code)) classes_.emplace(std::pair{module, name}, std::move(one));
}

bool is_script_module(const Pickle& pickle) { return class_of(pickle, pickle.root()).has_value(); }

void list_script_tensors(const Pickle& pickle, Rebuilder& rebuilder, ScriptClasses& classes, Index& index) {
  Lister(pickle, rebuilder, classes, index).list();
}

}  // namespace transload::torch
