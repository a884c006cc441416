// Pins keep objects from being swept while an image is written, copied or read. The rule that
// makes a sweep safe: an object may leave only while nobody has it pinned and nobody had it
// pinned since the sweep began; a pin that comes while the object is leaving waits until it is
// gone, and then finds it gone.
//
// Threads: any. Lifetime: a PinSet keeps its board alive and lets go when destroyed. Limits:
// one sweep at a time; memory is about 80 bytes a pinned object.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "store/store.h"

template <>
struct std::hash<pinaco::store::ObjectName> {
  std::size_t operator()(const pinaco::store::ObjectName& name) const noexcept {
    return std::hash<pinaco::Digest>()(name.digest) ^ static_cast<std::size_t>(name.kind);
  }
};

namespace pinaco::store {

class PinSet;

class PinBoard : public std::enable_shared_from_this<PinBoard> {
 public:
  std::shared_ptr<PinSet> make_set();

  // Between begin_sweep and end_sweep every pin is noted, also when it is let go.
  void begin_sweep();
  void end_sweep();
  // True: the object may be set aside now, and end_leaving must follow. False: it stays.
  bool begin_leaving(const ObjectName& name);
  void end_leaving(const ObjectName& name);

 private:
  friend class PinSet;

  std::mutex mutex_;
  std::condition_variable left_;
  std::unordered_map<ObjectName, std::size_t> counts_;
  std::unordered_set<ObjectName> noted_;
  std::unordered_set<ObjectName> leaving_;
  bool sweeping_ = false;
};

class PinSet {
 public:
  explicit PinSet(std::shared_ptr<PinBoard> board) : board_(std::move(board)) {}
  PinSet(const PinSet&) = delete;
  PinSet& operator=(const PinSet&) = delete;
  ~PinSet();

  void pin(const ObjectName& name);      // waits while the object is leaving
  bool try_pin(const ObjectName& name);  // false when the object is leaving

 private:
  void add(const ObjectName& name);  // under the board's mutex

  const std::shared_ptr<PinBoard> board_;
  std::unordered_set<ObjectName> names_;  // under the board's mutex
};

}  // namespace pinaco::store
