#include "job.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <new>
#include <set>

#include "core/text.h"
#include "generation_config.h"
#include "interrupt.h"
#include "io/identity.h"
#include "io/target_path.h"
#include "mapping/flat_names.h"
#include "neighbours.h"
#include "output.h"
#include "plan/ties.h"
#include "run_proof.h"
#include "transload/error.h"
#include "vocabulary_size.h"

namespace transload::cli {
namespace {

Where at(const Location& location) { return {.file = location.display, .offset = {}, .tensor = {}}; }

// Whether the reader would have made it dense, had it been asked to.
bool could_be_dense(const LeftOut& left) {
  return left.reason == "is quantised" || (left.reason.starts_with("is sparse (") && left.reason.ends_with(')'));
}

// What the reader could not describe as tensors must be dropped by name, or nothing is converted.
void refuse_left_out(const Location& location, const Index& index, const std::vector<std::string>& drop, Plan& plan) {
  std::vector<std::string> problems;
  for (const LeftOut& left : index.left_out) {
    const bool dropped =
        std::ranges::any_of(drop, [&](const std::string& glob) { return glob_matches(glob, left.tensor); });
    if (!dropped) problems.push_back(fmt::format("{}: {}", left.tensor, left.reason));
    if (dropped) plan.notes.push_back(fmt::format("'{}' ({}) is dropped by --drop", left.tensor, left.reason));
  }
  if (problems.empty()) return;
  const LeftOut& first = index.left_out.front();
  Where where = at(location);
  where.tensor = first.tensor;
  throw Error(Errc::unsupported,
              fmt::format("{}; {} cannot be converted", first.reason, counted(problems.size(), "tensor")), where,
              could_be_dense(first)
                  ? "add --dense to make it a dense tensor, or --drop with its name to go on without it"
                  : "add --drop with its name to go on without it")
      .add(problems.size() > 1 ? std::move(problems) : std::vector<std::string>());
}

// The dtype that most bytes of floating-point tensors have.
DType main_dtype(const Plan& plan) {
  std::map<DType, std::uint64_t> bytes;
  for (const Slot& slot : plan.slots) {
    if (is_float(slot.dtype)) bytes[slot.dtype] += tensor_bytes(slot.dtype, slot.shape);
  }
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? DType::f32 : most->first;
}

// A pure change of format, for models that no mapping knows.
Plan unmapped_plan(const Location& location, const Reader& source, const Format& to, const JobOptions& options) {
  Plan plan = identity_plan(source, location.display);
  refuse_left_out(location, source.index(), options.drop, plan);
  std::erase_if(plan.slots, [&](const Slot& slot) {
    for (const std::string& glob : options.drop) {
      if (!glob_matches(glob, slot.name)) continue;
      plan.drops.push_back({0, slot.name, fmt::format("--drop {}", glob)});
      return true;
    }
    return false;
  });
  if (to.keeps_ties) keep_ties(plan, 0, source.index());
  std::set<std::string_view> kept;
  for (const Equal& equal : plan.equals) kept.insert(equal.dropped);
  for (const TensorInfo& tensor : source.index().tensors) {
    const TensorInfo* first = source.index().tied_to(tensor);
    if (first != nullptr && !kept.contains(tensor.name)) {
      plan.notes.push_back(
          fmt::format("'{}' shares its storage with '{}'; the output holds both", tensor.name, first->name));
    }
  }
  return plan;
}

// An index is an input too, though no tensor lies in it. The weights themselves are checked when they are written.
void refuse_own_input(const Location& location, const Target& target, const Layout& layout) {
  const std::string suffix = location.format->name == "tensor_bundle" ? ".index" : "";
  const std::string input = location.store->describe(location.name + suffix);
  for (const OutputSet::File& file : layout.files) {
    if (!file.shared && io::is_same_file(input, target.folder / file.name)) {
      throw Error(Errc::usage, "is both input and output; it is left as it was",
                  {.file = input, .offset = {}, .tensor = {}}, "choose another output name");
    }
  }
}

// Says how many tensors lose precision, because their new dtype has fewer bits of exponent or fraction.
void note_rounding(Plan& plan, const Index& index, DType to) {
  std::map<DType, std::size_t> rounded;
  for (const Slot& slot : plan.slots) {
    for (const Piece& piece : slot.pieces) {
      if (piece.op != Op::cast) continue;
      const DType from = index.find(piece.tensor)->dtype;
      const bool widens = to == DType::f64 || (to == DType::f32 && from != DType::f64);
      if (!widens) ++rounded[from];
    }
  }
  for (const auto& [from, count] : rounded) {
    plan.notes.push_back(fmt::format("{} rounded from {} to {}, to nearest, ties to even", counted(count, "tensor"),
                                     name(from), name(to)));
  }
}

struct Choice {
  std::string family, dialect, note;
};

// RoBERTa and its kin have the tensors of a BERT under the same names, and compute something else from them. What tells
// them apart without a configuration is that they have one token type only.
void refuse_lookalike(const Location& location, const Binding& binding) {
  const auto types = binding.config.find("T");
  if (binding.family != "bert" || types == binding.config.end() || types->second != "1") return;
  throw Error(Errc::unmapped,
              "has the names of a BERT, but one token type as RoBERTa has, and no configuration says which it is",
              at(location), "give its configuration with --config F; or say --family bert, bort or roberta");
}

// Which mapping to use. Empty: none, and names are kept.
Choice choose(const Location& location, const Reader& source, const Target& target, const JobOptions& options,
              const std::optional<TextFile>& config) {
  if (options.family == "none") return {};
  if (!options.family.empty()) static_cast<void>(Mapping::builtin(options.family));
  Choice choice{options.family, options.from_dialect, {}};
  if (!choice.family.empty() && !choice.dialect.empty()) return choice;
  DetectOptions detecting{options.family, options.from_dialect, target.resolved_dialect(), {}};
  if (config && options.family.empty()) detecting.config_json = config->text;
  Detected detected = detect(source.index(), detecting);
  if (!detected.undecided.empty()) {
    if (target.bare && target.dialect.empty() && target.resolved_dialect() == "gluon")
      return {};  // names stay as they are
    std::string families;
    for (const std::string& family : detected.undecided) families += (families.empty() ? "" : " or ") + family;
    throw Error(Errc::unmapped,
                fmt::format("its tensors have the names of a {}, and nothing says which it is", families), at(location),
                "--family says which; or give its configuration with --config F (only RoBERTa's has no "
                "\"token_type_vocab_size\")");
  }
  // A model that another dialect would know is no unknown model.
  if (detected.family.empty() && choice.family.empty()) {
    detecting.to_dialect.clear();
    if (Detected other = detect(source.index(), detecting); !other.family.empty() && !target.dialect.empty()) {
      detected = std::move(other);
    }
  }
  if (choice.family.empty()) {
    choice.family = detected.family;
    choice.note = detected.note;
  }
  if (choice.dialect.empty()) choice.dialect = detected.dialect;
  if (!choice.family.empty()) return choice;
  if (mapping::nameless(source.index())) {
    if (target.bare && target.dialect.empty()) return {};
    throw Error(Errc::unmapped, "holds a list of arrays without names: nothing says which tensor is which",
                at(location),
                "save it again with names, as Block.save_parameters() does; --family none changes the format only");
  }
  if (target.bare && target.dialect.empty()) return {};
  std::string known;
  for (const std::string_view family : builtin_families())
    known += fmt::format("{}{}", known.empty() ? "" : ", ", family);
  throw Error(Errc::unmapped, fmt::format("its tensors are of no model family that is known ({})", known), at(location),
              "--family none keeps all names and changes the format only");
}

// What was found out about the place where the output lies, and not about its values.
void say_how_it_was_written(const Outcome& outcome) {
  for (const std::string& note : outcome.met) say(fmt::format("transload: note: {}", escaped(note)));
  if (outcome.unconfirmed.empty()) return;
  say(fmt::format("transload: written, durability not confirmed: {}", escaped(outcome.unconfirmed)));
}

}  // namespace

Job prepare(const Location& location, std::shared_ptr<Reader> source, const Target& target, const JobOptions& options) {
  Job job;
  job.location = location;
  job.source = std::move(source);
  const Index& index = job.source->index();
  const std::optional<TextFile> config = options.config ? options.config : find_config(location);
  const Choice choice = choose(location, *job.source, target, options, config);
  if (choice.family.empty()) {
    job.plan = unmapped_plan(location, *job.source, *target.format, options);
  } else {
    const Mapping& mapping = Mapping::builtin(choice.family);
    job.config = config;
    BindOptions bind{choice.dialect, {}, {}, options.drop, options.drop_unknown};
    if (config) {
      bind.config_json = config->text;
      bind.config_name = config->name;
    }
    try {
      job.binding = mapping.bind(index, bind);
    } catch (Error& error) {
      if (config && error.where().file == config->name)
        error.advise("correct the configuration, or give another with --config");
      error.in(at(location));
      error.advise(
          options.drop.empty()
              ? "transload inspect lists what is there; is this the whole checkpoint, and not one of its shards?"
              : "transload inspect lists what is there; --drop must leave what every such model has");
      throw;
    }
    if (!config && options.family.empty() && job.binding->dialect == "hf") {
      refuse_lookalike(location, *job.binding);
      job.binding->notes.push_back(
          "without a configuration, its relatives (RoBERTa, XLM-R) look like a BERT: it is taken for one");
    }
    if (!choice.note.empty()) job.binding->notes.push_back(choice.note);
    const std::string to = target.resolved_dialect();
    std::vector<std::string> parts;  // none: all
    if (options.body_only) {
      std::ranges::copy_if(job.binding->parts, std::back_inserter(parts),
                           [](const std::string& part) { return !part.starts_with("head."); });
    }
    try {
      job.plan = mapping.plan(*job.source, location.display, *job.binding, to, parts, target.format->keeps_ties);
    } catch (Error& error) {
      throw error.in(at(location));
    }
    if (target.format->keeps_ties) keep_ties(job.plan, 0, index);
    if (options.sidecars && !target.bare) {
      const DType dtype = options.floats.value_or(main_dtype(job.plan));
      const std::optional<std::string> base = config ? std::optional(config->text) : std::nullopt;
      try {
        job.sidecars.push_back({target.config_name(), mapping.config_file(*job.binding, to, dtype, base)});
        job.has_config = true;
      } catch (Error& error) {
        // A TensorFlow checkpoint is whole without a configuration; a Hugging Face folder is not.
        if (to != "tf1" || error.code() != Errc::unmapped) throw error.in(at(location));
        refuse_foreign_config(target);
        job.plan.notes.push_back(
            fmt::format("bert_config.json is not written: {}; --config F gives it", error.message()));
      }
      if (to == "hf") {
        if (auto file = generation_config(location, job.sidecars.back().bytes)) job.sidecars.push_back(*file);
      }
      for (Sidecar& file : carried_files(location, to, target.name, options.papers)) {
        job.sidecars.push_back(std::move(file));
      }
      if (const auto rows = job.binding->config.find("V"); rows != job.binding->config.end()) {
        for (std::string& note : check_vocabularies(location, std::stoull(rows->second))) {
          job.plan.notes.push_back(std::move(note));
        }
      }
    }
  }
  const Reader* const readers[] = {job.source.get()};
  if (options.floats) {
    set_float_dtype(job.plan, readers, *options.floats);
    note_rounding(job.plan, index, *options.floats);
  }
  job.plan.allow_overflow = options.allow_overflow;
  job.plan.allow_nonfinite = options.allow_nonfinite || !job.binding;
  if (target.dialect == "tf1" && main_dtype(job.plan) != DType::f32) {
    job.plan.notes.push_back(
        fmt::format("Google's code restores float32 variables, and these are {}: --dtype f32 converts "
                    "them",
                    name(main_dtype(job.plan))));
  }

  const std::string instead = loaded_instead(target);
  if (!instead.empty()) {
    job.plan.notes.push_back(
        fmt::format("{} lies in the folder too: transformers loads it, and not {}", instead, target.name));
  }
  try {
    job.layout = target.format->layout(job.plan, {target.name, {}});
  } catch (Error& error) {
    error.in({.file = target.display(), .offset = {}, .tensor = {}});
    throw;
  }
  job.sidecars = still_needed(std::move(job.sidecars), target.folder);
  if (!instead.empty()) refuse_two_models(target, instead, job.sidecars);
  job.strangers = strangers(location, target, job.sidecars, options.sidecars);
  refuse_shared(location, target, job.sidecars);
  note_replaced(location, target, job.sidecars, job.plan);
  refuse_own_input(location, target, job.layout);
  return job;
}

Outcome carry_out(const Job& job, const Target& target, const CarryOutOptions& options) {
  const Interruption interruption;
  RunOptions run_options{.threads = options.threads, .progress = {}, .stop = interruption.stop()};
  Outcome outcome;
  bool written = false, infinite = false;
  std::map<std::string, std::string> published;
  // Where a comparison fails because there is another output by now, that is what is said.
  const auto was_replaced = [&] {
    if (!io::any_replaced(target.folder, published)) return false;
    outcome.replaced = true;
    outcome.holds = false;
    say(fmt::format("transload: {} was replaced by another conversion meanwhile; it is not proven",
                    escaped(target.display())));
    return true;
  };
  // What is in the way of the output itself is said first.
  if (!options.overwrite && !job.strangers.empty() && in_the_way(job, target).empty()) refuse_strangers(job, target);
  try {
    {
      Progress progress("converting", options.progress);
      run_options.progress = std::ref(progress);
      const RunReport report = run(job.plan, {job.source}, *target.format, job.layout,
                                   {target.folder, options.overwrite}, job.sidecars, run_options);
      infinite = !report.overflowed.empty();
      for (const auto& each : report.overflowed) {
        outcome.notes.push_back(fmt::format("'{}': {}", shortened(each.tensor), each.what));
      }
      outcome.met = report.notes;
      if (!job.strangers.empty()) outcome.met.push_back(describe_strangers(job, target));
      outcome.unconfirmed = report.unconfirmed;
      published = report.published;
    }
    written = true;
    say_how_it_was_written(outcome);
    if (options.proof == ProofLevel::none) return outcome;
    if (was_replaced()) return outcome;
    const std::shared_ptr<Reader> output = target.format->open(open_folder(target.folder), target.name, {});
    {
      Progress progress("comparing", options.progress);
      run_options.progress = std::ref(progress);
      outcome.exact = prove_exact(job.plan, {job.source}, *output, run_options);
    }
    if (options.proof == ProofLevel::run && infinite && !options.insist) {
      outcome.why_not_run = "values became infinite, and what is computed from those equals nothing";
    } else if (options.proof == ProofLevel::run) {
      OutputsOptions both;
      both.threads = options.threads;
      both.stop = interruption.stop();
      outcome.outputs = run_both(job, target, output, both);
    }
  } catch (Error& error) {
    if (written) error.leaves(fmt::format("the new {} is in place, but it is not proven", target.display()));
    outcome.signal = interruption.signal();
    if (outcome.signal == 0 && was_replaced()) return outcome;
    if (outcome.signal == 0) {
      error.in({.file = job.plan.sources.front().path, .offset = {}, .tensor = {}});
      throw;
    }
    say(fmt::format("transload: interrupted; {}", escaped(error.destination())));
    return outcome;
  } catch (const std::bad_alloc&) {
    throw Error(Errc::io, "out of memory")
        .leaves(written ? fmt::format("the new {} is in place, but it is not proven", target.display()) : "");
  }
  const auto unproven = [](const std::string& why) {
    say(fmt::format("transload: the output is there, but it is not proven: {}", why));
  };
  outcome.holds = outcome.exact->holds() && (!outcome.outputs || outcome.outputs->holds());
  if (!outcome.holds && was_replaced()) return outcome;
  if (outcome.outputs && !outcome.outputs->holds()) print_failure(*outcome.outputs);
  if (!outcome.exact->holds()) unproven(summary(*outcome.exact));
  if (outcome.outputs && !outcome.outputs->holds()) unproven(summary(*outcome.outputs));
  return outcome;
}

std::string summary(const ExactProof& proof) {
  if (proof.holds()) {
    return fmt::format(
        "exact: {} of {} accounted for ({} carried over, {} dropped); {} of {} of the output read again from disk and "
        "equal "
        "bit for bit ({})",
        proof.carried + proof.dropped, counted(proof.source_tensors, "source tensor"), proof.carried, proof.dropped,
        proof.equal, counted(proof.tensors, "tensor"), human_bytes(proof.bytes));
  }
  const Difference& first = proof.differences.front();
  return fmt::format("FAILED: {}, the first is '{}': {}", counted(proof.differences.size(), "difference"),
                     shortened(first.tensor), first.what);
}

}  // namespace transload::cli
