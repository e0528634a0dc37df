#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "run/items.h"
#include "transload/error.h"
#include "transload/prove.h"

namespace transload {
namespace {

// Every tensor of every source is used by a piece or dropped with a reason.
void account(const Plan& plan, const Sources& sources, ExactProof& proof) {
  std::vector<std::unordered_set<std::string_view>> used(sources.size()), dropped(sources.size());
  for (const Slot& slot : plan.slots) {
    for (const Piece& piece : slot.pieces) {
      if (piece.op != Op::zeros) used.at(piece.source).insert(piece.tensor);
    }
  }
  for (const Drop& drop : plan.drops) dropped.at(drop.source).insert(drop.tensor);
  for (const MustBeZero& zeros : plan.zeros) dropped.at(zeros.source).insert(zeros.tensor);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (const TensorInfo& tensor : sources[i]->index().tensors) {
      ++proof.source_tensors;
      if (used[i].contains(tensor.name)) {
        ++proof.carried;
      } else if (dropped[i].contains(tensor.name)) {
        ++proof.dropped;
      } else {
        proof.differences.push_back({tensor.name, "is in the source, and neither carried over nor dropped"});
      }
    }
  }
}

// Formats without float4_e2m1fn_x2 (two numbers in an element) hold the same bytes as float4_e2m1fn.
bool is_stored_as(const Slot& slot, const TensorInfo& tensor) {
  if (tensor.dtype == slot.dtype) return tensor.shape == slot.shape;
  if (slot.dtype != DType::f4_e2m1fn_x2 || tensor.dtype != DType::f4_e2m1fn || slot.shape.empty()) return false;
  Shape shape = slot.shape;
  return !__builtin_mul_overflow(shape.back(), 2, &shape.back()) && tensor.shape == shape;
}

// The tensors of `target` that the plan's slots are; nullptr where one is missing or of another kind.
std::vector<const TensorInfo*> matched(const Plan& plan, const Reader& target, ExactProof& proof) {
  std::vector<const TensorInfo*> tensors;
  std::unordered_set<std::string_view> names;
  for (const Slot& slot : plan.slots) {
    names.insert(slot.name);
    const TensorInfo* tensor = target.index().find(slot.name);
    if (tensor == nullptr) {
      proof.differences.push_back({slot.name, "is missing in the output"});
    } else if (!is_stored_as(slot, *tensor)) {
      proof.differences.push_back(
          {slot.name, fmt::format("is {} {} in the output, not {} {}", name(tensor->dtype), to_string(tensor->shape),
                                  name(slot.dtype), to_string(slot.shape))});
      tensor = nullptr;
    }
    tensors.push_back(tensor);
  }
  for (const TensorInfo& tensor : target.index().tensors) {
    if (!names.contains(tensor.name))
      proof.differences.push_back({tensor.name, "is in the output, and not in the plan"});
  }
  return tensors;
}

}  // namespace

ExactProof prove_exact(const Plan& plan, const Sources& sources, const Reader& target, const RunOptions& options) {
  ExactProof proof;
  account(plan, sources, proof);
  proof.tensors = plan.slots.size();
  const std::vector<const TensorInfo*> tensors = matched(plan, target, proof);
  const std::unique_ptr<Reader> expected = view(plan, sources);

  const unsigned threads = options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  const std::vector<Item> items = cut_into_items(plan, options.memory / threads);
  std::vector<std::string> first(plan.slots.size());  // what differs, per slot
  std::mutex mutex;
  for_each_item(items, options, [&](std::size_t i) {
    const Item& item = items[i];
    const TensorInfo* tensor = tensors[item.slot];
    if (tensor == nullptr) return;
    const std::uint64_t size = item.end - item.begin;
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(2 * size);
    const MutableByteView want(buffer.get(), size), have(buffer.get() + size, size);
    std::string difference;
    try {
      expected->read(item.slot, item.begin, want);
      const Chunk& chunk = tensor->chunks.front();
      if (tensor->chunks.size() != 1 || !chunk.strides.empty()) {
        throw Error(Errc::usage, "an output tensor is not stored in one piece");
      }
      target.read(chunk.storage, chunk.offset + item.begin, have);
      if (std::memcmp(want.data(), have.data(), size) == 0) return;
      const auto at = std::ranges::mismatch(want, have).in1 - want.begin();
      difference = fmt::format("differs from byte {} on", item.begin + static_cast<std::uint64_t>(at));
    } catch (const Error& error) {
      difference = error.what();
    }
    const std::lock_guard lock(mutex);
    std::string& known = first[item.slot];
    if (known.empty()) known = std::move(difference);
  });

  for (std::size_t i = 0; i < plan.slots.size(); ++i) {
    const bool equal = tensors[i] != nullptr && first[i].empty();
    proof.slot_equal.push_back(equal);
    proof.equal += equal ? 1 : 0;
    if (!first[i].empty()) proof.differences.push_back({plan.slots[i].name, first[i]});
  }
  proof.bytes = total_bytes(plan);
  return proof;
}

}  // namespace transload
