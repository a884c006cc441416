// What the instances of a scale set will be: the profile, checked as a machine's request is, and
// the rows that a machine made from it would have.
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "provider/scale_sets.h"
#include "provider/sources.h"

namespace pinaco::provider {
namespace {

constexpr const char* profile_path = "virtualMachineProfile";
constexpr std::size_t suffix_bytes = 6;  // of a computer name: its number

std::string in_profile(std::string_view path) {
  return fmt::format("{}.{}", profile_path, path);
}

// What a machine's PUT would say, of the instance with the name `prefix` 000000.
Json request_of(const Draft& draft, const MachineSize& size) {
  const Json& profile = *find_path(draft.wanted.properties, profile_path);
  Json request = JsonObject{{"hardwareProfile", JsonObject{{"vmSize", size.name}}}};
  for (const char* member : {"storageProfile", "osProfile", "securityProfile", "userData"}) {
    if (const Json* said = find_path(profile, member)) set_path(request, member, *said);
  }
  if (find_path(request, "osProfile") != nullptr) {
    set_path(request, "osProfile.computerName",
             fmt::format("{}{:0>{}}", string_at(request, "osProfile.computerNamePrefix"), "",
                         suffix_bytes));
    erase_path(request, "osProfile.computerNamePrefix");
  }
  // Sent again without what answers never show: it stays.
  if (draft.current) {
    for (const auto& [member, secret] : {std::pair{"osProfile.adminPassword", "secrets.password"},
                                         {"osProfile.customData", "secrets.customData"},
                                         {"userData", "secrets.userData"}}) {
      const auto before = string_at(draft.current->internal, secret);
      const bool of_profile = std::string_view(member).starts_with("os");
      if (of_profile && find_path(request, "osProfile") == nullptr) continue;
      if (find_path(request, member) == nullptr && !before.empty()) {
        set_path(request, member, before);
      }
    }
  }
  return request;
}

Result<> check_prefix(const Json& profile, bool windows) {
  if (find_path(profile, "osProfile") == nullptr) return {};
  const auto prefix = string_at(profile, "osProfile.computerNamePrefix");
  if (prefix.empty()) return fail(arm::missing_parameter("osProfile.computerNamePrefix"));
  const std::size_t most = windows ? 9 : 58;
  if (prefix.size() <= most) return {};
  return fail(arm::invalid_parameter(
      "computerNamePrefix",
      fmt::format("The computer name prefix has at most {} characters: each instance adds {}.",
                  most, suffix_bytes)));
}

Result<> check_disks(const Json& profile) {
  const auto check = [](const Json& disk, std::string_view path) -> Result<> {
    if (string_at(disk, "createOption") != "Attach") return {};
    return fail(arm::invalid_parameter(
        fmt::format("{}.createOption", path),
        "A scale set makes disks for each instance: FromImage or Empty, not Attach."));
  };
  if (const Json* os = find_path(profile, "storageProfile.osDisk")) TRY(check(*os, "osDisk"));
  if (const Json* data = find_path(profile, "storageProfile.dataDisks")) {
    for (const Json& disk : data->get_array()) TRY(check(disk, "dataDisks"));
  }
  return {};
}

// "lun0,lun3": what an image brings along.
std::string layout_of(const Image& image) {
  std::set<std::int64_t> luns;
  for (const Json& content : image.contents.get_array()) {
    if (string_at(content, "role") == "data") luns.insert(int_at(content, "lun"));
  }
  std::string layout;
  for (const auto lun : luns) layout += fmt::format("{}lun{}", layout.empty() ? "" : ",", lun);
  return layout;
}

// Another image for a set that has one: instances must be able to become it.
Result<> check_change(const Draft& draft, const Json& machine, std::string_view layout) {
  if (!draft.current) return {};
  const Json* before = find_path(draft.current->internal, "os");
  if (before == nullptr) return {};
  const auto refuse = [&](std::string_view what, std::string_view was, std::string_view is) {
    return fail(arm::error(
        Kind::conflict, "OperationNotAllowed",
        fmt::format("Cannot update Virtual Machine Scale Set {} as the current {} of the VM Scale "
                    "Set is {} which is different from the updated gallery image {} which is {}.",
                    draft.wanted.id.name(), what, was, what, is),
        "imageReference"));
  };
  for (const auto& [member, what] : {std::pair{"state", "OS state"},
                                     {"type", "OS type"},
                                     {"generation", "Hypervisor generation"}}) {
    const auto was = string_at(*before, member);
    const auto is = string_at(machine, fmt::format("os.{}", member));
    if (was != is) return refuse(what, was, is);
  }
  const auto was = string_at(draft.current->internal, "layout");
  if (was == layout) return {};
  return refuse("data disk layout", was.empty() ? "none" : was, layout.empty() ? "none" : layout);
}

// What the set shows of its profile: as it was said, with the defaults, without secrets.
void complete_profile(Draft& draft, const model::Resource& machine) {
  Json& properties = draft.wanted.properties;
  const std::string prefix(string_at(properties, in_profile("osProfile.computerNamePrefix")));
  if (const Json* profile = find_path(machine.properties, "osProfile")) {
    Json shown = *profile;
    erase_path(shown, "computerName");
    set_path(shown, "computerNamePrefix", prefix);
    set_path(properties, in_profile("osProfile"), std::move(shown));
  }
  erase_path(properties, in_profile("userData"));
  for (const char* member :
       {"createOption", "caching", "osType", "diskSizeGB", "managedDisk.storageAccountType"}) {
    const auto path = fmt::format("storageProfile.osDisk.{}", member);
    if (find_path(properties, in_profile(path)) != nullptr) continue;
    if (const Json* value = find_path(machine.properties, path)) {
      set_path(properties, in_profile(path), *value);
    }
  }
}

Json rows_of(const std::vector<MachineDisk>& disks) {
  JsonArray rows;
  for (const auto& disk : disks) {
    rows.push_back(JsonObject{{"slot", disk.slot}, {"row", model::to_json(disk.row)}});
  }
  return rows;
}

// Members in the order of their names, so that who sends them in another order says the same.
void append_sorted(std::string& text, const Json& json) {
  if (json.is_object()) {
    std::map<std::string_view, const Json*> members;
    for (const auto& member : json.get_object()) members[member.key()] = &member.value();
    for (const auto& [name, value] : members) {
      text += fmt::format("{{{}:", name);
      append_sorted(text, *value);
    }
    text += '}';
  } else if (json.is_array()) {
    text += '[';
    for (const Json& each : json.get_array()) append_sorted(text, each);
    text += ']';
  } else {
    text += to_text(json);
  }
}

// Of everything that instances are made of, so that a change is seen.
std::string digest_of(Json profile, const Json& request, const MachineSize& size) {
  std::string text = size.name;
  for (const char* secret : {"osProfile.adminPassword", "osProfile.customData", "userData"}) {
    text += fmt::format("\n{}", string_at(request, secret));
    erase_path(profile, secret);
  }
  append_sorted(text, profile);
  return Digest::of(as_bytes(text)).hex();
}

}  // namespace

Result<> prepare_model(Draft& draft, const MachineSize& size, std::int64_t capacity, bool grows) {
  const Json profile = *find_path(draft.wanted.properties, profile_path);
  TRY(check_disks(profile));
  const Json* reference = find_path(profile, "storageProfile.imageReference");
  if (reference == nullptr) return fail(arm::missing_parameter("imageReference"));
  const std::optional<model::Resource> nothing;
  Draft inner{.call = draft.call,
              .type = draft.type,
              .change = draft.change,
              .current = nothing,
              .wanted = draft.wanted,
              .envelope = draft.envelope};
  inner.wanted.properties = request_of(draft, size);
  inner.wanted.internal = JsonObject();
  if (const Json* plan = find_member(draft.envelope, "plan");
      plan != nullptr && plan->is_object()) {
    set_path(draft.wanted.internal, "plan", *plan);
  }
  if (const Json* plan = find_path(draft.wanted.internal, "plan")) {
    set_path(inner.wanted.internal, "plan", *plan);
  }
  const Json before = draft.current ? draft.current->internal : Json(JsonObject());
  const Json request = inner.wanted.properties;
  // What is sent again is what was said, or what answers show of it.
  const auto said = digest_of(profile, request, size);
  bool same = said == string_at(before, "model.said") || said == string_at(before, "model.shown");
  // Nothing new, and nothing to be made from the image: it need not be there any more.
  if (!grows && same) {
    set_path(draft.wanted.properties, profile_path,
             *find_path(draft.current->properties, profile_path));
    return {};
  }
  const auto image = TRY(find_machine_image(inner, *reference));
  draft.warnings = image.warnings;
  advise_on_size(image.definition, size, image.shown, draft.warnings);
  const bool managed = find_path(image.definition, "identifier") == nullptr;
  if (managed && capacity > instances_of_managed_image_max) {
    return fail(arm::out_of_range("sku.capacity", capacity, 0, instances_of_managed_image_max));
  }
  note_size(inner, size);
  const auto disks = TRY(prepare_disks(inner, image, size));
  TRY(check_fit(inner, image, size));
  const auto layout = layout_of(image);
  TRY(check_change(draft, inner.wanted.internal, layout));
  TRY(check_prefix(profile, string_at(inner.wanted.internal, "os.type") == "Windows"));
  TRY(prepare_profile(inner, image));
  set_path(inner.wanted.properties, "storageProfile.imageReference.exactVersion",
           image.exact_version);
  const Json card = TRY(prepare_card_model(draft, capacity));
  complete_profile(draft, inner.wanted);
  auto shown = digest_of(*find_path(draft.wanted.properties, profile_path), request, size);
  same = same || shown == string_at(before, "model.shown");
  Json& internal = draft.wanted.internal;
  if (const Json* secrets = find_path(inner.wanted.internal, "secrets")) {
    set_path(internal, "secrets", *secrets);
    erase_path(inner.wanted.internal, "secrets");
  }
  if (draft.call.parts.contains("refresh")) {
    same = same && image.exact_version == string_at(before, "model.version");
  }
  const auto number = int_at(before, "model.number") + (same ? 0 : 1);
  set_path(internal, "os", *find_path(inner.wanted.internal, "os"));
  set_path(internal, "layout", layout);
  set_path(internal, "contents", image.contents);
  erase_path(internal, "refused");
  if (const Json* refused = find_path(inner.wanted.internal, "refused")) {
    set_path(internal, "refused", *refused);
    erase_path(inner.wanted.internal, "refused");
  }
  set_path(internal, "model",
           JsonObject{{"number", number},
                      {"version", image.exact_version},
                      {"said", said},
                      {"shown", std::move(shown)},
                      {"machine", model::to_json(inner.wanted)},
                      {"disks", rows_of(disks)},
                      {"card", card}});
  if (draft.current && !same) {
    set_path(draft.input, "upgrade", string_at(draft.wanted.properties, "upgradePolicy.mode"));
  }
  return {};
}

}  // namespace pinaco::provider
