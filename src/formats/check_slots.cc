#include "formats/check_slots.h"

#include <fmt/format.h>

#include <iterator>
#include <unordered_set>
#include <utility>

#include "core/text.h"
#include "transload/error.h"

namespace transload {

void check_slots(const Plan& plan, std::string_view format, std::string_view advice,
                 std::string (*problem)(const Slot&), std::vector<std::string> more) {
  std::vector<std::string> problems;
  std::unordered_set<std::string_view> names;
  for (const Slot& slot : plan.slots) {
    if (std::string text = problem(slot); !text.empty()) {
      problems.push_back(fmt::format("'{}': {}", shortened(slot.name), text));
    }
    if (!names.insert(slot.name).second) {
      throw Error(Errc::usage, "the plan has two slots of this name", {.file = {}, .offset = {}, .tensor = slot.name});
    }
  }
  problems.insert(problems.end(), std::move_iterator(more.begin()), std::move_iterator(more.end()));
  if (problems.empty()) return;
  Error error(Errc::unsupported,
              problems.size() == 1 ? fmt::format("{} cannot hold {}", format, problems.front())
                                   : fmt::format("{} cannot hold {} of the tensors; the first is {}", format,
                                                 problems.size(), problems.front()),
              {}, advice);
  if (problems.size() > 1) error.add(std::move(problems));
  throw error;
}

}  // namespace transload
