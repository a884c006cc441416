// osProfile: required for generalized images, refused for specialized ones. What is secret in it
// goes to the row's internal part, is shown to the guest alone and never to a client.
#include <fmt/format.h>

#include "base/text.h"
#include "provider/machines.h"

namespace pinaco::provider {
namespace {

constexpr std::size_t data_bytes_max = 87'380;  // 64 KiB in base64
constexpr std::size_t keys_max = 32;

constexpr std::string_view reserved_names[] = {"administrator",
                                               "admin",
                                               "user",
                                               "user1",
                                               "test",
                                               "user2",
                                               "test1",
                                               "user3",
                                               "admin1",
                                               "1",
                                               "123",
                                               "a",
                                               "actuser",
                                               "adm",
                                               "admin2",
                                               "aspnet",
                                               "backup",
                                               "console",
                                               "david",
                                               "guest",
                                               "john",
                                               "owner",
                                               "root",
                                               "server",
                                               "sql",
                                               "support",
                                               "support_388945a0",
                                               "sys",
                                               "test2",
                                               "test3",
                                               "user4",
                                               "user5"};

Error not_valid(std::string_view target, std::string message) {
  return arm::invalid_parameter(std::string(target), std::move(message));
}

Result<> check_user(std::string_view name) {
  bool good = !name.empty() && name.size() <= 64;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    good = good && (word || c == '_' || c == '-' || c == '.');
  }
  good = good && name.front() != '-' && name.back() != '.';
  for (const auto reserved : reserved_names) good = good && !iequals(reserved, name);
  if (good) return {};
  return fail(not_valid("adminUsername",
                        "The Admin Username specified is not allowed. It has 1 to 64 letters, "
                        "digits, '.', '_' and '-', and is none of the reserved names such as "
                        "admin, root, user or test."));
}

// Three of the four kinds of characters, and long enough.
Result<> check_password(std::string_view password, bool windows) {
  int lower = 0;
  int upper = 0;
  int digit = 0;
  int other = 0;
  bool clean = true;
  for (const char c : password) {
    const auto code = static_cast<unsigned char>(c);
    clean = clean && code >= 0x20 && code != 0x7f;
    if (c >= 'a' && c <= 'z') {
      lower = 1;
    } else if (c >= 'A' && c <= 'Z') {
      upper = 1;
    } else if (c >= '0' && c <= '9') {
      digit = 1;
    } else {
      other = 1;
    }
  }
  const std::size_t least = windows ? 8 : 6;
  const std::size_t most = windows ? 123 : 72;
  if (clean && password.size() >= least && password.size() <= most &&
      lower + upper + digit + other >= 3) {
    return {};
  }
  return fail(not_valid(
      "adminPassword",
      fmt::format("The supplied password must be between {}-{} characters long and must satisfy at "
                  "least 3 of password complexity requirements from the following: Contains an "
                  "uppercase character, a lowercase character, a numeric digit, a special "
                  "character. Control characters are not allowed.",
                  least, most)));
}

Result<> check_computer_name(std::string_view name, bool windows) {
  const std::size_t most = windows ? 15 : 64;
  bool good = !name.empty() && name.size() <= most;
  bool digits = true;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    const bool word = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    digits = digits && digit;
    good = good && (word || c == '-' || (!windows && c == '.'));
  }
  good = good && name.front() != '-' && name.back() != '-' && name.back() != '.';
  if (windows) good = good && !digits;
  if (good) return {};
  return fail(not_valid(
      "computerName",
      windows ? "Windows computer name cannot be more than 15 characters long, be entirely "
                "numeric, or contain the following characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] "
                "{ } \\ | ; : . ' \" , < > / ?."
              : "Linux host name has 1 to 64 letters, digits, '-' and '.', and does not begin or "
                "end with '-'."));
}

bool is_base64(std::string_view text) {
  return from_base64(text).has_value();
}

Result<std::string> data_at(const Json& properties, std::string_view path,
                            std::string_view target) {
  const Json* value = find_path(properties, path);
  if (value == nullptr) return std::string();
  if (!value->is_string() || !is_base64(value->get_string()) ||
      value->get_string().size() > data_bytes_max) {
    return fail(not_valid(target, fmt::format("{} must be a base64 encoded text of at most {} "
                                              "characters.",
                                              target, data_bytes_max)));
  }
  return std::string(value->get_string());
}

