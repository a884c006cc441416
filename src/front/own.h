// Pinaco's own small interface, /pinaco/v1: what ARM has no words for. Inside this room only.
//
//   GET    /pinaco/v1/regions[?subscription=]  regions, places, bytes used; and whether the
//                                            subscription may use them
//   GET    /pinaco/v1/regions/requests         who asked for restricted regions, was allowed or
//                                            denied: of all for the first tenant's administrators
//   POST   /pinaco/v1/regions/{name}/request {id,reason}   for a subscription; the first tenant's
//                                            administrators answer with …/allow and …/deny {id},
//                                            and so take back what they allowed
//   GET    /pinaco/v1/contents?id=             image digest, blocks, bytes and copies per region
//   POST   /pinaco/v1/links {id,region,lun,durationInSeconds}
//                                            a signed read link to a version or disk as a VHD, for
//                                            a day at most; DELETE …/links/{name} ends it
//   POST   /pinaco/v1/exports {id,region,lun,durationInSeconds}
//                                            an NBD address, for 24 hours unless said, 7 days at
//                                            most; GET, and GET, PATCH {durationInSeconds} (from
//                                            now on) and DELETE …/exports/{name}
//   GET    /pinaco/v1/expiry?id=[&skipGrace=true]   what is to go by itself below a scope, what
//                                            stays, why and when; POST {id,skipGrace} does now what
//                                            is due, POST …/expiry/undo {id} keeps what is marked
//   GET    /pinaco/v1/cost?id=[&month=2026-11][&by=gallery]   what versions below a scope cost, as
//                                            lines by gallery, definition, version, region, type
//                                            or month
//   GET    /pinaco/v1/deletions?id=[&forGood=true][&inUse=true]   what would go with a gallery or a
//                                            definition, what stands in the way, and the bytes that
//                                            come back; POST {id,forGood,inUse} begins it
//   POST   /pinaco/v1/tenants {name, subscription}   by the first tenant's administrators: another
//                                            tenant, and its administrator's credentials; GET
//   POST   /pinaco/v1/subscriptions {name}     in the caller's tenant; GET; PATCH …/{id} {name}
#pragma once

#include "front/blobs.h"
#include "front/exports.h"
#include "front/front.h"
#include "front/target.h"

namespace pinaco::front {

class OwnInterface {
 public:
  OwnInterface(const Parts& parts, const Blobs& blobs)
      : parts_(parts), blobs_(blobs), exports_(parts, blobs) {}

  Result<> restore_exports() { return exports_.restore(); }
  // After something was deleted: an export may have gone with it.
  void look_after_exports() { exports_.look_soon(); }
  http::Reply answer(const provider::Call& call, const Target& target);
  // The subscription as it is spelled in rows; SubscriptionNotFound otherwise.
  Result<std::string> check_subscription(const identity::Caller& caller, std::string_view id) const;

 private:
  Result<http::Reply> dispatch(const provider::Call& call, const Target& target);
  Result<http::Reply> regions(const provider::Call& call, const Target& target);
  Result<http::Reply> list_regions(const provider::Call& call);
  Result<http::Reply> list_region_uses(const provider::Call& call);
  Result<http::Reply> ask_for_region(const provider::Call& call,
                                     const provider::Location& location);
  Result<http::Reply> decide_on_region(const provider::Call& call, const std::string& region,
                                       bool allow);
  bool runs_server(const identity::Caller& caller) const;
  void add_load(const arm::ResourceId& version, JsonObject& region) const;
  Result<http::Reply> contents(const provider::Call& call);
  Result<model::Resource> latest(const provider::Call& call, const arm::ResourceId& id) const;
  Result<http::Reply> make_link(const provider::Call& call);
  Result<http::Reply> end_link(const provider::Call& call, const std::string& grant);
  Result<http::Reply> exports(const provider::Call& call, const Target& target);
  Result<http::Reply> expiry(const provider::Call& call, const Target& target);
  Result<http::Reply> costs(const provider::Call& call);
  Result<http::Reply> deletions(const provider::Call& call, const Target& target);
  Result<Json> deletion_shown(const provider::Call& call, const lifecycle::CascadePlan& plan) const;
  Result<http::Reply> tenants(const provider::Call& call);
  Result<http::Reply> subscriptions(const provider::Call& call, const Target& target);
  Result<arm::ResourceId> resource_of(const provider::Call& call, std::string_view text,
                                      std::string_view disk_right) const;

  const Parts& parts_;
  const Blobs& blobs_;
  Exports exports_;
};

}  // namespace pinaco::front
