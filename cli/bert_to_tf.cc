// transload bert-to-tf: the job of transformers' convert_bert_pytorch_checkpoint_to_original_tf.py, with its flags, its
// files byte for byte, and its lines on stdout (docs/bert-to-tf.md says where it differs, and why).

#include <algorithm>
#include <memory>
#include <system_error>

#include "core/text.h"
#include "formats/hub_cache.h"
#include "job.h"
#include "output.h"
#include "verbs.h"

namespace transload::cli {
namespace {

struct Options {
  std::string model_name, cache_dir, pytorch_model_path, tf_cache_dir;
};

// The output's name below --tf_cache_dir: the model's name with '-' as '_', as the script has it. Where that would lead
// out of --tf_cache_dir (an absolute name, '..') or be empty (a trailing slash), it is the last part of the path.
fs::path output_name(const std::string& model_name) {
  fs::path path = fs::path(model_name).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // a trailing slash
  const bool leads_out = path.is_absolute() || std::ranges::find(path, fs::path("..")) != path.end();
  if (path == "." || path == ".." || path.filename() == "..")
    path = fs::weakly_canonical(fs::absolute(model_name)).filename();
  if (leads_out) path = path.filename();
  std::string name = path.string();
  std::ranges::replace(name, '-', '_');
  if (name.empty() || name == "/") {
    throw Error(Errc::usage, "--model_name gives the output no name", {}, "name the model, such as bert-base-uncased");
  }
  return name + ".ckpt";
}

// The configuration of --model_name: of a folder, or of a hub id in the local cache.
std::optional<TextFile> config_of(const Options& options) {
  Location here;
  std::error_code ignored;
  if (fs::is_directory(options.model_name, ignored)) {
    here.folder = options.model_name;
    return find_config(here);
  }
  const std::optional<HubId> id = parse_hub_id(options.model_name);
  if (!id) {
    throw Error(Errc::io, "no such folder", {.file = options.model_name, .offset = {}, .tensor = {}},
                "--model_name is the folder, or the hub id in the local cache, that holds config.json");
  }
  here.folder = hub_snapshot(*id, options.cache_dir.empty() ? hub_cache_root() : fs::path(options.cache_dir)).folder;
  return find_config(here);
}

// As Python joins them: the old script's `checkpoint` names an absolute folder just so.
std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.ends_with('/') ? folder + name : folder + "/" + name;
}

int bert_to_tf(const Options& options) {
  const fs::path name = output_name(options.model_name);
  Target target;
  target.dialect = "tf1";
  target.format = format_named("tensor_bundle");
  target.folder = fs::path(options.tf_cache_dir) / name.parent_path();
  target.name = name.filename().string();

  JobOptions job_options;
  job_options.family = "bert";
  job_options.body_only = true;
  job_options.floats = DType::f32;
  job_options.config = config_of(options);
  job_options.sidecars = false;
  const Location location = locate(options.pytorch_model_path, {.format = {}, .hub_cache = options.cache_dir});
  Job job = prepare(location, open(location), target, job_options);
  if (target.folder.is_absolute()) {
    job.layout = target.format->layout(job.plan, {target.name, joined(options.tf_cache_dir, name.string())});
  }
  for (const Drop& drop : job.plan.drops) {
    say(fmt::format("dropped {}: {}", escaped(drop.tensor), escaped(drop.reason)));
  }
  for (const std::string& note : job.plan.notes) say(fmt::format("note: {}", escaped(note)));

  const Outcome outcome =
      carry_out(job, target, {.overwrite = true, .progress = true, .proof = ProofLevel::exact, .threads = 0});
  if (outcome.signal != 0) return 128 + outcome.signal;
  if (outcome.replaced) return outcome.exit_code();
  const ExactProof& proof = *outcome.exact;
  for (std::size_t i = 0; i < job.plan.slots.size(); ++i) {
    Output(Verbosity::text)
        .line("Successfully created {}: {}", escaped(job.plan.slots[i].name), proof.slot_equal[i] ? "True" : "False");
  }
  return outcome.exit_code();
}

}  // namespace

void add_bert_to_tf(CLI::App& app, Action& run) {
  CLI::App* verb = app.add_subcommand(
      "bert-to-tf", "What convert_bert_pytorch_checkpoint_to_original_tf.py did: the body of a BERT, in float32");
  const auto o = std::make_shared<Options>();
  verb->add_option("--model_name", o->model_name, "Folder or hub id of the configuration; also names the output")
      ->required();
  verb->add_option("--cache_dir", o->cache_dir, "Root of the hub cache");
  verb->add_option("--pytorch_model_path", o->pytorch_model_path, "The weights: a .bin, a .safetensors, a folder")
      ->required();
  verb->add_option("--tf_cache_dir", o->tf_cache_dir, "Folder for the TensorFlow checkpoint")->required();
  verb->footer(
      "Example:\n"
      "  transload bert-to-tf --model_name bert-base-uncased --pytorch_model_path pytorch_model.bin --tf_cache_dir "
      "out\n"
      "Heads are dropped by name; `transload convert --to tf1` keeps them.");
  verb->callback([o, &run] { run = [o] { return writing([o] { return bert_to_tf(*o); }); }; });
}

}  // namespace transload::cli
