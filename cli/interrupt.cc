#include "interrupt.h"

#include <csignal>
#include <ctime>

namespace transload::cli {
namespace {

// But those that are ignored, as under nohup and in the background of a shell without job control.
sigset_t signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, number);
  }
  return set;
}

}  // namespace

Interruption::Interruption() {
  const sigset_t set = signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  waiter_ = std::jthread([this, set](const std::stop_token& end) {
    while (!end.stop_requested()) {
      const timespec wait{0, 50'000'000};
      const int number = sigtimedwait(&set, nullptr, &wait);
      if (number <= 0) continue;
      signal_ = number;
      stop_.request_stop();
      return;
    }
  });
}

Interruption::~Interruption() {
  waiter_.request_stop();
  waiter_.join();
  const sigset_t set = signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace transload::cli
