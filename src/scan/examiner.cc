#include "scan/examiner.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

#include "core/text.h"
#include "formats/numpy/header.h"
#include "formats/torch/globals.h"
#include "scan/grades.h"
#include "scan/literal.h"
#include "scan/part_source.h"
#include "scan/tar_examiner.h"
#include "scan/zip_examiner.h"

namespace transload::scanning {
namespace {

constexpr unsigned kMostDepth = 5;
constexpr std::uint64_t kLargestLiteral = std::uint64_t{64} << 20;
constexpr std::uint64_t kLargestUnpacked = std::uint64_t{256} << 20;
constexpr std::size_t kMostFindings = 10'000;  // of a kind, of one file
constexpr unsigned kMostSuspected = 64;        // pickles that do nothing, one after another, in front of one that does
constexpr std::uint64_t kBlock = std::uint64_t{256} << 10;  // read at once
constexpr std::uint64_t kLegacyPickles = 5;                 // magic number, protocol, system, object, keys
constexpr std::uint64_t kAnyNumber = ~std::uint64_t{0};

std::string head_of(const Source& source, std::uint64_t size) {
  std::string head(std::min(source.size(), size), '\0');
  if (!head.empty()) source.read(0, std::as_writable_bytes(std::span(head)));
  return head;
}

// What a module or an attribute may be called, in a file that is no text.
bool is_possible_name(std::string_view path) {
  constexpr std::string_view kOfTexts = "\"'`()[]{},;=#";
  return !path.empty() && std::ranges::all_of(path, [&](unsigned char c) {
    return c > ' ' && c != 0x7f && kOfTexts.find(static_cast<char>(c)) == kOfTexts.npos;
  });
}

// Whether bytes without a mark of their own are a pickle after all: it does something, or is whole.
bool is_convincing(const Survey& survey) {
  if (survey.limited) return true;
  for (const SurveyName& name : survey.names) {
    if ((name.computed || name.extension) && name.called) return true;
    if (!is_possible_name(name.module) || !is_possible_name(name.name)) continue;
    if (name.called || survey.complete || grade(name.module, name.name).grade == Grade::dangerous) return true;
  }
  return std::ranges::any_of(survey.names, [](const SurveyName& name) { return name.computed || name.extension; }) &&
         survey.complete;
}

std::string inside(const std::string& entry, std::string_view part) {
  return entry.empty() ? std::string(part) : fmt::format("{}!{}", entry, part);
}

// The begin of a gzip or zlib stream, and of those that follow it, which Python's gzip and joblib read as one. `whole`
// where all of the source was needed. Read piece by piece: what is mapped kills the process when somebody shortens the
// file.
std::vector<std::byte> unpacked(const Source& source, std::uint64_t stored, std::uint64_t most, bool& whole) {
  std::vector<std::byte> block, out;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return out;  // either header
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, inflateEnd);
  std::uint64_t at = 0;
  const auto fill = [&] {
    if (stream.avail_in > 0 || at == stored) return;
    block.resize(std::min(stored - at, kBlock));
    source.read(at, block);
    at += block.size();
    stream.next_in = reinterpret_cast<Bytef*>(block.data());
    stream.avail_in = static_cast<uInt>(block.size());
  };
  while (out.size() < most) {
    fill();
    const std::size_t had = out.size();
    out.resize(had + std::max<std::size_t>(65536, had / 2));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    stream.avail_out = static_cast<uInt>(out.size() - had);
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (result == Z_STREAM_END) {
      // Zeros between two members are padding.
      for (fill(); stream.avail_in > 0 && *stream.next_in == 0; fill()) {
        ++stream.next_in;
        --stream.avail_in;
      }
      if (stream.avail_in == 0) {
        whole = at == source.size();
        break;
      }
      if (inflateReset(&stream) != Z_OK) break;
    } else if (result != Z_OK) {
      break;
    }
  }
  return out;
}

}  // namespace

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

// ---- pickles ----

Survey Examiner::survey(const Source& source, std::uint64_t begin) {
  secrets_.in(source.name() == file_.path ? std::string_view() : std::string_view(source.name()));
  SurveyOptions options;
  options.on_text = [this](std::uint64_t offset, std::string_view text) { secrets_.look(offset, text); };
  return survey_pickle(source, begin, source.size(), options);
}

