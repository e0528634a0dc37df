#include "formats/mxnet/mxnet.h"

#include "formats/mxnet/layout.h"
#include "formats/mxnet/reader.h"

namespace transload::mxnet {

const Format& mxnet_format() {
  static constexpr Format kFormat{
      .name = "mxnet",
      .title = "MXNet (.params)",
      .keeps_ties = false,
      .sniff = sniff,
      .open = open,
      .layout = layout,
      .finish = nullptr,
  };
  return kFormat;
}

}  // namespace transload::mxnet
