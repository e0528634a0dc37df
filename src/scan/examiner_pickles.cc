#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "formats/numpy/header.h"
#include "scan/examiner.h"
#include "scan/grades.h"
#include "scan/literal.h"
#include "scan/part_source.h"

namespace transload::scanning {
namespace {

constexpr std::uint64_t kLargestLiteral = std::uint64_t{64} << 20;
constexpr unsigned kMostSuspected = 64;  // pickles that do nothing, one after another, in front of one that does
constexpr std::uint64_t kAnyNumber = ~std::uint64_t{0};

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
    // Whatever it looks like: torch.classes gives something for any name, also for one that leads elsewhere.
    if (name.called && grade(name.module, name.name).grade == Grade::dangerous) return true;
    if (!is_possible_name(name.module) || !is_possible_name(name.name)) continue;
    if (name.called || survey.complete || grade(name.module, name.name).grade == Grade::dangerous) return true;
  }
  return std::ranges::any_of(survey.names, [](const SurveyName& name) { return name.computed || name.extension; }) &&
         survey.complete;
}

}  // namespace

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
    const Graded graded = grade_use(name);
    file_.names.push_back({.entry = entry,
                           .offset = name.offset,
                           .module = name.module,
                           .name = name.name,
                           .grade = graded.grade,
                           .reason = std::string(graded.reason),
                           .count = name.count,
                           .called = name.called,
                           .argument = graded.grade == Grade::allowed ? std::string() : name.argument});
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
  if (depth > kDeepestFile) {
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

void Examiner::examine_only_pickles(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth) {
  const std::uint64_t end = examine_pickles(source, 0, entry, depth, kAnyNumber);
  if (file_.problems.empty() && end < source->size()) {
    problem(entry, end, fmt::format("{} bytes follow the end of the pickle", source->size() - end));
  }
}

// The length of a safetensors header, or a raw value, may begin like a pickle does. Its problems as a pickle are none
// of what it is; what it would do to somebody who unpickles it counts all the same.
bool Examiner::examine_suspicion(const std::shared_ptr<Source>& source, const std::string& entry, unsigned depth,
                                 std::uint64_t begin) {
  std::uint64_t at = begin;
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
    examine_only_pickles(source, entry, depth);
    return true;
  }
  // PyTorch's magic number may stand in front of what it loads, written as any opcodes.
  if (found.complete && examine_suspicion(source, entry, depth, found.end)) {
    if (entry.empty()) file_.format = "pickle";
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

}  // namespace transload::scanning
