// Microsoft.Storage/storageAccounts: an account is a name that is the only one on this server, two
// keys, and what blob/blob.h keeps under it.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "blob/blob.h"
#include "provider/schema.h"
#include "provider/storage.h"

namespace pinaco::provider {
namespace {

using enum Shape;
using enum Access;

constexpr std::string_view versions[] = {
    "2016-01-01", "2016-05-01", "2016-12-01", "2017-06-01", "2017-10-01", "2018-02-01",
    "2018-07-01", "2018-11-01", "2019-04-01", "2019-06-01", "2021-01-01", "2021-02-01",
    "2021-04-01", "2021-05-01", "2021-06-01", "2021-08-01", "2021-09-01", "2022-05-01",
    "2022-09-01", "2023-01-01", "2023-04-01", "2023-05-01", "2024-01-01"};

constexpr Member members[] = {
    {"accessTier", text, changeable, "", "Hot|Cool|Premium"},
    {"supportsHttpsTrafficOnly", boolean, changeable},
    {"allowBlobPublicAccess", boolean, changeable},
    {"allowSharedKeyAccess", boolean, changeable},
    {"allowCrossTenantReplication", boolean, changeable},
    {"defaultToOAuthAuthentication", boolean, changeable},
    {"minimumTlsVersion", text, changeable, "", "TLS1_0|TLS1_1|TLS1_2|TLS1_3"},
    {"publicNetworkAccess", text, changeable, "", "Enabled|Disabled"},
    {"networkAcls", free, changeable},
    {"encryption", free, changeable},
    {"keyPolicy", free, changeable},
    {"sasPolicy", free, changeable},
    {"routingPreference", free, changeable},
    {"largeFileSharesState", text, changeable, "", "Disabled|Enabled"},
    {"isHnsEnabled", boolean, fixed},
    {"isNfsV3Enabled", boolean, fixed},
    {"isSftpEnabled", boolean, changeable},
    {"isLocalUserEnabled", boolean, changeable},
    {"dnsEndpointType", text, fixed, "", "Standard|AzureDnsZone"},
    {"primaryEndpoints", free, read_only},
    {"primaryLocation", text, read_only},
    {"statusOfPrimary", text, read_only},
    {"creationTime", text, read_only},
    {"keyCreationTime", free, read_only},
    {"privateEndpointConnections", free, read_only},
    {"provisioningState", text, read_only},
};
constexpr Schema schema{members};

constexpr std::size_t accounts_max = 250;  // of a subscription
constexpr std::string_view key_names[] = {"key1", "key2"};
constexpr std::string_view skus[] = {"Standard_LRS",   "Standard_ZRS",  "Standard_GRS",
                                     "Standard_RAGRS", "Standard_GZRS", "Standard_RAGZRS",
                                     "Premium_LRS",    "Premium_ZRS"};
constexpr std::string_view kinds[] = {"Storage", "StorageV2", "BlobStorage"};

Error taken(std::string_view name) {
  return arm::error(Kind::conflict, "StorageAccountAlreadyTaken",
                    fmt::format("The storage account named {} is already taken.", name));
}

Result<> check_name(std::string_view name) {
  if (!blob::is_account_name(name)) {
    return fail(arm::error(
        Kind::invalid, "AccountNameInvalid",
        fmt::format("{} is not a valid storage account name. Storage account name must be between "
                    "3 and 24 characters in length and use numbers and lower-case letters only.",
                    name.substr(0, 100))));
  }
  if (blob::is_reserved_name(name)) return fail(taken(name));
  return {};
}

// One at a time: between a name that is free and the row that has it, nobody else looks. A claim
// whose row never came is nobody's.
Result<std::unique_lock<std::mutex>> claim(const Call& call) {
  static std::mutex claiming;
  std::unique_lock<std::mutex> lock(claiming);
  const auto name = call.id.name();
  const auto owner = TRY(blob::find_account(call.model, name));
  if (owner && !(owner->id == call.id)) return fail(taken(name));
  if (!owner) {
    TRY(call.model.change("", [&](model::Change& change) -> Result<> {
      return change.put_fact(
          blob::name_fact(name),
          JsonObject{{"id", call.id.text()}, {"taken", to_iso8601(change.now())}});
    }));
  }
  return lock;
}

void unclaim(const Call& call) {
  const auto row = call.model.find(call.id);
  if (!row || *row) return;
  const auto given = call.model.change("", [&](model::Change& change) -> Result<> {
    const auto fact = TRY(change.find_fact(blob::name_fact(call.id.name())));
    if (!fact || string_at(*fact, "id") != call.id.text()) return {};
    return change.erase_fact(blob::name_fact(call.id.name()));
  });
  // The sweep takes what stays.
  if (!given) LOG(warning, "provider", "a name stays claimed: {}", given.error().message);
}

Result<std::string> one_of(std::span<const std::string_view> allowed, std::string_view said,
                           const std::string& parameter) {
  for (const auto each : allowed) {
    if (iequals(each, said)) return std::string(each);
  }
  return fail(arm::invalid_parameter(
      parameter, fmt::format("The value '{}' of parameter {} is not one of {}.",
                             said.substr(0, 100), parameter, fmt::join(allowed, ", "))));
}

Result<> prepare_kind(Draft& draft) {
  const Json* said = find_member(draft.envelope, "kind");
  const std::string before(string_at(draft.wanted.internal, "kind"));
  if (said == nullptr || !said->is_string()) {
    if (before.empty()) return fail(arm::missing_parameter("kind"));
    return {};
  }
  const auto kind =
      TRY(one_of(kinds, {said->get_string().data(), said->get_string().size()}, "kind"));
  if (!before.empty() && kind != before && kind != "StorageV2") {
    return fail(arm::error(
        Kind::conflict, "StorageAccountKindUpdateNotAllowed",
        fmt::format("The account is of kind {}; it can become StorageV2, not {}.", before, kind),
        "kind"));
  }
  set_path(draft.wanted.internal, "kind", kind);
  return {};
}

Result<> prepare_sku(Draft& draft) {
  const auto said = string_at(draft.wanted.sku, "name");
  if (said.empty()) return fail(arm::missing_parameter("sku"));
  const auto name = TRY(one_of(skus, said, "sku.name"));
  Json full =
      JsonObject{{"name", name}, {"tier", name.starts_with("Premium") ? "Premium" : "Standard"}};
  draft.wanted.sku = std::move(full);
  return {};
}

// What would promise a wall or a service that is not there is refused.
Result<> check_features(const Json& properties) {
  const auto refuse = [](std::string_view member, std::string_view why) {
    return fail(arm::error(Kind::invalid, "OperationNotAllowed",
                           fmt::format("{} is not available on this server: {}", member, why),
                           fmt::format("storageAccount.properties.{}", member)));
  };
  for (const char* member : {"isHnsEnabled", "isNfsV3Enabled", "isSftpEnabled"}) {
    if (bool_at(properties, member)) return refuse(member, "accounts hold page blobs only.");
  }
  if (string_at(properties, "publicNetworkAccess") == "Disabled" ||
      iequals(string_at(properties, "networkAcls.defaultAction"), "Deny")) {
    return refuse("networkAcls", "accounts have no network rules. Listen on another address.");
  }
  if (string_at(properties, "minimumTlsVersion") == "TLS1_3") {
    return refuse("minimumTlsVersion", "an account cannot ask for more than TLS1_2.");
  }
  const auto source = string_at(properties, "encryption.keySource");
  if (!source.empty() && !iequals(source, "Microsoft.Storage")) {
    return refuse("encryption.keySource", "there are no keys of yours. Use Microsoft.Storage.");
  }
  return {};
}

Json new_key(model::Change& change) {
  return JsonObject{{"value", blob::new_key(change.random())},
                    {"created", to_iso8601(change.now())}};
}

Result<> prepare(Draft& draft) {
  Json& properties = draft.wanted.properties;
  if (!draft.current) {
    const arm::ResourceId all{.subscription = draft.change.subscription(),
                              .group = {},
                              .provider = "Microsoft.Storage",
                              .types = {"storageAccounts"},
                              .names = {}};
    if (TRY(draft.change.list_all(all)).size() >= accounts_max) {
      return fail(
          arm::error(Kind::quota, "MaxStorageAccountsCountPerSubscriptionExceeded",
                     fmt::format("Subscription {} already contains {} storage accounts and "
                                 "the maximum allowed is {}. Delete one first.",
                                 draft.wanted.id.subscription, accounts_max, accounts_max)));
    }
    set_path(draft.wanted.internal, "unique", draft.change.random().uuid());
    for (const auto name : key_names) {
      set_path(draft.wanted.internal, fmt::format("keys.{}", name), new_key(draft.change));
    }
  }
  TRY(prepare_kind(draft));
  TRY(prepare_sku(draft));
  TRY(check_features(properties));
  const auto default_to = [&](std::string_view path, Json value) {
    if (find_path(properties, path) == nullptr) set_path(properties, path, std::move(value));
  };
  default_to("supportsHttpsTrafficOnly", true);
  default_to("minimumTlsVersion", "TLS1_2");
  default_to("allowBlobPublicAccess", false);
  if (string_at(draft.wanted.internal, "kind") != "Storage") default_to("accessTier", "Hot");
  return {};
}

Result<> show_account(const Call& call, const model::Resource& row, JsonObject& properties) {
  properties["primaryEndpoints"] =
      JsonObject{{"blob", fmt::format("{}/{}/", call.base_url, row.id.name())}};
  properties["primaryLocation"] = row.location;
  properties["statusOfPrimary"] = "available";
  properties["creationTime"] = to_iso8601(row.created);
  JsonObject created;
  for (const auto name : key_names) {
    created[name] = string_at(row.internal, fmt::format("keys.{}.created", name));
  }
  properties["keyCreationTime"] = std::move(created);
  return {};
}

Outcome shown_keys(const model::Resource& row) {
  JsonArray keys;
  for (const auto name : key_names) {
    keys.push_back(
        JsonObject{{"creationTime", string_at(row.internal, fmt::format("keys.{}.created", name))},
                   {"keyName", name},
                   {"value", string_at(row.internal, fmt::format("keys.{}.value", name))},
                   {"permissions", "FULL"}});
  }
  return Outcome{.body = JsonObject{{"keys", std::move(keys)}}};
}

Result<Outcome> list_keys(const Call& call) {
  return shown_keys(TRY(call.model.get(call.id)));
}

// What the old key signed is refused from now on.
Result<Outcome> regenerate_key(const Call& call) {
  const auto name = TRY(one_of(key_names, string_at(call.body, "keyName"), "keyName"));
  Outcome outcome;
  TRY(call.model.change(call.id.subscription, [&](model::Change& change) -> Result<> {
    TRY(access::check_locks(change, call.id.text(), false));
    auto row = TRY(change.get(call.id));
    set_path(row.internal, fmt::format("keys.{}", name), new_key(change));
    outcome = shown_keys(row);
    return change.put(row);
  }));
  return outcome;
}

constexpr Action actions[] = {
    {"listKeys", "listKeys/action", "", list_keys},
    {"regenerateKey", "regenerateKey/action", "", regenerate_key},
};

}  // namespace

std::span<const std::string_view> storage_api_versions() {
  return versions;
}

Result<Outcome> check_account_name(const Call& call) {
  const auto name = string_at(call.body, "name");
  if (name.empty()) return fail(arm::missing_parameter("accountName.name"));
  Result<> good = check_name(name);
  if (good && TRY(blob::find_account(call.model, name))) good = fail(taken(name));
  if (good) return Outcome{.body = JsonObject{{"nameAvailable", true}}};
  const bool invalid = good.error().kind == Kind::invalid;
  return Outcome{.body = JsonObject{{"nameAvailable", false},
                                    {"reason", invalid ? "AccountNameInvalid" : "AlreadyExists"},
                                    {"message", good.error().message}}};
}

Result<Outcome> list_storage_usages(const Call& call) {
  const Location* location = call.world.find_location(call.parts.at("location"));
  if (location == nullptr) {
    return fail(arm::error(Kind::invalid, "LocationNotAvailableForResourceType",
                           fmt::format("This server has no location '{}'.",
                                       call.parts.at("location").substr(0, 100))));
  }
  std::size_t count = 0;
  const arm::ResourceId all{.subscription = call.parts.at("subscription"),
                            .group = {},
                            .provider = "Microsoft.Storage",
                            .types = {"storageAccounts"},
                            .names = {}};
  TRY(call.model.read(all.subscription, [&](const model::View& view) -> Result<> {
    count = TRY(view.list_all(all))
    .size();
    return {};
  }));
  Json usage = JsonObject{
      {"unit", "Count"},
      {"currentValue", count},
      {"limit", accounts_max},
      {"name", JsonObject{{"value", "StorageAccounts"}, {"localizedValue", "Storage Accounts"}}}};
  return Outcome{.body = JsonObject{{"value", JsonArray{std::move(usage)}}}};
}

const ResourceType storage_accounts{
    .provider = "Microsoft.Storage",
    .type = "storageAccounts",
    .api_versions = versions,
    .patch_since = "2016-01-01",
    .label = "storageAccount",
    .surface = "",
    .created_status = 200,
    .output = false,
    .schema = &schema,
    .check_name = check_name,
    .prepare = prepare,
    .removing = nullptr,
    .show = show_account,
    .actions = actions,
    .placed = true,
    .claim = claim,
    .unclaim = unclaim,
};

}  // namespace pinaco::provider
