// Reads the configuration, strictly.
#include "app/config.h"

#include <fmt/format.h>

#include <set>

#include "app/clouds.h"
#include "app/config_parts.h"
#include "front/front.h"

namespace pinaco::app {
namespace {

Result<> read_server(const toml::table& table, Config& config) {
  if (const auto* node = table.get("end_of_life")) {
    return fail(bad(*node, "'end_of_life' is a setting of [lifecycle]."));
  }
  TRY(check_names(table, {"address", "port", "nbd_port", "names", "replicas_max", "frame_cache_mib",
                          "issuer_hosts", "shared_subscriptions_max", "shared_tenants_max",
                          "image_disk_gb_max", "eager"}));
  TRY(read_text(table, "address", config.address));
  TRY(read_number(table, "port", 0, 65535, config.port));
  TRY(read_number(table, "nbd_port", 0, 65535, config.nbd_port));
  TRY(read_number(table, "replicas_max", 1, 100, config.replicas_max));
  TRY(read_number(table, "frame_cache_mib", 16, 65536, config.frame_cache_mib));
  TRY(read_number(table, "shared_subscriptions_max", 0, 1000, config.shared_subscriptions_max));
  TRY(read_number(table, "shared_tenants_max", 0, 1000, config.shared_tenants_max));
  TRY(read_number(table, "image_disk_gb_max", 1, 32'767, config.image_disk_gb_max));
  TRY(read_flag(table, "eager", config.eager));
  TRY(read_texts(table, "names", config.names));
  return read_texts(table, "issuer_hosts", config.issuer_hosts);
}

Result<> read_proxy(const toml::table& table, ProxyConfig& proxy) {
  TRY(check_names(table, {"address", "port", "clouds", "hosts"}));
  TRY(read_text(table, "address", proxy.address));
  TRY(read_number(table, "port", 0, 65535, proxy.port));
  std::vector<std::string> clouds;
  TRY(read_texts(table, "clouds", clouds));
  if (!table.contains("clouds") && !table.contains("hosts")) clouds.emplace_back("German");
  for (const auto& name : clouds) {
    const auto* cloud = find_cloud(name);
    if (cloud == nullptr) {
      std::string known;
      for (const auto& each : known_clouds()) {
        known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", each.name);
      }
      return fail(bad(*table.get("clouds"),
                      fmt::format("the cloud '{}' is not known; there are {}. Write the names of "
                                  "another one as hosts.",
                                  name, known)));
    }
    const auto hosts = cloud->hosts();
    proxy.hosts.insert(proxy.hosts.end(), hosts.begin(), hosts.end());
  }
  TRY(read_texts(table, "hosts", proxy.hosts));
  if (proxy.hosts.empty()) return fail(bad(table, "a proxy needs clouds or hosts."));
  proxy.on = true;
  return {};
}

Result<> read_links(const toml::table& table, const std::string& data_folder, LinksConfig& links) {
  TRY(check_names(table, {"link_hosts", "link_ca"}));
  TRY(read_texts(table, "link_hosts", links.hosts));
  for (const auto& host : links.hosts) {
    if (front::is_link_host(host)) continue;
    return fail(bad(*table.get("link_hosts"),
                    fmt::format("'{}' is no host: write \"name\", \"name:port\", \"*.name\" or "
                                "\"*\", without https:// and path.",
                                host)));
  }
  TRY(read_text(table, "link_ca", links.ca_file));
  if (!links.ca_file.empty() && !links.ca_file.starts_with('/')) {
    links.ca_file = data_folder + "/" + links.ca_file;
  }
  return {};
}

Result<identity::TrustedIssuer> read_issuer(const toml::table& table) {
  TRY(check_names(table, {"name", "issuer", "audience", "tenant", "subject_claim", "name_claim",
                          "groups_claim", "auto_create"}));
  identity::TrustedIssuer issuer;
  TRY(read_text(table, "name", issuer.name));
  TRY(read_text(table, "issuer", issuer.issuer));
  TRY(read_text(table, "audience", issuer.audience));
  TRY(read_text(table, "tenant", issuer.tenant));
  TRY(read_text(table, "subject_claim", issuer.subject_claim));
  TRY(read_text(table, "name_claim", issuer.name_claim));
  TRY(read_text(table, "groups_claim", issuer.groups_claim));
  if (const auto* node = table.get("auto_create")) {
    const auto value = node->value_exact<bool>();
    if (!value) return fail(bad(*node, "'auto_create' must be true or false."));
    issuer.auto_create = *value;
  }
  if (issuer.name.empty() || issuer.issuer.empty() || issuer.audience.empty()) {
    return fail(bad(table, "an issuer needs name, issuer and audience."));
  }
  return issuer;
}

Result<> read_issuers(const toml::array& list, Config& config) {
  for (const auto& node : list) {
    const auto* table = node.as_table();
    if (table == nullptr) return fail(bad(node, "write each issuer as [[issuers]]."));
    config.issuers.push_back(TRY(read_issuer(*table)));
  }
  return {};
}

}  // namespace

Config default_config(const std::string& data_folder) {
  const std::string below = data_folder + "/regions/";
  Config config;
  config.machines.folder = data_folder + "/machines";
  config.regions = {
      {.name = "westeurope",
       .display_name = "West Europe",
       .stores = {{.path = below + "westeurope/1", .zone = "1", .premium = true},
                  {.path = below + "westeurope/2", .zone = "2", .premium = true},
                  {.path = below + "westeurope/3", .zone = "3", .premium = true}},
       .geography = "Europe",
       .geography_group = "Europe",
       .physical_location = "Netherlands",
       .paired = "northeurope",
       .latitude = "52.3667",
       .longitude = "4.9"},
      {.name = "northeurope",
       .display_name = "North Europe",
       .stores = {{.path = below + "northeurope/a", .zone = {}, .premium = true}},
       .geography = "Europe",
       .geography_group = "Europe",
       .physical_location = "Ireland",
       .paired = "westeurope",
       .latitude = "53.3478",
       .longitude = "-6.2597"},
      {.name = "eastus",
       .display_name = "East US",
       .stores = {{.path = below + "eastus/a", .zone = {}, .premium = true}},
       .geography = "United States",
       .geography_group = "US",
       .physical_location = "Virginia",
       .latitude = "37.3719",
       .longitude = "-79.8164"},
  };
  return config;
}

Result<Config> parse_config(const std::string& text, const std::string& data_folder) {
  const auto parsed = toml::parse(text);
  if (!parsed) {
    return fail(Kind::invalid,
                fmt::format("The configuration is not valid TOML at line {}: {}",
                            parsed.error().source().begin.line, parsed.error().description()));
  }
  const toml::table& root = parsed.table();
  TRY(check_names(root, {"server", "limits", "lifecycle", "cost", "machines", "proxy",
                         "deployments", "region", "issuers"}));
  Config config = default_config(data_folder);
  const auto table = [&](std::string_view name, const auto& read) -> Result<> {
    const auto* node = root.get(name);
    if (node == nullptr) return {};
    if (const auto* found = node->as_table()) return read(*found);
    return fail(bad(*node, fmt::format("write the settings of {0} below [{0}].", name)));
  };
  const auto tables = [&](std::string_view name, const auto& read) -> Result<> {
    const auto* node = root.get(name);
    if (node == nullptr) return {};
    if (const auto* found = node->as_array()) return read(*found);
    return fail(bad(*node, fmt::format("write each of them as [[{}]].", name)));
  };
  TRY(table("server", [&](const auto& part) { return read_server(part, config); }));
  TRY(table("limits", [&](const auto& part) { return read_limits(part, config); }));
  TRY(table("lifecycle", [&](const auto& part) { return read_lifecycle(part, config.life); }));
  TRY(table("cost", [&](const auto& part) { return read_cost(part, data_folder, config.prices); }));
  TRY(table("machines",
            [&](const auto& part) { return read_machines(part, data_folder, config.machines); }));
  TRY(table("proxy", [&](const auto& part) { return read_proxy(part, config.proxy); }));
  TRY(table("deployments",
            [&](const auto& part) { return read_links(part, data_folder, config.links); }));
  TRY(tables("region", [&](const auto& part) { return read_regions(part, data_folder, config); }));
  TRY(tables("issuers", [&](const auto& part) { return read_issuers(part, config); }));
  return config;
}

}  // namespace pinaco::app
