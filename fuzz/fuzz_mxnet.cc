// A .params file from any bytes: an Error, or a reader whose every tensor can be read; and what version 2 can hold is
// written to a file that is read alike.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "formats/mxnet/mxnet.h"
#include "one_file_store.h"
#include "transload/error.h"
#include "transload/plan.h"

namespace {

using namespace transload;

void check(bool holds) {
  if (!holds) std::abort();
}

void write_again(const Format& format, const Index& index) {
  Plan plan;
  std::uint64_t total = 0;
  for (const TensorInfo& tensor : index.tensors) {
    total += std::min(tensor_bytes(tensor.dtype, tensor.shape), fuzz::kLargest);
    if (std::ranges::find(tensor.shape, 0) == tensor.shape.end() && !tensor.shape.empty()) {
      plan.slots.push_back({tensor.name, tensor.dtype, tensor.shape, {}});
    }
  }
  const Layout layout = format.layout(plan, {.name = "x", .absolute_prefix = {}});
  if (layout.files.at(0).size > fuzz::kLargest || total > fuzz::kLargest) return;
  std::string bytes(layout.files[0].size, '\0');
  for (const FixedBytes& fixed : layout.fixed) bytes.replace(fixed.offset, fixed.bytes.size(), fixed.bytes);
  const auto again = format.open(std::make_shared<fuzz::OneFile>(Bytes(as_bytes(bytes), nullptr)), "x", {});
  check(again->index().tensors.size() == plan.slots.size());
  for (const TensorInfo& tensor : again->index().tensors) {
    const TensorInfo* found = index.find(tensor.name);
    check(found != nullptr && found->dtype == tensor.dtype && found->shape == tensor.shape);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Format& format = mxnet::mxnet_format();
    const auto reader = fuzz::read_all(format, std::as_bytes(std::span(data, size)));
    write_again(format, reader->index());
  } catch (const Error&) {
  }
  return 0;
}
