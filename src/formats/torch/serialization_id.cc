#include "formats/torch/serialization_id.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "transload/error.h"

namespace transload::torch {
namespace {

// boost::hash_combine, as PyTorch's c10/util/hash.h has it.
std::uint64_t combine(std::uint64_t seed, std::uint64_t value) {
  return seed ^ (value + 0x9E3779B9 + (seed << 6) + (seed >> 2));
}

// How many buckets a set has that grew element by element (libstdc++'s _Prime_rehash_policy).
constexpr std::array<std::uint64_t, 24> kBuckets{
    1,     13,    29,     59,     127,    257,     541,     1109,    2357,     5087,     10273,    20753,
    42043, 85229, 172933, 351061, 712697, 1447153, 2938679, 5967347, 12117689, 24607243, 49969847, 0};

constexpr std::size_t kNone = SIZE_MAX;

// libstdc++'s hash table: one singly linked list of all nodes, in which those of a bucket stand together; a bucket
// knows the node before its first. A key whose bucket is empty goes to the head of the list, any other one behind that
// node. Node n is the key n - 1; node 0 stands before the first.
class Set {
 public:
  explicit Set(std::span<const std::uint64_t> hashes) : hashes_(hashes), next_(hashes.size() + 1, kNone) {
    for (std::size_t node = 1; node <= hashes.size(); ++node) {
      if (size_ + 1 > buckets_.size() || buckets_.size() == 1) grow();
      insert(node);
      ++size_;
    }
  }
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> keys;
    for (std::size_t node = next_[0]; node != kNone; node = next_[node]) keys.push_back(node - 1);
    return keys;
  }

 private:
  std::size_t bucket(std::size_t node) const { return hashes_[node - 1] % buckets_.size(); }

  void insert(std::size_t node) {
    std::size_t& before = buckets_[bucket(node)];
    if (before != kNone) {
      next_[node] = next_[before];
      next_[before] = node;
      return;
    }
    next_[node] = next_[0];
    next_[0] = node;
    before = 0;
    if (next_[node] != kNone) buckets_[bucket(next_[node])] = node;
  }

  void grow() {
    do {
      ++step_;
    } while (kBuckets[step_] != 0 && kBuckets[step_] < size_ + 1);
    if (kBuckets[step_] == 0) throw Error(Errc::unsupported, "too many tensors for one file");
    buckets_.assign(kBuckets[step_], kNone);
    std::size_t node = next_[0];
    next_[0] = kNone;
    while (node != kNone) {
      const std::size_t following = next_[node];
      insert(node);
      node = following;
    }
  }

  std::span<const std::uint64_t> hashes_;
  std::vector<std::size_t> next_, buckets_{kNone};
  std::size_t size_ = 0, step_ = 0;
};

}  // namespace

std::uint64_t libstdcxx_hash(std::string_view text) noexcept {
  constexpr std::uint64_t kMultiplier = 0xC6A4A7935BD1E995;
  const auto mixed = [](std::uint64_t value) { return value ^ (value >> 47); };
  const auto word = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, text.data() + at, bytes);
    return value;
  };
  std::uint64_t hash = 0xC70F6907 ^ (text.size() * kMultiplier);
  const std::size_t whole = text.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) {
    hash = (hash ^ mixed(word(at, 8) * kMultiplier) * kMultiplier) * kMultiplier;
  }
  if (whole != text.size()) hash = (hash ^ word(whole, text.size() - whole)) * kMultiplier;
  return mixed(mixed(hash) * kMultiplier);
}

std::vector<std::size_t> libstdcxx_set_order(std::span<const std::uint64_t> hashes) { return Set(hashes).order(); }

std::string serialization_id(std::span<const std::string_view> names, std::span<const std::uint32_t> crcs) {
  std::vector<std::uint64_t> hashes;
  for (const std::string_view name : names) hashes.push_back(libstdcxx_hash(name));
  std::uint64_t of_names = 0, of_crcs = 0;
  for (const std::size_t i : libstdcxx_set_order(hashes)) of_names = combine(of_names, hashes[i]);
  for (const std::uint32_t crc : crcs) of_crcs = combine(of_crcs, crc);
  return fmt::format("{:020}{:020}", of_names, of_crcs);
}

}  // namespace transload::torch
