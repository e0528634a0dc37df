#include "formats/torch/parts.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace transload::torch {
namespace {

using wire::Pickle;
using wire::PickleKind;
using wire::PickleRef;

void add_pairs(std::vector<Part>& parts, std::span<const PickleRef> flat) {
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) {
    parts.push_back({.value = flat[i + 1], .key = flat[i], .position = 0, .hidden = false});
  }
}

void add_positions(std::vector<Part>& parts, std::span<const PickleRef> items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    parts.push_back({.value = items[i], .key = std::nullopt, .position = i, .hidden = false});
  }
}

}  // namespace

bool Parts::is_dict(PickleRef ref) const {
  if (pickle_.kind(ref) == PickleKind::dict) return true;
  return pickle_.kind(ref) == PickleKind::call && rebuilder_.role(ref) == Role::dict_like;
}

bool Parts::is_sequence(PickleRef ref) const {
  return pickle_.kind(ref) == PickleKind::list || pickle_.kind(ref) == PickleKind::tuple;
}

bool Parts::is_object(PickleRef ref) const { return pickle_.kind(ref) == PickleKind::call && pickle_.inert(ref); }

std::optional<PickleRef> Parts::state(PickleRef ref) const {
  const Pickle::Call call = pickle_.call(ref);
  if (!call.state || pickle_.kind(*call.state) != PickleKind::dict) return std::nullopt;
  return call.state;
}

bool Parts::is_module(PickleRef ref) const {
  if (!is_object(ref)) return false;
  const auto attributes = state(ref);
  if (!attributes) return false;
  unsigned found = 0;
  for (const Part& part : entries(*attributes)) {
    const PickleRef key = *part.key;
    if (pickle_.kind(key) != PickleKind::text || !is_dict(part.value)) continue;
    const std::string_view name = pickle_.text(key);
    found += name == "_parameters" || name == "_buffers" || name == "_modules" ? 1 : 0;
  }
  return found == 3;
}

std::vector<Part> Parts::of(PickleRef ref) const {
  if (is_dict(ref)) return entries(ref);
  if (is_module(ref)) return module(ref);
  if (is_object(ref)) return object(ref);
  std::vector<Part> parts;
  add_positions(parts, pickle_.items(ref));
  return parts;
}

// Python 2 gave an OrderedDict its items as a list of pairs.
std::vector<Part> Parts::entries(PickleRef ref) const {
  std::vector<Part> parts;
  if (pickle_.kind(ref) == PickleKind::dict) {
    add_pairs(parts, pickle_.items(ref));
    return parts;
  }
  const Pickle::Call call = pickle_.call(ref);
  for (const PickleRef argument : pickle_.items(call.arguments)) {
    if (pickle_.kind(argument) == PickleKind::dict) {
      add_pairs(parts, pickle_.items(argument));
    } else if (is_sequence(argument)) {
      for (const PickleRef pair : pickle_.items(argument)) {
        if (!is_sequence(pair) || pickle_.items(pair).size() != 2) pickle_.fail(pair, "a dict's item that is no pair");
        add_pairs(parts, pickle_.items(pair));
      }
    }  // else what a defaultdict makes
  }
  add_pairs(parts, call.entries);
  return parts;
}

std::vector<Part> Parts::object(PickleRef ref) const {
  std::vector<Part> parts;
  const Pickle::Call call = pickle_.call(ref);
  if (const auto attributes = state(ref)) {
    add_pairs(parts, pickle_.items(*attributes));
  } else if (call.state && is_sequence(*call.state)) {
    // Of a class with slots: (attributes or None, slots).
    const auto both = pickle_.items(*call.state);
    const auto has_attributes = [&](PickleRef half) {
      return pickle_.is_none(half) || pickle_.kind(half) == PickleKind::dict;
    };
    if (both.size() == 2 && std::ranges::all_of(both, has_attributes)) {
      for (const PickleRef half : both) {
        if (!pickle_.is_none(half)) add_pairs(parts, pickle_.items(half));
      }
    } else {
      add_positions(parts, both);
    }
  } else if (call.state) {
    add_positions(parts, std::span{&*call.state, 1});
  }
  add_positions(parts, call.elements);
  add_positions(parts, pickle_.items(call.arguments));
  add_pairs(parts, call.entries);
  return parts;
}

std::vector<Part> Parts::module(PickleRef ref) const {
  std::vector<Part> rest = entries(*state(ref)), parameters, buffers, modules, parts;
  std::set<std::string_view> passing;  // buffers that state_dict() leaves out
  for (Part& part : rest) {
    part.hidden = true;
    if (pickle_.kind(*part.key) != PickleKind::text) continue;
    const std::string_view name = pickle_.text(*part.key);
    if (name == "_non_persistent_buffers_set") {
      const bool is_call = pickle_.kind(part.value) == PickleKind::call;
      const bool is_set = pickle_.kind(part.value) == PickleKind::set || rebuilder_.role(part.value) == Role::set_like;
      if (!is_set) continue;
      std::span<const PickleRef> names;
      if (!is_call) {
        names = pickle_.items(part.value);
      } else if (const auto given = pickle_.items(pickle_.call(part.value).arguments); !given.empty()) {
        if (is_sequence(given[0])) names = pickle_.items(given[0]);
      }
      for (const PickleRef one : names) {
        if (pickle_.kind(one) == PickleKind::text) passing.insert(pickle_.text(one));
      }
    } else if (is_dict(part.value)) {
      if (name == "_parameters") parameters = entries(part.value);
      if (name == "_buffers") buffers = entries(part.value);
      if (name == "_modules") modules = entries(part.value);
    }
  }
  const auto is_inner = [&](const Part& part) {
    if (pickle_.kind(*part.key) != PickleKind::text) return false;
    const std::string_view name = pickle_.text(*part.key);
    return name == "_parameters" || name == "_buffers" || name == "_modules";
  };
  std::erase_if(rest, is_inner);
  for (Part& part : buffers) {
    part.hidden = pickle_.kind(*part.key) == PickleKind::text && passing.contains(pickle_.text(*part.key));
  }
  for (const auto* group : {&parameters, &buffers, &modules}) {
    std::ranges::copy_if(*group, std::back_inserter(parts),
                         [&](const Part& part) { return !pickle_.is_none(part.value); });
  }
  parts.insert(parts.end(), rest.begin(), rest.end());
  return parts;
}

}  // namespace transload::torch
