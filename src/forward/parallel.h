// Work on rows, shared among the threads that matrix products use too.
#pragma once

#include <cstdint>
#include <functional>

namespace transload::forward {

// Calls `each(first, last)` for ranges that together make [0, count), on as many threads as set_threads() allows.
// `work`: what one unit of `count` costs, in elements; little work stays on the calling thread. What `each` throws
// comes out here.
void in_parallel(std::int64_t count, std::int64_t work,
                 const std::function<void(std::int64_t first, std::int64_t last)>& each);

}  // namespace transload::forward
