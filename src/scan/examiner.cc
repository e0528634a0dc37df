#include "scan/examiner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "formats/torch/globals.h"
#include "scan/gunzip.h"
#include "scan/part_source.h"
#include "scan/tar_examiner.h"
#include "scan/zip_examiner.h"

namespace transload::scanning {
namespace {

constexpr std::uint64_t kLargestUnpacked = std::uint64_t{256} << 20;
constexpr std::uint64_t kLegacyPickles = 5;  // magic number, protocol, system, object, keys

}  // namespace

std::string inside(const std::string& entry, std::string_view part) {
  return entry.empty() ? std::string(part) : fmt::format("{}!{}", entry, part);
}

// ---- what is said ----

void Examiner::problem(const std::string& entry, std::optional<std::uint64_t> offset, std::string message,
                       ScanProblem::Kind kind) {
  if (file_.problems.size() < kMostFindings) file_.problems.push_back({entry, offset, kind, std::move(message)});
}

void Examiner::remark(const std::string& entry, std::string message) {
  if (file_.notes.size() < kMostFindings) {
    file_.notes.push_back({entry, std::nullopt, ScanNote::Kind::remark, std::move(message)});
  }
}

bool Examiner::spend(std::uint64_t bytes, const std::string& entry) {
  if (parts_ > 0 && bytes <= budget_) {
    --parts_;
    budget_ -= bytes;
    return true;
  }
  if (!std::exchange(spent_, true)) problem(entry, std::nullopt, "holds more than is looked into; the rest was not");
  return false;
}

void Examiner::finish() {
  for (Secrets::Found& found : secrets_.take()) {
    file_.notes.push_back({std::move(found.entry), found.offset, ScanNote::Kind::privacy, std::move(found.what)});
  }
}

// ---- kinds of content ----

Opened Examiner::open_it(const std::shared_ptr<Source>& source, const Format& format, const std::string& entry) {
  Location location;
  location.store = store_of(source);
  location.name = "x";
  location.format = &format;
  location.display = source->name();
  const Opened opened = try_to_open(location);
  secrets_.in(entry);
  look_at_metadata(opened);
  if (entry.empty()) file_.readable = opened.readable;
  return opened;
}

void Examiner::look_at_metadata(const Opened& opened) {
  for (const auto& [key, value] : opened.metadata) {
    secrets_.look(0, key, value);
    secrets_.look(0, value);
  }
}

void Examiner::judge(const Opened& opened, const std::string& file, const std::string& entry, bool must_be_read) {
  if (!opened.error) return;
  if (entry.empty()) file_.why_not = opened.error->message();
  // A file that is refused for its names is not broken. What else is wrong with it shows where they are let through.
  const bool has_names =
      std::ranges::any_of(file_.names, [](const ScanName& name) { return !torch::is_allowed(name.module, name.name); });
  const bool is_pickled = has_names || (!file_.names.empty() && file_.format.starts_with("np"));  // objects in an array
  const Error* wrong = &*opened.error;
  if (is_pickled && wrong->code() == Errc::unsupported) {
    wrong = opened.opaque_error && opened.opaque_error->code() != Errc::unsupported ? &*opened.opaque_error : nullptr;
  }
  // Nor is one of settings alone, which torch.save wrote.
  if (wrong != nullptr && wrong->message() == "the file holds a dict without any tensor") wrong = nullptr;
  if (must_be_read && wrong != nullptr) {
    const ScanProblem found = problem_of(*wrong, file, entry);
    problem(found.entry, found.offset, found.message, found.kind);
  } else if (!entry.empty() && opened.readable == Readable::no) {
    remark(entry, fmt::format("is not read by Transload: {}", opened.error->message()));
  }
}

bool Examiner::examine(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                       unsigned depth) {
  if (depth > kDeepestFile) {
    problem(entry, std::nullopt, "files inside of files, deeper than is looked into");
    return true;
  }
  if (source->size() == 0) {
    if (!entry.empty() || !promises_weights(name)) return false;
    file_.format = "empty";
    problem(entry, 0, "is empty");
    return true;
  }
  const std::string head = head_of(*source, kHead);
  const Content content = content_of(name, as_bytes(head));
  const auto is = [&](std::string_view format) {
    if (entry.empty() && file_.format.empty()) file_.format = format;
  };
  bool found = false;
  if (content.zip) found = examine_zip(source, name, entry, content, depth);
  if (!content.zip && depth == 0 && ends_like_a_zip(*source)) {
    ZipExaminer zip(*this, source, entry, depth);
    if (zip.run({})) {
      is("zip");
      // Archives and pickles hold others as they are; nothing else does.
      if (!content.tar && !content.pickle) problem(entry, 0, "is a zip archive that other bytes stand in front of");
      found = true;
    }
  }
  if (content.tar) {
    TarExaminer tar(*this, source, entry, depth);
    tar.run();
    is(tar.is_torch() ? "torch" : "tar");
    if (tar.is_torch()) judge(open_it(source, *format_named("torch"), entry), source->name(), entry, true);
    found = true;
  }
  if (content.npy || content.pickle || (content.format != nullptr && !content.zip)) {
    found = examine_format(source, name, entry, content, depth) || found;
  }
  if (content.gzip || content.zlib) found = examine_compressed(source, name, entry, content, depth) || found;
  if (!found && content.weights) {
    is("other");
    remark(entry, content.foreign + "; such files are not looked into");
    found = true;
  }
  if (content.packed) {
    is("compressed");
    problem(entry, 0, (content.foreign.empty() ? "is compressed" : content.foreign) + ", which is not looked into");
    found = true;
  }
  if (!found) return examine_unmarked(source, name, entry, content, depth);
  // Whatever it is, it may be a pickle of protocol 0 or 1 too, which begins with any opcode. Not a zip archive: its "P"
  // is a persistent id, at which pickle.load stops.
  if (!content.pickle && !content.zip) examine_suspicion(source, entry, depth);
  return true;
}

bool Examiner::examine_zip(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                           const Content& content, unsigned depth) {
  const Format* format = content.format;
  if (format == nullptr && promises_weights(name)) format = format_named(name.ends_with(".npz") ? "npz" : "torch");
  Opened opened;
  if (format != nullptr) opened = open_it(source, *format, entry);
  ZipExaminer zip(*this, source, entry, depth);
  const bool found = zip.run(opened.storages);
  // A directory that is refused hides what some program finds.
  if (format == nullptr && !found && !zip.error()) return false;
  if (entry.empty()) file_.format = format != nullptr ? format->name : "zip";
  if (format != nullptr) judge(opened, source->name(), entry, !zip.is_script());
  if ((format == nullptr || zip.is_script()) && zip.error()) {
    const ScanProblem lie = problem_of(*zip.error(), source->name(), entry);
    problem(lie.entry, lie.offset, lie.message);
  }
  return true;
}

bool Examiner::examine_format(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                              Content content, unsigned depth) {
  const bool is_torch = content.format != nullptr && content.format->name == "torch";
  // By its name alone, where damage has hidden the rest.
  const Format* named = name.ends_with(".safetensors") ? format_named("safetensors") : nullptr;
  const Format* other = content.format != nullptr ? content.format : named;
  if (content.pickle && !is_torch && other != nullptr) {
    const bool is_pickle = examine_suspicion(source, entry, depth);
    if (!is_pickle || content.format != nullptr) {
      content.pickle = false;
      content.format = other;
    }
  } else if (content.pickle) {
    if (is_torch) {
      examine_pickles(source, 0, entry, depth, kLegacyPickles);
    } else {
      examine_only_pickles(source, entry, depth);
    }
  }
  if (content.npy) examine_npy(source, entry, depth);
  const bool bare = content.pickle && !is_torch;
  if (entry.empty()) file_.format = bare ? "pickle" : content.format != nullptr ? content.format->name : "npy";
  if (bare && !entry.empty()) return true;  // such as data.pkl, of which the archive's reader says what is wrong
  const Format* format = content.format != nullptr ? content.format : format_named("torch");
  judge(open_it(source, *format, entry), source->name(), entry, !bare);
  return true;
}

bool Examiner::examine_compressed(const std::shared_ptr<Source>& source, std::string_view name,
                                  const std::string& entry, const Content& content, unsigned depth) {
  const std::uint64_t stored = std::min(source->size(), kLargestUnpacked);
  if (!spend(stored, entry)) return false;
  bool whole = false;
  const std::uint64_t most = std::min(budget_, kLargestUnpacked);
  std::vector<std::byte> out = gunzip(*source, stored, most, whole);
  const bool cut = !whole && (out.size() >= most || stored < source->size());  // by these limits
  if (out.empty() || !spend(out.size(), entry)) return false;
  const std::string label = inside(entry, content.gzip ? "gunzip" : "inflate");
  const bool found = examine(memory_source(label, Bytes(std::move(out))), name, label, depth + 1);
  if (!found && !cut) return false;
  if (entry.empty()) file_.format = content.gzip ? "gzip" : "zlib";
  if (!whole) problem(entry, std::nullopt, "does not decompress to its end; what follows was not looked at");
  return true;
}

void Examiner::examine_set(const Location& location, const std::string& file) {
  const Opened opened = try_to_open(location);
  file_.format = location.format->name;
  file_.readable = opened.readable;
  look_at_metadata(opened);
  judge(opened, file, {}, true);
}

void Examiner::missing(const Error& error) {
  file_.format = "tensor_bundle";
  file_.readable = Readable::no;
  file_.why_not = error.message();
  remark({}, error.message());
}

}  // namespace transload::scanning
