#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/text.h"
#include "mapping/config.h"
#include "transload/error.h"
#include "wire/json.h"

namespace transload::mapping {
namespace {

using wire::Json;

// As json.dumps(sort_keys=True) orders them: by code point; id2label by number, because its keys are integers there.
Json sorted(const Json& value, bool numbers = false) {
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& item : value) list.push_back(sorted(item));
    return list;
  }
  if (!value.is_object()) return value;
  std::vector<std::pair<std::string, Json>> entries;
  for (const auto& [key, item] : value.items()) entries.emplace_back(key, sorted(item, key == "id2label"));
  std::sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
    if (numbers && a.first.size() != b.first.size()) return a.first.size() < b.first.size();
    return a.first < b.first;
  });
  Json object = Json::object();
  auto& ordered = static_cast<std::vector<std::pair<const std::string, Json>>&>(object.get_ref<Json::object_t&>());
  for (auto& [key, item] : entries) ordered.emplace_back(key, std::move(item));
  return object;
}

class ConfigWriter {
 public:
  ConfigWriter(const Family& family, const Binding& binding, std::size_t dialect)
      : family_(family), binding_(binding), dialect_(dialect), form_(family.config_files[dialect]) {}

  // The source's own file: what it says beside the known keys is kept when it is of the same dialect.
  void start_from(const std::optional<std::string>& base) {
    if (base) {
      const ReadConfig read = read_config(family_, *base, "the source's configuration");
      wanted_ = read.classes;
      if (read.dialect == dialect_) {
        out_ = wire::parse_json(*base, "the source's configuration");
        for (const std::string& key : form_.leave) out_.erase(key);
        return;
      }
    }
    out_ = wire::parse_json(form_.constants, "constants");
  }

  void add_keys() {
    std::vector<std::string> missing;
    for (const ConfigKey& key : family_.config) {
      const ConfigCell& cell = key.cells[dialect_];
      if (cell.key.empty()) continue;
      const auto known = binding_.config.find(key.name);
      if (known != binding_.config.end()) {
        if (!(cell.omit && cell.preset == known->second && !out_.contains(cell.key))) {
          put(cell.key, spelt(key, cell, known->second));
        }
      } else if (key.required || !cell.preset) {
        missing.push_back(missing_key(key, cell));
      } else if (!cell.omit && !out_.contains(cell.key)) {
        out_[cell.key] = wire::parse_json(*cell.preset, "default");
      }
    }
    for (const auto& [key, other] : form_.same) {
      if (out_.contains(other)) out_[key] = out_[other];
    }
    add_agreed(missing);
    if (!missing.empty()) {
      throw Error(Errc::unmapped,
                  fmt::format("the tensors do not show {}, which the configuration of {} needs",
                              fmt::join(missing, ", "), family_.dialects[dialect_].title),
                  {}, "give the model's own configuration file with --config F");
    }
  }

  void add_class(DType dtype) {
    if (!form_.dtype.empty()) {
      const auto own =
          std::find_if(form_.dtype.begin(), form_.dtype.end(), [&](const auto& key) { return out_.contains(key); });
      out_[own == form_.dtype.end() ? form_.dtype.front() : *own] = std::string(name(dtype));
    }
    if (form_.classes.empty()) return;
    if (std::vector<std::string> named = known_classes(binding_); !named.empty()) wanted_ = std::move(named);
    const ChosenClass chosen = choose_class(family_, binding_, wanted_);
    if (chosen.model == nullptr) {
      out_.erase(form_.classes);
      return;
    }
    out_[form_.classes] = Json::array({chosen.model->name});
    add_labels(*chosen.model);
  }

  std::string text() const {
    const Json all = sorted(out_);
    if (form_.order.empty()) return all.dump(2, ' ', true) + "\n";
    Json ordered = Json::object();
    for (const std::string& key : form_.order) {
      if (all.contains(key)) ordered[key] = all[key];
    }
    for (const auto& [key, value] : all.items()) {
      if (!ordered.contains(key)) ordered[key] = value;
    }
    return ordered.dump(2, ' ', true) + "\n";
  }

