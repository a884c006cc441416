// What the rows of Microsoft.Network share.
#include "provider/network.h"

#include <fmt/format.h>

#include "base/text.h"

namespace pinaco::provider {

std::span<const std::string_view> network_api_versions() {
  static constexpr std::string_view known[] = {
      "2015-05-01-preview", "2015-06-15", "2016-03-30", "2016-06-01", "2016-09-01", "2016-12-01",
      "2017-03-01",         "2017-04-01", "2017-06-01", "2017-08-01", "2017-09-01", "2017-10-01",
      "2017-11-01",         "2018-01-01", "2018-02-01", "2018-04-01", "2018-06-01", "2018-07-01",
      "2018-08-01",         "2018-10-01", "2018-11-01", "2018-12-01", "2019-02-01", "2019-04-01",
      "2019-06-01",         "2019-07-01", "2019-08-01", "2019-09-01", "2019-11-01", "2019-12-01",
      "2020-03-01",         "2020-04-01", "2020-05-01", "2020-06-01", "2020-07-01", "2020-08-01",
      "2020-11-01",         "2021-01-01", "2021-02-01", "2021-03-01", "2021-04-01", "2021-05-01",
      "2021-06-01",         "2021-08-01", "2021-12-01", "2022-01-01", "2022-05-01", "2022-07-01",
      "2022-09-01",         "2022-11-01", "2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01",
      "2023-09-01",         "2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01",
      "2024-10-01",         "2025-01-01"};
  return known;
}

Result<> check_network_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 80;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    good = good && (word || c == '_' || c == '.' || c == '-');
  }
  good = good && name.front() != '.' && name.front() != '-' && name.back() != '.' &&
         name.back() != '-';
  if (good) return {};
  return fail(arm::error(
      Kind::invalid, "InvalidResourceName",
      fmt::format("Resource name {} is invalid. The name can be up to 80 characters long. It must "
                  "begin with a word character, and it must end with a word character or with "
                  "'_'. The name may contain word characters or '.', '-', '_'.",
                  name.substr(0, 100))));
}

Result<model::Resource> join(const Draft& draft, std::string_view text, std::string_view type,
                             std::string_view path) {
  const auto id = arm::ResourceId::parse(text);
  if (!id || !id->is_resource() || !iequals(id->full_type(), type)) {
    return fail(arm::error(
        Kind::invalid, "LinkedInvalidPropertyId",
        fmt::format("Property id '{}' at path '{}' is invalid. Expect fully qualified resource Id "
                    "of a '{}' that start with '/subscriptions/{{subscriptionId}}'.",
                    text.substr(0, 300), path, type)));
  }
  TRY(draft.call.may_link(fmt::format("{}/join/action", type), *id));
  // Networks do not span subscriptions.
  auto found = iequals(id->subscription, draft.change.subscription()) ? TRY(draft.change.find(*id))
                   : std::optional<model::Resource>();
                   if (found) TRY(check_group_stays(draft.change, *id));
                   if (found && iequals(found->location, draft.wanted.location) &&
                       found->provisioning != "Failed") {
                     return std::move(*found);
                   }
                   return fail(arm::error(Kind::invalid, "InvalidResourceReference",
                                          fmt::format("Resource {} referenced by resource {} was "
                                                      "not found. Please make sure that the "
                                                      "referenced resource exists, and that both "
                                                      "resources are in the same region.",
                                                      id->text(), draft.wanted.id.text())));
}

Error in_use(std::string_view code, std::string_view what, std::string_view by) {
  return arm::error(
      Kind::invalid, std::string(code),
      fmt::format("{} is in use by {}. Remove it there first, then try again.", what, by));
}

}  // namespace pinaco::provider
