// Plans in JSON: an Error, or a plan that is written to one that is read alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "transload/error.h"
#include "transload/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace transload;
  try {
    const Plan plan = plan_from_json({reinterpret_cast<const char*>(data), size});
    const std::string text = to_json(plan);
    const Plan again = plan_from_json(text);
    if (to_json(again) != text || total_bytes(again) != total_bytes(plan)) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
