// Who is being made from which replica of an image. A replica serves twenty creations at once; more
// wait, first come, first served, and none fails for that alone. New ones go to the replica that
// has the fewest.
//
// Threads: any. Lifetime: of a Host; counts begin again with it. Limits: whoever waits and does not
// ask again within a minute has lost its place.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace pinaco::work {

class Replicas {
 public:
  static constexpr std::size_t creations_max = 20;  // at once, of a replica

  // The replica, from 0, that the machine is made from: the same one while it is being made.
  // nullopt: it waits, and asks again. `image` names the version and its region.
  std::optional<std::size_t> enter(const std::string& image, std::size_t replicas,
                                   const std::string& machine, SteadyTime now);
  // It is made, has failed or is gone.
  void leave(const std::string& machine);

  struct Load {
    std::size_t creating = 0;
    std::uint64_t created = 0;  // ever, those that are being made among them
  };
  struct Loads {
    std::vector<Load> replicas;
    std::size_t waiting = 0;
  };
  Loads loads(const std::string& image) const;

 private:
  struct Waiter {
    std::string machine;
    SteadyTime asked;
  };
  struct Image {
    std::vector<Load> replicas;
    std::deque<Waiter> waiting;
  };
  struct Place {
    std::string image;
    std::size_t replica = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Image> images_;
  std::map<std::string, Place> places_;  // by machine
};

}  // namespace pinaco::work
