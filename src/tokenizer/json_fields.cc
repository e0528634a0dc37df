#include "tokenizer/json_fields.h"

#include <fmt/format.h>

#include "transload/error.h"

namespace transload::tokenizer {

Fields::Fields(const wire::Json& json, std::string_view what, const std::string& file)
    : json_(json), what_(what), file_(file) {
  if (!json.is_object()) corrupt("is no object");
}

const wire::Json* Fields::find(std::string_view key) const {
  const auto found = json_.find(std::string(key));
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

const wire::Json& Fields::at(std::string_view key) const {
  const wire::Json* value = find(key);
  if (value == nullptr) corrupt(fmt::format("lacks '{}'", key));
  return *value;
}

bool Fields::flag(std::string_view key, std::optional<bool> otherwise) const {
  const wire::Json* value = find(key);
  if (value == nullptr && otherwise) return *otherwise;
  if (!at(key).is_boolean()) corrupt(fmt::format("'{}' is neither true nor false", key));
  return value->get<bool>();
}

std::string Fields::text(std::string_view key, std::optional<std::string> otherwise) const {
  const wire::Json* value = find(key);
  if (value == nullptr && otherwise) return *otherwise;
  if (!at(key).is_string()) corrupt(fmt::format("'{}' is no text", key));
  return value->get<std::string>();
}

const wire::Json& Fields::array(std::string_view key) const {
  const wire::Json& value = at(key);
  if (!value.is_array()) corrupt(fmt::format("'{}' is no list", key));
  return value;
}

void Fields::corrupt(std::string_view message) const {
  throw Error(Errc::corrupt, fmt::format("the {} {}", what_, message), {.file = file_, .offset = {}, .tensor = {}});
}

void Fields::unsupported(std::string_view message) const {
  throw Error(Errc::unsupported, fmt::format("the {} {}", what_, message), {.file = file_, .offset = {}, .tensor = {}});
}

}  // namespace transload::tokenizer
