// A thread that many sessions share: it waits for all of them and lets each go on when it can.
//
// Threads: add and wake from any; sessions go on in the loop's thread. Lifetime: until all of its
// sessions are over and nobody wakes them any more. Limits: as many sessions as the server lets in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "nbd/session.h"
#include "os/poll.h"

namespace pinaco::nbd {

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> start();
  ~Loop();

  // Serves it until it is over, then calls `over`, once, from the loop's thread.
  void add(std::shared_ptr<Session> session, std::function<void()> over);
  // Lets it go on soon, if it is here.
  void wake(const std::shared_ptr<Session>& session);

 private:
  struct Served {
    std::shared_ptr<Session> session;
    std::function<void()> over;
    os::Poller::Interest interest = {};
  };

  Loop(os::Poller poller, os::Waker waker);
  void work();
  bool take_what_came();  // false when the loop is to end
  void go_on(Served& served, Session::Ready ready);
  void end(Served& served);
  void give_up_stalled();
  std::optional<Milliseconds> until_next_stall() const;

  os::Poller poller_;
  const os::Waker waker_;  // something came
  std::mutex mutex_;
  std::vector<std::unique_ptr<Served>> new_;
  std::vector<std::shared_ptr<Session>> woken_;
  bool ending_ = false;

  // Only the loop's thread uses these.
  std::map<const Session*, std::unique_ptr<Served>> sessions_;
  std::map<const Session*, SteadyTime> stalled_;  // those that take no data, until when they may
  std::thread thread_;
};

}  // namespace pinaco::nbd
