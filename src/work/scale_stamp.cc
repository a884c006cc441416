// Instances from the model of their set: rows of a machine, its disks, its network interface and
// its public address, with names, numbers and addresses of their own.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "work/scale_sets.h"

namespace pinaco::work {
namespace {

constexpr std::size_t writes_a_step = 800;  // a transaction has at most 1,000
constexpr std::size_t simulated_a_step = 200;

std::string base36(std::int64_t number, std::size_t width) {
  std::string text;
  for (; number > 0; number /= 36) {
    const auto digit = static_cast<int>(number % 36);
    text += static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
  }
  text.resize(std::max(width, text.size()), '0');
  std::ranges::reverse(text);
  return text;
}

class Stamp {
 public:
  Stamp(Bench& bench, model::Change& change, const model::Operation& operation,
        model::Resource& set)
      : bench_(bench), change_(change), operation_(operation), set_(set) {
    flexible_ = model::is_flexible(set);
  }

  Result<> make(Addresses& addresses) {
    const auto number = int_at(set_.internal, "next");
    set_path(set_.internal, "next", number + 1);
    machine_ = TRY(model::resource_from(*find_path(set_.internal, "model.machine")));
    const std::string suffix = change_.random().hex(4);
    machine_.id = flexible_ ? set_.id : set_.id.child("virtualMachines", std::to_string(number));
    // Names of machines have at most 64 characters.
    name_ = fmt::format("{}_{}", set_.id.name().substr(0, 55),
                        flexible_ ? suffix : std::to_string(number));
    if (flexible_) {
      machine_.id.types = {"virtualMachines"};
      machine_.id.names = {name_};
      if (TRY(change_.find(machine_.id))) return make(addresses);  // the next number
      set_path(machine_.properties, "virtualMachineScaleSet.id", set_.id.text());
    }
    fill(number);
    TRY(put_disks());
    TRY(put_card(addresses, suffix));
    if (bench_.host->options().simulated) {
      machine_.operation = operation_.id;
    } else {
      const auto mine = TRY(change_.start(model::Operation{.resource = machine_.id,
                                                           .task = "create_machine",
                                                           .surface = "operations",
                                                           .location = machine_.location}));
      machine_.operation = mine.id;
      set_path(machine_.internal, "by", mine.id);
    }
    set_path(machine_.internal, "deed", deed_of(operation_, "create_machine"));
    return change_.put(machine_);
  }

 private:
  void fill(std::int64_t number) {
    machine_.location = set_.location;
    machine_.tags = set_.tags;
    machine_.created = change_.now();
    machine_.provisioning = "Creating";
    if (set_.zones.is_array() && !set_.zones.get_array().empty()) {
      const auto& zones = set_.zones.get_array();
      machine_.zones = JsonArray{zones[static_cast<std::size_t>(number) % zones.size()]};
    }
    machine_.sku = flexible_ ? Json(nullptr) : set_.sku;
    if (machine_.sku.is_object()) machine_.sku.get_object().erase("capacity");
    Json& properties = machine_.properties;
    if (find_path(properties, "osProfile") != nullptr) {
      const auto prefix =
          string_at(set_.properties, "virtualMachineProfile.osProfile.computerNamePrefix");
      set_path(properties, "osProfile.computerName",
               fmt::format("{}{}", prefix, base36(number, 6)));
    }
    if (const Json* diagnostics =
            find_path(set_.properties, "virtualMachineProfile.diagnosticsProfile")) {
      set_path(properties, "diagnosticsProfile", *diagnostics);
    }
    set_path(properties, "vmId", change_.random().uuid());
    set_path(properties, "timeCreated", to_iso8601(change_.now()));
    Json& internal = machine_.internal;
    set_path(internal, "power", "starting");
    set_path(internal, "generalized", false);
    set_path(internal, "created", true);
    set_path(internal, "set", set_.id.text());
    set_path(internal, "model", int_at(set_.internal, "model.number"));
    if (flexible_) return;
    set_path(internal, "name", name_);
    set_path(internal, "instanceId", std::to_string(number));
  }

  Result<> put_disks() {
    JsonArray data;
    if (const Json* list = find_path(machine_.properties, "storageProfile.dataDisks")) {
      data = list->get_array();
    }
    for (const Json& each : find_path(set_.internal, "model.disks")->get_array()) {
      const std::string slot(string_at(each, "slot"));
      if (slot == "os") {
        Json os = *find_path(machine_.properties, "storageProfile.osDisk");
        TRY(put_disk(bench_, change_, set_, machine_, each, 1, os));
        set_path(machine_.properties, "storageProfile.osDisk", std::move(os));
        continue;
      }
      std::size_t at = 0;
      while (at < data.size() && slot_of(data[at]) != slot) at++;
      if (at == data.size()) return fail(Kind::corrupt, "The model has a disk without a place.");
      TRY(put_disk(bench_, change_, set_, machine_, each, at + 2, data[at]));
    }
    set_path(machine_.properties, "storageProfile.dataDisks", std::move(data));
    return {};
  }

