// The part [machines] of the configuration, and the file of sizes that it names.
#include <set>

#include "app/config_parts.h"
#include "base/ipv4.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

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

}  // namespace

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

}  // namespace pinaco::app
