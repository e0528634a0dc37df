#include "outputs/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace transload::outputs {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value) {
  if (value == 0) return "0";
  return std::isfinite(value) ? fmt::format("{:.2e}", value) : "not finite";
}

Json json_number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string where(const StageDifference& stage) {
  if (stage.largest == 0) return "nowhere";
  return fmt::format("{}: sequence {}, position {}, unit {}", escaped(stage.batch), stage.sequence, stage.position,
                     stage.unit);
}

void add_table(const OutputsProof& proof, std::vector<std::string>& lines) {
  std::size_t width = 5;
  for (const StageDifference& stage : proof.stages) width = std::max(width, stage.stage.size());
  lines.push_back(fmt::format("{:<{}}  {:>10}  {:>10}  {}", "stage", width, "difference", "relative", "where"));
  for (const StageDifference& stage : proof.stages) {
    lines.push_back(fmt::format("{:<{}}  {:>10}  {:>10}  {}{}", stage.stage, width, number(stage.largest),
                                number(stage.relative()), where(stage), stage.within ? "" : "  DIFFERS"));
  }
}

}  // namespace

std::vector<std::string> report_lines(const OutputsProof& proof) {
  std::vector<std::string> lines;
  add_table(proof, lines);
  const std::vector<std::string> remarks = remark_lines(proof);
  lines.insert(lines.end(), remarks.begin(), remarks.end());
  return lines;
}

std::vector<std::string> remark_lines(const OutputsProof& proof) {
  std::vector<std::string> lines;
  for (const Variant& variant : proof.variants) {
    lines.push_back(fmt::format(
        "variant: {}: {} in the first, {} in the second; compared with the first's in both; with its own, the second "
        "differs by {} ({} of {})",
        variant.what, escaped(variant.first), escaped(variant.second), number(variant.effect), number(variant.relative),
        variant.stage.empty() ? "any stage" : variant.stage));
  }
  if (proof.rounding) {
    lines.push_back(fmt::format(
        "rounding: weights stored as {} move the last hidden states by {} ({} relative); within the old scripts' "
        "allclose(atol=1e-3): {}",
        name(proof.rounding->to), number(proof.rounding->largest), number(proof.rounding->relative),
        proof.rounding->allclose ? "yes" : "no"));
  }
  for (const std::string& each : proof.contradictions) lines.push_back("contradiction: " + escaped(each));
  for (const std::string& each : proof.notes) lines.push_back("note: " + escaped(each));
  if (!proof.mistake.empty()) lines.push_back("mistake found: " + escaped(proof.mistake));
  return lines;
}

std::string summary(const OutputsProof& proof) {
  if (proof.holds()) {
    const auto worst = std::ranges::max_element(proof.stages, {}, &StageDifference::relative);
    return fmt::format("both models run on {} tokens: {} {} agree, {}", proof.tokens, proof.stages.size(),
                       proof.stages.size() == 1 ? "stage" : "stages",
                       worst->relative() == 0
                           ? "without any difference"
                           : fmt::format("the largest difference is {} of its stage", number(worst->relative())));
  }
  std::string text = fmt::format("FAILED: both models run on {} tokens: ", proof.tokens);
  if (const StageDifference* first = proof.first_beyond()) {
    text += fmt::format("{} is the first stage that differs, by {} ({} relative)", first->stage, number(first->largest),
                        number(first->relative()));
    if (!proof.mistake.empty()) text += "; " + escaped(proof.mistake);
  } else if (!proof.contradictions.empty()) {
    text += "a contradiction: " + escaped(proof.contradictions.front());
  } else {
    text += "there is nothing to compare";
  }
  return text;
}

Json to_json(const OutputsProof& proof) {
  Json stages = Json::array(), variants = Json::array();
  for (const StageDifference& stage : proof.stages) {
    stages.push_back(
        {{"stage", stage.stage},
         {"within", stage.within},
         {"difference", json_number(stage.largest)},
         {"relative", json_number(stage.relative())},
         {"scale", json_number(stage.scale)},
         {"where",
          {{"batch", stage.batch}, {"sequence", stage.sequence}, {"position", stage.position}, {"unit", stage.unit}}}});
  }
  for (const Variant& variant : proof.variants) {
    variants.push_back({{"what", variant.what},
                        {"first", variant.first},
                        {"second", variant.second},
                        {"difference", json_number(variant.effect)},
                        {"relative", json_number(variant.relative)},
                        {"stage", variant.stage.empty() ? Json(nullptr) : Json(variant.stage)}});
  }
  Json json{{"level", "run"},
            {"holds", proof.holds()},
            {"tokens", proof.tokens},
            {"stages", std::move(stages)},
            {"first_beyond", proof.first_beyond() ? Json(proof.first_beyond()->stage) : Json(nullptr)},
            {"variants", std::move(variants)},
            {"contradictions", proof.contradictions},
            {"rounding", nullptr},
            {"mistake", proof.mistake.empty() ? Json(nullptr) : Json(proof.mistake)},
            {"notes", proof.notes}};
  if (proof.rounding) {
    json["rounding"] = {{"to", name(proof.rounding->to)},
                        {"difference", json_number(proof.rounding->largest)},
                        {"relative", json_number(proof.rounding->relative)},
                        {"allclose", proof.rounding->allclose}};
  }
  return json;
}

}  // namespace transload::outputs
