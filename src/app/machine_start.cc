#include "app/machine_start.h"

#include <fmt/format.h>

#include "app/directory.h"
#include "app/reference.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr std::size_t key_bytes_max = 16 << 10;
constexpr std::size_t data_bytes_max = 65'535;
constexpr std::size_t windows_name_max = 15;

void note_luns(const Json& shown, std::string_view path, StartImage& image) {
  const Json* disks = find_path(shown, path);
  if (disks == nullptr || !disks->is_array()) return;
  for (const auto& disk : disks->get_array()) image.luns.insert(int_at(disk, "lun"));
}

void note_system(const Json& definition, StartImage& image) {
  image.location = arm::normalize_location(string_at(definition, "location"));
  if (const auto os = string_at(definition, "properties.osType"); !os.empty()) image.os_type = os;
  image.specialized = iequals(string_at(definition, "properties.osState"), "Specialized");
}

Result<StartImage> from_managed_image(Connection& connection, const arm::ResourceId& id) {
  const auto shown = TRY(connection.find(path_of(id)));
  if (!shown) return std::unexpected(none_named(image_sort, id.name()));
  StartImage image{.reference = JsonObject{{"id", id.text()}},
                   .location = arm::normalize_location(string_at(*shown, "location"))};
  const auto os = string_at(*shown, "properties.storageProfile.osDisk.osType");
  if (!os.empty()) image.os_type = os;
  note_luns(*shown, "properties.storageProfile.dataDisks", image);
  return image;
}

// `reference` names a definition or a version of it. The definition itself is what is asked for
// when no version is named, so that the server takes the one that is the latest then.
Result<StartImage> from_gallery(Connection& connection, Reference reference,
                                std::string_view group) {
  const bool latest = reference.version.empty() || reference.version == "latest";
  if (!reference.id) {
    const auto id = TRY(resolve(
        connection, {.gallery = reference.gallery, .definition = reference.definition}, group));
    if (!TRY(connection.find(path_of(id)))) {
      return fail(Kind::not_found, fmt::format("There is no image definition {}. `pinaco list` "
                                               "shows those that there are.",
                                               id.nested_name()));
    }
    if (reference.version.empty()) reference.version = "latest";
  }
  auto version = TRY(resolve(connection, reference, group));
  arm::ResourceId asked = version;
  if (!reference.id && latest) asked = version.parent();
  if (version.type() == "galleries/images") {
    version = TRY(
        resolve(connection,
                {.gallery = version.names[0], .definition = version.names[1], .version = "latest"},
                version.group));
  }
  const auto definition = TRY(connection.get(path_of(version.parent())));
  const auto shown = TRY(connection.find(path_of(version)));
  if (!shown) {
    return fail(Kind::not_found,
                fmt::format("There is no version {}. `pinaco list {}/{} --all` shows those that "
                            "there are.",
                            version.nested_name(), version.names[0], version.names[1]));
  }
  StartImage image{.reference = JsonObject{{"id", asked.text()}}};
  note_system(definition, image);
  note_luns(*shown, "properties.storageProfile.dataDiskImages", image);
  return image;
}

// "/SharedGalleries/G/Images/D[/Versions/V]" is read through a location.
Result<StartImage> from_shared(Connection& connection, const MachineOptions& options) {
  const bool community = istarts_with(options.image, "/CommunityGalleries/");
  StartImage image{.reference =
                       JsonObject{{community ? "communityGalleryImageId" : "sharedGalleryImageId",
                                   options.image}}};
  const auto words = split(std::string_view(options.image).substr(1), '/');
  if (words.size() < 4 || !iequals(words[2], "Images")) {
    return fail(Kind::invalid, fmt::format("'{}' is no image. Write {}/GALLERY/Images/DEFINITION.",
                                           options.image, words[0]));
  }
  auto location = arm::normalize_location(options.location);
  if (location.empty()) {
    const auto regions = TRY(connection.list("/pinaco/v1/regions"));
    if (!regions.empty()) location = arm::normalize_location(string_at(regions[0], "name"));
  }
  const auto definition = TRY(connection.get(
      fmt::format("{}/providers/Microsoft.Compute/locations/{}/{}/{}/images/{}?api-version={}",
                  connection.subscription_path(), percent_encode(location),
                  community ? "communityGalleries" : "sharedGalleries", percent_encode(words[1]),
                  percent_encode(words[3]), galleries_api)));
  note_system(definition, image);
  image.location = location;
  return image;
}

