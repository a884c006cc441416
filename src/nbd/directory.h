// The exports by name. Connections keep the entry that they negotiated, so that an export which
// was revoked and added again under the same name is another export to them.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "nbd/nbd.h"

namespace pinaco::nbd {

struct Entry {
  explicit Entry(Export of) : export_(std::move(of)) {}
  const Export export_;
  std::atomic<std::uint64_t> bytes_sent = 0;
  std::atomic<bool> revoked = false;
};

class Directory {
 public:
  // Returns the entry that had the name before, which is revoked now; nullptr when there was none.
  std::shared_ptr<Entry> put(const std::string& name, Export export_);
  std::shared_ptr<Entry> remove(const std::string& name);
  std::shared_ptr<Entry> find(const std::string& name) const;
  std::vector<std::string> names() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace pinaco::nbd
