#include "model_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "output.h"
#include "transload/error.h"

namespace transload::cli {
namespace {

Where at(const Location& location) { return {.file = location.display, .offset = {}, .tensor = {}}; }

// The dialect whose keys a configuration has: "gluon", "hf", or "tf1" for Google's, whose keys are all HF's, too.
std::string keys_of(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return {};
  const auto has_any = [&](std::initializer_list<const char*> keys) {
    return std::ranges::any_of(keys, [&](const char* key) { return json.contains(key); });
  };
  if (has_any({"num_layers", "num_heads", "units"})) return "gluon";
  if (has_any({"model_type", "architectures", "transformers_version", "layer_norm_eps", "torch_dtype", "dtype"}))
    return "hf";
  return "tf1";
}

// transformers reads Google's file as its own.
bool is_own(const std::string& keys, const std::string& dialect) {
  return keys == dialect || (keys == "tf1" && dialect == "hf");
}

Detected detected_of(const Location& location, const Reader& reader, const ModelOptions& options,
                     const std::optional<TextFile>& config) {
  DetectOptions detect_options;
  detect_options.family = options.family;
  if (config) detect_options.config_json = config->text;
  Detected detected = detect(reader.index(), detect_options);
  if (!detected.undecided.empty()) {
    // They have the same names, and so the same graph: which of them it is matters to a mapping only.
    const auto& all = detected.undecided;
    detect_options.family = std::ranges::find(all, options.kin) != all.end() ? options.kin : all.front();
    detected = detect(reader.index(), detect_options);
  }
  if (!detected.family.empty()) return detected;
  std::string known;
  for (const std::string_view family : builtin_families())
    known += fmt::format("{}{}", known.empty() ? "" : ", ", family);
  throw Error(Errc::unmapped,
              options.family.empty() ? fmt::format("its tensors are of no model family that is known ({})", known)
                                     : fmt::format("its tensors are not those of the family '{}'", options.family),
              at(location), "transload inspect lists what is there");
}

// A checkpoint without some of its tensors. A graph goes by the names that are there: one that was dropped would be
// taken for another layer, another model or a head.
class Without final : public Reader {
 public:
  Without(std::shared_ptr<const Reader> whole, const std::vector<Drop>& drops) : whole_(std::move(whole)) {
    std::unordered_set<std::string_view> hidden;
    for (const Drop& drop : drops) hidden.insert(drop.tensor);
    const Index& from = whole_->index();
    index_.format = from.format;
    index_.files = from.files;
    index_.storages = from.storages;
    index_.metadata = from.metadata;
    index_.notes = from.notes;
    index_.left_out = from.left_out;
    for (const TensorInfo& tensor : from.tensors) {
      if (!hidden.contains(tensor.name)) index_.tensors.push_back(tensor);
    }
    index_.seal();
  }
  const Index& index() const noexcept override { return index_; }
  void read(std::uint32_t storage, std::uint64_t offset, MutableByteView out) const override {
    whole_->read(storage, offset, out);
  }
  Bytes view(std::uint32_t storage) const override { return whole_->view(storage); }

 private:
  std::shared_ptr<const Reader> whole_;
  Index index_;
};

std::string prefix_of(const Binding& binding) {
  std::string prefix = binding.container.empty() ? "" : binding.container + "/";
  prefix += binding.prefix;
  // GluonNLP's graph reads names from the model's own block on; the others' names have their root in them.
  if (binding.dialect == "gluon") prefix += binding.root;
  return prefix;
}

}  // namespace

Model model_of(const Location& location, std::shared_ptr<const Reader> reader, const Binding& binding,
               const std::optional<TextFile>& config) {
  if (!binding.drops.empty()) reader = std::make_shared<Without>(std::move(reader), binding.drops);
  Model model{std::move(reader), location.display, binding.family, binding.dialect, prefix_of(binding), {}, {}};
  if (config) {
    model.config_name = config->name;
    if (is_own(keys_of(config->text), binding.dialect)) {
      model.config_json = config->text;
      return model;
    }
  }
  try {
    model.config_json =
        Mapping::builtin(binding.family).config_file(binding, binding.dialect, DType::f32, std::nullopt);
  } catch (Error& error) {
    error.in(at(location));
    throw error.advise("give its configuration with --config F (of the second model: --config-b F)");
  }
  if (model.config_name.empty()) model.config_name = fmt::format("what is known of {}", location.display);
  return model;
}

Model model_of(const Location& location, std::shared_ptr<const Reader> reader, const ModelOptions& options) {
  const std::optional<TextFile> config = options.config ? options.config : find_config(location);
  const Detected detected = detected_of(location, *reader, options, config);
  BindOptions bind;
  bind.dialect = detected.dialect;
  if (config) {
    bind.config_json = config->text;
    bind.config_name = config->name;
  }
  try {
    const Binding binding = Mapping::builtin(detected.family).bind(reader->index(), bind);
    return model_of(location, std::move(reader), binding, config);
  } catch (Error& error) {
    throw error.in(at(location));
  }
}

}  // namespace transload::cli
