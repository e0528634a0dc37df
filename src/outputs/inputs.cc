#include "outputs/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "transload/error.h"

namespace transload::outputs {
namespace {

constexpr std::int64_t kPadding = 1;

class Ids {
 public:
  explicit Ids(const Limits& limits) : limits_(limits), vocabulary_(static_cast<std::uint64_t>(limits.vocabulary)) {}

  bool is_padding(std::int64_t id) const { return std::ranges::find(limits_.padding, id) != limits_.padding.end(); }

  std::int64_t next() {
    const std::int64_t id = any();
    if (!is_padding(id) || limits_.vocabulary <= std::ssize(limits_.padding)) return id;
    std::int64_t other = id;
    while (is_padding(other)) other = (other + 1) % limits_.vocabulary;
    return other;
  }

 private:
  std::int64_t any() {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    if (vocabulary_ < 16) return static_cast<std::int64_t>(z % vocabulary_);
    return static_cast<std::int64_t>(4 + z % (vocabulary_ - 4));
  }

  const Limits& limits_;
  std::uint64_t vocabulary_, state_ = 2019;
};

std::string plural(std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "token" : "tokens"); }

TokenBatch one_sequence(std::int64_t length, Ids& ids) {
  TokenBatch batch{plural(length), 1, length, {}, {}, {}};
  for (std::int64_t i = 0; i < length; ++i) batch.ids.push_back(ids.next());
  return batch;
}

// The second sequence is about half as long. Types: 0 in the first third of each, then 1.
TokenBatch padded_pair(const Limits& limits, Ids& ids) {
  const std::int64_t length = std::min<std::int64_t>(24, limits.positions);
  const std::int64_t shorter = (length + 1) / 2 - (length > 8 ? 1 : 0);
  TokenBatch batch{fmt::format("padded pair ({} and {} tokens)", length, shorter), 2, length, {}, {}, {}};
  batch.valid = {length, shorter};
  for (const std::int64_t valid : batch.valid) {
    for (std::int64_t i = 0; i < length; ++i) {
      batch.ids.push_back(i < valid ? ids.next() : std::min(kPadding, limits.vocabulary - 1));
      if (limits.types >= 2) batch.types.push_back(i < valid && i >= valid / 3 ? 1 : 0);
    }
  }
  return batch;
}

[[noreturn]] void refuse(const TokenBatch& batch, const std::string& what, std::string_view advice = {}) {
  throw Error(Errc::usage, fmt::format("{}: {}", batch.name.empty() ? "the inputs" : batch.name, what), {}, advice);
}

void check_sizes(const TokenBatch& batch) {
  if (batch.sequences < 1 || batch.length < 1) refuse(batch, "there is no token");
  const auto count = static_cast<std::uint64_t>(batch.ids.size());
  const auto sequences = static_cast<std::uint64_t>(batch.sequences), length = static_cast<std::uint64_t>(batch.length);
  if (count % sequences != 0 || count / sequences != length) {
    refuse(batch, fmt::format("{} ids are not {} sequences of {}", count, sequences, length));
  }
  if (!batch.types.empty() && batch.types.size() != batch.ids.size()) {
    refuse(batch, fmt::format("{} token types for {} ids", batch.types.size(), count));
  }
  if (!batch.valid.empty() && batch.valid.size() != sequences) {
    refuse(batch, fmt::format("{} valid lengths for {} sequences", batch.valid.size(), sequences));
  }
}

}  // namespace

std::vector<TokenBatch> default_inputs(const Limits& limits, bool longest) {
  Ids ids(limits);
  std::vector<TokenBatch> batches;
  std::int64_t last = 0;
  for (const std::int64_t wanted : std::array<std::int64_t, 3>{1, 15, 128}) {
    const std::int64_t length = std::min(wanted, limits.positions);
    if (length > last) batches.push_back(one_sequence(length, ids));
    last = length;
    if (wanted != 15 || length < 2) continue;
    std::vector<std::int64_t>& special = batches.back().ids;
    if (!ids.is_padding(0)) special.front() = 0;
    if (!ids.is_padding(2) && limits.vocabulary > 2) special.back() = 2;
  }
  batches.push_back(padded_pair(limits, ids));
  if (longest && limits.positions > last) batches.push_back(one_sequence(limits.positions, ids));
  return batches;
}

void check_inputs(std::span<const TokenBatch> batches, const Limits& limits) {
  for (const TokenBatch& batch : batches) {
    check_sizes(batch);
    if (batch.length > limits.positions) {
      refuse(batch,
             fmt::format("{} are more than the {} positions that both models have", plural(batch.length),
                         limits.positions),
             "shorten the text or the sequence");
    }
    for (std::int64_t s = 0; s < batch.sequences; ++s) {
      const std::int64_t valid = valid_tokens(batch, s);
      if (valid < 1 || valid > batch.length) {
        refuse(batch, fmt::format("{} valid tokens in sequence {} of length {}", valid, s, batch.length));
      }
    }
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      const auto sequence = static_cast<std::int64_t>(i) / batch.length,
                 at = static_cast<std::int64_t>(i) % batch.length;
      if (batch.ids[i] < 0 || batch.ids[i] >= limits.vocabulary) {
        refuse(batch,
               fmt::format("id {} (sequence {}, position {}) is not in the vocabulary of {}", batch.ids[i], sequence,
                           at, limits.vocabulary),
               "MXNet would silently take the nearest word; ids start at 0");
      }
      if (batch.types.empty() || batch.types[i] == 0) continue;
      if (batch.types[i] < 0 || batch.types[i] >= limits.types) {
        refuse(batch, fmt::format("token type {} (sequence {}, position {}), and both models have {} types",
                                  batch.types[i], sequence, at, limits.types));
      }
    }
  }
}

std::int64_t valid_tokens(const TokenBatch& batch, std::int64_t sequence) {
  return batch.valid.empty() ? batch.length : batch.valid[static_cast<std::size_t>(sequence)];
}

std::vector<Place> token_places(const TokenBatch& batch) {
  std::vector<Place> places;
  for (std::int64_t s = 0; s < batch.sequences; ++s) {
    for (std::int64_t i = 0; i < valid_tokens(batch, s); ++i) places.push_back({s * batch.length + i, s, i});
  }
  return places;
}

std::vector<Place> sequence_places(const TokenBatch& batch) {
  std::vector<Place> places;
  for (std::int64_t s = 0; s < batch.sequences; ++s) places.push_back({s, s, 0});
  return places;
}

std::vector<Place> some_places(const TokenBatch& batch) {
  constexpr std::size_t kMost = 8;
  const std::vector<Place> all = token_places(batch);
  if (all.size() <= kMost) return all;
  std::vector<Place> some;
  for (std::size_t i = 0; i < kMost; ++i) some.push_back(all[i * (all.size() - 1) / (kMost - 1)]);
  return some;
}

std::vector<std::int64_t> distinct_ids(std::span<const TokenBatch> batches) {
  std::vector<std::int64_t> ids;
  for (const TokenBatch& batch : batches) ids.insert(ids.end(), batch.ids.begin(), batch.ids.end());
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<std::int64_t> rows_among(const TokenBatch& batch, std::span<const std::int64_t> distinct) {
  std::vector<std::int64_t> rows;
  rows.reserve(batch.ids.size());
  for (const std::int64_t id : batch.ids) rows.push_back(std::ranges::lower_bound(distinct, id) - distinct.begin());
  return rows;
}

}  // namespace transload::outputs
