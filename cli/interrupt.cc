#include "interrupt.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace transload::cli {
namespace {

// A handler can reach nothing but this. Blocking the signals and waiting for them would not do: the threads that
// OpenBLAS starts when it is loaded do not block them, and the signal would end the program there.
constinit std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

}  // namespace

extern "C" {
static void note_signal(int number) { received = number; }
}

Interruption::Interruption() {
  received = 0;
  struct sigaction ours {};
  ours.sa_handler = note_signal;
  ours.sa_flags = SA_RESTART;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    if (sigaction(number, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    if (sigaction(number, &ours, nullptr) == 0) before_.emplace_back(number, before);
  }
  waiter_ = std::jthread([this](const std::stop_token& end) {
    std::mutex mutex;
    std::condition_variable_any pause;  // which the end of this object breaks off
    std::unique_lock lock(mutex);
    while (!pause.wait_for(lock, end, std::chrono::milliseconds(50), [] { return received != 0; })) {
      if (end.stop_requested()) return;
    }
    stop_.request_stop();
  });
}

Interruption::~Interruption() {
  waiter_.request_stop();
  waiter_.join();
  for (const auto& [number, action] : before_) sigaction(number, &action, nullptr);
}

int Interruption::signal() const { return received; }

}  // namespace transload::cli
