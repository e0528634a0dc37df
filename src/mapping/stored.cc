#include "mapping/stored.h"

#include <fmt/format.h>

#include <algorithm>

#include "transload/error.h"

namespace transload::mapping {
namespace {

// The size that a factor of a cut axis has by its name: "a" is A.
Size named(char letter) { return {.times = 1, .name = static_cast<char>(letter - 'a' + 'A'), .over = 0, .plus = 0}; }

bool is_named(const Family& family, char letter) {
  return family.config_key(std::string(1, static_cast<char>(letter - 'a' + 'A'))) != nullptr;
}

// The parameter's axis that `letter` is a factor of; 0: none.
char whole_of(const Stored& stored, char letter) {
  for (const auto& [whole, factors] : stored.splits) {
    if (std::find(factors.begin(), factors.end(), letter) != factors.end()) return whole;
  }
  return 0;
}

// A factor's size. At most one factor of an axis has no size of its own: it has what the others leave.
std::optional<std::int64_t> factor_size(const Family& family, const Stored& stored, char letter, const Dims& dims) {
  const Parameter& parameter = family.parameters[stored.members.front()];
  if (letter == stored.join) return static_cast<std::int64_t>(stored.members.size());
  if (const auto axis = parameter.axes.find(letter); axis != parameter.axes.end()) return dims.evaluate(axis->second);
  if (is_named(family, letter)) return dims.evaluate(named(letter));
  const char whole = whole_of(stored, letter);
  std::optional<std::int64_t> left = dims.evaluate(parameter.axes.at(whole));
  for (const char other : stored.splits.at(whole)) {
    if (other == letter || !left) continue;
    const std::optional<std::int64_t> size = factor_size(family, stored, other, dims);
    left = size && *left % *size == 0 ? std::optional(*left / *size) : std::nullopt;
  }
  return left;
}

// The same as an expression, for solving.
Size factor_rule(const Family& family, const Stored& stored, char letter) {
  if (is_named(family, letter)) return named(letter);
  const char whole = whole_of(stored, letter);
  Size size = family.parameters[stored.members.front()].axes.at(whole);
  for (const char other : stored.splits.at(whole)) {
    if (other != letter) size.over = named(other).name;
  }
  return size;
}

}  // namespace

std::vector<AxisRule> axis_rules(const Family& family, const Stored& stored) {
  const Parameter& parameter = family.parameters[stored.members.front()];
  std::vector<AxisRule> rules;
  for (const std::vector<char>& axis : stored.layout) {
    AxisRule& rule = rules.emplace_back();
    if (rules.size() == 1) rule.lead = stored.lead;
    for (const char letter : axis) {
      if (letter == stored.join) {
        rule.times *= static_cast<std::int64_t>(stored.members.size());
      } else if (const auto whole = parameter.axes.find(letter); whole != parameter.axes.end()) {
        rule.sizes.push_back(whole->second);
      } else {
        // Where all factors of an axis lie in one stored axis, their product is that axis, whatever the cut.
        const std::vector<char>& factors = stored.splits.at(whole_of(stored, letter));
        const bool together = std::all_of(factors.begin(), factors.end(), [&](char factor) {
          return std::find(axis.begin(), axis.end(), factor) != axis.end();
        });
        if (!together) {
          rule.sizes.push_back(factor_rule(family, stored, letter));
        } else if (letter == factors.front()) {
          rule.sizes.push_back(parameter.axes.at(whole_of(stored, letter)));
        }
      }
    }
  }
  return rules;
}

std::optional<std::int64_t> evaluate(const AxisRule& rule, const Dims& dims) {
  std::int64_t extent = rule.times;
  for (const Size& size : rule.sizes) {
    const std::optional<std::int64_t> value = dims.evaluate(size);
    if (!value || __builtin_mul_overflow(extent, *value, &extent)) return std::nullopt;
  }
  if (__builtin_add_overflow(extent, rule.lead, &extent)) return std::nullopt;
  return extent;
}

bool solve(const AxisRule& rule, std::int64_t extent, Dims& dims, const std::string& origin) {
  const Size* unknown = nullptr;
  std::int64_t known = rule.times;
  for (const Size& size : rule.sizes) {
    if (const std::optional<std::int64_t> value = dims.evaluate(size)) {
      if (__builtin_mul_overflow(known, *value, &known)) return false;
    } else if (unknown != nullptr) {
      return false;
    } else {
      unknown = &size;
    }
  }
  if (unknown == nullptr || extent <= rule.lead || (extent - rule.lead) % known != 0) return false;
  return dims.solve(*unknown, (extent - rule.lead) / known, origin);
}

Shape shape_of(const Family& family, const Stored& stored, const Dims& dims) {
  Shape shape;
  for (const AxisRule& rule : axis_rules(family, stored)) {
    const std::optional<std::int64_t> extent = evaluate(rule, dims);
    if (!extent) throw Error(Errc::mismatch, fmt::format("the sizes do not give '{}' a shape", stored.name));
    shape.push_back(*extent);
  }
  static_cast<void>(element_count(shape));  // refuses what overflows
  return shape;
}

Placement placement_of(const Family& family, const Stored& stored, std::size_t member, const Dims& dims) {
  std::map<char, Step> steps;
  std::int64_t stride = 1, row = 1;
  for (auto axis = stored.layout.rbegin(); axis != stored.layout.rend(); ++axis) {
    row = stride;
    for (auto letter = axis->rbegin(); letter != axis->rend(); ++letter) {
      const std::optional<std::int64_t> size = factor_size(family, stored, *letter, dims);
      if (!size) {
        throw Error(Errc::mismatch, fmt::format("'{}' cannot be cut into the factors of its layout: '{}' has no size",
                                                stored.name, *letter));
      }
      steps[*letter] = {*size, stride};
      if (__builtin_mul_overflow(stride, *size, &stride)) {
        throw Error(Errc::mismatch, fmt::format("'{}' is larger than any file", stored.name));
      }
    }
  }
  Placement placement;
  placement.offset = stored.lead * row;
  if (stored.join != 0) placement.offset += static_cast<std::int64_t>(member) * steps.at(stored.join).stride;
  for (const auto& [letter, size] : family.parameters[stored.members.front()].axes) {
    const auto split = stored.splits.find(letter);
    if (split == stored.splits.end()) {
      placement.axes[letter] = {steps.at(letter)};
    } else {
      for (const char factor : split->second) placement.axes[letter].push_back(steps.at(factor));
    }
  }
  return placement;
}

}  // namespace transload::mapping
