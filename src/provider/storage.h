// Microsoft.Storage, as far as page blobs go. Inside this room only.
#pragma once

#include "provider/provider.h"

namespace pinaco::provider {

extern const ResourceType storage_accounts;
std::span<const std::string_view> storage_api_versions();

Result<Outcome> check_account_name(const Call& call);
Result<Outcome> list_storage_usages(const Call& call);

// The content that a page blob will be when a worker has stored it (task "capture_contents"): a
// fixed VHD in the location of the draft. `account` is what the request says of its storage
// account; without it the account is one of the draft's subscription. `path` is where the URI
// stands.
Result<Json> content_of_blob(const Draft& draft, std::string_view uri, std::string_view account,
                             const std::string& path);

}  // namespace pinaco::provider
