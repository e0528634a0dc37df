#include "run/items.h"

#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

#include "transload/error.h"

namespace transload {
namespace {

constexpr std::uint64_t kCopyBlock = std::uint64_t{512} << 10;  // half of a usual second-level cache

bool copied_as_it_lies(const Slot& slot) {
  return std::ranges::all_of(slot.pieces, [](const Piece& piece) {
    return piece.op == Op::copy && piece.rows.empty() && piece.axes.size() <= 1 &&
           (piece.axes.empty() || (piece.axes.front().from == 1 && piece.axes.front().to == 1));
  });
}

}  // namespace

std::vector<Item> cut_into_items(const Plan& plan, std::uint64_t budget) {
  std::vector<Item> items;
  for (std::uint32_t i = 0; i < plan.slots.size(); ++i) {
    const Slot& slot = plan.slots[i];
    const std::uint64_t size = tensor_bytes(slot.dtype, slot.shape);
    // A thread holds the output of an item, its source and, for a cast, the values between.
    const std::uint64_t block =
        copied_as_it_lies(slot) ? std::min(kCopyBlock, budget) : std::max<std::uint64_t>(budget / 4, 4096);
    const std::uint64_t aligned = std::max<std::uint64_t>(block / 64 * 64, 64);  // whole elements of every dtype
    for (std::uint64_t begin = 0; begin < size; begin += aligned) {
      items.push_back({i, begin, std::min(size, begin + aligned)});
    }
  }
  return items;
}

void for_each_item(const std::vector<Item>& items, const RunOptions& options,
                   const std::function<void(std::size_t)>& work) {
  std::uint64_t total = 0, done = 0;
  for (const Item& item : items) total += item.end - item.begin;
  std::mutex mutex;
  const auto one = [&](std::size_t i) {
    if (options.stop.stop_requested()) throw Error(Errc::usage, "interrupted");
    work(i);
    if (!options.progress) return;
    const std::lock_guard lock(mutex);
    done += items[i].end - items[i].begin;
    options.progress(done, total);
  };
  // No more than there are cores: TBB ignores the rest, and says so on stderr.
  const int cores = tbb::info::default_concurrency();
  tbb::task_arena arena(options.threads == 0 ? cores : std::min(static_cast<int>(options.threads), cores));
  arena.execute([&] { tbb::parallel_for(std::size_t{0}, items.size(), one, tbb::simple_partitioner()); });
}

}  // namespace transload