  Result<> put_card(Addresses& addresses, const std::string& suffix) {
    const Json& model = *find_path(set_.internal, "model.card");
    const auto private_address = TRY(take_address(addresses, set_));
    const std::string name(string_at(model, "name"));
    model::Resource card{.id = machine_.id, .location = set_.location, .created = change_.now()};
    if (flexible_) {
      card.id.provider = "Microsoft.Network";
      card.id.types = {"networkInterfaces"};
      card.id.names = {fmt::format("{}-{}", name, suffix)};
    } else {
      card.id = machine_.id.child("networkInterfaces", name);
    }
    const std::string configuration(string_at(model, "configuration"));
    const auto within = fmt::format("{}/ipConfigurations/{}", card.id.text(), configuration);
    JsonObject address{{"privateIPAddress", private_address},
                       {"privateIPAllocationMethod", "Dynamic"},
                       {"privateIPAddressVersion", "IPv4"},
                       {"primary", true},
                       {"subnet", JsonObject{{"id", string_at(model, "subnet")}}},
                       {"provisioningState", "Succeeded"}};
    if (!string_at(model, "address").empty()) {
      const auto row = TRY(put_address(change_, set_, card.id, within, suffix));
      address["publicIPAddress"] = JsonObject{{"id", row}};
    }
    const auto digits = change_.random().hex(3);
    card.properties = JsonObject{
        {"ipConfigurations",
         JsonArray{JsonObject{
             {"name", configuration}, {"id", within}, {"properties", std::move(address)}}}},
        {"macAddress", to_upper(fmt::format("00-0D-3A-{}-{}-{}", digits.substr(0, 2),
                                            digits.substr(2, 2), digits.substr(4, 2)))},
        {"primary", true},
        {"enableAcceleratedNetworking", false},
        {"enableIPForwarding", false},
        {"nicType", "Standard"},
        {"resourceGuid", change_.random().uuid()},
        {"virtualMachine", JsonObject{{"id", machine_.id.text()}}}};
    if (const auto group = string_at(model, "group"); !group.empty()) {
      set_path(card.properties, "networkSecurityGroup.id", group);
    }
    set_path(card.internal, "created", true);
    TRY(change_.put(card));
    set_path(machine_.properties, "networkProfile.networkInterfaces",
             JsonArray{JsonObject{
                 {"id", card.id.text()},
                 {"properties", JsonObject{{"primary", true}, {"deleteOption", "Delete"}}}}});
    return {};
  }

