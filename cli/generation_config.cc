#include "generation_config.h"

#include <algorithm>
#include <array>
#include <map>

#include "output.h"
#include "sidecars.h"
#include "wire/json.h"

namespace transload::cli {
namespace {

constexpr std::string_view kName = "generation_config.json";

// Classes of the BERT family for which transformers 4.37 and 4.38 answer can_generate() with True.
constexpr std::array<std::string_view, 3> kGenerating{"BertLMHeadModel", "BertForMaskedLM", "RobertaForCausalLM"};

// The parameters of transformers' GenerationConfig (4.37, 4.38) with their defaults: what differs is written.
constexpr std::string_view kDefaults = R"({
  "bad_words_ids": null, "begin_suppress_tokens": null, "bos_token_id": null, "constraints": null,
  "decoder_start_token_id": null, "diversity_penalty": 0.0, "do_sample": false, "early_stopping": false,
  "encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0, "eos_token_id": null, "epsilon_cutoff": 0.0,
  "eta_cutoff": 0.0, "exponential_decay_length_penalty": null, "force_words_ids": null, "forced_bos_token_id": null,
  "forced_decoder_ids": null, "forced_eos_token_id": null, "generation_kwargs": {}, "guidance_scale": null,
  "length_penalty": 1.0, "low_memory": null, "max_length": 20, "max_new_tokens": null, "max_time": null,
  "min_length": 0, "min_new_tokens": null, "no_repeat_ngram_size": 0, "num_assistant_tokens": 5,
  "num_assistant_tokens_schedule": "heuristic", "num_beam_groups": 1, "num_beams": 1, "num_return_sequences": 1,
  "output_attentions": false, "output_hidden_states": false, "output_scores": false, "pad_token_id": null,
  "penalty_alpha": null, "prompt_lookup_num_tokens": null, "remove_invalid_values": false, "renormalize_logits": false,
  "repetition_penalty": 1.0, "return_dict_in_generate": false, "sequence_bias": null, "suppress_tokens": null,
  "temperature": 1.0, "top_k": 50, "top_p": 1.0, "typical_p": 1.0, "use_cache": true
})";

// What the configuration classes of transformers say where config.json says nothing.
constexpr std::string_view kOfModel = R"({
  "bert": {"pad_token_id": 0},
  "roberta": {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
})";

bool generates(const Json& config) {
  const auto classes = config.find("architectures");
  return classes != config.end() && classes->is_array() && std::ranges::any_of(*classes, [](const Json& name) {
           return name.is_string() && std::ranges::count(kGenerating, name.get<std::string>()) > 0;
         });
}

// Sorted by key, in the layout of json.dumps(indent=2).
Sidecar file_of(const std::map<std::string, Json>& values) {
  Json sorted = Json::object();
  for (const auto& [key, value] : values) sorted[key] = value;
  return {std::string(kName), sorted.dump(2, ' ', true) + "\n"};
}

}  // namespace

std::optional<Sidecar> generation_config(const Location& source, std::string_view config_json) {
  const Json config = wire::parse_json(config_json, "config.json");
  if (!config.is_object() || !generates(config)) return std::nullopt;
  std::map<std::string, Json> values;

  if (const std::optional<TextFile> own = read_beside(source, kName)) {
    const Json json = wire::parse_json(own->text, own->name);
    if (!json.is_object()) {
      throw Error(Errc::corrupt, "is no JSON object", {.file = own->name, .offset = {}, .tensor = {}});
    }
    for (const auto& [key, value] : json.items()) values[key] = value;
    values.erase("transformers_version");
    return file_of(values);
  }

  values["_from_model_config"] = true;
  const Json presets = Json::parse(kDefaults), of_models = Json::parse(kOfModel);
  const auto named = config.find("model_type");
  const std::string type = named != config.end() && named->is_string() ? named->get<std::string>() : "";
  for (const auto& [key, preset] : presets.items()) {
    Json value = preset;
    if (of_models.contains(type) && of_models[type].contains(key)) value = of_models[type][key];
    if (config.contains(key)) value = config[key];
    if (value != preset) values[key] = value;
  }
  return file_of(values);
}

}  // namespace transload::cli
