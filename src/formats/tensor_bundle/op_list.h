// The operations that a meta graph says it uses: meta_info_def.stripped_op_list.
#pragma once

#include "wire/proto.h"

namespace transload::tensor_bundle {

// An OpList (tensorflow/core/framework/op_def.proto) without descriptions, as TensorFlow 2.15 makes it, of the
// operations that save and restore variables and set them to zeros. `fill`: with Fill, which only variables of a
// thousand elements and more need.
wire::ProtoWriter op_list(bool fill);

}  // namespace transload::tensor_bundle
