// The program's verbs. Each adds its options to the parser and says what to call when it was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace transload::cli {

// `run` receives what to do; main calls it after parsing, and its result is the exit code.
using Action = std::function<int()>;

void add_convert(CLI::App& app, Action& run, bool& json);
void add_inspect(CLI::App& app, Action& run, bool& json);
void add_prove(CLI::App& app, Action& run, bool& json);
void add_scan(CLI::App& app, Action& run, bool& json);
void add_bert_to_tf(CLI::App& app, Action& run);
void add_bort_to_pytorch(CLI::App& app, Action& run);

}  // namespace transload::cli
