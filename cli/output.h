// What the program says: lines for people on stdout, one JSON object for programs, errors and progress on stderr.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "transload/error.h"

namespace transload::cli {

using Json = nlohmann::ordered_json;

// Exit codes: what a script can rely on. kDifference is also the code of an output that is in place but may not survive
// a loss of power.
enum ExitCode : int { kDone = 0, kDifference = 1, kFailed = 2 };

enum class Verbosity { quiet, text, json };

// Prints the lines for people only where they are wanted. What cannot be written is found by flush_standard_output().
class Output {
 public:
  explicit Output(Verbosity verbosity) : verbosity_(verbosity) {}

  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) const {
    if (verbosity_ == Verbosity::text) write(fmt::format(format, std::forward<Args>(args)...));
  }
  // The one object of --json, with text that is not UTF-8 replaced. Names are raw: JSON escapes what it demands.
  void object(const Json& json) const;

  bool json() const noexcept { return verbosity_ == Verbosity::json; }
  bool quiet() const noexcept { return verbosity_ == Verbosity::quiet; }

 private:
  static void write(const std::string& line);

  Verbosity verbosity_;
};

// One line on stderr, after all that was printed on stdout so far: in a log they stand in the order in which they were
// said. Nothing happens where stderr cannot be written.
void say(std::string line);

// "transload: error: FILE @OFFSET: what is wrong; what is at the destination; what to do" on stderr, other problems
// indented below it. With `json` also {"error": ...} on stdout.
void report(const Error& error, bool json);

// The action of a verb that writes, which no closed pipe ends: an Error that does not say what is at the destination
// says that nothing was written.
int writing(const std::function<int()>& action);

// "3 tensors", "1 tensor".
std::string counted(std::size_t count, std::string_view noun);

// Bytes, rate and time left on stderr: only on a terminal, and only for work that takes longer than a second.
class Progress {
 public:
  Progress(std::string_view verb, bool wanted);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void operator()(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  std::string verb_;
  bool shown_ = false, wanted_;
  Clock::time_point started_ = Clock::now(), drawn_ = started_;
};

}  // namespace transload::cli
