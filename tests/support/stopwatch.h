// Limits on time that hold on a busy machine and under a sanitizer.
#pragma once

#include <ctime>

namespace transload::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr double kSlowdown = 10;
#else
inline constexpr double kSlowdown = 1;
#endif

// Processor time of this program, which other programs do not lengthen, as an unsanitized build would use it.
class Stopwatch {
 public:
  double seconds() const {
    return static_cast<double>(std::clock() - start_) / static_cast<double>(CLOCKS_PER_SEC) / kSlowdown;
  }

 private:
  std::clock_t start_ = std::clock();
};

}  // namespace transload::test
