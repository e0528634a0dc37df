// How fast a header is parsed: JSON as safetensors has it, for a number of tensors.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>

#include "wire/json.h"

namespace {

std::string header(std::int64_t tensors) {
  std::string text = "{";
  for (std::int64_t i = 0; i < tensors; ++i) {
    text += fmt::format(R"({}"encoder.layer.{}.weight":{{"dtype":"F32","shape":[768,768],"data_offsets":[{},{}]}})",
                        i == 0 ? "" : ",", i, i * 2359296, (i + 1) * 2359296);
  }
  return text + "}";
}

void parse_header(benchmark::State& state) {
  const std::string text = header(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(transload::wire::parse_json(text, "header"));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(parse_header)->Arg(200)->Arg(10000);

}  // namespace
