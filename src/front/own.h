// Pinaco's own small interface, /pinaco/v1: what ARM has no words for. Inside this room only.
//
//   GET    /pinaco/v1/regions                  regions, places, bytes used
//   GET    /pinaco/v1/contents?id=             image digest, blocks, bytes and copies per region
//   POST   /pinaco/v1/links {id,region,lun}    a signed read link to a version or disk as a VHD;
//                                            DELETE …/links/{name} ends it
//   POST   /pinaco/v1/exports {id,region,lun}  an NBD address; GET and DELETE …/exports/{name}
//   POST   /pinaco/v1/tenants {name, subscription}   by the first tenant's administrators: another
//                                            tenant, and its administrator's credentials; GET
//   POST   /pinaco/v1/subscriptions {name}     in the caller's tenant; GET; PATCH …/{id} {name}
#pragma once

#include <map>
#include <mutex>

#include "front/blobs.h"
#include "front/front.h"
#include "front/target.h"

namespace pinaco::front {

class OwnInterface {
 public:
  OwnInterface(const Parts& parts, const Blobs& blobs) : parts_(parts), blobs_(blobs) {}

  Result<> restore_exports();
  http::Reply answer(const provider::Call& call, const Target& target);
  // The subscription as it is spelled in rows; SubscriptionNotFound otherwise.
  Result<std::string> check_subscription(const identity::Caller& caller, std::string_view id) const;

 private:
  Result<http::Reply> dispatch(const provider::Call& call, const Target& target);
  Result<http::Reply> regions();
  Result<http::Reply> contents(const provider::Call& call);
  Result<http::Reply> make_link(const provider::Call& call);
  Result<http::Reply> end_link(const provider::Call& call, const std::string& grant);
  Result<http::Reply> make_export(const provider::Call& call);
  Result<http::Reply> use_export(const provider::Call& call, const std::string& name);
  Result<http::Reply> tenants(const provider::Call& call);
  Result<http::Reply> subscriptions(const provider::Call& call, const Target& target);
  Result<arm::ResourceId> resource_of(const provider::Call& call, std::string_view text,
                                      std::string_view disk_right) const;

  const Parts& parts_;
  const Blobs& blobs_;
  std::mutex mutex_;
  std::map<std::string, arm::ResourceId> exports_;
};

}  // namespace pinaco::front
