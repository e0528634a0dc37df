// SIGINT, SIGTERM and SIGHUP as a request to stop, so that temporary files are removed first.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace transload::cli {

// While one of these lives, those signals do not end the program: they make stop() be requested. To be made before
// other threads are, which inherit the blocked signals.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  std::stop_token stop() const { return stop_.get_token(); }
  int signal() const { return signal_; }  // 0: none came

 private:
  std::stop_source stop_;
  std::atomic<int> signal_ = 0;
  std::jthread waiter_;
};

}  // namespace transload::cli
