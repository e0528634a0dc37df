#include "forward/graph.h"

namespace transload::forward {

std::string_view name(Head head) noexcept {
  switch (head) {
    case Head::mlm: return "mlm";
    case Head::nsp: return "nsp";
    case Head::classifier: return "classifier";
    case Head::token_classifier: return "token classifier";
    case Head::span: return "span";
  }
  return "";
}

}  // namespace transload::forward
