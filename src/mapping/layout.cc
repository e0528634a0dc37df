#include "mapping/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "formats/strided.h"

namespace transload::mapping {
namespace {

// Cuts `steps` further so that a cut lies at every size of `inner`: products of innermost factors, ascending.
std::vector<Step> refine(std::vector<Step> steps, const std::set<std::int64_t>& inner) {
  std::vector<Step> fine;
  std::int64_t below = 1;  // product of the factors further in
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    std::int64_t left = step->size, stride = step->stride;
    for (auto cut = inner.upper_bound(below); cut != inner.end() && *cut < below * left;
         cut = inner.upper_bound(below)) {
      if (*cut % below != 0 || left % (*cut / below) != 0) {
        throw std::invalid_argument("an axis is cut in two ways that do not fit together");
      }
      const std::int64_t part = *cut / below;
      fine.push_back({part, stride});
      stride *= part;
      left /= part;
      below *= part;
    }
    fine.push_back({left, stride});
    below *= left;
  }
  std::reverse(fine.begin(), fine.end());
  return fine;
}

void add_cuts(const std::vector<Step>& steps, std::set<std::int64_t>& inner) {
  std::int64_t below = 1;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) inner.insert(below *= step->size);
}

}  // namespace

Layout parse_layout(std::string_view text) {
  Layout layout;
  std::set<char> seen;
  bool group = false;
  for (const char c : text) {
    if (c == ' ') continue;
    if (c == '(' && !group) {
      group = true;
      layout.emplace_back();
    } else if (c == ')' && group && !layout.back().empty()) {
      group = false;
    } else if (c >= 'a' && c <= 'z') {
      if (!seen.insert(c).second) throw std::invalid_argument(fmt::format("layout \"{}\" has '{}' twice", text, c));
      if (!group) layout.emplace_back();
      layout.back().push_back(c);
    } else {
      throw std::invalid_argument(fmt::format("\"{}\" is no layout such as \"o i\" or \"(a n d) i\"", text));
    }
  }
  if (group || layout.empty()) throw std::invalid_argument(fmt::format("\"{}\" is no complete layout", text));
  return layout;
}

std::vector<Axis> copy_axes(const Placement& from, const Placement& to) {
  std::vector<Axis> axes;
  for (const auto& [letter, target] : to.axes) {
    const std::vector<Step>& source = from.axes.at(letter);
    std::set<std::int64_t> inner;
    add_cuts(source, inner);
    add_cuts(target, inner);
    const std::vector<Step> a = refine(source, inner), b = refine(target, inner);
    if (a.size() != b.size()) throw std::invalid_argument("an axis has two sizes");
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i].size > 1) axes.push_back({a[i].size, a[i].stride, b[i].stride});
    }
  }
  coalesce(axes);
  return axes;
}

}  // namespace transload::mapping
