// Galleries shared with subscriptions and tenants that have no role on them, or with everybody.
//
// What is shared is in the gallery's row, in properties.sharingProfile, and nowhere else. The facts
// "shared/<unique name>" and "community/<public name>" of the shard "" only say where to look:
// whoever finds a gallery by them looks at its row. Those it is shared with may reject it for one
// of their subscriptions: share_invites.cc.
#pragma once

#include <set>

#include "provider/provider.h"

namespace pinaco::provider {

// POST galleries/g/share.
Result<Outcome> share_gallery(const Call& call);
// What a PUT or PATCH may say of it.
Result<> check_sharing(Draft& draft);
// A gallery that is shared is not deleted before it is reset. Changes nothing.
Result<> check_not_shared(const Call& call, model::Change& change, const model::Resource& gallery);
// Groups only when they are asked for.
void show_sharing(const Call& call, const model::Resource& gallery, JsonObject& properties);

// --- shared_galleries.cc -------------------------------------------------------------------------

// The gallery of that name, if it is shared with the subscription or its tenant, rejected or not.
Result<std::optional<model::Resource>> find_offered_gallery(const Call& call,
                                                            std::string_view unique_name,
                                                            std::string_view subscription);
// The same for what is shared with everybody.
Result<std::optional<model::Resource>> find_community_gallery(const Call& call,
                                                              std::string_view public_name);
// What is not there, and what is not shared: letter for letter the same. "shared" or "community".
Error shared_not_found(std::string_view kind, std::string_view name, std::string_view location);
Error unknown_location(std::string_view location);
bool is_shared_with(const model::Resource& gallery, std::string_view type, std::string_view id);
bool has_public_name(const model::Resource& gallery, std::string_view public_name);
// Every community gallery's row, with its public name, in the order of these.
Result<std::vector<std::pair<std::string, model::Resource>>> list_community_galleries(
    const Call& call);
Json show_community_gallery(const model::Resource& gallery, std::string_view public_name,
                            std::string_view location);

// Routes below /subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}. The
// get functions answer with the gallery, {image} or {version}, whichever is the last one named.
Result<Outcome> list_shared_galleries(const Call& call);
Result<Outcome> get_shared(const Call& call);
Result<Outcome> list_shared_images(const Call& call);
Result<Outcome> list_shared_versions(const Call& call);
Result<Outcome> get_community(const Call& call);
Result<Outcome> list_community_images(const Call& call);
Result<Outcome> list_community_versions(const Call& call);

// --- share_invites.cc ----------------------------------------------------------------------------

// The gallery of that name, if it is shared with the subscription or its tenant and the
// subscription did not reject it.
Result<std::optional<model::Resource>> find_shared_gallery(const Call& call,
                                                           std::string_view unique_name,
                                                           std::string_view subscription);
// Unique names in lower case.
Result<std::set<std::string>> rejected_shares(const Call& call, const std::string& subscription);

// Accepting what was not rejected changes nothing. Rejecting takes effect with the answer.
Result<Outcome> accept_share(const Call& call);
Result<Outcome> reject_share(const Call& call);
Result<Outcome> accept_tenant_share(const Call& call);
Result<Outcome> reject_tenant_share(const Call& call);

}  // namespace pinaco::provider
