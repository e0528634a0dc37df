#include "forward/parallel.h"

#include <cblas.h>
#include <tbb/blocked_range.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

namespace transload::forward {
namespace {

constexpr std::int64_t kLeast = 1 << 14;  // elements that are worth a task

}  // namespace

void in_parallel(std::int64_t count, std::int64_t work,
                 const std::function<void(std::int64_t first, std::int64_t last)>& each) {
  if (count <= 0) return;
  const int threads = std::min(openblas_get_num_threads(), tbb::info::default_concurrency());
  const std::int64_t grain = std::max<std::int64_t>(1, kLeast / std::max<std::int64_t>(1, work));
  if (threads <= 1 || count <= grain) {
    each(0, count);
    return;
  }
  tbb::task_arena arena(threads);
  arena.execute([&] {
    tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, count, static_cast<std::size_t>(grain)),
                      [&](const tbb::blocked_range<std::int64_t>& range) { each(range.begin(), range.end()); });
  });
}

}  // namespace transload::forward
