// What a machine's row names, gathered, and told to the hypervisor.
#include "work/guests.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "os/sockets.h"

namespace pinaco::work {
namespace {

Result<std::optional<model::Resource>> find_named(const model::View& view, std::string_view text) {
  if (text.empty()) return std::optional<model::Resource>();
  const auto id = arm::ResourceId::parse(text);
  if (!id) return std::optional<model::Resource>();
  return view.find(*id);
}

Result<HeldDisk> read_disk(const model::View& view, const Json& shown, std::string slot) {
  const auto text = string_at(shown, "managedDisk.id");
  auto row = TRY(find_named(view, text));
  if (!row) {
    return fail(
        arm::error(Kind::not_found, "ResourceNotFound",
                   fmt::format("The disk '{}' of the machine is not there any more.", text)));
  }
  return HeldDisk{.slot = std::move(slot),
                  .deleted_with_machine = string_at(shown, "deleteOption") == "Delete",
                  .row = std::move(*row)};
}

// What a public address without a security group lets through.
constexpr int usual_ports[] = {22, 80, 443, 3389, 5985, 5986, 8080, 8443};
constexpr std::int64_t range_max = 64;  // ports of one rule that get a forward each

bool covers(const Json& rule, int port) {
  const auto fits = [&](std::string_view range) {
    if (range == "*") return true;
    const auto dash = range.find('-');
    const auto first = parse_int(range.substr(0, dash), 0, 65535);
    const auto last =
        dash == std::string_view::npos ? first : parse_int(range.substr(dash + 1), 0, 65535);
    return first && last && port >= *first && port <= *last;
  };
  const auto one = string_at(rule, "properties.destinationPortRange");
  if (!one.empty() && fits(one)) return true;
  if (const Json* several = find_path(rule, "properties.destinationPortRanges")) {
    for (const Json& each : several->get_array()) {
      if (each.is_string() && fits(each.get_string())) return true;
    }
  }
  return false;
}

// Whether the first rule that says something of the port lets it in.
bool lets_in(const model::Resource& group, int port) {
  std::int64_t best = 5000;
  bool allowed = false;
  const Json* rules = find_path(group.properties, "securityRules");
  if (rules == nullptr) return false;
  for (const Json& rule : rules->get_array()) {
    const auto priority = int_at(rule, "properties.priority");
    const auto protocol = string_at(rule, "properties.protocol");
    if (string_at(rule, "properties.direction") != "Inbound" || priority >= best ||
        (protocol != "*" && protocol != "Tcp") || !covers(rule, port)) {
      continue;
    }
    best = priority;
    allowed = string_at(rule, "properties.access") == "Allow";
  }
  return allowed;
}

// Single ports, and short ranges, that rules name.
void add_named_ports(const model::Resource& group, std::vector<int>& ports) {
  const Json* rules = find_path(group.properties, "securityRules");
  if (rules == nullptr) return;
  const auto add = [&](std::string_view range) {
    const auto dash = range.find('-');
    const auto first = parse_int(range.substr(0, dash), 1, 65535);
    if (!first) return;
    const auto last =
        dash == std::string_view::npos ? first : parse_int(range.substr(dash + 1), 1, 65535);
    if (!last || *last - *first >= range_max) return;
    for (auto port = *first; port <= *last; port++) ports.push_back(static_cast<int>(port));
  };
  for (const Json& rule : rules->get_array()) {
    add(string_at(rule, "properties.destinationPortRange"));
    if (const Json* several = find_path(rule, "properties.destinationPortRanges")) {
      for (const Json& each : several->get_array()) {
        if (each.is_string()) add(each.get_string());
      }
    }
  }
}

std::vector<int> open_ports(const std::vector<model::Resource>& groups) {
  std::vector<int> ports(std::begin(usual_ports), std::end(usual_ports));
  for (const auto& group : groups) add_named_ports(group, ports);
  std::ranges::sort(ports);
  ports.erase(std::unique(ports.begin(), ports.end()), ports.end());
  std::erase_if(ports, [&](int port) {
    return std::ranges::any_of(groups, [&](const auto& group) { return !lets_in(group, port); });
  });
  if (ports.size() > guest::forwards_max) ports.resize(guest::forwards_max);
  return ports;
}

Result<> read_network(const model::View& view, Guest& guest) {
  const Json* cards = find_path(guest.row.properties, "networkProfile.networkInterfaces");
  if (cards == nullptr || cards->get_array().empty()) return {};
  guest.card = TRY(find_named(view, string_at(cards->get_array().front(), "id")));
  if (!guest.card) return {};
  const Json* configurations = find_path(guest.card->properties, "ipConfigurations");
  const Json& first = configurations->get_array().front();
  guest.address = TRY(find_named(view, string_at(first, "properties.publicIPAddress.id")));
  const auto subnet = TRY(find_named(view, string_at(first, "properties.subnet.id")));
  std::vector<model::Resource> groups;
  if (auto group =
          TRY(find_named(view, string_at(guest.card->properties, "networkSecurityGroup.id")))) {
    groups.push_back(std::move(*group));
  }
  if (subnet) {
    guest.subnet = model::subnet_prefix(*subnet);
    if (auto group =
            TRY(find_named(view, string_at(subnet->properties, "networkSecurityGroup.id")))) {
      groups.push_back(std::move(*group));
    }
  }
  guest.ports = open_ports(groups);
  return {};
}

}  // namespace

Result<Guest> read_guest(Bench& bench, const arm::ResourceId& id) {
  Guest guest;
  TRY(bench.model.read(id.subscription, [&](const model::View& view) -> Result<> {
    guest = Guest{};
    guest.row = TRY(view.get(id));
    guest.id = string_at(guest.row.properties, "vmId");
    auto owner = TRY(find_named(view, string_at(guest.row.internal, "set")));
    const model::Resource& keeper = owner ? *owner : guest.row;
    if (const Json* secrets = find_path(keeper.internal, "secrets")) guest.secrets = *secrets;
    guest.disks.push_back(
        TRY(read_disk(view, *find_path(guest.row.properties, "storageProfile.osDisk"), "os")));
    if (const Json* data = find_path(guest.row.properties, "storageProfile.dataDisks")) {
      for (const Json& disk : data->get_array()) {
        guest.disks.push_back(
            TRY(read_disk(view, disk, fmt::format("lun{}", int_at(disk, "lun")))));
      }
    }
    return read_network(view, guest);
  }));
  return guest;
}

Result<> enter_replica(Bench& bench, const Guest& guest) {
  const std::string image(string_at(guest.disks.front().row.internal, "image"));
  if (image.empty()) return {};  // of a disk of its own
  std::size_t replicas = 1;
  const auto id = TRY(arm::ResourceId::parse(image));
  if (const auto version = TRY(bench.model.find(id))) {
    if (const Json* regions = find_path(version->properties, "publishingProfile.targetRegions")) {
      for (const Json& region : regions->get_array()) {
        if (arm::normalize_location(string_at(region, "name")) != guest.row.location) continue;
        replicas = static_cast<std::size_t>(int_at(region, "regionalReplicaCount", 1));
      }
    }
  }
  if (bench.host->replicas().enter(replica_key(id, guest.row.location), replicas, guest.id,
                                   bench.model.clock().steady())) {
    return {};
  }
  return fail(later("Its image is being read by as many as its replicas serve at once."));
}

bool awaits_report(const Bench& bench, const Guest& guest) {
  return !bench.host->options().simulated &&
         string_at(guest.row.internal, "provisioning") == "azure" &&
         !bool_at(guest.row.internal, "provisioned");
}

std::string name_of(const model::Resource& machine) {
  const auto name = string_at(machine.internal, "name");
  return name.empty() ? machine.id.name() : std::string(name);
}

Result<guest::Facts> facts_of(const Guest& guest) {
  const Json& properties = guest.row.properties;
  const Json& internal = guest.row.internal;
  guest::Facts facts{.id = guest.id,
                     .name = name_of(guest.row),
                     .resource_id = guest.row.id.text(),
                     .resource_group = guest.row.id.group,
                     .subscription = guest.row.id.subscription,
                     .location = guest.row.location,
                     .size = std::string(string_at(properties, "hardwareProfile.vmSize")),
                     .tags = guest.row.tags};
  facts.os = string_at(internal, "os.type");
  if (!guest.row.zones.is_null() && !guest.row.zones.get_array().empty()) {
    facts.zone = guest.row.zones.get_array().front().get_string();
  }
  if (const Json* image = find_path(properties, "storageProfile.imageReference")) {
    facts.image = *image;
  }
  facts.generalized = find_path(properties, "osProfile") != nullptr;
  facts.user_data = string_at(guest.secrets, "userData");
  if (facts.generalized) {
    facts.computer_name = string_at(properties, "osProfile.computerName");
    facts.user = string_at(properties, "osProfile.adminUsername");
    facts.password = string_at(guest.secrets, "password");
    facts.custom_data = string_at(guest.secrets, "customData");
    // Once the guest is set up its password is forgotten here.
    facts.password_login =
        !facts.password.empty() &&
        !bool_at(properties, "osProfile.linuxConfiguration.disablePasswordAuthentication");
    if (const Json* keys = find_path(properties, "osProfile.linuxConfiguration.ssh.publicKeys")) {
      for (const Json& key : keys->get_array()) {
        facts.keys.push_back({.path = std::string(string_at(key, "path")),
                              .key = std::string(trim(string_at(key, "keyData")))});
      }
    }
  }
  if (!guest.card) {
    return fail(Kind::not_found, fmt::format("The network interface of '{}' is not there any more.",
                                             guest.row.id.name()));
  }
  facts.mac = to_lower(string_at(guest.card->properties, "macAddress"));
  std::ranges::replace(facts.mac, '-', ':');
  const Json& first = find_path(guest.card->properties, "ipConfigurations")->get_array().front();
  facts.address = string_at(first, "properties.privateIPAddress");
  if (!guest.subnet.empty()) facts.subnet = guest.subnet;
  if (guest.address) {
    facts.public_address = string_at(guest.address->properties, "ipAddress");
    if (!facts.public_address.empty()) {
      for (const int port : guest.ports) {
        const auto moved = int_at(guest.row.internal, fmt::format("moved.{}", port), port);
        facts.forwards.push_back(
            {.address = facts.public_address, .port = static_cast<int>(moved), .guest_port = port});
      }
    }
  }
  return facts;
}

namespace {

// A program that listens on all addresses of this host, as sshd does, holds its port on the
// guest's too. The guest's is then found 10,000 higher, and its row says so.
Result<> find_ports(Bench& bench, Guest& guest) {
  constexpr int step = 10'000;
  const std::string address(string_at(guest.address->properties, "ipAddress"));
  Json moved = JsonObject();
  std::set<int> used;
  for (const int port : guest.ports) {
    const auto free = [&](int at) {
      return os::Listener::tcp(address, static_cast<std::uint16_t>(at)).has_value();
    };
    if (used.insert(port).second && free(port)) continue;
    if (port + step > 65535 || !used.insert(port + step).second || !free(port + step)) {
      return fail(Kind::unavailable,
                  fmt::format("Port {} of {} is taken by another program of this host, and {} as "
                              "well.",
                              port, address, port + step));
    }
    set_path(moved, std::to_string(port), port + step);
  }
  set_path(guest.row.internal, "moved", moved);
  return bench.model.change(guest.row.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(guest.row.id));
    set_path(row.internal, "moved", moved);
    return change.put(row);
  });
}

}  // namespace