Result<> check_keys(Json& profile, std::string_view user) {
  const Json* keys = find_path(profile, "linuxConfiguration.ssh.publicKeys");
  if (keys == nullptr) return {};
  if (keys->get_array().size() > keys_max) {
    return fail(not_valid("linuxConfiguration.ssh.publicKeys",
                          fmt::format("At most {} keys are taken.", keys_max)));
  }
  JsonArray checked;
  for (const Json& each : keys->get_array()) {
    const auto key = trim(string_at(each, "keyData"));
    const auto words = split(key, ' ');
    const bool known = words[0] == "ssh-rsa" || words[0] == "ssh-ed25519" ||
                       words[0].starts_with("ecdsa-sha2-nistp") || words[0].starts_with("sk-");
    if (!known || words.size() < 2 || !is_base64(words[1]) ||
        key.find_first_of("\r\n") != std::string_view::npos) {
      return fail(not_valid("linuxConfiguration.ssh.publicKeys.keyData",
                            "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is "
                            "invalid: one line in OpenSSH's format is expected, such as "
                            "'ssh-ed25519 AAAA… name'."));
    }
    std::string path(string_at(each, "path"));
    const auto usual = fmt::format("/home/{}/.ssh/authorized_keys", user);
    if (path.empty()) path = usual;
    if (path != usual) {
      return fail(not_valid(
          "linuxConfiguration.ssh.publicKeys.path",
          fmt::format("Destination path for SSH public keys is currently limited to its default "
                      "value {} due to a known issue in Linux provisioning agent.",
                      usual)));
    }
    checked.push_back(JsonObject{{"path", path}, {"keyData", string_at(each, "keyData")}});
  }
  set_path(profile, "linuxConfiguration.ssh.publicKeys", std::move(checked));
  return {};
}

// Of a new machine from a generalized image.
Result<> complete_profile(Draft& draft, Json& profile, bool windows) {
  if (string_at(profile, "computerName").empty()) {
    set_path(profile, "computerName", draft.wanted.id.name());
  }
  TRY(check_computer_name(string_at(profile, "computerName"), windows));
  const std::string user(string_at(profile, "adminUsername"));
  if (user.empty()) return fail(arm::missing_parameter("osProfile.adminUsername"));
  TRY(check_user(user));
  const std::string password(string_at(profile, "adminPassword"));
  if (!password.empty()) TRY(check_password(password, windows));
  TRY(check_keys(profile, user));
  const Json* keys = find_path(profile, "linuxConfiguration.ssh.publicKeys");
  const bool has_keys = keys != nullptr && !keys->get_array().empty();
  const bool only_keys = bool_at(profile, "linuxConfiguration.disablePasswordAuthentication");
  if (only_keys && !has_keys) {
    return fail(not_valid("linuxConfiguration",
                          "Authentication using either SSH or by user name and password must be "
                          "enabled in Linux profile."));
  }
  if (password.empty() && (windows || !has_keys)) {
    return fail(not_valid("adminPassword",
                          "Required parameter 'adminPassword' is missing (null): "
                          "give a password, or an SSH key."));
  }
  if (!windows &&
      find_path(profile, "linuxConfiguration.disablePasswordAuthentication") == nullptr) {
    set_path(profile, "linuxConfiguration.disablePasswordAuthentication", password.empty());
  }
  set_path(draft.wanted.internal, "secrets.password", password);
  set_path(draft.wanted.internal, "secrets.customData",
           TRY(data_at(profile, "customData", "customData")));
  if (find_path(profile, "secrets") == nullptr) set_path(profile, "secrets", JsonArray());
  if (find_path(profile, "allowExtensionOperations") == nullptr) {
    set_path(profile, "allowExtensionOperations", true);
  }
  return {};
}

}  // namespace

Result<> prepare_profile(Draft& draft, const Image& image) {
  Json& properties = draft.wanted.properties;
  if (const Json* said = find_path(properties, "userData"); said != nullptr) {
    set_path(draft.wanted.internal, "secrets.userData",
             TRY(data_at(properties, "userData", "userData")));
    erase_path(properties, "userData");
  }
  const Json* given = find_path(properties, "osProfile");
  const bool fresh = find_path(draft.wanted.internal, "provisioning") == nullptr;
  if (!fresh) {
    // What a machine was made with stays; secrets that are sent again say nothing new.
    const Json* before = find_path(draft.current->properties, "osProfile");
    if (before == nullptr) {
      if (given != nullptr) {
        return fail(not_valid("osProfile", "Parameter 'osProfile' is not allowed."));
      }
    } else if (given == nullptr) {
      set_path(properties, "osProfile", *before);
    }
  } else {
    const bool specialized = string_at(draft.wanted.internal, "os.state") == "Specialized";
    const bool windows = string_at(draft.wanted.internal, "os.type") == "Windows";
    set_path(draft.wanted.internal, "provisioning", specialized ? "none" : image.provisioning);
    if (specialized && given != nullptr) {
      return fail(not_valid("osProfile", "Parameter 'osProfile' is not allowed."));
    }
    if (!specialized && given == nullptr) return fail(arm::missing_parameter("osProfile"));
    if (!specialized) {
      Json profile = *given;
      TRY(complete_profile(draft, profile, windows));
      set_path(properties, "osProfile", std::move(profile));
      if (windows && image.provisioning != "none") {
        return fail(arm::error(Kind::invalid, "OperationNotAllowed",
                               "This server cannot set up Windows guests yet. An image whose "
                               "definition has the tag pinaco-provisioning=none starts as it is.",
                               "osProfile"));
      }
    }
  }
  for (const char* secret : {"adminPassword", "customData"}) {
    erase_path(properties, fmt::format("osProfile.{}", secret));
  }
  return {};
}

}  // namespace pinaco::provider
