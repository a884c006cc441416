// Tags as resources of their own, and the names of tags of a subscription. Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

// tags.cc: Microsoft.Resources/tags/default of a subscription, a group or a resource.
extern const Extension tags;

// Those of arm::check_tags(), and the shorter names of storage accounts.
Result<> check_tags(const ResourceType& type, const Json& said);

// An object; empty when there are none.
Result<Json> tags_of_subscription(const model::View& view);
Result<Json> tags_of_subscription(const model::Model& model, const std::string& subscription);

// tag_names.cc: what is in use, and what somebody predefined.
Result<Outcome> list_tag_names(const Call& call);
Result<Outcome> put_tag_name(const Call& call);
Result<Outcome> delete_tag_name(const Call& call);
Result<Outcome> put_tag_value(const Call& call);
Result<Outcome> delete_tag_value(const Call& call);

}  // namespace pinaco::provider