Result<machine::Machine> ready_to_start(Bench& bench, Guest& guest, bool absent) {
  if (guest.address && string_at(guest.address->properties, "ipAddress").empty()) {
    TRY(assign_address_to(bench, guest.address->id));
    guest.address = TRY(bench.model.get(guest.address->id));
  }
  if (guest.address && absent && !bench.host->options().simulated) TRY(find_ports(bench, guest));
  const auto facts = TRY(facts_of(guest));
  machine::Machine machine{.id = guest.id, .facts = facts};
  machine.uefi = string_at(guest.row.internal, "os.generation") == "V2";
  machine.cpus = static_cast<unsigned>(int_at(guest.row.internal, "size.processors", 1));
  machine.memory_mib = static_cast<unsigned>(int_at(guest.row.internal, "size.memoryMib", 1024));
  for (auto& disk : guest.disks) machine.disks.push_back(TRY(open_for_guest(bench, disk)));
  if (awaits_report(bench, guest)) {
    machine.disc = TRY(guest::provisioning_disc(machine.facts));
  } else if (string_at(guest.row.internal, "provisioning") == "nocloud") {
    // Nobody says when it was read, and cloud-init looks for it at every start.
    machine.disc = TRY(guest::cloud_init_disc(machine.facts));
  }
  return machine;
}

}  // namespace pinaco::work
