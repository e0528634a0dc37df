// The inner loops that every tensor goes through: checksums and transposes, at sizes of BERT-base.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "formats/strided.h"
#include "wire/crc.h"

namespace {

void crc32c(benchmark::State& state) {
  const std::vector<std::byte> data(static_cast<std::size_t>(state.range(0)), std::byte{42});
  for (auto _ : state) benchmark::DoNotOptimize(transload::wire::crc32c(0, data));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32c)->Arg(4 << 10)->Arg(4 << 20);

// A float32 matrix of range(0) rows and range(1) columns, written as its transpose.
void transpose(benchmark::State& state) {
  const std::int64_t rows = state.range(0), columns = state.range(1), bytes = rows * columns * 4;
  const std::vector<std::byte> from(static_cast<std::size_t>(bytes), std::byte{1});
  std::vector<std::byte> to(from.size());
  for (auto _ : state) {
    transload::strided_copy({{columns, 1, rows}, {rows, columns, 1}}, 4, from.data(), to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(transpose)->Args({768, 768})->Args({3072, 768})->Args({768, 3072});

}  // namespace
