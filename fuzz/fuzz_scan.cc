// What a scan sees in a pickle, and in any file: findings or none, in linear time, whatever the bytes are.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "scan/examiner.h"
#include "scan/pickle_survey.h"
#include "transload/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto source = memory_source("fuzz", Bytes(std::vector(bytes, bytes + size)));
  const scanning::Survey survey = scanning::survey_pickle(*source, 0, size);
  if (survey.end > size || survey.opcodes > size) std::abort();
  if (!survey.complete && !survey.raw_arrays && survey.problems.empty()) std::abort();  // it says why it stopped
  ScanFile file;
  scanning::Examiner examiner(file);
  try {
    examiner.examine(source, "fuzz.pt", {}, 0);
    examiner.finish();
  } catch (const Error& error) {
    if (error.code() == Errc::io) std::abort();  // memory refuses nothing
  }
  ScanReport report;
  report.files.push_back(file);
  if (to_json(report).empty() || to_sarif(report).empty()) std::abort();
  return 0;
}
