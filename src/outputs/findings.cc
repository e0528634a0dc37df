#include "outputs/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace transload::outputs {
namespace {

std::string enumerated(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  }
  return text;
}

// "embeddings, every layer and mlm", "layers 1 and 3".
std::string places(const std::vector<std::size_t>& found, const std::vector<Stage>& stages) {
  std::vector<std::string> before, layers, after;
  for (const std::size_t i : found) {
    const Stage& stage = stages[i];
    if (stage.kind == Stage::Kind::layer) {
      layers.push_back(std::to_string(stage.layer));
    } else {
      (layers.empty() && stage.kind == Stage::Kind::embeddings ? before : after).push_back(stage.name);
    }
  }
  const auto all = static_cast<std::size_t>(
      std::ranges::count_if(stages, [](const Stage& stage) { return stage.kind == Stage::Kind::layer; }));
  if (layers.size() > 1 && layers.size() == all) {
    before.push_back("every layer");
  } else if (!layers.empty()) {
    before.push_back((layers.size() == 1 ? "layer " : "layers ") + enumerated(layers));
  }
  before.insert(before.end(), after.begin(), after.end());
  return enumerated(before);
}

}  // namespace

std::string describe(std::span<const Finding> findings, const std::vector<Stage>& stages) {
  std::vector<std::string> kinds;
  for (const Finding& finding : findings) {
    if (std::ranges::find(kinds, finding.what) == kinds.end()) kinds.push_back(finding.what);
  }
  std::string text;
  for (const std::string& what : kinds) {
    std::vector<std::size_t> found;
    for (const Finding& finding : findings) {
      if (finding.what == what) found.push_back(finding.stage);
    }
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", places(found, stages), what);
  }
  return text;
}

}  // namespace transload::outputs
