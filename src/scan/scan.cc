#include "transload/scan.h"

#include <fmt/format.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <utility>

#include "scan/scan_file.h"
#include "scan/walk.h"
#include "transload/error.h"

namespace transload {
namespace {

// What came of one file.
struct Outcome {
  std::optional<ScanFile> file;
  std::optional<ScanFailure> failure;
};

Outcome outcome_of(const fs::path& path) {
  Outcome outcome;
  try {
    outcome.file = scanning::scan_file(path);
  } catch (const Error& error) {
    outcome.failure = ScanFailure{path.string(), error.message()};
  } catch (const std::bad_alloc&) {
    outcome.failure = ScanFailure{path.string(), "needs more memory than there is"};
  }
  return outcome;
}

std::vector<Outcome> scan_all(const std::vector<fs::path>& files, const ScanOptions& options) {
  std::vector<Outcome> outcomes(files.size());
  std::atomic<std::uint64_t> done = 0;
  std::mutex reporting;
  const auto one = [&](std::size_t i) {
    outcomes[i] = outcome_of(files[i]);
    const std::uint64_t now = ++done;
    if (!options.progress) return;
    const std::unique_lock lock(reporting, std::try_to_lock);
    if (lock) options.progress(now, files.size());
  };
  // No more than there are cores: TBB ignores the rest, and says so on stderr.
  const int cores = tbb::info::default_concurrency();
  const int threads = options.threads == 0 ? cores : std::min(static_cast<int>(options.threads), cores);
  tbb::task_arena arena(threads);
  arena.execute([&] { tbb::parallel_for(std::size_t{0}, files.size(), one); });
  return outcomes;
}

}  // namespace

std::string_view name(Grade grade) noexcept {
  switch (grade) {
    case Grade::allowed: return "allowed";
    case Grade::unknown: return "unknown";
    case Grade::dangerous: return "dangerous";
  }
  return "unknown";
}

std::string_view name(Readable readable) noexcept {
  switch (readable) {
    case Readable::no: return "no";
    case Readable::yes: return "yes";
    case Readable::with_allow_opaque: return "with_allow_opaque";
    case Readable::not_tried: return "not_tried";
  }
  return "no";
}

std::size_t ScanFile::count(Grade grade) const noexcept {
  return static_cast<std::size_t>(std::ranges::count(names, grade, &ScanName::grade));
}

bool ScanFile::has_findings() const noexcept { return !problems.empty() || count(Grade::allowed) != names.size(); }

std::uint64_t ScanReport::findings() const noexcept {
  std::uint64_t total = 0;
  for (const ScanFile& file : files) total += file.problems.size() + file.names.size() - file.count(Grade::allowed);
  return total;
}

ScanReport scan(std::span<const fs::path> paths, const ScanOptions& options) {
  scanning::Walk walk = scanning::walk(paths);
  ScanReport report;
  report.failures = std::move(walk.failures);
  report.not_opened = walk.not_opened.size();
  report.files = std::move(walk.lies);
  for (Outcome& outcome : scan_all(walk.files, options)) {
    if (outcome.failure) {
      report.failures.push_back(std::move(*outcome.failure));
    } else if (outcome.file) {
      report.files.push_back(std::move(*outcome.file));
    } else {
      ++report.not_checkpoints;
    }
  }
  std::ranges::sort(report.files, {}, &ScanFile::path);
  return report;
}

}  // namespace transload
