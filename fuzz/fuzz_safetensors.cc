// A safetensors file from any bytes: an Error, or a reader whose every tensor can be read; and what is read is written
// back to a file that is read alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/safetensors/header.h"
#include "formats/safetensors/safetensors.h"
#include "one_file_store.h"
#include "transload/error.h"
#include "transload/plan.h"

namespace {

using namespace transload;

void check(bool holds) {
  if (!holds) std::abort();
}

// A reader that passed all rules describes a file that layout() can make, and that says the same.
void write_again(const Index& index) {
  Plan plan;
  plan.metadata = index.metadata;
  for (const TensorInfo& tensor : index.tensors) plan.slots.push_back({tensor.name, tensor.dtype, tensor.shape, {}});
  const Layout layout = safetensors_format().layout(plan, {.name = "x", .absolute_prefix = {}});
  const std::string& header = layout.fixed.at(0).bytes;
  const auto again = safetensors::parse_header(std::string_view(header).substr(safetensors::kLengthBytes), "x",
                                               layout.files.at(0).size - header.size());
  check(again.tensors.size() == index.tensors.size() && again.metadata == index.metadata);
  for (const safetensors::Entry& entry : again.tensors) {
    const TensorInfo* tensor = index.find(entry.name);
    check(tensor != nullptr && tensor->dtype == entry.dtype && tensor->shape == entry.shape);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto reader = fuzz::read_all(safetensors_format(), std::as_bytes(std::span(data, size)));
    write_again(reader->index());
  } catch (const Error&) {
  }
  return 0;
}
