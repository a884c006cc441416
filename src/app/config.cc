// Reads the configuration, strictly.
#include "app/config.h"

#include <fmt/format.h>

#include <initializer_list>
#include <set>
#include <sstream>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "app/clouds.h"
#include "arm/arm.h"
#include "base/ipv4.h"
#include "base/text.h"
#include "front/front.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

Error bad(const toml::node& node, std::string message) {
  return Error{.kind = Kind::invalid,
               .message = fmt::format("The configuration is not valid at line {}: {}",
                                      node.source().begin.line, message)};
}

Result<> check_names(const toml::table& table, std::initializer_list<std::string_view> known) {
  for (const auto& [key, node] : table) {
    bool good = false;
    for (const auto name : known) good = good || key.str() == name;
    if (!good) {
      std::string list;
      for (const auto name : known) list += (list.empty() ? "" : ", ") + std::string(name);
      return fail(bad(node, fmt::format("'{}' is not known here; there are {}.", key.str(), list)));
    }
  }
  return {};
}

Result<> read_number(const toml::table& table, std::string_view name, int low, int high,
                     int& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < low || *value > high) {
    return fail(bad(*node, fmt::format("'{}' must be a number from {} to {}.", name, low, high)));
  }
  into = static_cast<int>(*value);
  return {};
}

Result<> read_text(const toml::table& table, std::string_view name, std::string& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::string>();
  if (!value || value->empty()) return fail(bad(*node, fmt::format("'{}' must be a text.", name)));
  into = *value;
  return {};
}

Result<> read_texts(const toml::table& table, std::string_view name,
                    std::vector<std::string>& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto* list = node->as_array();
  if (list == nullptr) {
    return fail(bad(*node, fmt::format("{} = [\"…\"] is a list of texts.", name)));
  }
  for (const auto& each : *list) {
    const auto text = each.value_exact<std::string>();
    if (!text) return fail(bad(each, fmt::format("{} are texts.", name)));
    into.push_back(*text);
  }
  return {};
}

Result<> read_flag(const toml::table& table, std::string_view name, bool& into) {
  const toml::node* node = table.get(name);
  if (node == nullptr) return {};
  const auto value = node->value_exact<bool>();
  if (!value) return fail(bad(*node, fmt::format("'{}' must be true or false.", name)));
  into = *value;
  return {};
}

