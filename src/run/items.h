// Work that several threads share: ranges of slots, small enough for the memory budget.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "transload/plan.h"
#include "transload/run.h"

namespace transload {

// Bytes [begin, end) of a slot's output.
struct Item {
  std::uint32_t slot = 0;
  std::uint64_t begin = 0, end = 0;
};

// Cuts every slot into items. A slot that is copied as it lies is cut finely, so that its bytes stay in the cache
// between reading and writing; one that is rearranged is kept whole where `budget`, the bytes of buffers of one
// thread, allows it, because a part of a transpose needs a part of every row.
std::vector<Item> cut_into_items(const Plan& plan, std::uint64_t budget);

// Calls `work(item number)` for every item on `options.threads` threads, reports progress by the bytes of finished
// items, and stops early when asked to or when one throws (the first exception is passed on).
void for_each_item(const std::vector<Item>& items, const RunOptions& options,
                   const std::function<void(std::size_t)>& work);

}  // namespace transload
