// What lies beside the weights of a model: configuration, vocabulary, tokenizer, licence, model card.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transload/format.h"
#include "transload/run.h"

namespace transload::cli {

// A small text file, by the name it has for messages.
struct TextFile {
  std::string name, text;
};

// At most 64 MiB; Errc::io, Errc::unsupported as open_file().
TextFile read_text_file(const fs::path& path);
// The file of this name in the checkpoint's folder; nullopt when there is none. Only the checkpoint was named by the
// user, so that a link is followed no further than open_confined_folder() does.
std::optional<TextFile> read_beside(const Location& location, std::string_view name);

// The configuration beside a checkpoint: config.json, or bert_config.json, which goes first for a TensorFlow
// checkpoint; for X.params, whatever its format, first X.json, if it is a configuration; for X.safetensors and X.npz
// last. A configuration that is for another model than its neighbour's weights is found out by its sizes.
std::optional<TextFile> find_config(const Location& location);

// Files of `location`'s folder that the target reads too: vocab.txt for Hugging Face and Google's code, the tokenizer's
// files for Hugging Face, X.vocab for GluonNLP, named after the target's weights `target_name`. `with_papers`: licence
// and model card as well.
std::vector<Sidecar> carried_files(const Location& location, std::string_view to_dialect, std::string_view target_name,
                                   bool with_papers);

// The names that these have in the target.
std::vector<std::string> carried_names(std::string_view to_dialect, std::string_view target_name);

// Marks those that stand in `folder` already with the same bytes; leaves out papers whose name is taken by others.
std::vector<Sidecar> still_needed(std::vector<Sidecar> sidecars, const fs::path& folder);

}  // namespace transload::cli
