// Waiting with signals: a thread of its own takes them, because a condition variable must not be
// notified from a signal handler.
#include "app/waiting.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace pinaco::app {
namespace {

constexpr int end_signal = SIGUSR2;  // ends our own thread

class SignalWaiting final : public Waiting {
 public:
  SignalWaiting() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, end_signal}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    thread_ = std::thread([this] { listen(); });
  }
  ~SignalWaiting() override {
    pthread_kill(thread_.native_handle(), end_signal);
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  Result<> wait(Milliseconds time) override {
    std::unique_lock lock(mutex_);
    stop_came_.wait_for(lock, time, [this] { return stopped_; });
    return stopped_ ? Result<>(stopped()) : Result<>();
  }
  Result<> check() override {
    const std::lock_guard lock(mutex_);
    return stopped_ ? Result<>(stopped()) : Result<>();
  }

 private:
  static std::unexpected<Error> stopped() { return fail(Kind::cancelled, "Stopped."); }

  void listen() {
    int signal = 0;
    while (sigwait(&signals_, &signal) == 0 && signal != end_signal) {
      const std::lock_guard lock(mutex_);
      if (stopped_) _exit(130);
      stopped_ = true;
      stop_came_.notify_all();
    }
  }

  sigset_t signals_ = {};
  sigset_t before_ = {};
  std::mutex mutex_;
  std::condition_variable stop_came_;
  bool stopped_ = false;
  std::thread thread_;
};

class PlainWaiting final : public Waiting {
 public:
  Result<> wait(Milliseconds time) override {
    std::this_thread::sleep_for(time);
    return {};
  }
  Result<> check() override { return {}; }
};

}  // namespace

std::unique_ptr<Waiting> wait_regardless() {
  return std::make_unique<PlainWaiting>();
}

std::unique_ptr<Waiting> wait_until_stopped() {
  return std::make_unique<SignalWaiting>();
}

}  // namespace pinaco::app
