// Carrying out a plan: layout, fill, commit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
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
  bool there = false;  // as OutputSet::File::there
};

// What a conversion found out while it moved the values.
struct RunReport {
  // A tensor of a source in which finite values became infinite; only where the plan allows it.
  struct Overflowed {
    std::string tensor, what;  // "1e+05 at [0, 2] is too large for float16 and becomes infinite"
    std::uint64_t count = 0;   // of such values
  };
  std::vector<Overflowed> overflowed;
  std::vector<std::string> notes;                // of the OutputSet
  std::map<std::string, std::string> published;  // of the OutputSet
  std::string unconfirmed;  // why it is not certain that the output survives a loss of power; empty: it does
};

// Writes the plan's output as `layout` says and publishes it. After an Error nothing of it is there, an earlier output
// still is, and Error::destination says so (OutputSet). Errc::mismatch, naming
// the first in the order of the plan, for NaN and infinity in a source and for values that become infinite, unless the
// plan allows them.
RunReport run(const Plan& plan, const Sources& sources, const Format& format, const Layout& layout,
              const Destination& destination, std::span<const Sidecar> sidecars = {}, const RunOptions& options = {});

}  // namespace transload
