#include "app/advise.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/advice.h"
#include "app/copy.h"
#include "app/push_disk.h"
#include "app/push_version.h"
#include "app/reference.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

struct Target {
  std::string region;
  std::int64_t replicas = 0;
  std::string storage = "Standard_LRS";
  Json row = JsonObject();  // as the version has it
};

// Knows all that target regions may have, so that they are sent back as they are.
std::string path_for(const arm::ResourceId& version) {
  return fmt::format("{}?api-version={}", version.text(), copying_api);
}

// The version, of a definition its latest.
Result<arm::ResourceId> version_of(const AdviseOptions& options, Connection& connection) {
  auto reference = TRY(parse_reference(options.name));
  const bool named = reference.id || !reference.definition.empty();
  if (named && !reference.id && reference.version.empty()) reference.version = "latest";
  if (reference.id && iequals(reference.id->type(), "galleries/images")) {
    const auto id = *reference.id;
    const auto versions =
        TRY(connection.list(fmt::format("{}/versions?api-version={}", id.text(), galleries_api)));
    if (const Json* latest = find_latest(versions)) {
      return id.child("versions", std::string(string_at(*latest, "name")));
    }
    return fail(Kind::not_found, fmt::format("{} has no version that is ready and not excluded "
                                             "from latest.",
                                             id.nested_name()));
  }
  if (named) {
    const auto id = TRY(resolve(connection, reference, options.group));
    if (iequals(id.type(), "galleries/images/versions")) return id;
  }
  return fail(Kind::invalid, fmt::format("'{}' is no definition and no version. Write "
                                         "GALLERY/DEFINITION or GALLERY/DEFINITION/VERSION.",
                                         options.name));
}

std::vector<Target> targets_of(const Json& version) {
  std::vector<Target> targets;
  const Json* rows = find_path(version, "properties.publishingProfile.targetRegions");
  if (rows == nullptr || !rows->is_array()) return targets;
  for (const Json& row : rows->get_array()) {
    targets.push_back({.region = arm::normalize_location(string_at(row, "name")),
                       .replicas = int_at(row, "regionalReplicaCount", 1),
                       .storage = std::string(string_at(row, "storageAccountType")),
                       .row = row});
  }
  return targets;
}

std::int64_t image_gb(const Json& version) {
  auto sum = int_at(version, "properties.storageProfile.osDiskImage.sizeInGB");
  const Json* data = find_path(version, "properties.storageProfile.dataDiskImages");
  if (data == nullptr || !data->is_array()) return sum;
  for (const Json& disk : data->get_array()) sum += int_at(disk, "sizeInGB");
  return sum;
}

// How many places each region of the server has.
Result<std::map<std::string, std::size_t>> places(Connection& connection) {
  std::map<std::string, std::size_t> found;
  for (const auto& region : TRY(connection.list("/pinaco/v1/regions"))) {
    const Json* all = find_path(region, "places");
    found[std::string(string_at(region, "name"))] =
        all != nullptr && all->is_array() ? all->get_array().size() : 1;
  }
  return found;
}

RollOut described(const AdviseOptions& options) {
  RollOut roll_out{.machines_at_once = options.at_once > 0 ? options.at_once : options.machines,
                   .sets = {}};
  if (options.machines > 0) {
    roll_out.machines_at_once = std::min<std::int64_t>(roll_out.machines_at_once, options.machines);
  }
  roll_out.sets.assign(static_cast<std::size_t>(options.scale_sets), options.instances);
  return roll_out;
}

// Of any version of the definition: the next roll-out is of this one.
Result<std::vector<VersionUser>> users_of(Connection& connection,
                                          const arm::ResourceId& definition) {
  std::vector<arm::ResourceId> versions;
  for (const auto& each : TRY(connection.list(
           fmt::format("{}/versions?api-version={}", definition.text(), galleries_api)))) {
    versions.push_back(definition.child("versions", std::string(string_at(each, "name"))));
  }
  return find_users(connection, versions);
}

// Where replicas are added: the list of regions with them, as Azure's clients have to send it.
std::vector<Target> raised(std::vector<Target> targets, const std::vector<Advice>& all) {
  for (const auto& advice : all) {
    const auto at = std::ranges::find(targets, advice.region, &Target::region);
    if (at == targets.end()) {
      targets.push_back({.region = advice.region,
                         .replicas = advice.replicas,
                         .row = JsonObject{{"name", advice.region},
                                           {"regionalReplicaCount", advice.replicas},
                                           {"storageAccountType", "Standard_LRS"}}});
    } else if (at->replicas < advice.replicas) {
      at->replicas = advice.replicas;
      set_path(at->row, "regionalReplicaCount", advice.replicas);
    }
  }
  return targets;
}

