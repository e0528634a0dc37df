// transload convert: a checkpoint from one framework's form to another's.

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "core/text.h"
#include "job.h"
#include "neighbours.h"
#include "output.h"
#include "run_proof.h"
#include "standard_streams.h"
#include "target.h"
#include "verbs.h"

namespace transload::cli {
namespace {

struct Options {
  std::string source, destination, from, to, format, dtype = "keep", config, family, key, proof;
  std::vector<std::string> drop;
  bool dry_run = false, force = false, json = false, quiet = false, no_sidecars = false, allow_overflow = false,
       allow_nonfinite = false, allow_opaque = false, dense = false;
  unsigned threads = 0;
};

Json to_json(const Target& target, const Job& job) {
  Json json{{"format", target.format->name},
            {"dialect", job.binding ? Json(target.resolved_dialect()) : Json(nullptr)},
            {"path", target.display()},
            {"tensors", job.plan.slots.size()},
            {"bytes", total_bytes(job.plan)}};
  Json files = Json::array();
  for (const Sidecar& sidecar : job.sidecars) {
    if (!sidecar.there) files.push_back(sidecar.name);
  }
  for (const OutputSet::File& file : job.layout.files) files.push_back(file.name);
  json["files"] = std::move(files);
  return json;
}

Json to_json(const ExactProof& proof) {
  Json differences = Json::array();
  for (const Difference& each : proof.differences)
    differences.push_back({{"tensor", each.tensor}, {"what", each.what}});
  return {{"level", "exact"},         {"holds", proof.holds()},   {"source_tensors", proof.source_tensors},
          {"carried", proof.carried}, {"dropped", proof.dropped}, {"tensors", proof.tensors},
          {"equal", proof.equal},     {"bytes", proof.bytes},     {"differences", std::move(differences)}};
}

Json account(const Location& location, const Job& job, const Target& target) {
  Json drops = Json::array();
  for (const Drop& drop : job.plan.drops) drops.push_back({{"tensor", drop.tensor}, {"reason", drop.reason}});
  std::vector<std::string> notes = location.notes;
  const Index& index = job.source->index();
  notes.insert(notes.end(), index.notes.begin(), index.notes.end());
  notes.insert(notes.end(), job.plan.notes.begin(), job.plan.notes.end());
  return {{"schema", 1},
          {"source",
           {{"path", location.display},
            {"format", index.format},
            {"family", job.binding ? Json(job.binding->family) : Json(nullptr)},
            {"dialect", job.binding ? Json(job.binding->dialect) : Json(nullptr)},
            {"configuration", job.config ? Json(job.config->name) : Json(nullptr)},
            {"tensors", index.tensors.size()}}},
          {"destination", to_json(target, job)},
          {"dropped", std::move(drops)},
          {"notes", notes}};
}

void print_source(const Output& out, const Location& location, const Job& job) {
  const Index& index = job.source->index();
  out.line("from {}: {}, {}, {}{}", escaped(location.display), index.format,
           job.binding ? fmt::format("{} in dialect {}", job.binding->family, job.binding->dialect) : "names are kept",
           counted(index.tensors.size(), "tensor"), job.config ? fmt::format("; {}", escaped(job.config->name)) : "");
  for (const std::string& note : location.notes) out.line("  note: {}", escaped(note));
  for (const std::string& note : index.notes) out.line("  note: {}", escaped(note));
  for (const std::string& note : job.plan.notes) out.line("  note: {}", escaped(note));
}

// Drops with the same reason on one line, the first few by name.
void print_drops(const Output& out, const std::vector<Drop>& drops) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const Drop& drop : drops) by_reason[drop.reason].push_back(drop.tensor);
  for (const auto& [reason, tensors] : by_reason) {
    std::string names;
    for (std::size_t i = 0; i < tensors.size() && i < 3; ++i) names += (i == 0 ? "" : ", ") + shortened(tensors[i]);
    if (tensors.size() > 3) names += fmt::format(" and {} more", tensors.size() - 3);
    out.line("  dropped {}: {} ({})", tensors.size(), names, escaped(reason));
  }
}

