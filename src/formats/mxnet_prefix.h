// The words that MXNet puts before names when it exports a model: "arg:" for parameters, "aux:" for auxiliary states.
// Source: python/mxnet/model.py, save_checkpoint; python/mxnet/gluon/block.py, HybridBlock.export.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace transload {

struct CutNames {
  std::vector<std::string> names;  // as many as were given, in their order
  std::string note;                // empty: no name had a prefix
};

// Errc::corrupt where two names become one: `file` is for that message.
CutNames cut_mxnet_prefixes(const std::vector<std::string_view>& names, const std::string& file);

}  // namespace transload
