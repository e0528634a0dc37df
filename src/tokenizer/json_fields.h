// Fields of a JSON object, refused with the file's name where they are not of the wanted kind.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/json.h"

namespace transload::tokenizer {

class Fields {
 public:
  // Errc::corrupt where `json` is no object. `what` names it in messages. Keeps a reference to all three.
  Fields(const wire::Json& json, std::string_view what, const std::string& file);

  // The value of `key`; null where it is null or not there.
  const wire::Json* find(std::string_view key) const;
  const wire::Json& at(std::string_view key) const;  // Errc::corrupt where it is not there
  bool flag(std::string_view key, std::optional<bool> otherwise = std::nullopt) const;
  std::string text(std::string_view key, std::optional<std::string> otherwise = std::nullopt) const;
  const wire::Json& array(std::string_view key) const;

  const std::string& file() const noexcept { return file_; }
  [[noreturn]] void corrupt(std::string_view message) const;
  [[noreturn]] void unsupported(std::string_view message) const;

 private:
  const wire::Json& json_;
  std::string_view what_;
  const std::string& file_;
};

}  // namespace transload::tokenizer