std::string describe(const Piece& piece, const Slot& slot) {
  if (piece.op == Op::zeros) return "zeros";
  std::string what = piece.axes.size() > 1 ? "rearranged" : "copied";
  if (piece.axes.size() == 2 && slot.shape.size() == 2 && piece.axes[0].from == 1) what = "transposed";
  if (piece.op == Op::cast) what += fmt::format(", rounded to {}", name(slot.dtype));
  return what;
}

void print_plan(const Output& out, const Job& job, const Target& target) {
  for (const Slot& slot : job.plan.slots) {
    for (const Piece& piece : slot.pieces) {
      out.line("  {} -> {} {} {}: {}", piece.op == Op::zeros ? "" : escaped(piece.tensor), escaped(slot.name),
               name(slot.dtype), to_string(slot.shape), describe(piece, slot));
    }
  }
  for (const Drop& drop : job.plan.drops) out.line("  {} dropped: {}", escaped(drop.tensor), escaped(drop.reason));
  for (const Sidecar& sidecar : job.sidecars) {
    if (sidecar.there) continue;
    out.line("  would write {} ({})", escaped((target.folder / sidecar.name).string()),
             human_bytes(sidecar.bytes.size()));
  }
  for (const OutputSet::File& file : job.layout.files) {
    out.line("  would write {} ({})", escaped((target.folder / file.name).string()), human_bytes(file.size));
  }
  out.line("nothing was written (--dry-run)");
}

