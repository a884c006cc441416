// The pool of reading connections.
#include "kv/sqlite_readers.h"

#include <utility>

#include "base/clock.h"

namespace pinaco::kv {
namespace {

constexpr std::size_t connections_max = 16;
constexpr auto take_timeout = Seconds(10);

}  // namespace

Result<> Readers::read(const std::function<Result<>(Session&)>& reading) {
  auto session = TRY(take());
  // Deferred: the first statement that reads fixes the moment.
  auto result = session->database().run("BEGIN");
  const bool begun = result.has_value();
  if (begun) result = reading(*session);
  if (begun && !session->database().run("ROLLBACK")) session.reset();
  give_back(std::move(session));
  return result;
}

Result<Readers::Owned> Readers::take() {
  {
    std::unique_lock lock(mutex_);
    const bool free =
        returned_.wait_for(lock, take_timeout, [&] { return taken_ < connections_max; });
    if (!free) return fail(Kind::busy, "too many readings at once: try again later");
    ++taken_;
    if (!idle_.empty()) {
      auto session = std::move(idle_.back());
      idle_.pop_back();
      return session;
    }
  }
  auto opened = Session::open_to_read(path_);
  if (!opened) give_back(nullptr);
  return opened;
}

void Readers::give_back(Owned session) {
  const std::lock_guard lock(mutex_);
  --taken_;
  if (session) idle_.push_back(std::move(session));
  returned_.notify_one();
}

}  // namespace pinaco::kv
