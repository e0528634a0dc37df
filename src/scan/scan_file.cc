#include "scan/scan_file.h"

#include <string>
#include <string_view>
#include <utility>

#include "formats/confined_store.h"
#include "formats/foreign.h"
#include "formats/locate_parts.h"
#include "formats/sharded.h"
#include "scan/content.h"
#include "scan/examiner.h"
#include "scan/part_source.h"

namespace transload::scanning {
namespace {

bool has_data_shards(const fs::path& prefix) {
  const std::string stem = prefix.filename().string() + ".data-";
  std::error_code error;
  const fs::path folder = locating::folder_of(prefix);
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(stem)) return true;
  }
  return false;
}

Location set_at(const fs::path& path, std::string name, const Format& format) {
  Location location;
  location.store = open_confined_folder(path.parent_path());
  location.name = std::move(name);
  location.format = &format;
  location.display = path.string();
  return location;
}

// The file that leads to the others of a checkpoint in several files. False where it is none of that kind.
bool examine_as_set(const fs::path& path, const Source& source, std::string_view head, Examiner& examiner) {
  const std::string name = path.filename().string();
  if (names_shard_index(name)) {
    Location location;
    location.store = open_confined_folder(path.parent_path());
    location.name = name;
    location.format = &shards_format(*location.store, name);
    location.display = path.string();
    examiner.examine_set(location, path.string());
    return true;
  }
  if (name == "checkpoint" && head.find("model_checkpoint_path") != head.npos) {
    try {
      examiner.examine_set(locating::at_checkpoint_file(path), path.string());
    } catch (const Error& error) {
      // Training leaves such files behind without the checkpoints that they name.
      if (error.code() != Errc::io) throw;
      examiner.missing(error);
    }
    return true;
  }
  if (path.extension() == ".index") {
    const fs::path prefix = *locating::bundle_prefix_of(path);
    const Format& bundle = locating::format_or_fail("tensor_bundle", path.string());
    if (!ends_like_a_table(source) && !has_data_shards(prefix)) return false;
    examiner.examine_set(set_at(path, prefix.filename().string(), bundle), path.string());
    return true;
  }
  return false;
}

// NAME.data-00000-of-00001 beside its NAME.index.
bool is_data_shard(const fs::path& path) {
  const std::optional<fs::path> prefix = locating::bundle_prefix_of(path);
  return prefix && path.extension() != ".index" && path.extension() != ".meta" && locating::is_bundle_prefix(*prefix);
}

// A pointer of git-lfs is shorter than 1 KiB (its specification, v1) and text to its end. The same words may also be
// the name of the first member of a tar archive, or stand in front of a zip archive.
bool is_small_text(const Source& source) {
  constexpr std::uint64_t kLargestPointer = 1024;
  if (source.size() >= kLargestPointer) return false;
  return foreign_kind(as_bytes(head_of(source, kLargestPointer))).has_value();
}

}  // namespace

std::optional<ScanFile> scan_file(const fs::path& path) {
  const std::shared_ptr<Source> opened = open_file(path);
  const std::shared_ptr<Source> source = part_of(opened, 0, opened->size(), opened->name());  // which maps nothing
  ScanFile file;
  file.path = path.string();
  Examiner examiner(file);
  const std::string head = head_of(*source, 256);
  if (is_lfs_pointer(as_bytes(head)) && is_small_text(*source)) {
    file.format = "git-lfs pointer";
    file.readable = Readable::no;
    file.why_not = "is a git-lfs pointer, not the weights themselves; fetch them with: git lfs pull";
    file.problems.push_back({{}, {}, ScanProblem::Kind::refused, file.why_not});
    return file;
  }
  bool is_set = false;
  try {
    is_set = examine_as_set(path, *source, head, examiner);
  } catch (const Error& error) {
    is_set = true;
    file.format = "set";
    file.readable = Readable::no;
    file.why_not = error.message();
    file.problems.push_back(problem_of(error, path.string(), {}));
  }
  const bool is_shard = !is_set && is_data_shard(path);
  if (is_shard) file.format = "tensor_bundle";
  // Also what leads to others, or holds raw values, may be a pickle or an archive for somebody: it is looked at as
  // everything else, and stays what it is in the report.
  if (is_shard || is_set) {
    ScanFile known = file;
    examiner.examine(source, {}, {}, 0);
    // Raw values may begin like a pickle: what is wrong with that pickle says nothing where it imports nothing.
    if (file.names.empty() && content_of({}, as_bytes(head)).pickle) file.problems = std::move(known.problems);
    file.format = std::move(known.format);
    file.readable = known.readable;
    file.why_not = std::move(known.why_not);
  } else if (!examiner.examine(source, path.filename().string(), {}, 0)) {
    return std::nullopt;
  }
  examiner.finish();
  return file;
}

}  // namespace transload::scanning