void Examiner::take_names(const Survey& survey, const std::string& entry) {
  for (const SurveyName& name : survey.names) {
    if (file_.names.size() >= kMostFindings) {
      problem(entry, name.offset, "imports more names than are listed");
      return;
    }
    Graded graded = grade(name.module, name.name);
    if (name.computed) graded = {Grade::dangerous, "its name is computed while it is loaded, so that nobody sees it"};
    if (name.changed) graded = {Grade::dangerous, "its own attributes are replaced, for the whole program"};
    if (name.extension && !name.changed) {
      graded = {Grade::unknown, "a code of copyreg's registry: the program that loads it decides what it is"};
    }
    if (name.only_attributes && !name.changed && graded.grade == Grade::dangerous) {
      graded = {Grade::unknown, "takes a plain attribute of a name, which is listed with it"};
    }
    ScanName found;
    found.entry = entry;
    found.offset = name.offset;
    found.module = name.module;
    found.name = name.name;
    found.grade = graded.grade;
    found.reason = graded.reason;
    found.count = name.count;
    found.called = name.called;
    if (graded.grade != Grade::allowed) found.argument = name.argument;
    file_.names.push_back(std::move(found));
  }
  if (survey.names_left_out != 0) {
    problem(entry, std::nullopt, fmt::format("imports {} more names than are listed", survey.names_left_out));
  }
}

void Examiner::take(const Survey& survey, const std::shared_ptr<Source>& source, const std::string& entry,
                    unsigned depth) {
  take_names(survey, entry);
  if (survey.raw_arrays) {
    remark(entry, "joblib's raw arrays are not followed: of what stands behind the first, not all may be listed");
  }
  for (const SurveyProblem& found : survey.problems) problem(entry, found.offset, found.message);
  for (const SurveyLiteral& literal : survey.literals) examine_literal(source, literal, entry, depth + 1);
}

void Examiner::examine_literal(const std::shared_ptr<Source>& source, const SurveyLiteral& literal,
                               const std::string& entry, unsigned depth) {
  if (depth > kMostDepth) {
    problem(entry, literal.offset, "files inside of files, deeper than is looked into");
    return;
  }
  const std::string label = inside(entry, fmt::format("text@{}", literal.offset));
  std::shared_ptr<Source> content;
  if (literal.code == SurveyLiteral::Code::plain) {
    if (!spend(0, entry)) return;
    content = part_of(source, literal.offset, std::min(literal.size, source->size() - literal.offset), label);
  } else {
    if (!spend(std::min(literal.size, kLargestLiteral), entry)) return;
    const std::string text = literal_content(*source, literal, kLargestLiteral);
    const ByteView view = as_bytes(text);
    content = memory_source(label, Bytes(std::vector(view.begin(), view.end())));
  }
  const Content kind = content_of({}, as_bytes(head_of(*content, kHead)));
  if (kind.zip || kind.npy || kind.tar) {
    examine(content, {}, label, depth);
    return;
  }
  if (!spend(content->size(), entry)) return;
  // Any text may happen to look like a pickle: only one that does something is taken for one.
  const Survey nested = survey(*content, 0);
  const bool is_pickle = nested.shape_of_a_pickle && nested.complete && nested.opcodes > 2;
  if (is_convincing(nested) || (is_pickle && !nested.names.empty())) {
    if (kind.pickle) {
      examine_pickles(content, 0, label, depth, kAnyNumber);
    } else {
      take(nested, content, label, depth);
    }
  }
}

std::uint64_t Examiner::examine_pickles(const std::shared_ptr<Source>& source, std::uint64_t begin,
                                        const std::string& entry, unsigned depth, std::uint64_t most) {
  std::uint64_t at = begin;
  for (std::uint64_t count = 0; count < most && at < source->size(); ++count) {
    Survey next = survey(*source, at);
    // After the first, other bytes may follow that are no pickle.
    if (count > 0 && !next.complete && !is_convincing(next)) break;
    take(next, source, entry, depth);
    at = next.raw_arrays ? source->size() : next.end;
    if (!next.complete || !spend(0, entry)) break;
  }
  return at;
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
  for (const auto& [key, value] : opened.metadata) {
    secrets_.look(0, key, value);
    secrets_.look(0, value);
  }
  if (entry.empty()) file_.readable = opened.readable;
  return opened;
}

