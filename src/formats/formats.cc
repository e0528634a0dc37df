// The table of formats. A new format is one line here and one folder beside this file.

#include <algorithm>
#include <vector>

#include "formats/mxnet/mxnet.h"
#include "formats/numpy/numpy.h"
#include "formats/safetensors/safetensors.h"
#include "formats/tensor_bundle/tensor_bundle.h"
#include "formats/torch/torch.h"
#include "transload/format.h"

namespace transload {

std::span<const Format> formats() noexcept {
  static const std::vector<Format> kFormats{safetensors_format(),  tensor_bundle::tensor_bundle_format(),
                                            torch::torch_format(), mxnet::mxnet_format(),
                                            numpy::npz_format(),   numpy::npy_format()};
  return kFormats;
}

const Format* format_named(std::string_view name) noexcept {
  const auto found = std::ranges::find(formats(), name, &Format::name);
  return found == formats().end() ? nullptr : &*found;
}

}  // namespace transload