Result<std::string> read_key(const std::string& path) {
  const auto text = TRY(os::read_file(path, key_bytes_max));
  std::string key(trim(text));
  if (key.find("PRIVATE KEY") != std::string::npos) {
    return fail(Kind::invalid, fmt::format("{} is a private key, which stays with you. Name the "
                                           "public one, {}.pub.",
                                           path, path));
  }
  return key;
}

Result<std::string> find_key(const MachineOptions& options, const std::string& home) {
  if (!options.key_file.empty()) return read_key(options.key_file);
  for (const char* name : {"id_ed25519.pub", "id_rsa.pub", "id_ecdsa.pub"}) {
    const auto path = home + "/.ssh/" + name;
    if (!home.empty() && TRY(os::exists(path))) return read_key(path);
  }
  return fail(
      Kind::invalid,
      "There is no SSH key in ~/.ssh to log in with. Make one with `ssh-keygen -t ed25519`, "
      "or name another with --ssh-key, or a password with --password-file.");
}

}  // namespace

Result<StartImage> find_start_image(Connection& connection, const MachineOptions& options) {
  const std::string_view text = options.image;
  Result<StartImage> found = StartImage();
  if (istarts_with(text, "/SharedGalleries/") || istarts_with(text, "/CommunityGalleries/")) {
    found = from_shared(connection, options);
  } else if (text.starts_with('/')) {
    const auto id = TRY(arm::ResourceId::parse(text));
    const auto type = to_lower(id.full_type());
    if (type == "microsoft.compute/images") {
      found = from_managed_image(connection, id);
    } else if (type == "microsoft.compute/galleries/images" ||
               type == "microsoft.compute/galleries/images/versions") {
      found = from_gallery(connection, {.id = id}, "");
    } else {
      return fail(Kind::invalid,
                  fmt::format("'{}' is no image: neither of a gallery nor a managed one.", text));
    }
  } else if (text.find('/') == std::string_view::npos) {
    found = from_managed_image(connection, TRY(find_named(connection, image_sort, text, "")));
  } else {
    found = from_gallery(connection, TRY(parse_reference(text)), "");
  }
  if (found && options.specialized) found->specialized = true;
  return found;
}

Result<std::string> file_in_base64(const std::string& path) {
  if (path.empty()) return std::string();
  const auto text = TRY(os::read_file(path, data_bytes_max));
  return to_base64(as_bytes(text));
}

Result<Json> os_profile(const MachineOptions& options, const StartImage& image,
                        std::string_view name, const std::string& home) {
  const bool windows = iequals(image.os_type, "Windows");
  if (image.specialized) {
    for (const auto& [option, given] : {std::pair{"--ssh-key", &options.key_file},
                                        {"--password-file", &options.password_file},
                                        {"--custom-data", &options.custom_data_file}}) {
      if (given->empty()) continue;
      return fail(Kind::invalid, fmt::format("{} is for generalized images. This one is "
                                             "specialized: it has its users already.",
                                             option));
    }
    return Json(nullptr);
  }
  std::string computer(name);
  std::ranges::replace(computer, '_', '-');
  if (windows) computer = computer.substr(0, windows_name_max);
  const std::string user = options.user.empty() ? "azureuser" : options.user;
  Json profile = JsonObject{{"computerName", computer}, {"adminUsername", user}};
  if (!options.password_file.empty()) {
    set_path(profile, "adminPassword", TRY(read_secret(options.password_file)));
  } else if (windows) {
    return fail(Kind::invalid, "Windows needs a password: name a file with --password-file.");
  }
  if (!windows) {
    JsonArray keys;
    if (options.password_file.empty() || !options.key_file.empty()) {
      keys.push_back(JsonObject{{"path", fmt::format("/home/{}/.ssh/authorized_keys", user)},
                                {"keyData", TRY(find_key(options, home))}});
    }
    set_path(profile, "linuxConfiguration.disablePasswordAuthentication",
             options.password_file.empty());
    if (!keys.empty()) set_path(profile, "linuxConfiguration.ssh.publicKeys", std::move(keys));
  }
  const auto data = TRY(file_in_base64(options.custom_data_file));
  if (!data.empty()) set_path(profile, "customData", data);
  return profile;
}

}  // namespace pinaco::app
