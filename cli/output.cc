#include "output.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <new>

#include "core/text.h"
#include "standard_streams.h"

namespace transload::cli {
namespace {

constexpr std::size_t kMostDetails = 20;  // lines of an error; its JSON has all

}  // namespace

void Output::object(const Json& json) const {
  if (verbosity_ == Verbosity::json) write(json.dump(2, ' ', false, Json::error_handler_t::replace));
}

void Output::write(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

void say(std::string line) {
  std::fflush(stdout);  // what fails is found again by flush_standard_output()
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void report(const Error& error, bool json) {
  std::string line = fmt::format("transload: error: {}", error.what());
  if (!error.destination().empty()) line += fmt::format("; {}", escaped(error.destination()));
  if (!error.advice().empty()) line += fmt::format("; {}", error.advice());
  say(line);
  const std::size_t shown = std::min(error.details().size(), kMostDetails);
  for (std::size_t i = 0; i < shown; ++i) say(fmt::format("  {}", escaped(error.details()[i])));
  if (shown != error.details().size()) say(fmt::format("  ... and {} more", error.details().size() - shown));
  if (!json) return;
  Json where = Json::object();
  if (!error.where().file.empty()) where["file"] = error.where().file;
  if (error.where().offset) where["offset"] = *error.where().offset;
  if (!error.where().tensor.empty()) where["tensor"] = error.where().tensor;
  const Json object{{"schema", 1},
                    {"error",
                     {{"code", name(error.code())},
                      {"message", error.message()},
                      {"where", where},
                      {"advice", error.advice()},
                      {"destination", error.destination()},
                      {"details", error.details()}}}};
  Output(Verbosity::json).object(object);
}

int writing(const std::function<int()>& action) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader of the report that has gone is no reason to stop writing the output
  constexpr std::string_view kNothing = "nothing was written";
  int code = kFailed;
  try {
    code = action();
  } catch (Error& error) {
    error.leaves(kNothing);
    throw;
  } catch (const std::bad_alloc&) {
    throw Error(Errc::io, "out of memory").leaves(kNothing);
  }
  try {
    flush_standard_output();
  } catch (Error& error) {
    error.leaves(code == kFailed ? kNothing : "what was to be written is in place, and only the report of it is lost");
    throw;
  }
  return code;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Progress::Progress(std::string_view verb, bool wanted) : verb_(verb), wanted_(wanted && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::operator()(std::uint64_t done, std::uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (!wanted_ || now - started_ < std::chrono::seconds(1) || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double rate = static_cast<double>(done) / seconds;
  const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
  fmt::print(stderr, "\r\x1b[K{} {} of {} ({}/s), {:.0f} s left", verb_, human_bytes(done), human_bytes(total),
             human_bytes(static_cast<std::uint64_t>(rate)), left);
}

}  // namespace transload::cli