 private:
  // Two keys of ours may be one of the dialect's: the first that is known is written.
  void put(const std::string& key, Json value) {
    if (written_.insert(key).second) out_[key] = std::move(value);
  }

  // As the target calls it, and as the source would.
  std::string missing_key(const ConfigKey& key, const ConfigCell& cell) const {
    const auto from = family_.dialect_index(binding_.dialect);
    const std::string own = from ? key.cells[*from].key : "";
    if (own.empty() || own == cell.key) return fmt::format("\"{}\"", cell.key);
    return fmt::format("\"{}\" (\"{}\" for {})", cell.key, own, family_.dialects[*from].title);
  }

  Json spelt(const ConfigKey& key, const ConfigCell& cell, const std::string& value) const {
    const auto& spellings = key.spellings[dialect_];
    Json json = wire::parse_json(value, key.name);
    if (cell.plus != 0) json = json.get<std::int64_t>() + cell.plus;
    if (spellings.empty() || !json.is_string()) return json;
    const auto found = spellings.find(json.get<std::string>());
    if (found == spellings.end()) {
      throw Error(Errc::unsupported,
                  fmt::format("{} has no \"{}\" {}", family_.dialects[dialect_].title, cell.key, value), {},
                  fmt::format("it has {}; if the model computes one of these, say so with --config F",
                              fmt::join(spellings_of(key, dialect_), ", ")));
    }
    return found->second;
  }

  // Where a part says that a key has one of some values, its preset may not stand in for it.
  void add_agreed(std::vector<std::string>& missing) const {
    for (const Agreement& agreement : family_.agreements) {
      const std::string& part = family_.parts[agreement.part].name;
      if (std::find(binding_.parts.begin(), binding_.parts.end(), part) == binding_.parts.end()) continue;
      const ConfigCell& cell = family_.config_key(agreement.key)->cells[dialect_];
      if (!cell.key.empty() && !binding_.config.contains(agreement.key))
        missing.push_back(fmt::format("\"{}\"", cell.key));
    }
  }

  // transformers writes the labels unless there are two, its default.
  void add_labels(const Model& model) {
    const bool has_head = std::any_of(model.parts.begin(), model.parts.end(), [&](std::size_t part) {
      return std::any_of(family_.parameters.begin(), family_.parameters.end(), [&](const Parameter& parameter) {
        return parameter.part == part &&
               std::any_of(parameter.axes.begin(), parameter.axes.end(),
                           [&](const auto& axis) { return axis.second.name == form_.labels; });
      });
    });
    const auto count = binding_.config.find(std::string(1, form_.labels));
    if (form_.labels == 0 || !has_head || model.dims.contains(form_.labels) || count == binding_.config.end()) return;
    const std::size_t labels = std::stoull(count->second);
    const auto own = out_.find("id2label");
    if (own != out_.end() ? own->is_object() && own->size() == labels : labels == 2) return;
    Json names = Json::object(), numbers = Json::object();
    for (std::size_t i = 0; i < labels; ++i) {
      names.get_ref<Json::object_t&>().push_back({std::to_string(i), fmt::format("LABEL_{}", i)});
      numbers.get_ref<Json::object_t&>().push_back({fmt::format("LABEL_{}", i), i});
    }
    out_["id2label"] = std::move(names);
    out_["label2id"] = std::move(numbers);
  }

  const Family& family_;
  const Binding& binding_;
  std::size_t dialect_;
  const ConfigFile& form_;
  std::vector<std::string> wanted_;
  std::set<std::string> written_;  // keys
  Json out_;
};

}  // namespace

std::string write_config(const Family& family, const Binding& binding, std::string_view dialect, DType dtype,
                         const std::optional<std::string>& base) {
  const auto index = family.dialect_index(dialect);
  if (!index) throw Error(Errc::usage, fmt::format("family '{}' has no dialect '{}'", family.name, shortened(dialect)));
  ConfigWriter writer(family, binding, *index);
  writer.start_from(base);
  writer.add_keys();
  writer.add_class(dtype);
  return writer.text();
}

}  // namespace transload::mapping
