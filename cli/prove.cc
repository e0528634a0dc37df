// transload prove: whether two models compute the same (docs/prove.md).

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>

#include "core/text.h"
#include "interrupt.h"
#include "model_side.h"
#include "output.h"
#include "plan/nonfinite.h"
#include "token_ids.h"
#include "token_inputs.h"
#include "verbs.h"
#ifdef TRANSLOAD_PROOF
#include "outputs/report.h"
#endif

namespace transload::cli {
namespace {

struct Options {
  std::string first, second, config, config_b, family, key, ids, text, vocabulary;
  std::optional<double> atol;
  bool longest = false, with_text = false, allow_nonfinite = false, allow_opaque = false, dense = false, json = false,
       quiet = false;
  unsigned threads = 0;
};

#ifdef TRANSLOAD_PROOF

// A checkpoint, found and opened.
struct Opened {
  Location location;
  std::shared_ptr<Reader> reader;
};

Opened opened(const std::string& path, const OpenOptions& options) {
  Opened side{locate(path), nullptr};
  side.reader = open(side.location, options);
  return side;
}

ModelOptions model_options(const Options& options, const std::string& config) {
  ModelOptions result;
  result.family = options.family;
  if (!config.empty()) result.config = read_text_file(config);
  return result;
}

std::vector<TokenBatch> inputs_of(const Options& options, const Opened& a, const Opened& b, const Model& first,
                                  const Model& second) {
  std::vector<TokenBatch> batches;
  if (!options.ids.empty()) batches.push_back(read_ids(options.ids));
  if (!options.text.empty()) {
    batches.push_back(encode_text(options.text, options.vocabulary, a.location, b.location));
  }
  if (!batches.empty()) return batches;
  return own_inputs(first, second, a.location, b.location, options.longest);
}

Json to_json(const Opened& side, const Model& model) {
  return {{"path", side.location.display},
          {"format", side.reader->index().format},
          {"family", model.family},
          {"dialect", model.dialect},
          {"configuration", model.config_name}};
}

void print_side(const Output& out, std::string_view which, const Opened& side, const Model& model) {
  out.line("{} {}: {}, {} in dialect {}; {}", which, escaped(side.location.display), side.reader->index().format,
           model.family, model.dialect, escaped(model.config_name));
  for (const std::string& note : side.location.notes) out.line("  note: {}", escaped(note));
}

// Where a model's weights hold NaN or an infinity, nothing that it computes can be compared: Errc::mismatch.
void refuse_nonfinite(const Model& model) {
  for (const TensorInfo& tensor : model.weights->index().tensors) {
    if (!is_float(tensor.dtype)) continue;
    const std::optional<Element> element = first_nonfinite(*model.weights, tensor);
    if (!element) continue;
    throw Error(Errc::mismatch, fmt::format("{}: what is computed with it equals nothing", to_text(*element)),
                {.file = model.display, .offset = {}, .tensor = tensor.name},
                "with --allow-nonfinite the stages before it are compared");
  }
}

// The verdict, as people read it.
std::string verdict(const OutputsProof& proof) {
  const StageDifference* first = proof.first_beyond();
  if (first == nullptr || std::isfinite(first->largest)) return outputs::summary(proof);
  return fmt::format("FAILED: the models compute NaN or infinity from {} on: from there nothing can be compared",
                     first->stage);
}

// Options that would be ignored.
void check(const Options& options) {
  const auto refuse = [](std::string_view what, std::string_view advice) {
    throw Error(Errc::usage, what, {}, advice);
  };
  if (options.with_text && options.text.empty()) refuse("--text is empty", "give it a sentence");
  if (!options.vocabulary.empty() && !options.with_text) refuse("--vocab is for --text", "add --text, or leave it out");
  if (options.longest && (!options.ids.empty() || options.with_text)) {
    refuse("--long is one of the proof's own inputs, which --ids and --text replace", "leave one of them out");
  }
  if (options.atol && !std::isfinite(*options.atol)) refuse("--atol is not a finite number", "such as 1e-6");
}

int prove(const Options& options) {
  check(options);
  const Output out(options.json ? Verbosity::json : options.quiet ? Verbosity::quiet : Verbosity::text);
  const auto started = std::chrono::steady_clock::now();
  const Opened a = opened(options.first,
                          {.key = options.key, .allow_opaque = options.allow_opaque, .dense = options.dense}),
               b = opened(options.second, {.key = {}, .allow_opaque = options.allow_opaque, .dense = options.dense});
  ModelOptions of_first = model_options(options, options.config), of_second = model_options(options, options.config_b);
  const Model second = model_of(b.location, b.reader, of_second);
  of_first.kin = second.family == "bert" ? "bort" : second.family;
  const Model first = model_of(a.location, a.reader, of_first);
  print_side(out, "first ", a, first);
  print_side(out, "second", b, second);

  const Interruption interruption;
  OutputsOptions run;
  run.inputs = inputs_of(options, a, b, first, second);
  run.atol = options.atol;
  run.threads = options.threads;
  run.stop = interruption.stop();
  OutputsProof proof;
  try {
    proof = prove_outputs(first, second, run);
  } catch (const Error&) {
    if (interruption.signal() == 0) throw;
    say("transload: interrupted; nothing is proven");
    return 128 + interruption.signal();
  }
  // Only then are the weights searched: that reads them all.
  if (proof.first_beyond() && !std::isfinite(proof.first_beyond()->largest) && !options.allow_nonfinite) {
    refuse_nonfinite(first);
    refuse_nonfinite(second);
  }
  for (const std::string& line : outputs::report_lines(proof)) out.line("{}", line);
  out.line("proof {}", verdict(proof));
  if (!out.json() && !proof.holds()) say(fmt::format("transload: not proven: {}", verdict(proof)));
  Json json{{"schema", 1}, {"first", to_json(a, first)}, {"second", to_json(b, second)}};
  json["proof"] = outputs::to_json(proof);
  json["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  out.object(json);
  return proof.holds() ? kDone : kDifference;
}

#else

int prove(const Options&) {
  throw Error(Errc::unsupported, "this program was built without the proof that runs both models", {},
              "build it with -DTRANSLOAD_PROOF=ON");
}

#endif

}  // namespace

void add_prove(CLI::App& app, Action& run, bool& json) {
  CLI::App* verb = app.add_subcommand("prove", "Run two models, each as its own framework does, and compare");
  const auto o = std::make_shared<Options>();
  verb->add_option("A", o->first, "The source: a file, a folder, a TensorFlow prefix, or a hub id in the local cache")
      ->required();
  verb->add_option("B", o->second, "What became of it; where it has fewer bits, A is rounded so before it is compared")
      ->required();
  verb->add_option("--config", o->config, "Configuration of A, in any dialect's keys; wins over one beside it")
      ->type_name("FILE");
  verb->add_option("--config-b", o->config_b, "Configuration of B")->type_name("FILE");
  verb->add_option("--family", o->family, "Model family of both (default: found from names and configuration)")
      ->type_name("bert|bort|roberta");
  verb->add_option("--key", o->key, "The container of a nested checkpoint A, such as model/ema")->type_name("KEY");
  verb->add_flag(
      "--allow-opaque", o->allow_opaque,
      "Take names that a pickle should not hold for inert values, and read the tensors that do not depend on "
      "them");
  verb->add_flag("--dense", o->dense, "Sparse and quantised tensors of PyTorch as the dense ones they stand for");
  verb->add_option("--ids", o->ids, "Token ids instead of the proof's own: .npy, or text with one sequence a line")
      ->type_name("FILE");
  CLI::Option* const text =
      verb->add_option("--text", o->text, "A sentence to run the models on; needs a vocabulary")->type_name("TEXT");
  verb->add_option("--vocab", o->vocabulary,
                   "Its tokenizer.json, vocab.json, vocab.txt or their folder (default: beside A or B)")
      ->type_name("PATH");
  verb->add_flag("--long", o->longest, "Also the longest sequence that both models take");
  verb->add_option("--atol", o->atol,
                   "The largest absolute difference allowed, instead of 1e-9 of a stage's largest value")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("X");
  verb->add_flag("--allow-nonfinite", o->allow_nonfinite,
                 "Compare what can be compared where weights hold NaN or infinity, instead of refusing them");
  verb->add_option("--threads", o->threads, "Threads (default: one per core)")
      ->check(CLI::Range(1u, 1024u).description(""))
      ->type_name("N");
  verb->add_flag("--json", o->json, "One JSON object on stdout, and nothing else (docs/prove.md)");
  verb->add_flag("-q,--quiet", o->quiet, "Only errors, and the verdict when it is not proven");
  verb->footer(
      "Exit codes: 0 both compute the same; 1 they do not; 2 it could not be found out.\n"
      "Examples:\n"
      "  transload prove bort.params bort-hf/\n"
      "  transload prove bert-base-uncased/ out/bert.ckpt --long\n"
      "  transload prove a/ b/ --text 'How are you?' --json");
  verb->callback([o, text, &run, &json] {
    o->with_text = text->count() > 0;
    json = o->json;
    run = [o] { return prove(*o); };
  });
}

}  // namespace transload::cli
