// generation_config.json: what transformers writes beside the configuration of a model that generates text.
#pragma once

#include <optional>
#include <string_view>

#include "transload/format.h"
#include "transload/run.h"

namespace transload::cli {

// The file for a model with this config.json, as save_pretrained of transformers 4.38 writes it, without
// "transformers_version". The source's own file, where it has one beside its weights, is carried over. Empty where the
// class in "architectures" does not generate, or is not known.
std::optional<Sidecar> generation_config(const Location& source, std::string_view config_json);

}  // namespace transload::cli
