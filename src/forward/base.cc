#include "forward/base.h"

#include <fmt/format.h>

#include "transload/error.h"

namespace transload::forward {

std::vector<std::int64_t> plain_positions(const TokenBatch& batch) {
  std::vector<std::int64_t> rows;
  rows.reserve(batch.ids.size());
  for (std::int64_t sequence = 0; sequence < batch.sequences; ++sequence) {
    for (std::int64_t i = 0; i < batch.length; ++i) rows.push_back(i);
  }
  return rows;
}

void no_such_head(const Model& model, Head head) {
  throw Error(Errc::usage, fmt::format("the model has no head '{}' of this kind", name(head)),
              {.file = model.display, .offset = {}, .tensor = {}});
}

}  // namespace transload::forward
