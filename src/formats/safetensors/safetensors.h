// The safetensors format: one JSON header, then all tensor bytes. Rules and sources: docs/formats/safetensors.md.
#pragma once

#include "transload/format.h"

namespace transload {

const Format& safetensors_format();

}  // namespace transload
