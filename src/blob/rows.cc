// Accounts by name, containers and blobs, as facts.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "blob/blob.h"

namespace pinaco::blob {
namespace {

constexpr std::size_t page_rows = 500;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::int64_t micros(WallTime time) {
  return time.time_since_epoch().count();
}

WallTime time_at(const Json& json, std::string_view member) {
  return WallTime(std::chrono::microseconds(int_at(json, member)));
}

Json object_at(const Json& json, std::string_view member) {
  const Json* found = find_path(json, member);
  return found != nullptr && found->is_object() ? *found : Json(JsonObject());
}

std::string container_prefix(std::string_view account) {
  return fmt::format("container/{}/", account);
}

std::string blob_prefix(std::string_view container) {
  return fmt::format("blob/{}/", container);
}

// What comes after every name that starts with the prefix, which ends in '/'.
std::string end_of(std::string prefix) {
  prefix.back() = '0';
  return prefix;
}

Container container_from(std::string name, const Json& json) {
  return {.name = std::move(name),
          .id = std::string(string_at(json, "id")),
          .etag = std::string(string_at(json, "etag")),
          .modified = time_at(json, "modified"),
          .metadata = object_at(json, "metadata"),
          .blobs = static_cast<std::uint64_t>(int_at(json, "blobs"))};
}

Blob blob_from(std::string name, const Json& json) {
  return {.name = std::move(name),
          .id = std::string(string_at(json, "id")),
          .size_bytes = static_cast<std::uint64_t>(int_at(json, "size")),
          .etag = std::string(string_at(json, "etag")),
          .created = time_at(json, "created"),
          .modified = time_at(json, "modified"),
          .metadata = object_at(json, "metadata"),
          .content = object_at(json, "content")};
}

// Every fact under a prefix that ends in '/', from a name on, page by page.
Result<> for_facts(const model::View& view, const std::string& prefix, std::string from,
                   const std::function<Result<bool>(const std::string&, const Json&)>& visit) {
  from = std::max(std::move(from), prefix);
  while (from < end_of(prefix)) {
    const auto page = TRY(view.facts_between(from, end_of(prefix), page_rows));
    for (const auto& [name, json] : page) {
      if (!TRY(visit(name, json))) return {};
    }
    if (page.size() < page_rows) return {};
    from = page.back().first + '\0';
  }
  return {};
}

// "container/<owner>/<name>" or "account/<owner>": the owner.
std::string owner_of(const std::string& fact) {
  const auto first = fact.find('/') + 1;
  return fact.substr(first, fact.find('/', first) - first);
}

Result<std::set<std::string>> live_accounts(const model::View& view) {
  const arm::ResourceId all{.subscription = view.subscription(),
                            .group = {},
                            .provider = "Microsoft.Storage",
                            .types = {"storageAccounts"},
                            .names = {}};
  std::set<std::string> live;
  for (const auto& row : TRY(view.list_all(all))) live.insert(unique_of(row));
  return live;
}

}  // namespace

bool is_account_name(std::string_view name) {
  return name.size() >= 3 && name.size() <= 24 && std::ranges::all_of(name, is_lower_or_digit);
}

bool is_reserved_name(std::string_view name) {
  for (const auto word : {"subscriptions", "providers", "tenants", "pinaco", "blob", "metadata",
                          "common", "organizations", "consumers", "adfs", "oauth2", "devicelogin",
                          "login", "logout", "beta", "batch", "admin", "portal", "static"}) {
    if (name == word) return true;
  }
  return false;
}

std::string name_fact(std::string_view name) {
  return fmt::format("storage/{}", name);
}

std::string unique_of(const model::Resource& account) {
  return std::string(string_at(account.internal, "unique"));
}

Result<std::optional<model::Resource>> find_account(const model::Model& model,
                                                    std::string_view name) {
  std::optional<Json> fact;
  TRY(model.read("", [&](const model::View& view) -> Result<> {
    fact = TRY(view.find_fact(name_fact(name)));
    return {};
  }));
  if (!fact) return std::nullopt;
  const auto id = TRY(arm::ResourceId::parse(string_at(*fact, "id")));
  return model.find(id);
}

std::string new_etag(Random& random) {
  return "0x" + to_upper(random.hex(8));
}

bool is_container_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63 || name.contains("--")) return false;
  if (name == "oauth2" || name == "discovery") return false;
  if (!is_lower_or_digit(name.front()) || !is_lower_or_digit(name.back())) return false;
  return std::ranges::all_of(name, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

Result<std::optional<Container>> find_container(const model::View& view, std::string_view account,
                                                std::string_view name) {
  const auto fact = TRY(view.find_fact(container_prefix(account) + std::string(name)));
  if (!fact) return std::nullopt;
  return container_from(std::string(name), *fact);
}

Result<> put_container(model::Change& change, std::string_view account, const Container& row) {
  return change.put_fact(container_prefix(account) + row.name,
                         JsonObject{{"id", row.id},
                                    {"etag", row.etag},
                                    {"modified", micros(row.modified)},
                                    {"metadata", row.metadata},
                                    {"blobs", row.blobs}});
}

Result<std::vector<Container>> list_containers(const model::View& view, std::string_view account,
                                               std::string_view from, std::size_t rows_max) {
  const auto prefix = container_prefix(account);
  std::vector<Container> rows;
  for (const auto& [name, json] :
       TRY(view.facts_between(prefix + std::string(from), end_of(prefix), rows_max))) {
    rows.push_back(container_from(name.substr(prefix.size()), json));
  }
  return rows;
}

Result<std::optional<Blob>> find_blob(const model::View& view, std::string_view container,
                                      std::string_view name) {
  const auto fact = TRY(view.find_fact(blob_prefix(container) + std::string(name)));
  if (!fact) return std::nullopt;
  return blob_from(std::string(name), *fact);
}

Result<> put_blob(model::Change& change, std::string_view container, const Blob& row) {
  return change.put_fact(blob_prefix(container) + row.name,
                         JsonObject{{"id", row.id},
                                    {"size", row.size_bytes},
                                    {"etag", row.etag},
                                    {"created", micros(row.created)},
                                    {"modified", micros(row.modified)},
                                    {"metadata", row.metadata},
                                    {"content", row.content}});
}

Result<std::vector<Blob>> list_blobs(const model::View& view, std::string_view container,
                                     std::string_view from, std::size_t rows_max) {
  const auto prefix = blob_prefix(container);
  std::vector<Blob> rows;
  for (const auto& [name, json] :
       TRY(view.facts_between(prefix + std::string(from), end_of(prefix), rows_max))) {
    rows.push_back(blob_from(name.substr(prefix.size()), json));
  }
  return rows;
}

Result<Place> parse_uri(std::string_view uri, std::string_view base_url) {
  const auto shown = uri.substr(0, std::min(uri.find('?'), std::size_t{300}));
  const auto bad = [&](std::string_view why) {
    return arm::error(Kind::invalid, "InvalidParameter",
                      fmt::format("The blob URI '{}' cannot be used: {} Expect "
                                  "{}/{{account}}/{{container}}/{{blob}}.",
                                  shown, why, base_url));
  };
  if (uri.contains('?') || uri.contains('#')) {
    return fail(
        bad("it is signed or has a query. Leave that out: the right to the account's keys "
            "is what counts."));
  }
  if (!istarts_with(uri, base_url) || uri.size() <= base_url.size() ||
      uri[base_url.size()] != '/') {
    return fail(bad("it is not of this server."));
  }
  const auto parts = split(uri.substr(base_url.size() + 1), '/');
  Place place;
  for (std::size_t i = 0; i < parts.size(); i++) {
    const auto part = percent_decode(parts[i]);
    if (!part || part->empty() || *part == "." || *part == ".." || !is_utf8(*part)) {
      return fail(bad("a part of its path is empty, dotted or badly escaped."));
    }
    if (i == 0) place.account = *part;
    if (i == 1) place.container = *part;
    if (i >= 2) place.name += (i == 2 ? "" : "/") + *part;
  }
  if (place.name.empty() || place.name.size() > name_bytes_max || !is_account_name(place.account) ||
      !is_container_name(place.container)) {
    return fail(bad("it names no blob."));
  }
  return place;
}

Result<std::vector<std::string>> orphans(const model::View& view, std::string_view from,
                                         std::size_t rows_max) {
  const auto accounts = TRY(live_accounts(view));
  // All containers, whatever from is: blobs after it may be in any of them.
  std::set<std::string> live;
  std::vector<std::string> found, containers;
  TRY(for_facts(view, "container/", "", [&](const std::string& name, const Json& json) {
    if (accounts.contains(owner_of(name))) {
      live.emplace(string_at(json, "id"));
    } else if (name >= from && containers.size() < rows_max) {
      containers.push_back(name);
    }
    return Result<bool>(true);
  }));
  const auto look = [&](const std::string& prefix, const std::set<std::string>& owners) {
    return for_facts(view, prefix, std::string(from), [&](const std::string& name, const Json&) {
      if (!owners.contains(owner_of(name))) found.push_back(name);
      return Result<bool>(found.size() < rows_max);
    });
  };
  TRY(look("account/", accounts));
  if (found.size() < rows_max) TRY(look("blob/", live));
  for (auto& name : containers) {
    if (found.size() < rows_max) found.push_back(std::move(name));
  }
  return found;
}

Result<std::set<std::string>> all_ids(const model::View& view) {
  std::set<std::string> ids;
  TRY(for_facts(view, "blob/", "", [&](const std::string&, const Json& json) {
    ids.emplace(string_at(json, "id"));
    return Result<bool>(true);
  }));
  return ids;
}

}  // namespace pinaco::blob
