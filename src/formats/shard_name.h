// Shards that count themselves: "model-00001-of-00003.safetensors".
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace transload {

struct ShardName {
  std::string_view stem;       // "model"
  std::uint32_t number = 0;    // 1
  std::uint32_t count = 0;     // 3
  std::string_view extension;  // ".safetensors"

  bool same_set(const ShardName& other) const {
    return stem == other.stem && count == other.count && extension == other.extension;
  }
};

// nullopt for any other name. Sets with other names are as good: what counts is the index. The result looks into
// `name`, which must therefore outlive it.
std::optional<ShardName> parse_shard_name(std::string_view name) noexcept;
template <std::same_as<std::string> T>
std::optional<ShardName> parse_shard_name(T&& temporary) = delete;

}  // namespace transload
