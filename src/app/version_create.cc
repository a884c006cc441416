// `pinaco version create`: a version of what the server has already: a machine, an image, a disk, a
// snapshot, another version.
#include <fmt/format.h>

#include "app/machines.h"
#include "app/push_disk.h"
#include "app/push_target.h"
#include "app/push_version.h"
#include "app/reference.h"
#include "app/report.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

struct Source {
  arm::ResourceId id;
  Json shown;
  bool whole = false;  // OS disk and data disks together; else the OS disk alone
};

Result<Source> find_source(const MachineCall& call) {
  const auto& options = call.options;
  struct Way {
    const std::string* name;
    const Sort* sort;
  };
  const Way ways[] = {{&options.from_machine, &machine_sort},
                      {&options.from_image, &image_sort},
                      {&options.from_disk, &disk_sort},
                      {&options.from_snapshot, &snapshot_sort},
                      {&options.from_version, nullptr}};
  const Way* chosen = nullptr;
  int given = 0;
  for (const auto& way : ways) {
    if (way.name->empty()) continue;
    chosen = &way;
    given++;
  }
  if (given != 1) {
    return fail(Kind::invalid,
                "Name one thing that the version is made of: --from-vm, "
                "--from-image, --from-disk, --from-snapshot or --from-version.");
  }
  Source source;
  if (chosen->sort == nullptr) {
    auto reference = TRY(parse_reference(*chosen->name));
    if (!reference.id && reference.version.empty()) reference.version = "latest";
    source.id = TRY(resolve(call.connection, reference, ""));
  } else {
    source.id = TRY(find_named(call.connection, *chosen->sort, *chosen->name, ""));
  }
  const auto shown = TRY(call.connection.find(path_of(source.id)));
  if (!shown) {
    return std::unexpected(none_named(
        chosen->sort != nullptr ? *chosen->sort : Sort{"", "", "version", "pinaco list --all"},
        source.id.nested_name()));
  }
  source.shown = *shown;
  source.whole = chosen->sort != &disk_sort && chosen->sort != &snapshot_sort;
  return source;
}

// What a definition must say for the source to fit, when it is made for it.
Result<> describe(const MachineCall& call, const Source& source, PushOptions& push) {
  const auto take = [&](std::string& into, std::string_view path) {
    if (into.empty()) into = string_at(source.shown, path);
  };
  const auto type = to_lower(source.id.type());
  if (type == "virtualmachines") {
    take(push.os_type, "properties.storageProfile.osDisk.osType");
    const auto view = TRY(call.connection.get(path_of(source.id, "$expand=instanceView")));
    push.generation = string_at(view, "properties.instanceView.hyperVGeneration");
    push.os_state = "Specialized";
    if (const Json* statuses = find_path(view, "properties.instanceView.statuses");
        statuses != nullptr && statuses->is_array()) {
      for (const auto& status : statuses->get_array()) {
        if (string_at(status, "code") == "OSState/generalized") push.os_state = "Generalized";
      }
    }
  } else if (type == "images") {
    take(push.os_type, "properties.storageProfile.osDisk.osType");
    take(push.generation, "properties.hyperVGeneration");
  } else if (type == "galleries/images/versions") {
    const auto definition = TRY(call.connection.get(path_of(source.id.parent())));
    push.os_type = string_at(definition, "properties.osType");
    push.generation = string_at(definition, "properties.hyperVGeneration");
    push.os_state = string_at(definition, "properties.osState");
    push.architecture = string_at(definition, "properties.architecture");
  } else {
    take(push.os_type, "properties.osType");
    take(push.generation, "properties.hyperVGeneration");
  }
  if (call.options.specialized) push.os_state = "Specialized";
  return {};
}

Result<PushOptions> target_of(const MachineCall& call, const Source& source) {
  const auto& options = call.options;
  const auto reference = TRY(parse_reference(options.name));
  PushOptions push;
  push.gallery = reference.id ? reference.id->names.at(0) : reference.gallery;
  push.definition = reference.definition;
  push.version = reference.version;
  if (reference.id && to_lower(reference.id->type()) == "galleries/images/versions") {
    push.group = reference.id->group;
    push.definition = reference.id->names[1];
    push.version = reference.id->names[2];
  }
  if (push.version.empty() || push.version == "latest") {
    return fail(Kind::invalid, fmt::format("'{}' is no new version. Write GALLERY/DEFINITION/"
                                           "VERSION, for example linux/debian-12/1.0.0.",
                                           options.name));
  }
  if (!reference.id) {
    // The gallery that there is; else one is made.
    const auto gallery = resolve(call.connection, {.gallery = push.gallery}, options.group);
    if (!gallery && gallery.error().kind != Kind::not_found) {
      return std::unexpected(gallery.error());
    }
    push.group = gallery ? gallery->group : std::string(default_group);
  }
  push.location = options.location;
  push.replicas = options.replicas;
  push.exclude_from_latest = options.exclude_from_latest;
  push.end_of_life = options.end_of_life;
  if (!options.regions.empty()) {
    push.regions = TRY(parse_regions(join(options.regions, ","), options.replicas));
  }
  const auto definition =
      gallery_id(call.connection, push.group, push.gallery).child("images", push.definition);
  if (!TRY(call.connection.find(path_of(definition)))) {
    TRY(describe(call, source, push));
    // A version's home is where its source is.
    if (push.location.empty()) {
      push.location = arm::normalize_location(string_at(source.shown, "location"));
    }
  }
  return push;
}

std::string source_in(const Json& version) {
  const auto whole = string_at(version, "properties.storageProfile.source.id");
  return std::string(whole.empty()
                         ? string_at(version, "properties.storageProfile.osDiskImage.source.id")
                         : whole);
}

}  // namespace

Result<> create_version(const MachineCall& call) {
  auto& connection = call.connection;
  const auto source = TRY(find_source(call));
  const auto push = TRY(target_of(call, source));
  const auto target = TRY(prepare_target(push, connection, call.console));
  const auto name = target.version.nested_name();
  const auto there = TRY(find_made_version(connection, target, call.console));
  if (there && !iequals(source_in(*there), source.id.text())) {
    return fail(Kind::conflict, fmt::format("There is a version {} already, made of something "
                                            "else. A version never changes: choose another number.",
                                            name));
  }
  if (!there) {
    Json body = version_body(push, target, source.id);
    if (source.whole) {
      set_path(body, "properties.storageProfile",
               JsonObject{{"source", JsonObject{{"id", source.id.text()}}}});
    }
    auto made = make_version(connection, target, body, call.console);
    if (!made && made.error().kind == Kind::cancelled) {
      made.error().message = fmt::format(
          "Stopped. The server goes on making {}; run the same "
          "command to see it to its end.",
          name);
    }
    TRY(std::move(made));
  }
  const auto contents = TRY(get_contents(connection, target.version));
  call.console.print(
      fmt::format("{} is there{}.\n{}\n", name, there ? " already" : "", contents_text(contents)));
  call.console.print_table(regions_table(contents));
  call.console.print_json(JsonObject{{"id", target.version.text()},
                                     {"alreadyThere", there.has_value()},
                                     {"source", source.id.text()},
                                     {"contents", contents}});
  return {};
}

}  // namespace pinaco::app
