// The two documents that tell a new guest whom to become. Pure; for facts that were checked.
#pragma once

#include <string>

#include "guest/guest.h"

namespace pinaco::guest {

// ovf-env.xml, as cloud-init's DataSourceAzure and the Linux agent read it.
std::string ovf_environment(const Facts& facts);

// NoCloud's vendor-data: the account. The password only as a SHA-512 hash of crypt(3).
Result<std::string> cloud_init_account(const Facts& facts);

// "$6$…": the salt comes from `id`, so that the same guest gets the same disc.
Result<std::string> hash_password(std::string_view password, std::string_view id);

}  // namespace pinaco::guest
