// PyTorch's checkpoints: the zip files of torch.save since 1.6 and the stream from before. docs/formats/torch.md has
// the bytes and the rules.
#pragma once

#include "transload/format.h"

namespace transload::torch {

const Format& torch_format();

}  // namespace transload::torch
