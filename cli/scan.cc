// transload scan: what files would do if someone else loaded them (docs/scan.md).

#include "transload/scan.h"

#include <unistd.h>

#include <chrono>
#include <memory>

#include "core/text.h"
#include "output.h"
#include "scan/walk.h"
#include "verbs.h"

namespace transload::cli {
namespace {

struct Options {
  std::vector<std::string> paths;
  bool json = false, sarif = false, quiet = false, all = false;
  unsigned threads = 0;
};

// "FILE!ENTRY @0x1f".
std::string place(const std::string& path, const std::string& entry, const std::optional<std::uint64_t>& offset) {
  std::string text = escaped(path);
  if (!entry.empty()) text += "!" + shortened(entry, 160);
  if (offset) text += fmt::format(" @{:#x}", *offset);
  return text;
}

void print(const Output& out, const ScanFile& file, const ScanName& found) {
  std::string text =
      fmt::format("{}: {} {} {}.{}", place(file.path, found.entry, found.offset), name(found.grade),
                  found.called ? "call of" : "name", shortened(found.module, 80), shortened(found.name, 80));
  if (!found.reason.empty()) text += fmt::format(": {}", found.reason);
  if (!found.argument.empty()) text += fmt::format(" (with '{}')", shortened(found.argument, 60));
  if (found.count > 1) text += fmt::format(", {} times", found.count);
  out.line("{}", text);
}

void print(const Output& out, const ScanFile& file, bool all) {
  for (const Grade grade : {Grade::dangerous, Grade::unknown, Grade::allowed}) {
    if (grade == Grade::allowed && !all) continue;
    for (const ScanName& found : file.names) {
      if (found.grade == grade) print(out, file, found);
    }
  }
  for (const ScanProblem& found : file.problems) {
    out.line("{}: {}: {}", place(file.path, found.entry, found.offset),
             found.kind == ScanProblem::Kind::refused ? "refused" : "broken", shortened(found.message, 300));
  }
  for (const ScanNote& note : file.notes) {
    out.line("{}: note: {}", place(file.path, note.entry, note.offset), shortened(note.message, 300));
  }
  if (!all) return;
  const std::string why = file.why_not.empty() ? "" : ": " + shortened(file.why_not, 300);
  switch (file.readable) {
    case Readable::yes: out.line("{}: {}, read by Transload", escaped(file.path), file.format); break;
    case Readable::with_allow_opaque:
      out.line("{}: {}, read by Transload with --allow-opaque{}", escaped(file.path), file.format, why);
      break;
    default: out.line("{}: {}, not read by Transload{}", escaped(file.path), file.format, why); break;
  }
}

void print_summary(const Output& out, const ScanReport& report, double seconds) {
  std::size_t dangerous = 0, unknown = 0, problems = 0, notes = 0, with = 0;
  for (const ScanFile& file : report.files) {
    dangerous += file.count(Grade::dangerous);
    unknown += file.count(Grade::unknown);
    problems += file.problems.size();
    notes += file.notes.size();
    with += file.has_findings() ? 1 : 0;
  }
  std::string text = fmt::format("{}, {} with findings: {} dangerous, {} unknown, {} broken or refused; {}",
                                 counted(report.files.size(), "checkpoint file"), with, dangerous, unknown, problems,
                                 counted(notes, "note"));
  if (report.not_checkpoints > 0) text += fmt::format("; {} not a checkpoint", counted(report.not_checkpoints, "file"));
  if (report.not_opened > 0) text += fmt::format("; {} not opened (links that lead out, devices)", report.not_opened);
  if (!report.failures.empty()) text += fmt::format("; {} could not be read", report.failures.size());
  out.line("{}; {:.1f} s", text, seconds);
}

// "scanned 1200 of 10000 files" on stderr: only on a terminal, and only for work that takes longer than a second.
class FileProgress {
 public:
  explicit FileProgress(bool wanted) : wanted_(wanted && ::isatty(STDERR_FILENO) == 1) {}
  ~FileProgress() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }
  FileProgress(const FileProgress&) = delete;
  FileProgress& operator=(const FileProgress&) = delete;

  void operator()(std::uint64_t done, std::uint64_t total) {
    const Clock::time_point now = Clock::now();
    if (!wanted_ || now - started_ < std::chrono::seconds(1) || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    shown_ = true;
    const double seconds = std::chrono::duration<double>(now - started_).count();
    fmt::print(stderr, "\r\x1b[Kscanned {} of {} files ({:.0f}/s)", done, total, static_cast<double>(done) / seconds);
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool wanted_, shown_ = false;
  Clock::time_point started_ = Clock::now(), drawn_ = started_;
};

int scan(const Options& options) {
  if (options.json && options.sarif) throw Error(Errc::usage, "--json and --sarif exclude each other");
  const auto started = std::chrono::steady_clock::now();
  const std::vector<fs::path> paths(options.paths.begin(), options.paths.end());
  ScanReport report;
  {
    FileProgress progress(!options.quiet);
    report = transload::scan(paths, {.threads = options.threads, .progress = std::ref(progress)});
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const Output out(options.quiet || options.json || options.sarif ? Verbosity::quiet : Verbosity::text);
  if (options.json) fmt::print("{}\n", to_json(report));
  if (options.sarif) fmt::print("{}\n", to_sarif(report));
  for (const ScanFile& file : report.files) print(out, file, options.all);
  for (const ScanFailure& failure : report.failures) {
    fmt::print(stderr, "transload: error: {}: {}\n", escaped(failure.path), escaped(failure.message));
  }
  if (options.all && report.not_opened > 0) {
    for (const ScanFailure& left : scanning::walk(paths).not_opened) {
      out.line("{}: not opened: {}", escaped(left.path), left.message);
    }
  }
  print_summary(out, report, seconds);
  if (report.findings() > 0) return kDifference;
  return report.failures.empty() ? kDone : kFailed;
}

}  // namespace

void add_scan(CLI::App& app, Action& run, bool& json) {
  CLI::App* verb = app.add_subcommand("scan", "Show what files would run if they were loaded, without running it");
  const auto options = std::make_shared<Options>();
  verb->add_option("PATH", options->paths, "Files and folders; content decides what is looked at, not the name")
      ->required();
  verb->add_flag("--json", options->json, "One JSON document on stdout (docs/scan.md)");
  verb->add_flag("--sarif", options->sarif, "SARIF 2.1.0 on stdout, for code scanning services");
  verb->add_flag("--all", options->all, "Also list allowed names, and whether Transload reads each file");
  verb->add_flag("-q,--quiet", options->quiet, "Print nothing but errors");
  verb->add_option("--threads", options->threads, "Threads (default: one per processor)")->type_name("N");
  verb->footer(
      "Exit codes: 0 nothing found; 1 dangerous or unknown names, or broken structure; 2 nothing found, but something\n"
      "could not be read. Notes are no findings.\n"
      "Examples:\n"
      "  transload scan downloads/\n"
      "  transload scan pytorch_model.bin --all\n"
      "  transload scan --sarif models/ > transload.sarif");
  verb->callback([options, &run, &json] {
    json = options->json;
    run = [options] { return scan(*options); };
  });
}

}  // namespace transload::cli
