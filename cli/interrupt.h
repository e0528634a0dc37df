// SIGINT, SIGTERM and SIGHUP as a request to stop, so that temporary files are removed first.
#pragma once

#include <signal.h>

#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace transload::cli {

// While one of these lives, those signals do not end the program: they make stop() be requested, within 50 ms. One at a
// time. Signals that are ignored stay so, as under nohup.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  std::stop_token stop() const { return stop_.get_token(); }
  int signal() const;  // 0: none came

 private:
  std::stop_source stop_;
  std::vector<std::pair<int, struct sigaction>> before_;
  std::jthread waiter_;
};

}  // namespace transload::cli
