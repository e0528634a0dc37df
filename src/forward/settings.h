// What a model's configuration says, in its dialect's own keys.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transload/prove_outputs.h"

namespace transload::forward {

// A JSON object; an empty text is an empty one. A key whose value is null counts as absent. Errc::mismatch for a value
// of another kind than the one asked for, with the configuration's name.
class Settings {
 public:
  explicit Settings(const Model& model);
  ~Settings();
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  bool has(std::string_view key) const;  // also with null
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;  // of an array; others are left out

  std::string named(std::string_view key) const;  // "\"layer_norm_eps\" of config.json"
  // Errc::mismatch when the key is there and says another number than the tensors do.
  void must_be(std::string_view key, std::int64_t value) const;
  // The number of heads: Errc::unmapped when the key is absent, Errc::mismatch when it does not divide `hidden`.
  std::int64_t heads(std::string_view key, std::int64_t hidden) const;
  // An epsilon: positive.
  std::optional<double> epsilon(std::string_view key) const;
  // Errc::unsupported, with the configuration's name.
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  struct Rep;
  std::unique_ptr<const Rep> rep_;
};

}  // namespace transload::forward
