#include "forward/blocks.h"

#include <cblas.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "forward/parallel.h"
#include "forward/rows.h"
#include "transload/error.h"

namespace transload::forward {
namespace {

// What a thread of OpenBLAS takes: a buffer (0.3.21: 128 MiB on x86-64, less elsewhere), and its stack.
constexpr std::size_t kProductSpace = std::size_t{144} << 20;

blasint blas_size(std::int64_t size) {
  if (size < 0 || size > std::numeric_limits<blasint>::max())
    throw Error(Errc::unsupported, fmt::format("a matrix of {} rows or columns is beyond the matrix library", size));
  return static_cast<blasint>(size);
}

std::size_t area(std::int64_t rows, std::int64_t width) { return static_cast<std::size_t>(rows * width); }

// out += x weight^T.
void add_product(const Values& x, const Tensor& weight, Values& out) {
  if (x.width != weight.columns) {
    throw Error(Errc::mismatch, fmt::format("values of width {} meet a matrix that takes {}", x.width, weight.columns),
                {.file = {}, .offset = {}, .tensor = weight.name});
  }
  const blasint rows = blas_size(x.rows), in = blas_size(x.width), units = blas_size(weight.rows);
  if (rows == 0 || in == 0 || units == 0) return;
  if (rows == 1) {
    cblas_dgemv(CblasRowMajor, CblasNoTrans, units, in, 1.0, weight.values.data(), in, x.data.data(), 1, 1.0,
                out.data.data(), 1);
    return;
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, units, in, 1.0, x.data.data(), in, weight.values.data(),
              in, 1.0, out.data.data(), units);
}

void apply(Activation activation, Values& x) {
  if (activation == Activation::linear) return;
  in_parallel(x.rows, x.width * 8, [&](std::int64_t first, std::int64_t last) {
    activate(activation, std::span(x.data).subspan(area(first, x.width), area(last - first, x.width)));
  });
}

void check_row(std::int64_t row, const Tensor& table) {
  if (row >= 0 && row < table.rows) return;
  throw Error(Errc::usage, fmt::format("row {} of a table of {} is asked for", row, table.rows),
              {.file = {}, .offset = {}, .tensor = table.name});
}

// One head of one sequence: context = softmax(query key^T / sqrt(width)) value, over the first `valid` keys. All four
// point into matrices whose rows are `stride` apart.
void attend(const double* query, const double* key, const double* value, double* context, blasint length, blasint valid,
            blasint width, blasint stride, std::vector<double>& weights) {
  weights.resize(area(length, valid));
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, length, valid, width,
              1.0 / std::sqrt(static_cast<double>(width)), query, stride, key, stride, 0.0, weights.data(), valid);
  in_parallel(length, valid * 8, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      softmax(std::span(weights).subspan(area(i, valid), static_cast<std::size_t>(valid)));
  });
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, length, width, valid, 1.0, weights.data(), valid, value,
              stride, 0.0, context, stride);
}

// x = norm(x + residual).
void add_and_normalise(Values& x, const Values& residual, const Norm& norm, double epsilon) {
  const auto width = static_cast<std::size_t>(x.width);
  in_parallel(x.rows, x.width, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const std::span<double> row = std::span(x.data).subspan(area(i, x.width), width);
      const double* other = residual.data.data() + area(i, x.width);
      for (std::size_t j = 0; j < width; ++j) row[j] += other[j];
      normalise_row(row, norm.scale.values, norm.shift.values, epsilon);
    }
  });
}

// OpenBLAS asks again and again, for ever, for a buffer that it cannot get.
bool has_space(std::size_t bytes) {
  void* space = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return space != MAP_FAILED && ::munmap(space, bytes) == 0;
}

}  // namespace

Values linear(const Values& x, const Linear& linear) {
  const Tensor& bias = linear.bias;
  Values out{x.rows, linear.weight.rows, {}};
  if (!bias.empty() && bias.columns != out.width) {
    throw Error(Errc::mismatch, fmt::format("a bias of {} for {} units", bias.columns, out.width),
                {.file = {}, .offset = {}, .tensor = bias.name});
  }
  out.data.resize(area(out.rows, out.width));
  for (std::int64_t i = 0; i < out.rows && !bias.empty(); ++i)
    std::ranges::copy(bias.values, out.data.begin() + i * out.width);
  add_product(x, linear.weight, out);
  return out;
}

Values scores(const Values& x, const Tensor& decoder_rows) {
  Values out{x.rows, decoder_rows.rows, std::vector<double>(area(x.rows, decoder_rows.rows))};
  add_product(x, decoder_rows, out);
  return out;
}

void normalise(Values& x, const Norm& norm, double epsilon) {
  in_parallel(x.rows, x.width, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      normalise_row(std::span(x.data).subspan(area(i, x.width), static_cast<std::size_t>(x.width)), norm.scale.values,
                    norm.shift.values, epsilon);
    }
  });
}

