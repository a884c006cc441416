// The metadata service and the wire server of one guest, on sockets in a folder that only this
// user may enter: another guest has another folder, so nobody can ask in its place.
//
// Threads: facts from any thread; reports come on the servers' threads, one at a time. Lifetime:
// the sockets and their folder go with it. Limits: 32 connections each, bodies of 1 MiB.
#pragma once

#include <mutex>

#include "guest/guest.h"
#include "http/http.h"

namespace pinaco::guest {

class Services {
 public:
  static Result<std::unique_ptr<Services>> start(Facts facts,
                                                 std::function<void(const Report&)> on_report);
  ~Services();
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  std::string metadata_path() const { return folder_ + "/metadata"; }
  std::string wire_path() const { return folder_ + "/wire"; }
  std::shared_ptr<const Facts> facts() const;
  void set_facts(Facts facts);

 private:
  explicit Services(std::function<void(const Report&)> on_report)
      : on_report_(std::move(on_report)) {}
  void take(const Report& news);

  const std::function<void(const Report&)> on_report_;
  std::string folder_;
  mutable std::mutex facts_mutex_;
  std::shared_ptr<const Facts> facts_;
  std::mutex report_mutex_;  // held while on_report_ is called
  Report report_;
  std::unique_ptr<http::Server> metadata_;
  std::unique_ptr<http::Server> wire_;
};

}  // namespace pinaco::guest
