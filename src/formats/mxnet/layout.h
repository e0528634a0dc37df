// Where every byte of a .params file goes.
#pragma once

#include "transload/format.h"
#include "transload/plan.h"

namespace transload::mxnet {

// Version 2 on the CPU, the bytes that mxnet.nd.save of MXNet 1.5.0 writes for a dict of the same arrays in the same
// order. Metadata has no place in the format and is not written.
Layout layout(const Plan& plan, const LayoutOptions& options);

}  // namespace transload::mxnet