std::optional<DType> wanted_dtype(const std::string& text) {
  static const std::map<std::string, DType> kNames{{"f32", DType::f32}, {"f16", DType::f16}, {"bf16", DType::bf16}};
  const auto found = kNames.find(text);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

// --from names a dialect, or the format to take where a folder holds several.
void split_from(const std::string& from, LocateOptions& locate, JobOptions& job) {
  if (from.empty()) return;
  if (format_named(from) != nullptr) {
    locate.format = from;
    return;
  }
  job.from_dialect = from;
  if (from == "tf1") locate.format = "tensor_bundle";
}

JobOptions job_options(const Options& options, const Location& location) {
  JobOptions job;
  job.family = options.family;
  job.drop = options.drop;
  job.floats = wanted_dtype(options.dtype);
  if (!options.config.empty()) job.config = read_text_file(options.config);
  job.allow_overflow = options.allow_overflow;
  job.allow_nonfinite = options.allow_nonfinite;
  job.sidecars = !options.no_sidecars;
  // A licence or model card belongs to the checkpoint where that is a folder or a hub id, not where it is one file
  // among others.
  std::error_code ignored;
  const bool is_path = fs::exists(options.source, ignored) || location.format->name == "tensor_bundle";
  job.papers = fs::is_directory(options.source, ignored) || !is_path;
  return job;
}

// How much is to be proven, and why not more.
struct Level {
  ProofLevel wanted = ProofLevel::run;
  std::string why_not_run;
};

// Both models are run where that can be done. Where it was asked for by name, it is an error that it cannot, before
// anything is written.
Level proof_level(const Options& options, const Job& job, const Target& target) {
  if (options.proof == "none") return {ProofLevel::none, {}};
  if (options.proof == "exact") return {ProofLevel::exact, {}};
  std::string why_not = why_not_run(job, target);
  if (why_not.empty() && options.allow_nonfinite && options.proof.empty()) {
    why_not = "--allow-nonfinite was given, and what is computed from NaN equals nothing";
  }
  if (why_not.empty()) return {ProofLevel::run, {}};
  if (options.proof == "run") {
    throw Error(Errc::unsupported, "both models cannot be run: " + why_not, {}, "use --proof exact");
  }
  return {ProofLevel::exact, why_not};
}

void print_proof(const Output& out, const Outcome& outcome, const Level& level) {
  if (outcome.replaced) {
    out.line("not proven: another conversion replaced it meanwhile");
    return;
  }
  if (!outcome.exact) out.line("not proven (--proof none)");
  if (outcome.exact) out.line("proof {}", summary(*outcome.exact));
  if (outcome.outputs) {
    out.line("proof {}", summary(*outcome.outputs));
    if (outcome.outputs->holds()) {
      for (const std::string& remark : remarks(*outcome.outputs)) out.line("  {}", remark);
    }
  }
  if (!level.why_not_run.empty()) out.line("both models were not run: {}", level.why_not_run);
}

Json to_json(const Outcome& outcome, const Level& level) {
  if (outcome.replaced) return {{"level", "none"}, {"holds", false}, {"replaced", true}};
  if (!outcome.exact) return nullptr;
  Json json = to_json(*outcome.exact);
  json["run"] = outcome.outputs ? json_of(*outcome.outputs) : Json(nullptr);
  json["why_not_run"] = level.why_not_run.empty() ? Json(nullptr) : Json(level.why_not_run);
  if (outcome.outputs) json["level"] = "run";
  json["holds"] = outcome.holds;
  return json;
}

int convert(const Options& options) {
  const Output out(options.json ? Verbosity::json : options.quiet ? Verbosity::quiet : Verbosity::text);
  const auto started = std::chrono::steady_clock::now();
  LocateOptions locate_options;
  JobOptions from;
  split_from(options.from, locate_options, from);
  const Location location = locate(options.source, locate_options);
  JobOptions job_opts = job_options(options, location);
  job_opts.from_dialect = from.from_dialect;
  const Target target = target_of({options.destination, options.to, options.format});
  const Job job = prepare(
      location, open(location, {.key = options.key, .allow_opaque = options.allow_opaque, .dense = options.dense}),
      target, job_opts);

  Level level = proof_level(options, job, target);

  print_source(out, location, job);
  Json report = account(location, job, target);
  if (options.dry_run) {
    for (std::string& note : obstacles(job, target, options.force)) {
      out.line("  note: {}", escaped(note));
      report["notes"].push_back(std::move(note));
    }
    print_plan(out, job, target);
    if (out.json()) report["plan"] = Json::parse(to_json(job.plan));
    out.object(report);
    flush_standard_output();
    return kDone;
  }
  print_drops(out, job.plan.drops);

  const Outcome outcome = carry_out(job, target,
                                    {.overwrite = options.force,
                                     .progress = !out.quiet(),
                                     .proof = level.wanted,
                                     .insist = options.proof == "run",
                                     .threads = options.threads});
  if (outcome.signal != 0) return 128 + outcome.signal;
  for (const std::string& note : outcome.notes) {
    out.line("  note: {}", escaped(note));
    report["notes"].push_back(note);
  }
  for (const std::string& note : outcome.met) report["notes"].push_back(note);
  report["durable"] = outcome.unconfirmed.empty();
  out.line("to {}: {}{}, {}, {}", escaped(target.display()), target.format->name,
           job.binding ? fmt::format(", dialect {}", target.resolved_dialect()) : "",
           counted(job.plan.slots.size(), "tensor"), human_bytes(total_bytes(job.plan)));
  if (!outcome.why_not_run.empty()) level.why_not_run = outcome.why_not_run;
  print_proof(out, outcome, level);
  report["proof"] = to_json(outcome, level);
  report["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  out.object(report);
  return outcome.exit_code();
}

// Checks a word without listing the words a second time in the help.
CLI::Validator one_of(std::vector<std::string> words) { return CLI::IsMember(std::move(words)).description(""); }

}  // namespace

void add_convert(CLI::App& app, Action& run, bool& json) {
  CLI::App* verb = app.add_subcommand("convert", "Convert a checkpoint, and prove that it arrived");
  const auto o = std::make_shared<Options>();
  verb->add_option("SRC", o->source,
                   "A file, a folder, a TensorFlow prefix, a *.index.json, or a hub id in the local cache")
      ->required();
  verb->add_option("DST", o->destination,
                   "NAME.safetensors or NAME.bin: one file; with --to tf1 a prefix such as out/model.ckpt; with --to "
                   "gluon X.params and "
                   "X.json; else a Hugging Face folder")
      ->required();
  verb->add_option("--to", o->to, "Dialect of the output")
      ->check(one_of({"tf1", "hf", "gluon"}))
      ->type_name("tf1|hf|gluon");
  verb->add_option("--from", o->from, "Dialect of the source, or the format to take where a folder holds several")
      ->check(one_of({"tf1", "hf", "gluon", "torch", "safetensors", "tensor_bundle", "mxnet"}))
      ->type_name("NAME");
  verb->add_option("--format", o->format, "Format of the output (default: what DST and --to imply)")
      ->check(one_of({"safetensors", "tensor_bundle", "torch", "mxnet"}))
      ->type_name("safetensors|torch|tensor_bundle|mxnet");
  verb->add_option("--dtype", o->dtype, "Dtype of floating-point tensors; narrower ones are rounded to nearest even")
      ->check(one_of({"keep", "f32", "f16", "bf16"}))
      ->type_name("keep|f32|f16|bf16")
      ->capture_default_str();
  verb->add_option("--config", o->config, "Configuration of the model, in any dialect's keys; wins over one beside SRC")
      ->type_name("FILE");
  verb->add_option("--family", o->family, "Model family (default: found from the names); none keeps all names")
      ->type_name("bert|bort|roberta|none");
  verb->add_option("--key", o->key, "The container of a nested checkpoint, such as model/ema")->type_name("KEY");
  verb->add_flag(
      "--allow-opaque", o->allow_opaque,
      "Take names that a pickle should not hold for inert values, and read the tensors that do not depend on "
      "them");
  verb->add_flag("--dense", o->dense, "Sparse and quantised tensors of PyTorch as the dense ones they stand for");
  verb->add_option("--drop", o->drop, "Leave out the tensors whose stored names match; may be repeated")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  verb->add_option("--proof", o->proof,
                   "exact: account for every tensor, read the output again and compare every bit; run: also run both "
                   "models and compare their outputs (default: run where it can be done, else exact)")
      ->check(one_of({"none", "exact", "run"}))
      ->type_name("none|exact|run");
  verb->add_option("--threads", o->threads, "Threads (default: one per core)")
      ->check(CLI::Range(1u, 1024u).description(""))
      ->type_name("N");
  verb->add_flag("--dry-run", o->dry_run, "Print what would be done to every tensor, and write nothing");
  verb->add_flag("--force", o->force, "Replace an existing output");
  verb->add_flag("--no-sidecars", o->no_sidecars, "Write the weights only: no configuration, vocabulary, licence");
  verb->add_flag("--allow-overflow", o->allow_overflow, "Let values too large for --dtype become infinite");
  verb->add_flag("--allow-nonfinite", o->allow_nonfinite, "Carry NaN and infinity over into a model's weights");
  verb->add_flag("--json", o->json, "One JSON object on stdout, and nothing else");
  verb->add_flag("-q,--quiet", o->quiet, "Only errors");
  verb->footer(
      "Examples:\n"
      "  transload convert bert-base-uncased/ out/bert.ckpt --to tf1\n"
      "  transload convert out/bert.ckpt bert-again/ --to hf\n"
      "  transload convert pytorch_model.bin model.safetensors\n"
      "  transload convert out/bert.ckpt bert-for-torch/ --to hf --format torch\n"
      "  transload convert model/ out/model.ckpt --to tf1 --dry-run");
  verb->callback([o, &run, &json] {
    json = o->json;
    run = [o] { return writing([o] { return convert(*o); }); };
  });
}

}  // namespace transload::cli
