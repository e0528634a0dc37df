// transload bort-to-pytorch: the job of transformers' convert_bort_original_gluonnlp_checkpoint_to_pytorch.py, with its
// flags and its lines on stdout (docs/bort-to-pytorch.md says where it differs, and why).

#include <memory>

#include "core/text.h"
#include "job.h"
#include "output.h"
#include "run_proof.h"
#include "verbs.h"

namespace transload::cli {
namespace {

struct Options {
  std::string checkpoint, folder, config;
};

// Of the last hidden states, which is what the script compares; where they agree and a head does not, of the head.
double difference(const OutputsProof& proof) {
  if (const StageDifference* beyond = proof.first_beyond()) return beyond->largest;
  double of_last_layer = 0;
  for (const StageDifference& stage : proof.stages) {
    if (stage.stage.starts_with("layer ")) of_last_layer = stage.largest;
  }
  return of_last_layer;
}

int bort_to_pytorch(const Options& options) {
  Target target;
  target.dialect = "hf";
  target.format = format_named("safetensors");
  target.folder = options.folder;
  target.name = "model.safetensors";

  JobOptions job_options;
  job_options.family = "bort";
  job_options.from_dialect = "gluon";
  job_options.floats = DType::f16;
  job_options.drop_unknown = true;
  if (!options.config.empty()) job_options.config = read_text_file(options.config);
  job_options.allow_nonfinite = false;
  const Location location = locate(options.checkpoint);
  const Job job = prepare(location, open(location), target, job_options);
  for (const Drop& drop : job.plan.drops) {
    say(fmt::format("dropped {}: {}", escaped(drop.tensor), escaped(drop.reason)));
  }
  for (const std::string& note : job.plan.notes) say(fmt::format("note: {}", escaped(note)));

  if (const std::string why_not = why_not_run(job, target); !why_not.empty()) {
    throw Error(Errc::unsupported, "both models cannot be run: " + why_not, {},
                "transload convert --proof exact does less");
  }
  const Outcome outcome =
      carry_out(job, target, {.overwrite = true, .progress = true, .proof = ProofLevel::run, .threads = 0});
  if (outcome.signal != 0) return 128 + outcome.signal;
  if (outcome.holds) {
    for (const std::string& remark : remarks(*outcome.outputs)) say(remark);
  }
  if (outcome.replaced) return outcome.exit_code();
  const Output out(Verbosity::text);
  out.line("{}", outcome.holds ? "✔️ Both model do output the same tensors"
                               : "❌ Both model do **NOT** output the same tensors");
  out.line("Absolute difference is: {}", difference(*outcome.outputs));
  return outcome.exit_code();
}

// Deeper layers advise options of `transload convert`, which this verb does not have.
int with_own_advice(const Options& options) {
  try {
    return bort_to_pytorch(options);
  } catch (const Error& error) {
    if (error.advice().find("--") == std::string::npos || error.advice().find("--config") != std::string::npos) throw;
    throw Error(
        error.code(), error.message(), error.where(),
        "transload convert F D --to hf --family bort --dtype f16 does the same with more options, as " + error.advice())
        .leaves(error.destination())
        .add(error.details());
  }
}

}  // namespace

void add_bort_to_pytorch(CLI::App& app, Action& run) {
  CLI::App* verb = app.add_subcommand(
      "bort-to-pytorch",
      "What convert_bort_original_gluonnlp_checkpoint_to_pytorch.py did: Bort to Hugging Face, float16");
  const auto o = std::make_shared<Options>();
  verb->add_option("--bort_checkpoint_path", o->checkpoint, "GluonNLP's .params file")->required();
  verb->add_option("--pytorch_dump_folder_path", o->folder, "Folder for the Hugging Face model")->required();
  verb->add_option("--config", o->config, "GluonNLP's sizes (JSON), for a Bort of other sizes than the published one");
  verb->footer(
      "Example:\n"
      "  transload bort-to-pytorch --bort_checkpoint_path bort.params --pytorch_dump_folder_path bort\n"
      "`transload convert --to hf` does the same without rounding to float16.");
  verb->callback([o, &run] { run = [o] { return writing([o] { return with_own_advice(*o); }); }; });
}

}  // namespace transload::cli
