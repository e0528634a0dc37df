#include "scan/grades.h"

#include <algorithm>
#include <cctype>

#include "formats/torch/globals.h"

namespace transload::scanning {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// "__builtin__.eval" of Python 2 is "builtins.eval" of Python 3; line ends of Windows are part of neither.
std::string canonical(std::string_view module, std::string_view name) {
  std::string path = lower(module) + "." + lower(name);
  std::erase_if(path, [](char c) { return c == '\r' || c == ' ' || c == '\0'; });
  for (const std::string_view other : {"__builtin__.", "__builtins__."}) {
    if (path.starts_with(other)) path = "builtins." + path.substr(other.size());
  }
  return path;
}

// Whether `path` is `row` or lies below it.
bool at_or_below(std::string_view path, std::string_view row) {
  return path.starts_with(row) && (path.size() == row.size() || path[row.size()] == '.' || row.ends_with('.'));
}

const Danger* find_danger(std::string_view path, bool whole) {
  const Danger* best = nullptr;  // the longest row says most
  for (const Danger& row : dangers()) {
    if ((whole || row.anywhere) && at_or_below(path, row.path) &&
        (best == nullptr || row.path.size() > best->path.size())) {
      best = &row;
    }
  }
  return best;
}

bool is_dunder(std::string_view part) { return part.size() > 4 && part.starts_with("__") && part.ends_with("__"); }

// An attribute of an attribute such as __globals__ leads from any function to all of its module.
bool reaches_inside(std::string_view name) {
  while (!name.empty()) {
    const std::size_t dot = name.find('.');
    if (is_dunder(name.substr(0, dot))) return true;
    name = dot == name.npos ? std::string_view() : name.substr(dot + 1);
  }
  return false;
}

// Of the names on the reader's list. With numpy.ndarray or tuple any bytes of the program can be reached.
bool may_be_called(torch::Role role) {
  using torch::Role;
  return role != Role::plain_type && role != Role::numpy_class && role != Role::dtype && role != Role::scheme;
}

// What keeps attributes. numpy's scalar() and others hand back what they are given, be it a class of the program.
bool takes_state(torch::Role role) {
  using torch::Role;
  switch (role) {
    case Role::numpy_scalar:
    case Role::range_like:
    case Role::encode:
    case Role::byte_array:
    case Role::complex_number:
    case Role::size:
    case Role::device:
    case Role::layout:
    case Role::empty_bytes: return false;
    default: return may_be_called(role);
  }
}

}  // namespace

Graded grade(std::string_view module, std::string_view name) {
  if (torch::is_allowed(module, name)) return {Grade::allowed, {}};
  const std::string path = canonical(module, name);
  if (path == "torch._dynamo.decorators._dimrange") return {Grade::unknown, "a mark on a tensor's dimension"};
  if (const Danger* danger = find_danger(path, true)) return {Grade::dangerous, danger->reason};
  // A module that another one happens to have as an attribute: torch.serialization, "os.system". In exact case, so that
  // a class Requests is not the module.
  for (std::string_view rest = name;;) {
    if (const Danger* danger = find_danger(rest, false)) return {Grade::dangerous, danger->reason};
    const std::size_t dot = rest.find('.');
    if (dot == rest.npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (reaches_inside(name)) return {Grade::dangerous, "reaches into the inside of an object"};
  if (path == "functools.partial" || path == "_functools.partial") {
    return {Grade::unknown, "binds a function to its arguments, to be called later"};
  }
  if (path == "copyreg._reconstructor" || path == "copy_reg._reconstructor") {
    return {Grade::unknown, "makes an object of the class that it is given"};
  }
  return {Grade::unknown, {}};
}

Graded grade_use(const SurveyName& name) {
  const Graded graded = grade(name.module, name.name);
  if (name.changed) return {Grade::dangerous, "its own attributes are replaced, for the whole program"};
  if (name.computed) return {Grade::dangerous, "its name is computed while it is loaded, so that nobody sees it"};
  if (name.extension) {
    return {Grade::unknown, "a code of copyreg's registry: the program that loads it decides what it is"};
  }
  if (graded.grade == Grade::dangerous && name.only_attributes) {
    return {Grade::unknown, name.name == "type" ? "asks for the type of a value"
                                                : "takes a plain attribute of a name, which is listed with it"};
  }
  const torch::Global* global = torch::find_global(name.module, name.name);
  if (global == nullptr) return graded;
  if (name.called && !may_be_called(global->role)) {
    return {Grade::unknown, "a checkpoint only mentions it, and here it is called"};
  }
  if (name.result_called) return {Grade::unknown, "what it gives is called, which no checkpoint does"};
  if (name.given_state && !takes_state(global->role)) {
    return {Grade::unknown, "what it gives is given a state, which no checkpoint does"};
  }
  return graded;
}

}  // namespace transload::scanning
