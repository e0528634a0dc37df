#include "forward/settings.h"

#include <fmt/format.h>

#include <cmath>

#include "transload/error.h"
#include "wire/json.h"

namespace transload::forward {
using wire::Json;

struct Settings::Rep {
  std::string file;
  Json values = Json::object();

  const Json* find(std::string_view key) const {
    const auto found = values.find(std::string(key));
    return found == values.end() || found->is_null() ? nullptr : &*found;
  }
  Where where() const { return {.file = file, .offset = {}, .tensor = {}}; }
  [[noreturn]] void wrong_kind(std::string_view key, std::string_view wanted) const {
    throw Error(Errc::mismatch, fmt::format("\"{}\" is not {}", key, wanted), where());
  }
};

Settings::Settings(const Model& model) {
  auto rep = std::make_unique<Rep>();
  rep->file = model.config_name.empty() ? "the configuration" : model.config_name;
  if (!model.config_json.empty()) rep->values = wire::parse_json(model.config_json, rep->file);
  if (!rep->values.is_object()) throw Error(Errc::mismatch, "a configuration is a JSON object", rep->where());
  rep_ = std::move(rep);
}

Settings::~Settings() = default;

bool Settings::has(std::string_view key) const { return rep_->values.contains(std::string(key)); }

std::optional<std::int64_t> Settings::integer(std::string_view key) const {
  const Json* value = rep_->find(key);
  if (value == nullptr) return std::nullopt;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() < kMost) return value->get<std::int64_t>();
  if (value->is_number_integer() && !value->is_number_unsigned()) return value->get<std::int64_t>();
  rep_->wrong_kind(key, "a whole number");
}

std::optional<double> Settings::number(std::string_view key) const {
  const Json* value = rep_->find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) rep_->wrong_kind(key, "a number");
  return value->get<double>();
}

std::optional<std::string> Settings::text(std::string_view key) const {
  const Json* value = rep_->find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) rep_->wrong_kind(key, "a text");
  return value->get<std::string>();
}

std::optional<bool> Settings::flag(std::string_view key) const {
  const Json* value = rep_->find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) rep_->wrong_kind(key, "true or false");
  return value->get<bool>();
}

std::vector<std::string> Settings::texts(std::string_view key) const {
  std::vector<std::string> found;
  const Json* value = rep_->find(key);
  if (value == nullptr) return found;
  if (!value->is_array()) rep_->wrong_kind(key, "a list");
  for (const Json& element : *value) {
    if (element.is_string()) found.push_back(element.get<std::string>());
  }
  return found;
}

std::string Settings::named(std::string_view key) const { return fmt::format("\"{}\" of {}", key, rep_->file); }

void Settings::must_be(std::string_view key, std::int64_t value) const {
  const std::optional<std::int64_t> said = integer(key);
  if (!said || *said == value) return;
  throw Error(Errc::mismatch, fmt::format("\"{}\" is {}, and the tensors say {}", key, *said, value), rep_->where(),
              "give the configuration that belongs to these weights");
}

std::int64_t Settings::heads(std::string_view key, std::int64_t hidden) const {
  const std::optional<std::int64_t> heads = integer(key);
  if (!heads) {
    throw Error(Errc::unmapped, fmt::format("the number of attention heads is not known: no \"{}\"", key),
                rep_->where(), fmt::format("give a configuration with \"{}\" (--config)", key));
  }
  if (*heads <= 0 || hidden % *heads != 0) {
    throw Error(Errc::mismatch, fmt::format("\"{}\" is {}, which does not divide the width of {}", key, *heads, hidden),
                rep_->where());
  }
  return *heads;
}

std::optional<double> Settings::epsilon(std::string_view key) const {
  const std::optional<double> value = number(key);
  if (value && !(*value >= 0.0 && std::isfinite(*value))) rep_->wrong_kind(key, "a small positive number");
  return value;
}

void Settings::refuse(std::string_view why) const { throw Error(Errc::unsupported, why, rep_->where()); }

}  // namespace transload::forward
