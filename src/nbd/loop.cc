#include "nbd/loop.h"

#include <algorithm>

#include "base/log.h"

namespace pinaco::nbd {

Result<std::unique_ptr<Loop>> Loop::start() {
  auto poller = TRY(os::Poller::open());
  auto waker = TRY(os::Waker::open());
  TRY(poller.add(waker.descriptor(), {.readable = true}, nullptr));
  return std::unique_ptr<Loop>(new Loop(std::move(poller), std::move(waker)));
}

Loop::Loop(os::Poller poller, os::Waker waker)
    : poller_(std::move(poller)), waker_(std::move(waker)) {
  thread_ = std::thread([this] { work(); });
}

Loop::~Loop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  waker_.wake();
  thread_.join();
}

void Loop::add(std::shared_ptr<Session> session, std::function<void()> over) {
  auto served = std::make_unique<Served>();
  served->session = std::move(session);
  served->over = std::move(over);
  const std::lock_guard lock(mutex_);
  new_.push_back(std::move(served));
  waker_.wake();
}

void Loop::wake(const std::shared_ptr<Session>& session) {
  const std::lock_guard lock(mutex_);
  woken_.push_back(session);
  if (woken_.size() == 1) waker_.wake();
}

void Loop::work() {
  while (true) {
    // A session has one event at most, so that none of them can be over before its event is seen.
    for (const auto& event : poller_.wait(until_next_stall())) {
      if (event.of == nullptr) {
        waker_.clear();
      } else {
        go_on(*static_cast<Served*>(event.of),
              {.readable = event.readable, .writable = event.writable, .ended = event.ended});
      }
    }
    if (!take_what_came()) return;
    give_up_stalled();
  }
}

bool Loop::take_what_came() {
  std::vector<std::unique_ptr<Served>> came;
  std::vector<std::shared_ptr<Session>> woken;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return false;
    came.swap(new_);
    woken.swap(woken_);
  }
  for (auto& one : came) {
    Served& served = *one;
    served.interest = {.readable = true};
    const auto added = poller_.add(served.session->socket().descriptor(), served.interest, &served);
    sessions_.emplace(served.session.get(), std::move(one));
    if (!added) {
      LOG(warning, "nbd", "refused a connection: {}", added.error().message);
      end(served);
    } else {
      go_on(served, {});
    }
  }
  for (const auto& session : woken) {
    session->hear();
    const auto served = sessions_.find(session.get());
    if (served != sessions_.end()) go_on(*served->second, {});
  }
  return true;
}

void Loop::go_on(Served& served, Session::Ready ready) {
  Session& session = *served.session;
  const auto wants = session.go_on(ready);
  const os::Poller::Interest interest = {.readable = wants.input, .writable = wants.room};
  if (wants.over) return end(served);
  if (interest != served.interest) {
    served.interest = interest;
    if (!poller_.change(session.socket().descriptor(), interest, &served)) return end(served);
  }
  if (wants.room) {
    stalled_[&session] = wants.give_up_at;
  } else if (!stalled_.empty()) {
    stalled_.erase(&session);
  }
}

void Loop::end(Served& served) {
  const auto session = served.session;
  const auto over = std::move(served.over);
  session->end();
  poller_.remove(session->socket().descriptor());
  stalled_.erase(session.get());
  sessions_.erase(session.get());
  over();
}

void Loop::give_up_stalled() {
  if (stalled_.empty()) return;
  const auto now = system_clock().steady();
  std::vector<const Session*> late;
  for (const auto& [session, until] : stalled_) {
    if (until <= now) late.push_back(session);
  }
  for (const auto* session : late) go_on(*sessions_.at(session), {});
}

std::optional<Milliseconds> Loop::until_next_stall() const {
  if (stalled_.empty()) return std::nullopt;
  const auto next =
      std::ranges::min_element(stalled_, {}, [](const auto& one) { return one.second; });
  const auto left = std::chrono::ceil<Milliseconds>(next->second - system_clock().steady());
  return std::max(left, Milliseconds(0));
}

}  // namespace pinaco::nbd
