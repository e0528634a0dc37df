// MXNet's list of arrays, the content of a .params file. Rules and sources: docs/formats/mxnet.md.
#pragma once

#include "transload/format.h"

namespace transload::mxnet {

const Format& mxnet_format();

}  // namespace transload::mxnet
