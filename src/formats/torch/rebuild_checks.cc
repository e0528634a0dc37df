// What Rebuilder says of calls that are no tensors, and of unknown names.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/text.h"
#include "formats/torch/rebuild.h"
#include "transload/error.h"

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

constexpr std::size_t kMostAttributes = 1000;
constexpr std::size_t kMostArguments = 8;  // so many are looked at for unknown names
constexpr std::size_t kMostSteps = 2000;   // twice as deep as values are nested

}  // namespace

bool Rebuilder::unknown(PickleRef ref) const {
  return pickle_.inert(ref) || (pickle_.kind(ref) == PickleKind::persistent && !storages_.is_storage(ref));
}

std::string Rebuilder::dependence(PickleRef ref) const {
  // Down to something unknown, and from a call to the name that was called.
  for (std::size_t step = 0; step < kMostSteps; ++step) {
    if (pickle_.kind(ref) == PickleKind::global) {
      return fmt::format("depends on {}, which is not known",
                         shortened(fmt::format("{}.{}", pickle_.module(ref), pickle_.global_name(ref))));
    }
    if (pickle_.inert(ref)) {
      ref = pickle_.call(ref).callee;
      continue;
    }
    std::optional<PickleRef> next;
    pickle_.for_each_part(ref, [&](PickleRef part) {
      if (!next && tainted(part)) next = part;
    });
    if (!next) break;
    ref = *next;
  }
  return "depends on an object that is not known";
}

void Rebuilder::check_calls() const {
  for (const PickleRef ref : pickle_.parts_first()) {
    if (pickle_.kind(ref) != PickleKind::call || pickle_.inert(ref)) continue;
    if (pickle_.is_new_object(ref)) check_new_object(ref);
    if (!is_tensor(ref)) check_call(ref);
  }
}

// What __new__ makes of its arguments is not what a call does: containers stay empty, and functions have none.
void Rebuilder::check_new_object(PickleRef ref) const {
  switch (role(ref)) {
    case Role::tensor_class:
    case Role::parameter_class:
    case Role::complex_number:
    case Role::size: return;
    default: break;
  }
  if (pickle_.items(pickle_.call(ref).arguments).empty()) return;
  pickle_.fail(ref, fmt::format("NEWOBJ of {} with arguments, which no checkpoint has",
                                pickle_.global_name(pickle_.call(ref).callee)));
}

void Rebuilder::check_attributes(PickleRef tensor, PickleRef state) const {
  if (pickle_.kind(state) == PickleKind::tuple) {  // the attributes, and those in slots
    const auto halves = pickle_.items(state);
    if (halves.size() != 2) pickle_.fail(tensor, "a tensor's attributes are not a dict");
    for (const PickleRef half : halves) {
      if (pickle_.kind(half) == PickleKind::tuple) pickle_.fail(tensor, "a tensor's attributes are not a dict");
      check_attributes(tensor, half);
    }
    return;
  }
  if (pickle_.kind(state) != PickleKind::dict) return;
  const auto items = pickle_.items(state);
  if (items.size() > 2 * kMostAttributes) pickle_.fail(tensor, "a tensor has too many attributes");
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const std::string_view name = pickle_.kind(items[i]) == PickleKind::text ? pickle_.text(items[i]) : "__";
    if (name.starts_with("__")) pickle_.fail(tensor, "a tensor's attributes would change its class");
    if (name == "data" || name == "real" || name == "imag") {  // PyTorch has setters for these
      pickle_.fail(tensor, fmt::format("a tensor's attribute '{}' would replace its elements", name));
    }
  }
}

void Rebuilder::check_call(PickleRef ref) const {
  const Pickle::Call call = pickle_.call(ref);
  const auto values = pickle_.items(call.arguments);
  const std::string_view callee = pickle_.global_name(call.callee);
  const auto kind_at = [&](std::size_t i) { return pickle_.kind(values[i]); };
  const auto given = values.first(std::min(values.size(), kMostArguments));
  const bool takes_unknown = std::ranges::any_of(given, [&](PickleRef part) { return unknown(part); });
  const auto want = [&](bool good) {
    if (!good && !takes_unknown)
      pickle_.fail(ref, fmt::format("{} with arguments that no checkpoint gives it", callee));
  };
  const bool is_dict = role(ref) == Role::dict_like;
  const auto is_factory = [&](std::size_t i) {
    const bool is_type = kind_at(i) == PickleKind::global || pickle_.is_none(values[i]);
    return callee == "defaultdict" && is_type;
  };
  if (!call.elements.empty() || (!call.entries.empty() && !is_dict) ||
      (call.state && !is_dict && role(ref) != Role::numpy_dtype)) {
    pickle_.fail(ref, fmt::format("{} is changed in a way that it does not allow", callee));
  }
  switch (role(ref)) {
    case Role::dict_like:
      return want(values.empty() || (values.size() == 1 && (kind_at(0) == PickleKind::dict ||
                                                            kind_at(0) == PickleKind::list || is_factory(0))));
    case Role::plain_object: return want(values.empty());
    case Role::numpy_scalar:
      if (!tainted(ref)) numpy_.check_scalar(ref);
      return;
    case Role::numpy_dtype:
      if (!tainted(ref)) static_cast<void>(numpy_.type(ref));
      return;
    case Role::empty_bytes: return want(values.empty());
    case Role::range_like:
      return want(values.size() <= 3 && std::ranges::all_of(values, [&](PickleRef part) {
                    return pickle_.kind(part) == PickleKind::integer || pickle_.is_none(part);
                  }));
    case Role::set_like:
      return want(values.empty() ||
                  (values.size() == 1 && (kind_at(0) == PickleKind::list || kind_at(0) == PickleKind::tuple)));
    case Role::encode:
      return want(values.size() == 2 && kind_at(0) == PickleKind::text && kind_at(1) == PickleKind::text &&
                  (pickle_.text(values[1]) == "latin1" || pickle_.text(values[1]) == "latin-1"));
    case Role::byte_array:
      return want(values.empty() ||
                  (values.size() <= 2 && kind_at(0) != PickleKind::integer && kind_at(0) != PickleKind::wide));
    case Role::complex_number:
      return want(values.size() == 2 && kind_at(0) == PickleKind::floating && kind_at(1) == PickleKind::floating);
    case Role::size:
      return want(values.size() == 1 && (kind_at(0) == PickleKind::tuple || kind_at(0) == PickleKind::list));
    case Role::device: return want(!values.empty() && values.size() <= 2 && kind_at(0) == PickleKind::text);
    case Role::layout: return want(values.size() == 1 && kind_at(0) == PickleKind::text);
    default: pickle_.fail(ref, fmt::format("{} is called; a checkpoint only mentions it", callee), Errc::unsupported);
  }
}

}  // namespace transload::torch
