// What a pickle would import and call if Python loaded it: its opcodes walked with symbols in place of values.
// Source of the rules: CPython's Lib/pickle.py and Modules/_pickle.c (3.11), Lib/pickletools.py.
//
// This is not how Transload reads a pickle (wire/pickle.h is): a reader refuses at the first thing that it does not
// like, a survey must see everything that runs before Python itself would stop. So it goes on wherever CPython would,
// and reports what was imported and called up to there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "transload/io.h"

namespace transload::scanning {

// A name that the pickle imports, once per name.
struct SurveyName {
  std::string module, name;      // as stored; at most 1 KiB of each
  std::uint64_t offset = 0;      // in the source, of the first opcode that imports it
  std::uint64_t count = 0;       // how many times
  bool called = false;           // or instantiated, or its instance given a state
  bool changed = false;          // a state is given to the name itself: setattr on a class or a function
  bool computed = false;         // the name is what a call gave: it cannot be known without running the pickle
  bool extension = false;        // a code of copyreg's registry: what it stands for is up to the loading program
  bool only_attributes = false;  // getattr: every use takes a plain attribute of a name, which is listed as its own;
                                 // type: every use asks for the type of one value
  bool result_called = false;    // what it gave is called itself
  bool given_state = false;      // what it gave is given a state
  std::string argument;          // the first text that it is called with, cut short; empty: none
};

// Something that no writer of pickles does, and that Python, PyTorch or Transload refuses.
struct SurveyProblem {
  std::uint64_t offset = 0;
  std::string message;
};

// A string or bytes in the pickle that look like a file of their own: a pickle, an archive.
struct SurveyLiteral {
  std::uint64_t offset = 0, size = 0;  // its stored bytes in the source
  enum class Code : std::uint8_t {
    plain,    // they are the content
    utf8,     // the content is these characters in Latin-1: how protocol 2 writes bytes
    quoted,   // a Python 2 literal with escapes
    escaped,  // raw-unicode-escape
  } code = Code::plain;
};

struct Survey {
  std::uint64_t end = 0;           // one past STOP, or where CPython would stop
  bool complete = false;           // STOP was reached
  bool raw_arrays = false;         // joblib's: numbers between the opcodes, whose problems are no problems
  bool limited = false;            // more was there than is kept: not all may have been seen
  unsigned opcodes = 0;            // walked, up to 2^32 - 1
  bool shape_of_a_pickle = false;  // begins with PROTO
  std::vector<SurveyName> names;
  std::uint64_t names_left_out = 0;  // beyond those that are kept
  std::vector<SurveyProblem> problems;
  std::vector<SurveyLiteral> literals;

  bool calls() const noexcept;  // anything at all
};

struct SurveyOptions {
  // Called for every string, with its offset; long ones cut. Null: not wanted.
  std::function<void(std::uint64_t offset, std::string_view text)> on_text;
};

// The pickle that begins at `begin` and ends before `end`. Memory is bounded by some 40 bytes per byte of opcodes, and
// by 1 GiB; time is linear. Throws only what the source's read() throws.
Survey survey_pickle(const Source& source, std::uint64_t begin, std::uint64_t end, const SurveyOptions& options = {});

// The content of a literal, at most `most` bytes.
std::string literal_content(const Source& source, const SurveyLiteral& literal, std::uint64_t most);

}  // namespace transload::scanning
