// The report as one JSON document: docs/scan.md has its schema.

#include <nlohmann/json.hpp>

#include "transload/scan.h"
#include "transload/version.h"

namespace transload {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ScanName& found) {
  Json json{{"entry", found.entry},       {"offset", found.offset}, {"module", found.module}, {"name", found.name},
            {"grade", name(found.grade)}, {"reason", found.reason}, {"count", found.count},   {"called", found.called}};
  if (!found.argument.empty()) json["argument"] = found.argument;
  return json;
}

Json offset_of(const std::optional<std::uint64_t>& offset) { return offset ? Json(*offset) : Json(nullptr); }

Json to_json(const ScanFile& file) {
  Json names = Json::array(), problems = Json::array(), notes = Json::array();
  for (const ScanName& found : file.names) names.push_back(to_json(found));
  for (const ScanProblem& found : file.problems) {
    problems.push_back({{"entry", found.entry},
                        {"offset", offset_of(found.offset)},
                        {"kind", found.kind == ScanProblem::Kind::refused ? "refused" : "broken"},
                        {"message", found.message}});
  }
  for (const ScanNote& note : file.notes) {
    notes.push_back({{"entry", note.entry},
                     {"offset", offset_of(note.offset)},
                     {"kind", note.kind == ScanNote::Kind::privacy ? "privacy" : "remark"},
                     {"message", note.message}});
  }
  return {{"path", file.path},
          {"format", file.format},
          {"readable", name(file.readable)},
          {"why_not", file.why_not.empty() ? Json(nullptr) : Json(file.why_not)},
          {"names", std::move(names)},
          {"problems", std::move(problems)},
          {"notes", std::move(notes)}};
}

}  // namespace

std::string to_json(const ScanReport& report) {
  Json files = Json::array(), failures = Json::array();
  std::uint64_t dangerous = 0, unknown = 0, problems = 0, notes = 0;
  for (const ScanFile& file : report.files) {
    files.push_back(to_json(file));
    dangerous += file.count(Grade::dangerous);
    unknown += file.count(Grade::unknown);
    problems += file.problems.size();
    notes += file.notes.size();
  }
  for (const ScanFailure& failure : report.failures) {
    failures.push_back({{"path", failure.path}, {"message", failure.message}});
  }
  const Json json{{"schema", 1},
                  {"version", kVersion},
                  {"summary",
                   {{"checkpoints", report.files.size()},
                    {"not_checkpoints", report.not_checkpoints},
                    {"not_opened", report.not_opened},
                    {"failures", report.failures.size()},
                    {"dangerous", dangerous},
                    {"unknown", unknown},
                    {"problems", problems},
                    {"notes", notes}}},
                  {"files", std::move(files)},
                  {"failures", std::move(failures)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace transload
