// The report in the form that code scanning services take.
// Source: OASIS, Static Analysis Results Interchange Format 2.1.0; what GitHub asks beyond it: its page "SARIF support
// for code scanning".

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "transload/scan.h"
#include "transload/version.h"

namespace transload {
namespace {

using Json = nlohmann::ordered_json;

struct Rule {
  std::string_view id, name, text, level, severity;
};

// Severity is GitHub's security-severity: over 9.0 critical, over 7.0 high, over 4.0 medium.
constexpr std::array<Rule, 5> kRules{{
    {"dangerous-name", "DangerousName", "A pickle imports a name that is known to be dangerous", "error", "9.5"},
    {"unknown-name", "UnknownName", "A pickle imports a name that tensors do not need", "warning", "6.0"},
    {"broken-structure", "BrokenStructure", "A checkpoint is broken, or says different things about itself", "error",
     "7.5"},
    {"privacy", "Privacy", "A checkpoint holds traces of the machine or person that made it", "note", "2.0"},
    {"remark", "Remark", "Something to know about a checkpoint", "note", "0.0"},
}};

// RFC 3986: everything but unreserved characters and '/' in percent form.
std::string uri_of(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

Json result(std::size_t rule, const std::string& path, const std::string& entry, std::optional<std::uint64_t> offset,
            const std::string& message) {
  // Services ask for a line, which a binary file has not: the first. The place is byteOffset, inside of the entry.
  Json region{{"startLine", 1}};
  if (offset && entry.empty()) region["byteOffset"] = *offset;
  Json location{{"physicalLocation", {{"artifactLocation", {{"uri", uri_of(path)}}}, {"region", std::move(region)}}}};
  if (!entry.empty()) location["logicalLocations"] = Json::array({{{"fullyQualifiedName", entry}, {"kind", "member"}}});
  Json json{{"ruleId", kRules[rule].id},
            {"ruleIndex", rule},
            {"level", kRules[rule].level},
            {"message", {{"text", message}}},
            {"locations", Json::array({std::move(location)})}};
  if (offset) json["properties"] = {{"offset", *offset}};
  return json;
}

std::string message_of(const ScanName& found) {
  std::string text =
      fmt::format("{} {}.{}", found.called ? "calls" : "imports", shortened(found.module), shortened(found.name));
  if (!found.reason.empty()) text += fmt::format(": {}", found.reason);
  if (!found.argument.empty()) text += fmt::format(" (called with '{}')", shortened(found.argument, 80));
  return text;
}

void add(const ScanFile& file, Json& results) {
  for (const ScanName& found : file.names) {
    if (found.grade == Grade::allowed) continue;
    results.push_back(
        result(found.grade == Grade::dangerous ? 0 : 1, file.path, found.entry, found.offset, message_of(found)));
  }
  for (const ScanProblem& found : file.problems) {
    results.push_back(result(2, file.path, found.entry, found.offset, escaped(found.message)));
  }
  for (const ScanNote& note : file.notes) {
    results.push_back(result(note.kind == ScanNote::Kind::privacy ? 3 : 4, file.path, note.entry, note.offset,
                             escaped(note.message)));
  }
}

}  // namespace

std::string to_sarif(const ScanReport& report) {
  Json rules = Json::array(), results = Json::array(), failures = Json::array();
  for (const Rule& rule : kRules) {
    rules.push_back({{"id", rule.id},
                     {"name", rule.name},
                     {"shortDescription", {{"text", rule.text}}},
                     {"defaultConfiguration", {{"level", rule.level}}},
                     {"properties", {{"security-severity", rule.severity}, {"tags", Json::array({"security"})}}}});
  }
  for (const ScanFile& file : report.files) add(file, results);
  for (const ScanFailure& failure : report.failures) {
    failures.push_back(
        {{"level", "error"},
         {"message", {{"text", escaped(failure.message)}}},
         {"locations",
          Json::array({{{"physicalLocation", {{"artifactLocation", {{"uri", uri_of(failure.path)}}}}}}})}});
  }
  const Json run{{"tool", {{"driver", {{"name", "Transload"}, {"version", kVersion}, {"rules", std::move(rules)}}}}},
                 {"invocations", Json::array({{{"executionSuccessful", report.failures.empty()},
                                               {"toolExecutionNotifications", std::move(failures)}}})},
                 {"columnKind", "utf16CodeUnits"},
                 {"results", std::move(results)}};
  const Json json{
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({run})}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace transload
