// Carrying out a plan: layout, fill, commit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "transload/format.h"
#include "transload/plan.h"

namespace transload {

struct RunOptions {
  unsigned threads = 0;                                                   // 0: one per core
  std::uint64_t memory = std::uint64_t{64} << 20;                         // bytes of buffers, all threads together
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // from any thread, one at a time
  std::stop_token stop;                                                   // stops with Errc::usage; nothing appears
};

using Sources = std::vector<std::shared_ptr<const Reader>>;

struct Destination {
  fs::path folder;
  bool overwrite = false;
};

// Small files that appear together with the weights, before them: configuration, vocabulary.
struct Sidecar {
  std::string name, bytes;
};

// Writes the plan's output as `layout` says and publishes it. After an Error nothing of it is there, and an earlier
// output still is; the one exception, a failure among the final renames, says so in its advice.
void run(const Plan& plan, const Sources& sources, const Format& format, const Layout& layout,
         const Destination& destination, std::span<const Sidecar> sidecars = {}, const RunOptions& options = {});

}  // namespace transload