  Bench& bench_;
  model::Change& change_;
  const model::Operation& operation_;
  model::Resource& set_;
  bool flexible_ = false;
  model::Resource machine_;
  std::string name_;
};

}  // namespace

Result<Addresses> addresses_of(const model::View& view, const model::Resource& set) {
  const auto id = TRY(arm::ResourceId::parse(string_at(set.internal, "model.card.subnet")));
  const auto subnet = TRY(view.get(id));
  const auto network = parse_ipv4_network(model::subnet_prefix(subnet));
  if (!network) return fail(Kind::corrupt, "The subnet has no prefix.");
  auto taken = TRY(model::addresses_in(view, id, set.id));
  return Addresses{.network = *network, .taken = std::move(taken)};
}

Result<std::string> take_address(Addresses& addresses, const model::Resource& set) {
  const auto address = model::free_address(addresses.network, addresses.taken, addresses.from);
  if (!address) {
    return fail(arm::error(
        Kind::conflict, "SubnetIsFull",
        fmt::format("Subnet {} does not have enough capacity for the instances of the scale set "
                    "{}. Make it larger, or lower sku.capacity.",
                    string_at(set.internal, "model.card.subnet"), set.id.name())));
  }
  addresses.taken.insert(*address);
  addresses.from = *address + 1;
  return to_ipv4(*address);
}

std::string slot_of(const Json& data_disk) {
  return fmt::format("lun{}", int_at(data_disk, "lun"));
}

Result<> put_disk(Bench& bench, model::Change& change, const model::Resource& set,
                  const model::Resource& machine, const Json& modelled, std::size_t place,
                  Json& shown) {
  const std::string slot(string_at(modelled, "slot"));
  const auto stem = model::is_instance(machine.id)
                        ? fmt::format("{}_{}_{}", set.id.name(), set.id.name(), machine.id.name())
                        : machine.id.name();
  auto disk = TRY(model::resource_from(*find_path(modelled, "row")));
  disk.id.names = {fmt::format("{}_{}{}_{}", stem.substr(0, 38), slot == "os" ? "OsDisk_" : "disk",
                               place, change.random().hex(16))};
  const auto unique = change.random().uuid();
  disk.created = change.now();
  disk.tags = machine.tags;
  disk.zones = machine.zones;
  set_path(disk.properties, "uniqueId", unique);
  set_path(disk.properties, "timeCreated", to_iso8601(change.now()));
  set_path(disk.properties, "diskState", "Attached");
  set_path(disk.internal, "machine", JsonObject{{"id", machine.id.text()}, {"slot", slot}});
  set_path(disk.internal, "managedBy", machine.id.text());
  set_path(disk.internal, "set", set.id.text());  // it goes when the set's model has it no more
  set_path(disk.internal, "overlays",
           JsonArray{Json(bench.host->new_overlay_path(unique, change.random()))});
  TRY(change.put(disk));
  set_path(shown, "name", disk.id.name());
  set_path(shown, "managedDisk.id", disk.id.text());
  set_path(shown, "deleteOption", "Delete");
  return {};
}

Result<std::string> put_address(model::Change& change, const model::Resource& set,
                                const arm::ResourceId& card, const std::string& configuration,
                                const std::string& suffix) {
  const std::string name(string_at(set.internal, "model.card.address"));
  model::Resource address{.id = card, .location = set.location, .created = change.now()};
  if (model::is_flexible(set)) {
    address.id.types = {"publicIPAddresses"};
    address.id.names = {fmt::format("{}-{}", name, suffix)};
  } else {
    const auto slash = configuration.rfind('/');
    address.id = card.child("ipConfigurations", configuration.substr(slash + 1))
                     .child("publicIPAddresses", name);
  }
  address.properties = JsonObject{{"publicIPAllocationMethod", "Dynamic"},
                                  {"publicIPAddressVersion", "IPv4"},
                                  {"idleTimeoutInMinutes", 4},
                                  {"resourceGuid", change.random().uuid()},
                                  {"ipConfiguration", JsonObject{{"id", configuration}}}};
  set_path(address.internal, "created", true);
  set_path(address.internal, "set", set.id.text());  // it goes with its machine
  TRY(change.put(address));
  return address.id.text();
}

Result<std::size_t> stamp_instances(Bench& bench, const model::Operation& operation,
                                    std::size_t wanted, std::int64_t capacity) {
  std::size_t made = 0;
  TRY(bench.model.change(operation.resource.subscription, [&](model::Change& change) -> Result<> {
    auto set = TRY(change.get(operation.resource));
    if (set.operation != operation.id) {
      return fail(Kind::cancelled, "Another operation took the set over.");
    }
    made = 0;
    if (int_at(set.sku, "capacity") != capacity) return {};
    auto addresses = TRY(addresses_of(change, set));
    const auto disks = find_path(set.internal, "model.disks")->get_array().size();
    // Machine, card, address, operation and its place in the queue.
    made = std::min(wanted, writes_a_step / (5 + disks));
    Stamp stamp(bench, change, operation, set);
    for (std::size_t i = 0; i < made; i++) TRY(stamp.make(addresses));
    return change.put(set);
  }));
  return made;
}

namespace {

Result<> start_one(Bench& bench, const model::Operation& operation, const model::Resource& row) {
  const auto held = bench.host->lock(string_at(row.properties, "vmId"));
  if (!TRY(bench.model.find(row.id))) return {};
  auto guest = TRY(read_guest(bench, row.id));
  // A deletion may have taken it over.
  if (guest.row.operation != operation.id) return {};
  TRY(enter_replica(bench, guest));
  const auto started = [&]() -> Result<> {
    return bench.host->hypervisor().start(TRY(ready_to_start(bench, guest, true)));
  }();
  bench.host->replicas().leave(guest.id);
  return started;
}

}  // namespace

Result<> start_simulated(Bench& bench, const model::Operation& operation,
                         const std::vector<model::Resource>& instances) {
  std::optional<Error> worst;
  for (std::size_t at = 0; at < instances.size(); at += simulated_a_step) {
    if (bench.ending) return fail(Kind::cancelled, "The server is stopping.");
    const auto end = std::min(instances.size(), at + simulated_a_step);
    std::set<std::string> failed;
    for (std::size_t i = at; i < end; i++) {
      const auto started = start_one(bench, operation, instances[i]);
      if (started) continue;
      if (is_later(started.error())) return started;
      failed.insert(instances[i].id.key());
      if (!worst) worst = started.error();
    }
    TRY(bench.model.change(operation.resource.subscription, [&](model::Change& change) -> Result<> {
      for (std::size_t i = at; i < end; i++) {
        auto row = TRY(change.find(instances[i].id));
        if (!row || row->operation != operation.id) continue;
        const bool good = !failed.contains(row->id.key());
        set_path(row->internal, "power", good ? "running" : "stopped");
        set_path(row->internal, "simulated", true);
        row->provisioning = good ? "Succeeded" : "Failed";
        row->operation.clear();
        TRY(change.put(*row));
      }
      return {};
    }));
  }
  if (worst) return fail(std::move(*worst));
  return {};
}

}  // namespace pinaco::work
