// The file that says which shard holds which tensor: model.safetensors.index.json, pytorch_model.bin.index.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace transload {

inline constexpr std::uint64_t kMaxShardIndex = 100'000'000;  // bytes; one with 70,000 tensors has 7 million

struct ShardIndex {
  struct Placed {
    std::string tensor, shard;
  };
  std::vector<Placed> weight_map;           // in the order of the text
  std::optional<std::uint64_t> total_size;  // what the writer believed all tensors together to take
};

// {"metadata": {"total_size": N, ...}, "weight_map": {TENSOR: FILE, ...}}. Errc::corrupt unless weight_map is there,
// maps strings to strings and is not empty, and every file is one plain name beside the index: without a separator of
// any system, a drive or a NUL. Other keys are skipped.
ShardIndex parse_shard_index(std::string_view json, const std::string& file);

// The extension that all shards share: ".safetensors", ".bin", ".pt" or ".pth". It is the index's own where that shows
// it ("X.bin.index.json"). Errc::corrupt when a shard has another one.
std::string_view shard_extension(const ShardIndex& index, std::string_view index_name, const std::string& file);

}  // namespace transload
