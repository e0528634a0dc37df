#include "outputs/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "forward/parallel.h"
#include "outputs/rounding.h"

namespace transload::outputs {
namespace {

using forward::Graph;
using forward::Tensor;

constexpr std::int64_t kRows = 1024;

// Where a table's bytes stand one row after the other.
struct Plain {
  const Reader* reader = nullptr;
  std::uint32_t storage = 0;
  std::uint64_t offset = 0, row_bytes = 0;
  DType dtype = DType::f32;

  bool same_place(const Plain& other) const {
    return reader == other.reader && storage == other.storage && offset == other.offset;
  }
  void read(std::int64_t row, std::vector<std::byte>& to) const {
    reader->read(storage, offset + static_cast<std::uint64_t>(row) * row_bytes, to);
  }
};

std::optional<Plain> plain(const Graph& graph, const std::string& stored_name) {
  const TensorInfo* tensor = graph.model().weights->index().find(stored_name);
  if (tensor == nullptr || tensor->shape.size() != 2 || tensor->chunks.size() != 1) return std::nullopt;
  const Chunk& chunk = tensor->chunks.front();
  const std::int64_t columns = tensor->shape[1];
  const bool in_order = chunk.strides.empty() || chunk.strides == std::vector<std::int64_t>{columns, 1};
  if (!in_order || !chunk.start.empty() || !chunk.extent.empty()) return std::nullopt;
  return Plain{graph.model().weights.get(), chunk.storage, chunk.offset,
               static_cast<std::uint64_t>(columns) * element_bytes(tensor->dtype), tensor->dtype};
}

using Load = std::function<Tensor(std::int64_t first, std::int64_t count)>;

// `first` and `second` load rows as doubles.
std::optional<std::int64_t> first_other_row(std::int64_t rows, const Load& first, const Load& second,
                                            const std::optional<Plain>& a, const std::optional<Plain>& b,
                                            const std::function<void()>& go_on,
                                            const std::function<bool(std::int64_t)>& skip = {}) {
  const bool by_bytes = a && b && a->dtype == b->dtype && a->row_bytes == b->row_bytes;
  if (by_bytes && a->same_place(*b)) return std::nullopt;
  // Equal bytes are equal values; other bytes may be, too: a zero has two signs.
  const auto blocks = static_cast<std::size_t>((rows + kRows - 1) / kRows);
  std::vector<char> suspect(blocks, 1);
  if (by_bytes) {
    forward::in_parallel(static_cast<std::int64_t>(blocks), kRows * static_cast<std::int64_t>(a->row_bytes),
                         [&](std::int64_t block, std::int64_t last) {
                           for (; block < last; ++block) {
                             const std::int64_t row = block * kRows, count = std::min(kRows, rows - row);
                             std::vector<std::byte> x(static_cast<std::size_t>(count) * a->row_bytes), y(x.size());
                             a->read(row, x);
                             b->read(row, y);
                             suspect[static_cast<std::size_t>(block)] = x != y;
                           }
                         });
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    if (suspect[block] == 0) continue;
    go_on();
    const auto row = static_cast<std::int64_t>(block) * kRows, count = std::min(kRows, rows - row);
    Tensor x = first(row, count);
    const Tensor y = second(row, count);
    round_like(x, y);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i * x.columns), end = at + static_cast<std::size_t>(x.columns);
      if (skip && skip(row + i)) continue;
      for (std::size_t k = at; k < end; ++k) {
        if (x.values[k] != y.values[k]) return row + i;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> first_other_word(const Graph& first, const Graph& second,
                                             const std::function<void()>& go_on) {
  const auto load = [](const Graph& graph) {
    return [&graph](std::int64_t row, std::int64_t count) { return graph.word_rows(row, count); };
  };
  return first_other_row(first.sizes().vocabulary, load(first), load(second), plain(first, first.word_rows(0, 0).name),
                         plain(second, second.word_rows(0, 0).name), go_on,
                         [&](std::int64_t row) { return first.padding() == row || second.padding() == row; });
}

std::vector<TokenBatch> batches_for_other_rows(const Graph& first, const Graph& second,
                                               const std::vector<TokenBatch>& batches,
                                               const std::function<void()>& go_on) {
  std::vector<TokenBatch> more;
  if (const std::optional<std::int64_t> row = first_other_word(first, second, go_on)) {
    more.push_back({fmt::format("row {} of the word embeddings", *row), 1, 1, {*row}, {}, {}});
  }
  std::int64_t longest = 0;
  for (const TokenBatch& batch : batches) longest = std::max(longest, batch.length);
  const std::int64_t length = std::min(first.sizes().positions, second.sizes().positions);
  std::int64_t id = 0;
  while (first.padding() == id || second.padding() == id) ++id;
  if (longest >= length || id >= first.sizes().vocabulary) return more;
  TokenBatch all{"all positions", 1, length, std::vector<std::int64_t>(static_cast<std::size_t>(length), id), {}, {}};
  const std::vector<std::int64_t> ours = first.positions(all), theirs = second.positions(all);
  Tensor a = first.embeddings({}).positions;
  const Tensor b = second.embeddings({}).positions;
  round_like(a, b);
  for (std::size_t i = static_cast<std::size_t>(longest); i < ours.size(); ++i) {
    const double *const x = a.values.data() + ours[i] * a.columns, *const y = b.values.data() + theirs[i] * b.columns;
    if (std::equal(x, x + a.columns, y)) continue;
    more.push_back(std::move(all));
    break;
  }
  return more;
}

void check_tie(const Graph& graph, std::vector<std::string>& contradictions, std::vector<std::string>& notes,
               const std::function<void()>& go_on) {
  const std::optional<forward::StoredTie> tie = graph.stored_tie();
  if (!tie) return;
  const std::optional<std::int64_t> row = first_other_row(
      graph.sizes().vocabulary, [&](std::int64_t at, std::int64_t count) { return graph.word_rows(at, count); },
      [&](std::int64_t at, std::int64_t count) { return graph.decoder_rows(at, count); },
      plain(graph, graph.word_rows(0, 0).name), plain(graph, tie->tensor), go_on);
  if (!row) return;
  const std::string text =
      fmt::format("{}: '{}' is stored with other values than the word embeddings it is tied to (row {} is the first): ",
                  graph.model().display, shortened(tie->tensor), *row);
  if (tie->loaded) {
    contradictions.push_back(text + fmt::format("loaded as {} it replaces them", tie->loaded_as));
  } else {
    notes.push_back(text + fmt::format("the class that the configuration names leaves it out, but loaded as {} it "
                                       "replaces them",
                                       tie->loaded_as));
  }
}

}  // namespace transload::outputs
