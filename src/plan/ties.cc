#include "plan/ties.h"

#include <map>
#include <tuple>

namespace transload {

void keep_ties(Plan& plan, std::uint32_t source, const Index& index) {
  using Place = std::tuple<std::uint32_t, std::uint64_t, DType, std::uint64_t, std::vector<std::int64_t>>;
  std::map<Place, const TensorInfo*> first;
  for (const Slot& slot : plan.slots) {
    if (slot.pieces.size() != 1 || slot.pieces.front().op == Op::zeros || slot.pieces.front().source != source)
      continue;
    const TensorInfo* tensor = index.find(slot.pieces.front().tensor);
    if (tensor == nullptr || tensor->chunks.size() != 1 || element_count(tensor->shape) == 0) continue;
    const Chunk& chunk = tensor->chunks.front();
    // In C order only the number of elements counts; with other strides the shape does too.
    std::vector<std::int64_t> form = chunk.strides;
    if (!form.empty()) form.insert(form.end(), tensor->shape.begin(), tensor->shape.end());
    const auto [same, fresh] = first.try_emplace(
        Place{chunk.storage, chunk.offset, tensor->dtype, element_count(tensor->shape), std::move(form)}, tensor);
    if (!fresh && same->second != tensor) plan.equals.push_back({source, same->second->name, tensor->name});
  }
}

}  // namespace transload
