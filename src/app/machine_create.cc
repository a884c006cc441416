// `pinaco vm create`: what is missing around a machine, then the machine. Every step finds what an
// earlier attempt made.
#include <fmt/format.h>

#include "app/login.h"
#include "app/machine_around.h"
#include "app/machine_start.h"
#include "app/machine_view.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

class Create {
 public:
  explicit Create(const MachineCall& call)
      : call_(call), options_(call.options), started_(call.connection.patience().clock.steady()) {}

  Result<> run();

 private:
  Result<> check_same(const Json& machine) const;
  Result<Json> body(const arm::ResourceId& card) const;
  Result<> make();
  Result<> report(bool was_there);
  std::string shown() const { return fmt::format("{}/{}", id_.group, id_.name()); }

  const MachineCall& call_;
  const MachineOptions& options_;
  const SteadyTime started_;
  arm::ResourceId id_;
  StartImage image_;
  Json profile_;
  std::string location_;
  bool begun_ = false;
};

// A machine of this name is the one that is wanted if it was made of the same image.
Result<> Create::check_same(const Json& machine) const {
  const Json* there = find_path(machine, "properties.storageProfile.imageReference");
  for (const char* member : {"id", "sharedGalleryImageId", "communityGalleryImageId"}) {
    const auto wanted = string_at(image_.reference, member);
    if (wanted.empty() || (there != nullptr && iequals(wanted, string_at(*there, member))))
      continue;
    return fail(Kind::conflict,
                fmt::format("There is a machine {} already, made of {}. Choose another name, or "
                            "delete it with `pinaco vm delete {} --yes`.",
                            shown(), image_of(machine), shown()));
  }
  if (string_at(machine, "properties.provisioningState") != "Failed") return {};
  return fail(Kind::conflict,
              fmt::format("There is a machine {} already, and it could not be started: {} "
                          "`pinaco vm console {}` shows what it said; `pinaco vm delete {} --yes` "
                          "deletes it.",
                          shown(), trouble_of(machine), shown(), shown()));
}

Result<Json> Create::body(const arm::ResourceId& card) const {
  Json os_disk = JsonObject{{"createOption", "FromImage"}, {"deleteOption", "Delete"}};
  JsonArray data;
  std::int64_t lun = 0;
  for (const int size : options_.data_disks_gb) {
    while (image_.luns.contains(lun)) lun++;
    Json disk = JsonObject{{"lun", lun++},
                           {"createOption", "Empty"},
                           {"diskSizeGB", size},
                           {"deleteOption", "Detach"}};
    data.push_back(std::move(disk));
  }
  if (!options_.os_disk_type.empty()) {
    set_path(os_disk, "managedDisk.storageAccountType", options_.os_disk_type);
    for (auto& disk : data) {
      set_path(disk, "managedDisk.storageAccountType", options_.os_disk_type);
    }
  }
  Json properties = JsonObject{
      {"hardwareProfile", JsonObject{{"vmSize", options_.size}}},
      {"storageProfile", JsonObject{{"imageReference", image_.reference},
                                    {"osDisk", std::move(os_disk)},
                                    {"dataDisks", std::move(data)}}},
      {"networkProfile",
       JsonObject{{"networkInterfaces",
                   JsonArray{JsonObject{{"id", card.text()},
                                        {"properties", JsonObject{{"primary", true}}}}}}}},
      {"diagnosticsProfile", JsonObject{{"bootDiagnostics", JsonObject{{"enabled", true}}}}}};
  if (!profile_.is_null()) set_path(properties, "osProfile", profile_);
  const auto data_of_user = TRY(file_in_base64(options_.user_data_file));
  if (!data_of_user.empty()) set_path(properties, "userData", data_of_user);
  auto tags = TRY(parse_tags(options_.tags));
  if (options_.eager) tags["pinaco-eager"] = "true";
  return Json(JsonObject{
      {"location", location_}, {"tags", std::move(tags)}, {"properties", std::move(properties)}});
}

Result<> Create::make() {
  auto& connection = call_.connection;
  location_ = arm::normalize_location(options_.location);
  if (location_.empty()) location_ = image_.location;
  const auto group = TRY(connection.find(path_of(id_.group_id())));
  if (location_.empty() && group) {
    location_ = arm::normalize_location(string_at(*group, "location"));
  }
  TRY(ensure(call_, id_.group_id(), JsonObject{{"location", location_}}));
  const bool windows = iequals(image_.os_type, "Windows");
  const auto card = TRY(make_around(call_, id_, location_, windows));
  const auto wanted = TRY(body(card));
  begun_ = true;
  auto made = run_shown(call_, "PUT", path_of(id_), &wanted, "starting " + id_.name());
  if (made) return {};
  auto& error = made.error();
  if (error.kind == Kind::cancelled || error.kind == Kind::unavailable) {
    return std::unexpected(std::move(error));
  }
  const auto there = TRY(connection.find(path_of(id_)));
  error.message = fmt::format("The machine {} could not be started: {}", shown(), error.message);
  if (there) {
    add_sentence(error, fmt::format("`pinaco vm console {}` shows what it said; `pinaco vm delete "
                                    "{} --with-network --yes` deletes it.",
                                    shown(), shown()));
  }
  return std::unexpected(std::move(error));
}

