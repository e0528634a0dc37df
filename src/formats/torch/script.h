// TorchScript archives: the parameters and buffers of a scripted or traced module, read without its code.
// Source: torch/csrc/jit/serialization/{export_module,import,python_print}.cpp of torch 2.13.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "formats/torch/rebuild.h"
#include "transload/index.h"
#include "wire/pickle.h"

namespace transload::torch {

// What a class of an archive's code declares to be parameters and buffers: the tensors of a state_dict().
struct ScriptClass {
  std::set<std::string, std::less<>> members;
};

// The classes of an archive, by module and name, as its pickle calls them.
class ScriptClasses {
 public:
  // Gives the text of code/a/b.py for "a/b"; none where the archive has no such record.
  using Code = std::function<std::optional<std::string>(const std::string& path)>;
  explicit ScriptClasses(Code code) : code_(std::move(code)) {}

  // Nullptr where the code does not declare it. Reads a module's text once.
  const ScriptClass* find(std::string_view module, std::string_view name);

 private:
  void read(const std::string& module);

  Code code_;
  std::set<std::string, std::less<>> read_;
  std::map<std::pair<std::string, std::string>, ScriptClass> classes_;
};

// The class declarations in the text of one module: lines "class NAME(Module):", and below them
// "  __parameters__ = ["a", "b", ]" and "  __buffers__ = [...]". All other text is passed over.
std::map<std::string, ScriptClass> read_script_classes(std::string_view code);

// Whether the top value of a pickle, read with its unknown names inert, is an object of a class of the archive's own
// code.
bool is_script_module(const wire::Pickle& pickle);

// Adds the parameters and buffers to `index`, under the names that torch.jit.load(FILE).state_dict() gives them. Other
// tensors (attributes, tensors in lists) go to one note. Errc::unsupported where shared modules stand for more names
// than the file has room for.
void list_script_tensors(const wire::Pickle& pickle, Rebuilder& rebuilder, ScriptClasses& classes, Index& index);

}  // namespace transload::torch
