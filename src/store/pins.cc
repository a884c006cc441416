// One mutex over a map of counts; nothing is read or written while it is held.
#include "store/pins.h"

namespace pinaco::store {

std::shared_ptr<PinSet> PinBoard::make_set() {
  return std::make_shared<PinSet>(shared_from_this());
}

void PinBoard::begin_sweep() {
  const std::lock_guard lock(mutex_);
  CHECK(!sweeping_);
  sweeping_ = true;
  for (const auto& [name, count] : counts_) noted_.insert(name);
}

void PinBoard::end_sweep() {
  const std::lock_guard lock(mutex_);
  sweeping_ = false;
  noted_.clear();
}

bool PinBoard::begin_leaving(const ObjectName& name) {
  const std::lock_guard lock(mutex_);
  CHECK(sweeping_);
  if (noted_.contains(name)) return false;
  leaving_.insert(name);
  return true;
}

void PinBoard::end_leaving(const ObjectName& name) {
  {
    const std::lock_guard lock(mutex_);
    leaving_.erase(name);
  }
  left_.notify_all();
}

PinSet::~PinSet() {
  const std::lock_guard lock(board_->mutex_);
  for (const ObjectName& name : names_) {
    const auto found = board_->counts_.find(name);
    if (--found->second == 0) board_->counts_.erase(found);
  }
}

void PinSet::add(const ObjectName& name) {
  if (!names_.insert(name).second) return;
  ++board_->counts_[name];
  if (board_->sweeping_) board_->noted_.insert(name);
}

void PinSet::pin(const ObjectName& name) {
  std::unique_lock lock(board_->mutex_);
  board_->left_.wait(lock, [&] { return !board_->leaving_.contains(name); });
  add(name);
}

bool PinSet::try_pin(const ObjectName& name) {
  const std::lock_guard lock(board_->mutex_);
  if (board_->leaving_.contains(name)) return false;
  add(name);
  return true;
}

}  // namespace pinaco::store
