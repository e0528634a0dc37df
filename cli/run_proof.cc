#include "run_proof.h"

#include <fmt/format.h>

#include "model_side.h"
#ifdef TRANSLOAD_PROOF
#include "outputs/inputs.h"
#include "outputs/report.h"
#endif

namespace transload::cli {

#ifdef TRANSLOAD_PROOF
namespace {

Model source_model(const Job& job) { return model_of(job.location, job.source, *job.binding, job.config); }

// The output as a model of its own: its names are bound anew, and its configuration is the file that lies beside it.
Model target_model(const Job& job, const Target& target, std::shared_ptr<const Reader> output) {
  Location location;
  location.name = target.name;
  location.format = target.format;
  location.folder = target.folder;
  location.display = target.display();
  ModelOptions options{.family = job.binding->family, .kin = {}, .config = {}};
  std::error_code ignored;
  const fs::path beside = target.folder / target.config_name();
  if (job.has_config && fs::is_regular_file(beside, ignored)) {
    options.config = read_text_file(beside);
  } else {
    const Mapping& mapping = Mapping::builtin(job.binding->family);
    options.config = {"what is known of " + target.display(),
                      mapping.config_file(*job.binding, target.resolved_dialect(), DType::f32, std::nullopt)};
  }
  return model_of(location, std::move(output), options);
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
    Job planned = job;
    planned.has_config = false;  // it is not written yet
    static_cast<void>(
        outputs::limits_of(source_model(job), target_model(planned, target, view(job.plan, {job.source}))));
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

OutputsProof run_both(const Job& job, const Target& target, std::shared_ptr<const Reader> output,
                      const OutputsOptions& options) {
  return prove_outputs(source_model(job), target_model(job, target, std::move(output)), options);
}

std::string summary(const OutputsProof& proof) { return "run: " + outputs::summary(proof); }

void print_failure(const OutputsProof& proof) {
  for (const std::string& line : outputs::report_lines(proof)) fmt::print(stderr, "  {}\n", line);
}

Json json_of(const OutputsProof& proof) { return outputs::to_json(proof); }

#else

std::string why_not_run(const Job&, const Target&) { return "this program was built without -DTRANSLOAD_PROOF"; }

OutputsProof run_both(const Job& job, const Target& target, std::shared_ptr<const Reader>, const OutputsOptions&) {
  throw Error(Errc::unsupported, why_not_run(job, target));
}

std::string summary(const OutputsProof&) { return {}; }
void print_failure(const OutputsProof&) {}
Json json_of(const OutputsProof&) { return {}; }

#endif

}  // namespace transload::cli
