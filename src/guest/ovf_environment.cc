#include "guest/ovf_environment.h"

#include <crypt.h>

#include "base/digest.h"
#include "base/text.h"
#include "guest/facts.h"
#include "guest/iso9660.h"
#include "guest/xml.h"

namespace pinaco::guest {
namespace {

Result<> check_new(const Facts& facts) {
  TRY(check_facts(facts));
  if (facts.os != "Linux") {
    return fail(Kind::invalid, "Only Linux guests can be set up: there is no disc for " + facts.os +
                                   ". Use a specialized image.");
  }
  if (!facts.generalized) {
    return fail(Kind::invalid, "A specialized image keeps its accounts: it gets no disc.");
  }
  if (facts.user.empty() || facts.computer_name.empty()) {
    return fail(Kind::invalid, "A new guest needs a computer name and a user.");
  }
  return {};
}

std::string element(std::string_view name, std::string_view text) {
  return fmt::format("<wa:{0}>{1}</wa:{0}>", name, markup_escape(text));
}

std::string path_of(const SshKey& key, const Facts& facts) {
  return key.path.empty() ? fmt::format("/home/{}/.ssh/authorized_keys", facts.user) : key.path;
}

// A text in YAML's double quotes, which are JSON's.
std::string yaml(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

}  // namespace

std::string ovf_environment(const Facts& facts) {
  std::string keys;
  for (const auto& one : facts.keys) {
    keys += fmt::format("<wa:PublicKey>{}{}</wa:PublicKey>", element("Path", path_of(one, facts)),
                        element("Value", one.key));
  }
  if (!keys.empty()) keys = fmt::format("<wa:SSH><wa:PublicKeys>{}</wa:PublicKeys></wa:SSH>", keys);
  return fmt::format(
      R"(<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"
 xmlns:wa="http://schemas.microsoft.com/windowsazure"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<wa:ProvisioningSection>
<wa:Version>1.0</wa:Version>
<wa:LinuxProvisioningConfigurationSet>
<wa:ConfigurationSetType>LinuxProvisioningConfiguration</wa:ConfigurationSetType>
{}{}{}{}{}{}
</wa:LinuxProvisioningConfigurationSet>
</wa:ProvisioningSection>
<wa:PlatformSettingsSection>
<wa:Version>1.0</wa:Version>
<wa:PlatformSettings><wa:ProvisionGuestAgent>true</wa:ProvisionGuestAgent></wa:PlatformSettings>
</wa:PlatformSettingsSection>
</Environment>
)",
      element("HostName", facts.computer_name), element("UserName", facts.user),
      facts.password.empty() ? "" : element("UserPassword", facts.password),
      element("DisableSshPasswordAuthentication", facts.password_login ? "false" : "true"), keys,
      facts.custom_data.empty() ? "" : element("CustomData", facts.custom_data));
}

Result<std::string> hash_password(std::string_view password, std::string_view id) {
  // crypt's salts are of the letters that base64url has, but for '-' and '_'.
  std::string salt = to_base64url(Digest::of(as_bytes(fmt::format("salt of {}", id))).bytes);
  for (auto& c : salt) {
    if (c == '-') c = '.';
    if (c == '_') c = '/';
  }
  crypt_data data = {};
  const std::string text(password);
  const char* hash = ::crypt_r(text.c_str(), ("$6$" + salt.substr(0, 16)).c_str(), &data);
  if (hash == nullptr || !std::string_view(hash).starts_with("$6$")) {
    return fail(Kind::unavailable, "This system's crypt(3) makes no SHA-512 hashes.");
  }
  return std::string(hash);
}

Result<std::string> cloud_init_account(const Facts& facts) {
  std::string text = "#cloud-config\n";
  text += fmt::format("hostname: {}\n", yaml(facts.computer_name));
  // A text: the schema knows no boolean here, and complains to the log.
  text += "preserve_hostname: false\nlocale: \"false\"\nssh_genkeytypes: [ed25519]\n";
  text += fmt::format("ssh_pwauth: {}\n", facts.password_login);
  text += fmt::format("users:\n  - name: {}\n", yaml(facts.user));
  text += "    groups: [adm, sudo]\n    shell: /bin/bash\n    sudo: ['ALL=(ALL) NOPASSWD:ALL']\n";
  if (facts.password.empty()) {
    text += "    lock_passwd: true\n";
  } else {
    text += fmt::format("    lock_passwd: false\n    hashed_passwd: {}\n",
                        yaml(TRY(hash_password(facts.password, facts.id))));
  }
  if (!facts.keys.empty()) text += "    ssh_authorized_keys:\n";
  for (const auto& one : facts.keys) text += fmt::format("      - {}\n", yaml(one.key));
  return text;
}

Result<Bytes> provisioning_disc(const Facts& facts) {
  TRY(check_new(facts));
  return make_iso9660("rd_rdfe_stable",
                      {{.name = "ovf-env.xml", .content = ovf_environment(facts)}});
}

Result<Bytes> cloud_init_disc(const Facts& facts) {
  TRY(check_new(facts));
  const auto custom = from_base64(facts.custom_data);
  auto account = TRY(cloud_init_account(facts));  // first: an early return leaks half a list
  return make_iso9660(
      "cidata",
      {{.name = "meta-data",
        .content = fmt::format("instance-id: {}\nlocal-hostname: {}\n", yaml(facts.id),
                               yaml(facts.computer_name))},
       {.name = "user-data", .content = custom ? std::string(as_text(*custom)) : std::string()},
       {.name = "vendor-data", .content = std::move(account)}});
}

}  // namespace pinaco::guest