void Examiner::judge(const Opened& opened, const std::string& file, const std::string& entry, bool must_be_read) {
  if (!opened.error) return;
  if (entry.empty()) file_.why_not = opened.error->message();
  // Not by their grade: what NumPy needs is allowed, and refused by the reader as well.
  const bool has_names =
      std::ranges::any_of(file_.names, [](const ScanName& name) { return !torch::is_allowed(name.module, name.name); });
  // A file that is refused for its names is not broken. What else is wrong with it shows where they are let through.
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
  if (depth > kMostDepth) {
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

// The length of a safetensors header, or a raw value, may begin like a pickle does. Its problems as a pickle are none
// of what it is; what it would do to somebody who unpickles it counts all the same.
bool Examiner::examine_suspicion(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth) {
  std::uint64_t at = 0;
  for (unsigned count = 0; count < kMostSuspected && at < source->size(); ++count) {
    const Survey next = survey_pickle(*source, at, source->size());
    if (is_convincing(next)) {
      examine_pickles(source, at, entry, depth, kAnyNumber);
      return true;
    }
    if (!next.complete) return false;
    at = next.end;
  }
  return false;
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
    const std::uint64_t end = examine_pickles(source, 0, entry, depth, is_torch ? kLegacyPickles : kAnyNumber);
    const bool whole = file_.problems.empty();
    if (!is_torch && whole && end < source->size()) {
      problem(entry, end, fmt::format("{} bytes follow the end of the pickle", source->size() - end));
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
  std::vector<std::byte> out = unpacked(*source, stored, std::min(budget_, kLargestUnpacked), whole);
  if (out.empty() || !spend(out.size(), entry)) return false;
  const std::string label = inside(entry, content.gzip ? "gunzip" : "inflate");
  const bool found = examine(memory_source(label, Bytes(std::move(out))), name, label, depth + 1);
  if (found && entry.empty()) file_.format = content.gzip ? "gzip" : "zlib";
  if (found && !whole) problem(entry, std::nullopt, "does not decompress to its end; what follows was not looked at");
  return found;
}

// An array of objects is a pickle after the header.
void Examiner::examine_npy(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth) {
  const numpy::Begin begin = [&](std::uint64_t size) {
    std::vector<std::byte> bytes(std::min(size, source->size()));
    source->read(0, bytes);
    return Bytes(std::move(bytes));
  };
  // What numpy.load would unpickle follows the header, whatever type it gives.
  const std::string head = head_of(*source, 12);
  std::uint64_t behind = 0;
  if (head.size() == 12) {
    const auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(head[at])}; };
    behind =
        head[6] == 1 ? 10 + (byte(8) | byte(9) << 8) : 12 + (byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24);
  }
  std::uint64_t values = 0;
  bool objects = false;
  try {
    const numpy::Prelude prelude = numpy::read_prelude(source->size(), begin, source->name());
    values = prelude.values;
    const std::string header(begin(values).text());
    objects =
        header.find("'|O") != header.npos || header.find("'O") != header.npos || header.find("\"|O") != header.npos;
  } catch (const Error& error) {
    if (error.code() == Errc::io) throw;
    values = behind;  // the reader says what is wrong
  }
  if (values >= source->size()) return;
  if (objects || is_convincing(survey_pickle(*source, values, source->size()))) {
    examine_pickles(source, values, entry, depth, 1);
  }
}

// Pickles of protocols 0 and 1 begin with any opcode.
bool Examiner::examine_unmarked(const std::shared_ptr<Source>& source, std::string_view name, const std::string& entry,
                                const Content& content, unsigned depth) {
  const Survey found = survey_pickle(*source, 0, source->size());
  const bool promised = entry.empty() && promises_weights(name);
  const bool is_pickle = is_convincing(found) || (promised && found.complete);
  if (is_pickle) {
    if (entry.empty()) file_.format = "pickle";
    const std::uint64_t end = examine_pickles(source, 0, entry, depth, kAnyNumber);
    if (file_.problems.empty() && end < source->size()) {
      problem(entry, end, fmt::format("{} bytes follow the end of the pickle", source->size() - end));
    }
    return true;
  }
  if (!promised) return false;
  if (ends_like_a_table(*source)) {
    file_.format = "table";
    remark(entry, "is a table, perhaps a checkpoint of TensorFlow before 0.12; such files are not looked into");
    return true;
  }
  file_.format = "unknown";
  take_names(found, entry);
  if (promises_pickle(name) && !found.problems.empty()) {
    problem(entry, found.problems.front().offset,
            "is named like a pickle and is none: " + found.problems.front().message);
  } else {
    problem(entry, 0,
            fmt::format("is named like a file of weights, and {}",
                        content.foreign.empty() ? "its content is of no known kind" : content.foreign));
  }
  return true;
}

void Examiner::examine_set(const Location& location, const std::string& file) {
  const Opened opened = try_to_open(location);
  file_.format = location.format->name;
  file_.readable = opened.readable;
  for (const auto& [key, value] : opened.metadata) {
    secrets_.look(0, key, value);
    secrets_.look(0, value);
  }
  judge(opened, file, {}, true);
}

void Examiner::missing(const Error& error) {
  file_.format = "tensor_bundle";
  file_.readable = Readable::no;
  file_.why_not = error.message();
  remark({}, error.message());
}

}  // namespace transload::scanning