Result<> Create::report(bool was_there) {
  auto& console = call_.console;
  const auto view = TRY(view_machine(call_.connection, id_));
  const auto took = std::chrono::duration_cast<Milliseconds>(
      call_.connection.patience().clock.steady() - started_);
  console.print(was_there ? fmt::format("{} is there already.\n", shown())
                          : fmt::format("{} is {} after {}.\n", shown(), power_of(view.machine),
                                        time_text(took)));
  console.print(machine_text(view));
  console.print_json(machine_json(view));
  if (is_simulated(view.machine)) {
    console.note("Note: this server's driver is \"none\": the machine is kept, and nothing runs.");
  } else if (view.address.empty()) {
    console.note(fmt::format("It has no public address. `pinaco vm console {}` shows what it says.",
                             shown()));
  } else {
    console.print(
        fmt::format("\nLog in with `{}`, or `pinaco vm ssh {}`.\n", login_command(view), shown()));
    const auto advice = advice_on(view.address, call_.connection.login().endpoint);
    if (!advice.empty()) console.note(advice);
  }
  return {};
}

Result<> Create::run() {
  id_ = TRY(name_new(call_.connection, machine_sort, options_.name, options_.group));
  TRY(parse_tags(options_.tags));
  image_ = TRY(find_start_image(call_.connection, options_));
  const auto path = path_of(id_, "$expand=instanceView");
  if (const auto there = TRY(settle(call_, path, "starting " + id_.name()))) {
    TRY(check_same(*there));
    return report(true);
  }
  // What can be refused is refused before anything is made.
  profile_ = TRY(os_profile(options_, image_, id_.name(), process_environment("HOME")));
  auto done = make();
  if (done) return report(false);
  if (done.error().kind == Kind::cancelled) {
    done.error().message = fmt::format(
        "Stopped. {} Run the same command to go on.",
        begun_ ? "The server goes on starting the machine." : "What was made so far stays.");
  }
  return done;
}

}  // namespace

Result<> create_machine(const MachineCall& call) {
  return Create(call).run();
}

Result<> delete_machine(const MachineCall& call) {
  const auto& options = call.options;
  auto found = find_named(call.connection, machine_sort, options.name, options.group);
  // What was around it may be left of an attempt that was stopped.
  if (!found && found.error().kind == Kind::not_found && options.with_network) {
    found = name_new(call.connection, machine_sort, options.name, options.group);
  }
  const auto id = TRY(std::move(found));
  const auto machine = TRY(call.connection.find(path_of(id)));
  std::vector<arm::ResourceId> around;
  if (options.with_network) around = TRY(find_around(call, id));
  if (!machine && around.empty()) return std::unexpected(none_named(machine_sort, id.name()));
  std::vector<std::string> going;
  std::vector<std::string> staying;
  if (machine) {
    going.push_back("machine " + id.name());
    const auto add_disk = [&](const Json& disk) {
      auto& list = string_at(disk, "deleteOption") == "Delete" ? going : staying;
      list.push_back(fmt::format("disk {}", string_at(disk, "name")));
    };
    if (const Json* os = find_path(*machine, "properties.storageProfile.osDisk")) add_disk(*os);
    if (const Json* data = find_path(*machine, "properties.storageProfile.dataDisks");
        data != nullptr && data->is_array()) {
      for (const auto& disk : data->get_array()) add_disk(disk);
    }
    if (!options.with_network) staying.push_back("its network card, address and security group");
  }
  for (const auto& each : around) going.push_back(fmt::format("{} {}", each.type(), each.name()));
  TRY(check_deletion(call, going, staying));
  if (machine) {
    TRY(run_shown(call, "DELETE", path_of(id), nullptr, "deleting " + id.name()));
    call.console.print(fmt::format("Deleted the machine {}.\n", id.name()));
  }
  TRY(remove_around(call, around));
  JsonArray gone;
  for (const auto& each : going) gone.emplace_back(each);
  call.console.print_json(JsonObject{{"deleted", gone}});
  return {};
}

}  // namespace pinaco::app
