// Runs one model's graph and writes every stage as .npy, for tests that compare it with the real framework. Not
// installed. dump_stages REQUEST.json, where the request is
// {"weights": path, "family": ..., "dialect": ..., "prefix": "", "config": path, "threads": 1,
//  "sequences": S, "length": L, "ids": [...], "types": [...], "valid": [...], "masked": [...rows],
//  "out": folder, "repeat": 0}
// Prints the stages' names, one a line; "repeat": N runs N more times and prints, last, how long reading
// the layers takes and how long the whole pass, in seconds.

#include <algorithm>
#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "forward/run.h"
#include "support/npy.h"

namespace {

using nlohmann::json;
using namespace transload;

std::string text_of(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Seconds of the fastest of several calls.
template <class Call>
double fastest(int repeat, const Call& call) {
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

int dump(const json& request) {
  const std::string config = request.value("config", "");
  const Location location = locate(request.at("weights").get<std::string>());
  const Model model{open(location),
                    location.display,
                    request.at("family"),
                    request.at("dialect"),
                    request.value("prefix", ""),
                    text_of(config),
                    config};
  TokenBatch batch;
  batch.sequences = request.at("sequences");
  batch.length = request.at("length");
  batch.ids = request.at("ids").get<std::vector<std::int64_t>>();
  batch.types = request.value("types", std::vector<std::int64_t>());
  batch.valid = request.value("valid", std::vector<std::int64_t>());
  const auto masked = request.value("masked", std::vector<std::int64_t>());

  forward::set_threads(request.value("threads", 0u));
  const auto graph = forward::make_graph(model);
  const auto stages = forward::run(*graph, batch, masked);
  const std::string out = request.at("out");
  for (const forward::Stage& stage : stages) {
    testing::write_npy(out + "/" + stage.name + ".npy", stage.values.rows, stage.values.width, stage.values.data);
    std::cout << stage.name << "\n";
  }
  if (const int repeat = request.value("repeat", 0); repeat > 0) {
    const double whole = fastest(repeat, [&] { forward::run(*graph, batch, masked); });
    const double reading = fastest(repeat, [&] {
      for (std::int64_t i = 0; i < graph->sizes().layers; ++i) graph->layer(i);
    });
    std::cout << reading << "\n" << whole << "\n";
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("dump_stages REQUEST.json");
    return dump(json::parse(text_of(argv[1])));
  } catch (const std::exception& error) {
    std::cerr << "dump_stages: " << error.what() << "\n";
    return 1;
  }
}
