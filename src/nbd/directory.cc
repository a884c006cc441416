// The exports by name: a map under a mutex.
#include "nbd/directory.h"

namespace pinaco::nbd {

std::shared_ptr<Entry> Directory::put(const std::string& name, Export export_) {
  auto entry = std::make_shared<Entry>(std::move(export_));
  std::lock_guard lock(mutex_);
  std::swap(entries_[name], entry);
  if (entry) entry->revoked = true;
  return entry;
}

std::shared_ptr<Entry> Directory::remove(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  auto entry = std::move(found->second);
  entries_.erase(found);
  entry->revoked = true;
  return entry;
}

std::shared_ptr<Entry> Directory::find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second;
}

std::vector<std::string> Directory::names() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

}  // namespace pinaco::nbd
