// The number that torch.save writes into .data/serialization_id: a fingerprint of the names and checksums.
// PyTorch only logs it. It is computed here as PyTorch 2.13 built with GCC's standard library computes it
// (caffe2/serialize/inline_container.cc), whatever library this program is built with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace transload::torch {

// std::hash<std::string> of libstdc++ on 64 bits: MurmurHash64A with its seed.
std::uint64_t libstdcxx_hash(std::string_view text) noexcept;

// The order in which libstdc++ iterates over a std::unordered_set into which keys of these hashes were inserted one by
// one, as positions in `hashes`. The keys are distinct.
std::vector<std::size_t> libstdcxx_set_order(std::span<const std::uint64_t> hashes);

// 40 digits. `names`: of all records before it, without the archive's folder. `crcs`: of those that are not empty. All
// in the order of the file.
std::string serialization_id(std::span<const std::string_view> names, std::span<const std::uint32_t> crcs);

}  // namespace transload::torch
