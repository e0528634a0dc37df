#include "scan/zip_examiner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "scan/content.h"
#include "scan/examiner.h"
#include "scan/inflate_source.h"
#include "scan/part_source.h"
#include "wire/inflate.h"

namespace transload::scanning {
namespace {

constexpr std::string_view kLocal = "PK\x03\x04";
constexpr std::uint64_t kLocalSize = 30;
constexpr std::uint64_t kMostSearched = std::uint64_t{256} << 20;  // bytes of a broken archive
constexpr std::uint64_t kLeastWalked = std::uint64_t{1} << 20;     // bytes of all that follows the headers of one
constexpr std::uint64_t kMostWalked = std::uint64_t{32} << 20;
constexpr std::uint64_t kMostHeaders = 65'536;

std::uint64_t little(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

bool ends_like_a_zip(const Source& source) {
  constexpr std::uint64_t kEndSize = 22, kMostComment = 65'535;
  if (source.size() < kEndSize) return false;
  const std::uint64_t from = source.size() - std::min(source.size(), kEndSize + kMostComment);
  std::string tail(source.size() - from, '\0');
  source.read(from, std::as_writable_bytes(std::span(tail)));
  const std::size_t end = tail.rfind("PK\x05\x06", tail.size() - kEndSize);
  if (end == tail.npos) return false;
  // The directory stands in front of its end, or of the record of its end in 64 bits and of what leads to that.
  const std::uint64_t size = little(std::string_view(tail).substr(end + 12, 4));
  for (const std::uint64_t between : {0, 76}) {
    if (size < kLocal.size() || size + between > from + end) continue;
    std::string first(kLocal.size(), '\0');
    source.read(from + end - between - size, std::as_writable_bytes(std::span(first)));
    if (first == "PK\x01\x02") return true;
  }
  // Sizes that do not fit in 32 bits.
  return end >= 20 && tail.compare(end - 20, 4, "PK\x06\x07") == 0;
}

bool ZipExaminer::run(const std::unordered_set<std::uint64_t>& storages) {
  bool found = false;
  try {
    const std::vector<wire::ZipEntry> entries = wire::read_zip(*source_, wire::ZipNames::exact);
    for (const wire::ZipEntry& entry : entries) {
      note_script(entry.name);
      if (storages.contains(entry.offset)) {
        check_storage(entry);
      } else if (examine_entry(entry)) {
        found = true;
      }
    }
  } catch (const Error& error) {
    if (error.code() == Errc::io) throw;
    error_ = error;
    found = examine_headers() || found;
  }
  if (is_script()) {
    examiner_.file_.names.push_back({.entry = first_script_,
                                     .offset = 0,
                                     .module = "torch.jit",
                                     .name = "code",
                                     .grade = Grade::unknown,
                                     .reason = "TorchScript, which torch.jit.load compiles and runs",
                                     .count = script_files_,
                                     .called = false,
                                     .argument = {}});
    found = true;
  }
  return found;
}

// TOP/code/...: the source of a TorchScript module.
void ZipExaminer::note_script(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == name.npos || !name.substr(slash + 1).starts_with("code/") || !name.ends_with(".py")) return;
  if (script_files_++ == 0) first_script_ = inside(entry_, name);
}

// PyTorch never deflates a storage, and believes the size that is declared: only decoding tells whether it is true.
void ZipExaminer::check_storage(const wire::ZipEntry& entry) {
  if (!entry.deflated || entry.name.ends_with(".npy") || !examiner_.spend(entry.size, entry_)) return;
  try {
    wire::read_zip_entry(*source_, entry, std::max(entry.size, entry.stored));
  } catch (const Error& error) {
    if (error.code() == Errc::io) throw;
    const ScanProblem lie = problem_of(error, source_->name(), entry_);
    examiner_.problem(lie.entry, lie.offset, lie.message);
  }
}

bool ZipExaminer::examine_entry(const wire::ZipEntry& entry) {
  if (entry.size == 0 || entry.name.ends_with('/')) return false;
  return examine_part(entry.name, entry.offset, entry.stored, entry.size, entry.deflated);
}

bool ZipExaminer::examine_part(std::string_view name, std::uint64_t offset, std::uint64_t stored, std::uint64_t size,
                               bool deflated) {
  const std::string label = inside(entry_, name);
  if (!examiner_.spend(0, entry_)) return false;
  if (!deflated) return examiner_.examine(part_of(source_, offset, stored, label), name, label, depth_ + 1);
  const std::shared_ptr<Source> part =
      inflated(source_, offset, stored, size, label, [this](std::uint64_t bytes) { return spend(bytes); });
  try {
    return examiner_.examine(part, name, label, depth_ + 1);
  } catch (const Error& error) {
    if (error.code() == Errc::io) throw;
    const ScanProblem lie = problem_of(error, label, label);
    examiner_.problem(lie.entry, lie.offset, lie.message);
  }
  // What could be decoded is what some program loads.
  if (part->size() < size && part->size() > 0) examiner_.examine(part, name, label, depth_ + 1);
  return true;
}

// Of bytes only: the entries are counted once.
bool ZipExaminer::spend(std::uint64_t bytes) {
  ++examiner_.parts_;
  return examiner_.spend(bytes, entry_);
}

bool ZipExaminer::examine_headers() {
  constexpr std::uint64_t kWindow = std::uint64_t{1} << 20;
  const std::uint64_t end = std::min(source_->size(), kMostSearched);
  if (end < source_->size()) examiner_.problem(entry_, end, "the rest of this broken archive was not searched");
  bool found = false;
  std::uint64_t headers = 0;
  // Entries lie one behind the other: only a file that lies about that needs more.
  walkable_ = std::min(examiner_.budget_, std::clamp(4 * source_->size(), kLeastWalked, kMostWalked));
  for (std::uint64_t at = 0; at < end; at += kWindow) {
    std::string window(std::min(end - at, kWindow + kLocal.size() - 1), '\0');
    source_->read(at, std::as_writable_bytes(std::span(window)));
    for (std::size_t next = window.find(kLocal); next != window.npos; next = window.find(kLocal, next + 1)) {
      if (++headers > kMostHeaders) {
        examiner_.problem(entry_, at + next, "more entries than are looked at");
        return true;
      }
      found = examine_header(at + next) || found;
    }
  }
  return found;
}

bool ZipExaminer::examine_header(std::uint64_t at) {
  if (source_->size() - at <= kLocalSize) return false;
  std::string header(kLocalSize, '\0');
  source_->read(at, std::as_writable_bytes(std::span(header)));
  const std::string_view view = header;
  const std::uint64_t method = little(view.substr(8, 2)), name_size = little(view.substr(26, 2));
  const std::uint64_t data = at + kLocalSize + name_size + little(view.substr(28, 2));
  if (data >= source_->size()) return false;
  std::string name(name_size, '\0');
  source_->read(at + kLocalSize, std::as_writable_bytes(std::span(name)));
  note_script(name);
  const std::uint64_t left = source_->size() - data;
  constexpr std::uint64_t kDeflated = 8;
  const std::string label = inside(entry_, name);
  if (method != 0 && method != kDeflated) {
    examiner_.problem(label, at, fmt::format("is compressed by method {}, which is not looked into", method));
    return true;
  }
  if (!walk(1)) return false;
  // Its sizes are not believed: a pickle ends where it ends.
  if (method == kDeflated) {
    try {
      const Bytes whole = inflate_at(data, label);
      if (whole.empty() || !walk(whole.size())) return false;
      return examiner_.examine(memory_source(label, whole), name, label, depth_ + 1);
    } catch (const Error& error) {
      if (error.code() == Errc::io) throw;
      return false;
    }
  }
  std::string head(std::min(left, kHead), '\0');
  source_->read(data, std::as_writable_bytes(std::span(head)));
  const std::shared_ptr<Source> part = part_of(source_, data, left, label);
  const std::uint64_t most = std::min(left, walkable_);
  const Survey survey = survey_pickle(*part, 0, most);
  walk(std::min(most, survey.end));
  if (!survey.complete && survey.end >= most && most < left) walk(walkable_ + 1);  // cut off here, and not there
  const bool is_pickle = content_of({}, as_bytes(head)).pickle && !survey.names.empty();
  if (!is_pickle && !survey.calls()) return false;
  examiner_.take_names(survey, label);
  for (const SurveyLiteral& literal : survey.literals) examiner_.examine_literal(part, literal, label, depth_ + 2);
  return true;
}

// What stands at `data`, in growing pieces: most headers of a file that is full of them lead to nothing.
Bytes ZipExaminer::inflate_at(std::uint64_t data, const std::string& label) {
  constexpr std::uint64_t kFirst = 16 << 10, kMost = 16 << 20, kStep = 16, kRatio = 4;
  const std::uint64_t left = source_->size() - data;
  for (std::uint64_t piece = kFirst;; piece *= kStep) {
    std::vector<std::byte> bytes(std::min({left, walkable_, piece, kMost}));
    source_->read(data, bytes);
    const bool last = bytes.size() < piece || piece >= kMost;
    const std::uint64_t most = last ? walkable_ : std::min(walkable_, piece * kRatio);
    bool ended = false;
    Bytes out = wire::inflate_begin(bytes, most, label, data, &ended);
    if (ended || last || !walk(bytes.size())) return out;
  }
}

// False, with a problem said once, where headers lead to more than is walked.
bool ZipExaminer::walk(std::uint64_t bytes) {
  if (bytes <= walkable_) {
    walkable_ -= bytes;
    return walkable_ > 0;
  }
  walkable_ = 0;
  if (!std::exchange(walked_, true)) {
    examiner_.problem(entry_, std::nullopt, "the entries of this broken archive hold more than is looked into");
  }
  return false;
}

}  // namespace transload::scanning