Values embed(const Embeddings& parameters, const TokenBatch& batch, std::span<const std::int64_t> word_rows,
             std::span<const std::int64_t> position_rows, double epsilon) {
  const std::int64_t width = parameters.words.columns;
  Values out{batch.sequences * batch.length, width, {}};
  const auto tokens = static_cast<std::size_t>(out.rows);
  if (word_rows.size() != tokens || position_rows.size() != tokens ||
      (!batch.types.empty() && batch.types.size() != tokens)) {
    throw Error(Errc::usage, "a batch has one id, one position and one type per token");
  }
  out.data.resize(area(out.rows, width));
  const auto add = [&](std::size_t token, const Tensor& table, std::int64_t row) {
    check_row(row, table);
    double* to = out.data.data() + token * static_cast<std::size_t>(width);
    const double* from = table.values.data() + area(row, width);
    for (std::int64_t j = 0; j < width; ++j) to[j] += from[j];
  };
  for (std::size_t token = 0; token < tokens; ++token) {
    add(token, parameters.words, word_rows[token]);
    if (!parameters.types.empty()) add(token, parameters.types, batch.types.empty() ? 0 : batch.types[token]);
    add(token, parameters.positions, position_rows[token]);
  }
  normalise(out, parameters.norm, epsilon);
  return out;
}

Values run_layer(const Layer& parameters, const Values& hidden, const TokenBatch& batch, std::int64_t heads,
                 Activation activation, double epsilon) {
  if (hidden.rows != batch.sequences * batch.length || heads <= 0 || hidden.width % heads != 0 ||
      (!batch.valid.empty() && batch.valid.size() != static_cast<std::size_t>(batch.sequences))) {
    throw Error(Errc::usage, "the hidden states do not fit the batch or the heads");
  }
  const Values query = linear(hidden, parameters.query);
  const Values key = linear(hidden, parameters.key);
  const Values value = linear(hidden, parameters.value);
  Values context{hidden.rows, hidden.width, std::vector<double>(hidden.data.size())};
  const std::int64_t head_width = hidden.width / heads;
  std::vector<double> weights;
  for (std::int64_t sequence = 0; sequence < batch.sequences; ++sequence) {
    const std::int64_t valid = batch.valid.empty() ? batch.length : batch.valid[static_cast<std::size_t>(sequence)];
    if (valid < 1 || valid > batch.length)
      throw Error(Errc::usage, fmt::format("{} of a sequence's {} tokens are said to be valid", valid, batch.length));
    for (std::int64_t head = 0; head < heads; ++head) {
      const std::size_t at = area(sequence * batch.length, hidden.width) + area(head, head_width);
      attend(query.data.data() + at, key.data.data() + at, value.data.data() + at, context.data.data() + at,
             blas_size(batch.length), blas_size(valid), blas_size(head_width), blas_size(hidden.width), weights);
    }
  }
  Values attended = linear(context, parameters.merge);
  add_and_normalise(attended, hidden, parameters.attention_norm, epsilon);
  Values inner = linear(attended, parameters.expand);
  apply(activation, inner);
  Values out = linear(inner, parameters.contract);
  add_and_normalise(out, attended, parameters.output_norm, epsilon);
  return out;
}

Values pick_rows(const Values& x, std::span<const std::int64_t> rows) {
  Values out{static_cast<std::int64_t>(rows.size()), x.width, {}};
  out.data.reserve(area(out.rows, out.width));
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= x.rows) throw Error(Errc::usage, fmt::format("row {} of {} is asked for", row, x.rows));
    const auto from = x.data.begin() + row * x.width;
    out.data.insert(out.data.end(), from, from + x.width);
  }
  return out;
}

Values first_tokens(const Values& hidden, const TokenBatch& batch) {
  std::vector<std::int64_t> rows;
  for (std::int64_t sequence = 0; sequence < batch.sequences; ++sequence) rows.push_back(sequence * batch.length);
  return pick_rows(hidden, rows);
}

Values pool(const Pooler& parameters, const Values& hidden, const TokenBatch& batch) {
  Values out = linear(first_tokens(hidden, batch), parameters.dense);
  apply(Activation::tanh, out);
  return out;
}

Values transform(const MaskedLm& parameters, const Values& hidden, std::span<const std::int64_t> rows,
                 Activation activation, double epsilon) {
  Values out = linear(pick_rows(hidden, rows), parameters.dense);
  apply(activation, out);
  normalise(out, parameters.norm, epsilon);
  return out;
}

Values classify(const Classifier& parameters, const Values& x) {
  if (parameters.transform.weight.empty()) return linear(x, parameters.output);
  Values inner = linear(x, parameters.transform);
  apply(Activation::tanh, inner);
  return linear(inner, parameters.output);
}

void set_threads(unsigned threads) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  const int running = openblas_get_num_threads();
  int wanted = static_cast<int>(threads == 0 ? cores : std::min(threads, cores));
  // The caller takes a buffer, and so does every thread that is started.
  const auto needed = [&] { return kProductSpace * static_cast<std::size_t>(1 + std::max(0, wanted - running)); };
  while (!has_space(needed())) {
    if (wanted > running) {
      --wanted;
      continue;
    }
    throw Error(Errc::io,
                fmt::format("the {} MiB of address space to multiply matrices in are not left", needed() >> 20), {},
                "raise the limit (ulimit -v)");
  }
  openblas_set_num_threads(wanted);
}

}  // namespace transload::forward
