// NBD exports: who made them, of what, until when. Inside this room only.
//
// A row "export/<name>" in the subscription of its resource and an entry of the NBD server each.
// An export ends when it is deleted, when its time is over, when its resource is gone, and when
// whoever made or last renewed it lost the right to the bytes: looked at for each new connection,
// before each list, after each DELETE, and every few seconds, which also ends open connections.
//
// Threads: all calls from any thread, and one of its own. Lifetime: the Parts outlive it, and the
// NBD server serves no connection when it goes. Limits: exports_max in all, 32 of a resource, 7
// days each, renewable. Errors: OperationNotAllowed beyond the limits, InvalidParameter for a time
// that is none; those of the Model.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "front/blobs.h"
#include "front/front.h"

namespace pinaco::front {

class Exports {
 public:
  Exports(const Parts& parts, const Blobs& blobs) : parts_(parts), blobs_(blobs) {}
  ~Exports();

  // Offers again what was given out before a restart, and looks after it from then on.
  Result<> restore();
  // The caller has the right to the bytes of the resource.
  Result<http::Reply> make(const provider::Call& call, const arm::ResourceId& id);
  // Of every resource that the caller may read; the name only where he may read its bytes, for it
  // lets in.
  Result<http::Reply> list(const provider::Call& call);
  // What an export that is there is of; NotFound.
  Result<arm::ResourceId> resource_of(const std::string& name);
  Result<http::Reply> show(const std::string& name);
  Result<http::Reply> renew(const provider::Call& call, const std::string& name);
  Result<http::Reply> end(const std::string& name);
  void look_soon();

 private:
  struct Record {
    arm::ResourceId id;
    std::string of;  // which resource of that name
    std::string region;
    std::string uri;
    Json lun = nullptr;
    Json holder = JsonObject();
    WallTime made = {};
    WallTime expires = {};
  };

  static Json to_row(const Record& record);
  Json shown(const std::string& name, const Record& record, bool with_name) const;
  void offer(const std::string& name, const Record& record, Blobs::Opened opened);
  std::optional<Record> find(const std::string& name);
  Result<bool> is_live(const Record& record) const;
  void look();  // ends those that are over
  void run();

  const Parts& parts_;
  const Blobs& blobs_;
  std::mutex mutex_;
  std::map<std::string, Record> exports_;
  std::condition_variable changed_;
  bool ending_ = false;
  bool look_wanted_ = false;
  std::thread thread_;
};

}  // namespace pinaco::front