Result<> read_server(const toml::table& table, Config& config) {
  TRY(check_names(table, {"address", "port", "nbd_port", "names", "replicas_max", "frame_cache_mib",
                          "issuer_hosts", "shared_subscriptions_max", "shared_tenants_max",
                          "image_disk_gb_max", "end_of_life", "eager"}));
  TRY(read_text(table, "address", config.address));
  TRY(read_number(table, "port", 0, 65535, config.port));
  TRY(read_number(table, "nbd_port", 0, 65535, config.nbd_port));
  TRY(read_number(table, "replicas_max", 1, 100, config.replicas_max));
  TRY(read_number(table, "frame_cache_mib", 16, 65536, config.frame_cache_mib));
  TRY(read_number(table, "shared_subscriptions_max", 0, 1000, config.shared_subscriptions_max));
  TRY(read_number(table, "shared_tenants_max", 0, 1000, config.shared_tenants_max));
  TRY(read_number(table, "image_disk_gb_max", 1, 32'767, config.image_disk_gb_max));
  TRY(read_flag(table, "eager", config.eager));
  std::string end;
  TRY(read_text(table, "end_of_life", end));
  constexpr std::pair<std::string_view, provider::EndOfLife> ends[] = {
      {"off", provider::EndOfLife::off},
      {"warn", provider::EndOfLife::warn},
      {"hide", provider::EndOfLife::hide},
      {"block", provider::EndOfLife::block}};
  bool known = end.empty();
  for (const auto& [word, meaning] : ends) {
    if (end != word) continue;
    config.end_of_life = meaning;
    known = true;
  }
  if (!known) {
    return fail(bad(*table.get("end_of_life"),
                    "'end_of_life' must be \"off\", \"warn\", \"hide\" or \"block\"."));
  }
  TRY(read_texts(table, "names", config.names));
  return read_texts(table, "issuer_hosts", config.issuer_hosts);
}

Result<RegionConfig> read_region(const toml::table& table, const std::string& data_folder,
                                 std::set<std::string>& paths) {
  TRY(check_names(table, {"name", "display_name", "stores"}));
  RegionConfig region;
  TRY(read_text(table, "name", region.name));
  if (region.name.empty() || region.name != arm::normalize_location(region.name) ||
      region.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos) {
    return fail(bad(table, "a region needs a name of lower-case letters and digits."));
  }
  region.display_name = region.name;
  TRY(read_text(table, "display_name", region.display_name));
  const auto* stores = table.get_as<toml::array>("stores");
  if (stores == nullptr || stores->empty()) {
    return fail(
        bad(table, fmt::format("region '{}' needs stores = [{{ path = \"…\" }}].", region.name)));
  }
  for (const auto& node : *stores) {
    const auto* store = node.as_table();
    if (store == nullptr) return fail(bad(node, "a store is a table: { path = \"…\" }."));
    TRY(check_names(*store, {"path", "zone", "premium"}));
    StoreConfig made;
    TRY(read_text(*store, "path", made.path));
    TRY(read_text(*store, "zone", made.zone));
    if (const auto* premium = store->get("premium")) {
      const auto value = premium->value_exact<bool>();
      if (!value) return fail(bad(*premium, "'premium' must be true or false."));
      made.premium = *value;
    }
    if (made.path.empty()) return fail(bad(*store, "a store needs a path."));
    if (made.path.front() != '/') made.path = data_folder + "/" + made.path;
    if (!paths.insert(made.path).second) {
      return fail(bad(*store, fmt::format("'{}' is used by two stores.", made.path)));
    }
    region.stores.push_back(std::move(made));
  }
  return region;
}

Result<std::vector<provider::MachineSize>> read_sizes(const std::string& path) {
  const auto text = TRY(os::read_file(path, 1 << 20));
  const auto parsed = toml::parse(text);
  if (!parsed) {
    return fail(Kind::invalid,
                fmt::format("'{}' is not valid TOML at line {}: {}", path,
                            parsed.error().source().begin.line, parsed.error().description()));
  }
  TRY(check_names(parsed.table(), {"size"}));
  std::vector<provider::MachineSize> sizes;
  if (const auto* list = parsed.table().get_as<toml::array>("size")) {
    for (const auto& node : *list) {
      const auto* table = node.as_table();
      if (table == nullptr) return fail(bad(node, "write each size as [[size]]."));
      TRY(check_names(*table, {"name", "processors", "memory_mib", "data_disks", "generations",
                               "architecture", "premium"}));
      provider::MachineSize size;
      TRY(read_text(*table, "name", size.name));
      TRY(read_number(*table, "processors", 1, 64, size.processors));
      TRY(read_number(*table, "memory_mib", 32, 1 << 20, size.memory_mib));
      TRY(read_number(*table, "data_disks", 0, 64, size.data_disks_max));
      TRY(read_text(*table, "generations", size.generations));
      TRY(read_text(*table, "architecture", size.architecture));
      if (const auto* premium = table->get("premium")) {
        const auto value = premium->value_exact<bool>();
        if (!value) return fail(bad(*premium, "'premium' must be true or false."));
        size.premium = *value;
      }
      if (size.name.empty()) return fail(bad(*table, "a size needs a name."));
      sizes.push_back(std::move(size));
    }
  }
  if (sizes.empty()) {
    return fail(Kind::invalid, fmt::format("'{}' names no size: write [[size]].", path));
  }
  return sizes;
}

Result<machine::LibvirtHost> read_host(const toml::table& table) {
  TRY(check_names(table, {"name", "uri", "pool", "memory_mib", "accelerator"}));
  machine::LibvirtHost host;
  TRY(read_text(table, "name", host.name));
  TRY(read_text(table, "uri", host.uri));
  TRY(read_text(table, "pool", host.pool));
  TRY(read_text(table, "accelerator", host.accelerator));
  int memory_mib = 0;
  TRY(read_number(table, "memory_mib", 32, 1 << 30, memory_mib));
  host.memory_mib = static_cast<std::uint64_t>(memory_mib);
  if (host.name.empty() || host.uri.empty() || memory_mib == 0) {
    return fail(bad(table, "a host of machines needs name, uri and memory_mib."));
  }
  if (host.accelerator != "auto" && host.accelerator != "kvm" && host.accelerator != "tcg") {
    return fail(bad(table, "accelerator is \"auto\", \"kvm\" or \"tcg\"."));
  }
  return host;
}

Result<> read_hosts(const toml::table& table, MachinesConfig& machines) {
  TRY(read_text(table, "address", machines.address));
  const auto address = parse_ipv4(machines.address);
  if (!address || *address == 0) {
    return fail(bad(table, "address is the one of this server that hosts reach, like 10.0.0.1."));
  }
  TRY(read_number(table, "disks_port", 1, 65535, machines.disks_port));
  const auto* node = table.get("host");
  const auto* list = table.get_as<toml::array>("host");
  if (node != nullptr && list == nullptr) {
    return fail(bad(*node, "write each host as [[machines.host]]."));
  }
  std::set<std::string> names;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const auto* host = list->get_as<toml::table>(i);
    if (host == nullptr) return fail(bad(*list, "write each host as [[machines.host]]."));
    machines.hosts.push_back(TRY(read_host(*host)));
    if (!names.insert(machines.hosts.back().name).second) {
      return fail(bad(*host, fmt::format("two hosts are called '{}'.", machines.hosts[i].name)));
    }
  }
  for (const auto& host : machines.hosts) {
    if (!machine::is_elsewhere(host) || *address >> 24 != 127) continue;
    return fail(bad(table, fmt::format("address is {}, which the host '{}' would look for on "
                                       "itself; write this server's address as that host reaches "
                                       "it, like 10.0.0.1.",
                                       machines.address, host.name)));
  }
  if ((machines.driver == "libvirt") != !machines.hosts.empty()) {
    return fail(bad(table, "driver = \"libvirt\" and [[machines.host]] go together."));
  }
  return {};
}

Result<> read_machines(const toml::table& table, const std::string& data_folder,
                       MachinesConfig& machines) {
  TRY(check_names(table, {"driver", "folder", "addresses", "report_minutes", "shutdown_seconds",
                          "sizes", "address", "disks_port", "host"}));
  TRY(read_text(table, "driver", machines.driver));
  const auto& driver = machines.driver;
  if (driver != "qemu" && driver != "libvirt" && driver != "none" && driver != "off") {
    return fail(bad(table, "driver is \"qemu\", \"libvirt\", \"none\" or \"off\"."));
  }
  TRY(read_hosts(table, machines));
  const auto below = [&](const std::string& path) {
    return path.starts_with('/') ? path : data_folder + "/" + path;
  };
  TRY(read_text(table, "folder", machines.folder));
  machines.folder = below(machines.folder);
  TRY(read_text(table, "addresses", machines.addresses));
  TRY(read_number(table, "report_minutes", 1, 1440, machines.report_minutes));
  TRY(read_number(table, "shutdown_seconds", 0, 3600, machines.shutdown_seconds));
  std::string sizes;
  TRY(read_text(table, "sizes", sizes));
  if (!sizes.empty()) machines.sizes = TRY(read_sizes(below(sizes)));
  return {};
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
                  {.path = below + "westeurope/3", .zone = "3", .premium = true}}},
      {.name = "northeurope",
       .display_name = "North Europe",
       .stores = {{.path = below + "northeurope/a", .zone = {}, .premium = true}}},
      {.name = "eastus",
       .display_name = "East US",
       .stores = {{.path = below + "eastus/a", .zone = {}, .premium = true}}},
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
  TRY(check_names(root, {"server", "machines", "proxy", "deployments", "region", "issuers"}));
  Config config = default_config(data_folder);
  const auto must_be = [&](std::string_view name, bool good) -> Result<> {
    const toml::node* node = root.get(name);
    if (node == nullptr || good) return {};
    return fail(bad(*node, name == "region"     ? "write each region as [[region]]."
                           : name == "issuers"  ? "write each issuer as [[issuers]]."
                           : name == "machines" ? "write the settings of machines below [machines]."
                           : name == "deployments"
                               ? "write the settings of deployments below [deployments]."
                           : name == "proxy" ? "write the settings of the proxy below [proxy]."
                                             : "write the settings of the server below "
                                               "[server]."));
  };
  TRY(must_be("server", root.get_as<toml::table>("server") != nullptr));
  TRY(must_be("machines", root.get_as<toml::table>("machines") != nullptr));
  TRY(must_be("proxy", root.get_as<toml::table>("proxy") != nullptr));
  TRY(must_be("deployments", root.get_as<toml::table>("deployments") != nullptr));
  TRY(must_be("region", root.get_as<toml::array>("region") != nullptr));
  TRY(must_be("issuers", root.get_as<toml::array>("issuers") != nullptr));
  if (const auto* server = root.get_as<toml::table>("server")) TRY(read_server(*server, config));
  if (const auto* machines = root.get_as<toml::table>("machines")) {
    TRY(read_machines(*machines, data_folder, config.machines));
  }
  if (const auto* proxy = root.get_as<toml::table>("proxy")) TRY(read_proxy(*proxy, config.proxy));
  if (const auto* links = root.get_as<toml::table>("deployments")) {
    TRY(read_links(*links, data_folder, config.links));
  }
  if (const auto* regions = root.get_as<toml::array>("region")) {
    config.regions.clear();
    std::set<std::string> names;
    std::set<std::string> paths;
    for (const auto& node : *regions) {
      const auto* table = node.as_table();
      if (table == nullptr) return fail(bad(node, "write each region as [[region]]."));
      auto region = TRY(read_region(*table, data_folder, paths));
      if (!names.insert(region.name).second) {
        return fail(bad(*table, fmt::format("region '{}' is there twice.", region.name)));
      }
      config.regions.push_back(std::move(region));
    }
  }
  if (const auto* issuers = root.get_as<toml::array>("issuers")) {
    for (const auto& node : *issuers) {
      const auto* table = node.as_table();
      if (table == nullptr) return fail(bad(node, "write each issuer as [[issuers]]."));
      config.issuers.push_back(TRY(read_issuer(*table)));
    }
  }
  return config;
}

}  // namespace pinaco::app
