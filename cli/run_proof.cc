#include "run_proof.h"

#include <fmt/format.h>

#include "model_side.h"
#ifdef TRANSLOAD_PROOF
#include "outputs/inputs.h"
#include "outputs/report.h"
#include "token_inputs.h"
#endif

namespace transload::cli {

#ifdef TRANSLOAD_PROOF
namespace {

Model source_model(const Job& job) { return model_of(job.location, job.source, *job.binding, job.config); }

Location location_of(const Target& target) {
  Location location;
  location.name = target.name;
  location.format = target.format;
  location.folder = target.folder;
  location.display = target.display();
  return location;
}

// What will be, or is, the configuration of the output: the file beside it, or what is known where there is none.
TextFile target_config(const Job& job, const Target& target, bool written) {
  std::error_code ignored;
  const fs::path beside = target.folder / target.config_name();
  const bool there = written || !job.has_config;  // otherwise it is another model's, to be replaced
  if (!target.bare && there && fs::is_regular_file(beside, ignored)) return read_text_file(beside);
  const Mapping& mapping = Mapping::builtin(job.binding->family);
  return {"what is known of " + target.display(),
          mapping.config_file(*job.binding, target.resolved_dialect(), DType::f32, std::nullopt)};
}

// The output as a model of its own: its names are bound anew.
Model target_model(const Job& job, const Target& target, std::shared_ptr<const Reader> output, bool written) {
  return model_of(location_of(target), std::move(output),
                  {.family = job.binding->family, .kin = {}, .config = target_config(job, target, written)});
}

}  // namespace

std::string why_not_run(const Job& job, const Target& target) {
  if (!job.binding) return "its names are kept, and no model family is known";
  const std::string to = target.resolved_dialect();
  for (const std::string& dialect : {job.binding->dialect, to}) {
    if (!can_run(job.binding->family, dialect))
      return fmt::format("there is no forward graph for {} in dialect {}", job.binding->family, dialect);
  }
  try {
    static_cast<void>(
        outputs::limits_of(source_model(job), target_model(job, target, view(job.plan, {job.source}), false)));
  } catch (const Error& error) {
    // A size that nothing tells, or a model without a graph. Whatever else is wrong is wrong with the conversion.
    if (error.code() != Errc::unsupported && error.code() != Errc::unmapped) throw;
    return error.what();
  }
  return {};
}

OutputsProof run_both(const Job& job, const Target& target, std::shared_ptr<const Reader> output,
                      const OutputsOptions& options) {
  const Model first = source_model(job), second = target_model(job, target, std::move(output), true);
  OutputsOptions with_inputs = options;
  with_inputs.inputs = own_inputs(first, second, job.location, location_of(target), options.longest);
  return prove_outputs(first, second, with_inputs);
}

std::string summary(const OutputsProof& proof) { return "run: " + outputs::summary(proof); }

std::vector<std::string> remarks(const OutputsProof& proof) { return outputs::remark_lines(proof); }

void print_failure(const OutputsProof& proof) {
  for (const std::string& line : outputs::report_lines(proof)) say(fmt::format("  {}", line));
}

Json json_of(const OutputsProof& proof) { return outputs::to_json(proof); }

#else

std::string why_not_run(const Job&, const Target&) { return "this program was built without -DTRANSLOAD_PROOF"; }

OutputsProof run_both(const Job& job, const Target& target, std::shared_ptr<const Reader>, const OutputsOptions&) {
  throw Error(Errc::unsupported, why_not_run(job, target));
}

std::string summary(const OutputsProof&) { return {}; }
std::vector<std::string> remarks(const OutputsProof&) { return {}; }
void print_failure(const OutputsProof&) {}
Json json_of(const OutputsProof&) { return {}; }

#endif

}  // namespace transload::cli
