// What deployments fetch: templates and parameters that users name by a URI. Inside this room only.
//
// A user chooses the URI, and the server has reach that he lacks. So: a blob of one of this
// server's storage accounts is read from inside, by the signature in the link, or, without one, by
// the right of whoever deploys to the account's keys. Another host is asked only when the operator
// listed it: over HTTPS, at port 443 unless he named one, with nothing of ours but the URI, without
// following redirects, and, where he listed a pattern, never at an address that is not public.
//
// Threads: any. Limits: 4 MiB, 20 s in all, outside_max at other hosts at once (then
// TooManyRequests). Errors: InvalidContentLink, InvalidTemplate; they name the link without its
// query.
#pragma once

#include <atomic>

#include "deploy/deploy.h"
#include "front/front.h"

namespace pinaco::front {

class Storage;

class Links {
 public:
  Links(const Parts& parts, Storage& storage) : parts_(parts), storage_(storage) {}
  Result<Json> fetch(const deploy::Link& link);

 private:
  Result<std::string> read_own(const deploy::Link& link);
  Result<> sign(const deploy::Link& link, http::Request& request);
  Result<std::string> read_outside(const deploy::Link& link);
  Error unreadable(std::string_view uri, std::string_view why) const;

  const Parts& parts_;
  Storage& storage_;
  std::atomic<int> outside_ = 0;  // under way
};

}  // namespace pinaco::front
