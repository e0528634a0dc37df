#include "formats/safetensors/safetensors.h"

#include "formats/safetensors/layout.h"
#include "formats/safetensors/reader.h"

namespace transload {

const Format& safetensors_format() {
  static constexpr Format kFormat{
      .name = "safetensors",
      .title = "safetensors",
      .keeps_ties = false,
      .sniff = safetensors::sniff,
      .open = safetensors::open,
      .layout = safetensors::layout,
      .finish = nullptr,
  };
  return kFormat;
}

}  // namespace transload
