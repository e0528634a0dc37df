// transload: moves neural-network checkpoints between frameworks and proves that they arrived.

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "output.h"
#include "standard_streams.h"
#include "transload/version.h"
#include "verbs.h"

namespace transload::cli {
namespace {

constexpr std::string_view kBertScript = "convert_bert_pytorch_checkpoint_to_original_tf";
constexpr std::string_view kBortScript = "convert_bort_original_gluonnlp_checkpoint_to_pytorch";

// The arguments, with the verb put in where the program was called by an old script's name.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> all(argv + 1, argv + argc);
  const std::string called = argc > 0 ? std::filesystem::path(argv[0]).stem().string() : "";
  if (called == kBertScript) all.insert(all.begin(), "bert-to-tf");
  if (called == kBortScript) all.insert(all.begin(), "bort-to-pytorch");
  std::reverse(all.begin(), all.end());  // as CLI11 takes them
  return all;
}

bool is_verb(const CLI::App& app, const std::string& word) {
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  return std::ranges::any_of(verbs, [&](const CLI::App* verb) { return verb->get_name() == word; });
}

Error explained(const CLI::ParseError& error, const CLI::App& app, const std::string& verb) {
  if (verb.starts_with('-')) return {Errc::usage, escaped(error.what()), {}, "transload --help shows the verbs"};
  if (!is_verb(app, verb)) {
    return {Errc::usage, fmt::format("there is no verb '{}'", escaped(verb)), {}, "transload --help shows the verbs"};
  }
  // What is missing may be there under a name that was taken for an option.
  const std::vector<std::string> unknown = app.get_subcommand(verb)->remaining();
  const auto option = std::ranges::find_if(unknown, [](const std::string& word) { return word.starts_with('-'); });
  if (option != unknown.end()) {
    return {
        Errc::usage,
        fmt::format("there is no option '{}'", escaped(*option)),
        {},
        fmt::format("transload {} --help shows the options; a file's name that begins with - comes after --", verb)};
  }
  return {Errc::usage, escaped(error.what()), {}, fmt::format("transload {} --help shows the options", verb)};
}

int run(int argc, char** argv) {
  CLI::App app{
      "Moves neural-network checkpoints from one framework to another and proves that they arrived.\n"
      "A file is data: nothing in it is ever executed, and nothing is fetched from a network.\n",
      "transload"};
  app.set_version_flag("--version", fmt::format("transload {}", kVersion));
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done or equal; 1 a difference, a failed proof, or an output that a loss of power may undo;\n"
      "2 could not be done.\n"
      "`transload VERB --help` shows the options and examples of a verb.");
  Action action;
  bool json = false;
  add_convert(app, action, json);
  add_inspect(app, action, json);
  add_prove(app, action, json);
  add_scan(app, action, json);
  add_bert_to_tf(app, action);
  add_bort_to_pytorch(app, action);
  std::vector<std::string> words = arguments(argc, argv);
  if (words.empty()) {
    fmt::print(stderr, "{}", app.help());
    return kFailed;
  }
  const std::string verb = words.back();  // the first word
  const bool wants_json = std::ranges::find(words, "--json") != words.end();
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    report(explained(error, app, verb), wants_json);
    return kFailed;
  }
  // One heap for all threads: with one each, buffers are not shared, and 64 MiB of address space go with every thread.
  // But scanning makes many small things on all of them, and takes a seventh longer that way.
  if (verb != "scan") mallopt(M_ARENA_MAX, 1);
  try {
    const int code = action();
    flush_standard_output();
    return code;
  } catch (const Error& error) {
    report(error, json);
  } catch (const std::bad_alloc&) {
    report(Error(Errc::io, "out of memory"), json);
  } catch (const std::exception& error) {
    report(Error(Errc::io, escaped(error.what())), json);
  }
  return kFailed;
}

}  // namespace
}  // namespace transload::cli

int main(int argc, char** argv) {
  transload::cli::keep_standard_streams();
  // Buffers of a few megabytes are used again and again: keeping them costs nothing, giving their pages back and taking
  // fresh ones for every tensor costs more than the copy itself.
  mallopt(M_MMAP_THRESHOLD, 512 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error of write(), with a name
  return transload::cli::run(argc, argv);
}
