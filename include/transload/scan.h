// What files would do if someone else loaded them: the names that their pickles import and call, structure that lies,
// and traces of the machine that they were made on. Nothing in a file is executed, imported or unpacked to disk.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"

namespace transload {

// How a name is judged. Only `allowed` is no finding.
enum class Grade : std::uint8_t {
  allowed,    // needed to bring tensors back
  unknown,    // nobody here knows what it does
  dangerous,  // known to run code, to open files or connections, or to lead there
};
std::string_view name(Grade grade) noexcept;

// A name that a pickle imports; once per pickle.
struct ScanName {
  std::string entry;  // in archives: "archive/data.pkl"; of archives in archives: "a.zip!b.pkl"; empty: the file itself
  std::uint64_t offset = 0;  // of the opcode that imports it, from the start of the entry
  std::string module, name;  // as stored
  Grade grade = Grade::unknown;
  std::string reason;       // what it does, as far as that is known
  std::uint64_t count = 1;  // how often it is imported there
  bool called = false;
  std::string argument;  // the first text that it is called with, cut short
};

// Structure that is broken or lies, or that Transload's reader refuses for another reason than its names.
struct ScanProblem {
  std::string entry;
  std::optional<std::uint64_t> offset;  // from the start of the entry
  enum class Kind : std::uint8_t {
    broken,   // the bytes break the rules of their format, or contradict each other
    refused,  // a form that the reader of this format does not take
  } kind = Kind::broken;
  std::string message;
};

// Something to know that is no finding: traces of the machine that a file was made on, files in another format.
struct ScanNote {
  std::string entry;
  std::optional<std::uint64_t> offset;
  enum class Kind : std::uint8_t { privacy, remark } kind = Kind::remark;
  std::string message;  // secrets are shown by their first characters only
};

// Whether Transload itself can open it.
enum class Readable : std::uint8_t {
  no,
  yes,
  with_allow_opaque,  // with --allow-opaque: names that are not allowed become inert values
  not_tried,          // no format of Transload: a bare pickle, a tar archive of other things
};
std::string_view name(Readable readable) noexcept;

struct ScanFile {
  std::string path;    // as it was reached from the argument
  std::string format;  // "torch", "safetensors", "pickle", "zip", ...
  Readable readable = Readable::not_tried;
  std::string why_not;  // the reader's error where `readable` is no
  std::vector<ScanName> names;
  std::vector<ScanProblem> problems;
  std::vector<ScanNote> notes;

  std::size_t count(Grade grade) const noexcept;
  bool has_findings() const noexcept;  // names that are not allowed, or problems
};

// Something that was asked for and could not be looked at.
struct ScanFailure {
  std::string path, message;
};

struct ScanReport {
  std::vector<ScanFile> files;  // those that are checkpoints, by path
  std::vector<ScanFailure> failures;
  std::uint64_t not_checkpoints = 0;        // files of no format that anything loads weights from
  std::uint64_t not_opened = 0;             // devices, FIFOs, sockets, links that lead out of the scanned folder
  std::uint64_t findings() const noexcept;  // names that are not allowed, and problems
};

struct ScanOptions {
  unsigned threads = 0;  // 0: as many as there are processors
  // Called now and then, from any thread but never from two at once.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// Files and folders, the latter with all that lies below them. Content decides what a file is, whatever its name.
// Symbolic links in a folder are followed only to what lies below the same root (for a hub snapshot: the model's
// folder); devices, FIFOs and sockets are never opened. Reads headers and pickles, and no tensor bytes but those of
// pickles that hold arrays themselves. What is wrong with a path is a failure in the report, not an Error.
ScanReport scan(std::span<const fs::path> paths, const ScanOptions& options = {});

// One JSON document (docs/scan.md has its schema); text that is not UTF-8 is replaced.
std::string to_json(const ScanReport& report);
// SARIF 2.1.0, as code scanning services take it. Notes are results of level "note".
std::string to_sarif(const ScanReport& report);

}  // namespace transload
