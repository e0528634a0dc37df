// One side of the proof by running both models: which family, dialect and configuration a checkpoint has.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sidecars.h"
#include "transload/mapping.h"
#include "transload/prove_outputs.h"

namespace transload::cli {

struct ModelOptions {
  std::string family;              // empty: found from names and configuration
  std::string kin;                 // a family to take where the names are of several, such as the other side's
  std::optional<TextFile> config;  // in any dialect's keys; wins over what lies beside the weights
};

// Binds the names, so that an unknown or missing tensor is an error (Errc::unmapped), and finds what stands before
// them. A configuration file in the dialect's own keys is taken as it is; one of another dialect is translated, and
// where there is none, it is made of the sizes and of what published models have. What is then not known is
// Errc::unmapped.
Model model_of(const Location& location, std::shared_ptr<const Reader> reader, const ModelOptions& options);

// The same where the names are bound already; what the binding drops is hidden from the graph. `config`: the file that
// they were bound with.
Model model_of(const Location& location, std::shared_ptr<const Reader> reader, const Binding& binding,
               const std::optional<TextFile>& config);

}  // namespace transload::cli