std::string command_of(const arm::ResourceId& version, const std::vector<Target>& targets) {
  auto text = fmt::format("az sig image-version update -g {} -r {} -i {} -e {} --target-regions",
                          version.group, version.names[0], version.names[1], version.names[2]);
  for (const auto& target : targets) {
    text += fmt::format(" {}={}={}", target.region, target.replicas, to_lower(target.storage));
  }
  return text;
}

void print_advice(const std::vector<Advice>& all, Console& console) {
  Table table{{"REGION", "NOW", "ADVICE", "WHY"}};
  for (const auto& advice : all) {
    bool first = true;
    for (const auto& why : advice.why) {
      table.push_back({first ? advice.region : "", first ? fmt::to_string(advice.now) : "",
                       first ? fmt::to_string(advice.replicas) : "", why});
      first = false;
    }
  }
  console.print_table(table);
}

Json to_json(const Advice& advice) {
  JsonArray why;
  for (const auto& each : advice.why) why.emplace_back(each);
  return JsonObject{{"region", advice.region},
                    {"now", advice.now},
                    {"replicas", advice.replicas},
                    {"why", std::move(why)}};
}

Result<> apply(Connection& connection, const arm::ResourceId& version,
               const std::vector<Target>& targets, Console& console) {
  JsonArray rows;
  for (const auto& target : targets) rows.push_back(target.row);
  const Json body = JsonObject{
      {"properties",
       JsonObject{{"publishingProfile", JsonObject{{"targetRegions", std::move(rows)}}}}}};
  TRY(connection.run("PATCH", path_for(version), &body));
  console.print(fmt::format("{} has them.\n", version.nested_name()));
  return {};
}

}  // namespace

Result<> advise(const AdviseOptions& options, Connection& connection, Console& console) {
  const auto id = TRY(version_of(options, connection));
  const auto version = TRY(connection.get(path_for(id)));
  const auto contents = TRY(get_contents(connection, id));
  const auto users = TRY(users_of(connection, id.parent()));
  const auto places_of = TRY(places(connection));
  const auto since = connection.patience().clock.now() - std::chrono::hours(24) * options.days;
  const auto targets = targets_of(version);
  std::vector<Replicated> wanted;
  for (const auto& target : targets) {
    wanted.push_back({.region = target.region, .now = target.replicas});
  }
  const auto only = arm::normalize_location(options.region);
  if (!only.empty()) {
    if (!places_of.contains(only)) {
      return fail(Kind::not_found, fmt::format("The server has no region '{}'. `pinaco regions` "
                                               "lists those that it has.",
                                               options.region));
    }
    std::erase_if(wanted, [&](const Replicated& each) { return each.region != only; });
    if (wanted.empty()) wanted.push_back({.region = only});
  }
  std::vector<Advice> all;
  for (auto& each : wanted) {
    each.most = int_at(contents, "replicasMax", each.most);
    each.image_gb = image_gb(version);
    const auto known = places_of.find(each.region);
    each.places = known == places_of.end() ? 1 : known->second;
    all.push_back(advise(each, described(options), seen_in(users, each.region, since)));
  }
  console.print(fmt::format("{}, {} GiB, machines of the last {} days:\n", id.nested_name(),
                            image_gb(version), options.days));
  print_advice(all, console);
  const auto better = raised(targets, all);
  const bool changes =
      std::ranges::any_of(all, [](const Advice& advice) { return advice.replicas > advice.now; });
  const auto command = changes ? command_of(id, better) : std::string();
  JsonArray rows;
  for (const auto& each : all) rows.push_back(to_json(each));
  console.print_json(JsonObject{{"version", id.text()},
                                {"regions", std::move(rows)},
                                {"command", command},
                                {"applied", changes && options.apply}});
  for (const auto& each : all) {
    if (each.replicas < each.now) {
      console.print(
          fmt::format("{} has more than that. What is there is left as it is.\n", each.region));
    }
  }
  if (!changes) {
    console.print("There is nothing to do.\n");
    return {};
  }
  if (options.apply) return apply(connection, id, better, console);
  console.print(fmt::format("To make it so, add --apply, or:\n  {}\n", command));
  return {};
}

Result<> advise(const AdviseOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return advise(options, *connection, console);
}

}  // namespace pinaco::app
