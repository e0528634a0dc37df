// PyTorch files: tensors within the file, or an Error.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "formats/torch/torch.h"
#include "one_file_store.h"
#include "transload/error.h"

namespace {

using namespace transload;

// False where the file is refused. `inner`: the name of a container with tensors in it, if there is one.
bool read(const std::shared_ptr<fuzz::OneFile>& store, bool opaque, const std::string& key, std::string& inner) {
  try {
    const auto reader = torch::torch_format().open(store, "x", {.key = key, .allow_opaque = opaque, .dense = true});
    for (const auto& tensor : reader->index().tensors) {
      const std::size_t slash = tensor.name.find('/');
      if (slash != tensor.name.npos) inner = tensor.name.substr(0, slash);
      try {
        fuzz::read_unless_large(*reader, tensor);
      } catch (const Error&) {
      }
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto store = std::make_shared<fuzz::OneFile>(Bytes(std::vector(bytes, bytes + size)));
  std::string inner, unused;
  const bool opaque = !read(store, false, {}, inner);
  if (opaque) read(store, true, {}, inner);
  if (!inner.empty()) read(store, opaque, inner, unused);
  return 0;
}
