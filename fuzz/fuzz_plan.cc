// Plans in JSON: an Error, or a plan that is written to one that is read alike; and, for a source that it names, an
// Error or an output that can be read whole.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transload/error.h"
#include "transload/index.h"
#include "transload/plan.h"

namespace {

using namespace transload;

// A checkpoint of zeros: three tensors in one piece, one that is stored transposed, one in two pieces.
class Zeros final : public Reader {
 public:
  Zeros() {
    add("w", {3, 2});
    add("b", {3});
    add("z", {4});
    add("t", {2, 3});
    index_.tensors.back().chunks[0].strides = {1, 2};
    add("c", {4, 2});
    index_.tensors.back().chunks = {{{0, 0}, {2, 2}, 4, 0, {}}, {{2, 0}, {2, 2}, 4, 16, {}}};
    index_.seal();
  }
  const Index& index() const noexcept override { return index_; }
  void read(std::uint32_t, std::uint64_t, MutableByteView out) const override {
    for (std::byte& byte : out) byte = std::byte{0};
  }
  Bytes view(std::uint32_t storage) const override {
    return Bytes(std::vector<std::byte>(index_.storages.at(storage).size));
  }

 private:
  void add(const std::string& name, Shape shape) {
    Storage room;
    room.size = tensor_bytes(DType::f32, shape);
    room.at = {0, 0, room.size};
    index_.storages.push_back(room);
    const auto storage = static_cast<std::uint32_t>(index_.storages.size() - 1);
    index_.tensors.push_back({name, DType::f32, std::move(shape), {{{}, {}, storage, 0, {}}}});
  }
  Index index_;
};

void read_output(Plan plan, const std::shared_ptr<const Reader>& source) {
  constexpr std::uint64_t kMost = 65536;
  std::vector<std::shared_ptr<const Reader>> sources;
  for (PlanSource& each : plan.sources) {
    each.digest = digest(source->index());
    sources.push_back(source);
  }
  if (sources.size() > 4 || total_bytes(plan) > kMost) return;
  const auto output = view(plan, sources);
  for (const TensorInfo& tensor : output->index().tensors) {
    std::vector<std::byte> bytes(tensor_bytes(tensor.dtype, tensor.shape));
    read_tensor(*output, tensor, bytes);
    if (bytes.size() < 3) continue;
    // Any part of it reads the same.
    std::vector<std::byte> part(bytes.size() - 2);
    const Chunk& chunk = tensor.chunks.front();
    output->read(chunk.storage, chunk.offset + 1, part);
    if (!std::equal(part.begin(), part.end(), bytes.begin() + 1)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto source = std::make_shared<const Zeros>();
  try {
    const Plan plan = plan_from_json({reinterpret_cast<const char*>(data), size});
    const std::string text = to_json(plan);
    if (to_json(plan_from_json(text)) != text) std::abort();
    read_output(plan, source);
  } catch (const Error&) {
  }
  return 0;
}
