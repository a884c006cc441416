// The lines for each client. Values from the login are quoted for the shell; where a program reads
// them, it reads the environment.
#include <fmt/format.h>

#include "app/cloud.h"

namespace pinaco::app {
namespace {

constexpr std::string_view usual_proxy = "http://127.0.0.1:8480";
constexpr std::string_view read_environment = "eval \"$(pinaco cloud env)\"\n";

std::string host_of(const Login& login) {
  return login.endpoint.substr(login.endpoint.find("//") + 2);
}

// "NAME=value " in front of a command; nothing where the system's certificates are good.
std::string with_ca(std::string_view name, const Login& login) {
  return login.ca_file.empty() ? "" : fmt::format("{}={} ", name, in_shell(login.ca_file));
}

std::string env_text(const CloudOptions&, const Login& login) {
  std::string text = "# This holds the secret: eval \"$(pinaco cloud env)\" shows it to nobody.\n";
  const auto add = [&](std::string_view name, const std::string& value) {
    text += fmt::format("export {}={}\n", name, in_shell(value));
  };
  for (const std::string_view family : {"AZURE", "ARM"}) {
    add(fmt::format("{}_TENANT_ID", family), login.tenant);
    add(fmt::format("{}_SUBSCRIPTION_ID", family), login.subscription);
    add(fmt::format("{}_CLIENT_ID", family), login.client_id);
    add(fmt::format("{}_CLIENT_SECRET", family), login.client_secret);
  }
  add("AZURE_AUTHORITY_HOST", login.endpoint);
  add("ARM_METADATA_HOSTNAME", host_of(login));
  add("PINACO_ENDPOINT", login.endpoint);
  if (!login.ca_file.empty()) {
    add("REQUESTS_CA_BUNDLE", login.ca_file);
    add("NODE_EXTRA_CA_CERTS", login.ca_file);
  }
  return text;
}

std::string az_text(const CloudOptions& options, const Login& login) {
  return fmt::format(
      "{}{}export AZURE_CORE_COLLECT_TELEMETRY=no\n"
      "az cloud register -n Pinaco --cloud-config {}\n"
      "az cloud set -n Pinaco\n"
      "az login --service-principal -u \"$AZURE_CLIENT_ID\" -p \"$AZURE_CLIENT_SECRET\" \\\n"
      "  --tenant \"$AZURE_TENANT_ID\"\n",
      read_environment, options.hybrid ? "export AZURE_CONFIG_DIR=~/.azure-pinaco-hybrid\n" : "",
      in_shell(to_text(az_cloud(login, options.hybrid))));
}

constexpr std::string_view packer_template = R"(cat >image.json <<'END'
{
  "variables": {
    "tenant": "{{env `AZURE_TENANT_ID`}}", "subscription": "{{env `AZURE_SUBSCRIPTION_ID`}}",
    "client": "{{env `AZURE_CLIENT_ID`}}", "secret": "{{env `AZURE_CLIENT_SECRET`}}"
  },
  "builders": [{
    "type": "azure-arm", "cloud_environment_name": "German",
    "tenant_id": "{{user `tenant`}}", "subscription_id": "{{user `subscription`}}",
    "client_id": "{{user `client`}}", "client_secret": "{{user `secret`}}",
    "location": "westeurope", "vm_size": "Standard_B2s", "os_type": "Linux",
    "shared_image_gallery": {
      "subscription": "{{user `subscription`}}", "resource_group": "pinaco",
      "gallery_name": "linux", "image_name": "debian-12", "image_version": "1.0.0"
    },
    "managed_image_name": "debian-12-2.0.0", "managed_image_resource_group_name": "pinaco",
    "shared_image_gallery_destination": {
      "resource_group": "pinaco", "gallery_name": "linux", "image_name": "debian-12",
      "image_version": "2.0.0", "replication_regions": ["westeurope"]
    },
    "communicator": "ssh", "ssh_username": "packer"
  }],
  "provisioners": [{"type": "shell", "inline": [
    "uname -a",
    "sudo waagent -deprovision+user -force && sync"
  ]}]
}
END
)";

std::string packer_text(const CloudOptions&, const Login& login) {
  std::string text;
  if (login.proxy.empty()) {
    text =
        "# The login names no proxy. Add [proxy] to the server's configuration and start it "
        "again;\n"
        "# then log in anew, or set PINACO_PROXY.\n";
  }
  text +=
      "# Regions, sizes, group and names are examples. Where sshd holds port 22 of this host:\n"
      "# \"ssh_port\": 10022.\n";
  text += read_environment;
  text += packer_template;
  text += fmt::format(
      "env -u SSL_CERT_DIR {}HTTPS_PROXY={} CHECKPOINT_DISABLE=1 \\\n  packer build image.json\n",
      with_ca("SSL_CERT_FILE", login),
      in_shell(login.proxy.empty() ? usual_proxy : std::string_view(login.proxy)));
  return text;
}

constexpr std::string_view shim =
    R"(# Debian 12's Ansible looks for two names of Azure's backup package at places where Debian's
# package does not have them any more, and so imports nothing at all. They are lent to it; no file
# changes.
import builtins
import importlib
import sys

PACKAGE = "azure.mgmt.recoveryservicesbackup"
MODELS = PACKAGE + ".models"
CLIENT = "RecoveryServicesBackupClient"
plain_import = builtins.__import__


def lend():
    package = importlib.import_module(PACKAGE)
    if not hasattr(package, CLIENT):
        place = importlib.import_module(PACKAGE + ".activestamp")
        setattr(package, CLIENT, getattr(place, CLIENT))
        package.models = importlib.import_module(place.__name__ + ".models")
        sys.modules.setdefault(MODELS, package.models)


def import_and_lend(name, globals=None, locals=None, fromlist=(), level=0):
    if name == MODELS or (name == PACKAGE and CLIENT in (fromlist or ())):
        lend()
    return plain_import(name, globals, locals, fromlist, level)


builtins.__import__ = import_and_lend
)";

std::string ansible_text(const CloudOptions&, const Login& login) {
  return fmt::format(
      "# Plays: hosts: localhost, connection: local, and ansible_python_interpreter: "
      "/usr/bin/python3\n"
      "mkdir -p ~/.config/pinaco/ansible\n"
      "cat >~/.config/pinaco/ansible/sitecustomize.py <<'END'\n{}END\n{}"
      "export PYTHONPATH=~/.config/pinaco/ansible\n"
      "export AZURE_CLOUD_ENVIRONMENT={} AZURE_TENANT=adfs AZURE_SECRET=\"$AZURE_CLIENT_SECRET\"\n",
      shim, read_environment, in_shell(login.endpoint));
}

std::string terraform_text(const CloudOptions&, const Login& login) {
  return fmt::format(
      "# Not tried with this server yet. The secret and the ids come from the environment.\n"
      "{}cat >pinaco.tf <<'END'\n"
      "provider \"azurerm\" {{\n"
      "  features {{}}\n"
      "  metadata_host                   = \"{}\"\n"
      "  resource_provider_registrations = \"none\"  # before version 4: "
      "skip_provider_registration = true\n"
      "}}\n"
      "END\n"
      "terraform init\n"
      "{}terraform plan\n",
      read_environment, host_of(login), with_ca("SSL_CERT_FILE", login));
}

std::string node_text(const CloudOptions&, const Login&) {
  return fmt::format("{}{}", read_environment, R"(cat >groups.mjs <<'END'
import { ClientSecretCredential } from "@azure/identity";
import { ResourceManagementClient } from "@azure/arm-resources";

const { PINACO_ENDPOINT: endpoint, AZURE_TENANT_ID: tenant, AZURE_SUBSCRIPTION_ID: subscription,
  AZURE_CLIENT_ID: client, AZURE_CLIENT_SECRET: secret } = process.env;
const credential = new ClientSecretCredential(tenant, client, secret,
  { authorityHost: endpoint, disableInstanceDiscovery: true });
const resources = new ResourceManagementClient(credential, subscription, { endpoint });
for await (const group of resources.resourceGroups.list()) console.log(group.name);
END
# With Node.js 18, as Debian 12 has it: npm install --before=2025-02-01 …
npm install @azure/identity @azure/arm-resources
node groups.mjs
)");
}

std::string python_text(const CloudOptions&, const Login&) {
  return fmt::format("{}{}", read_environment, R"(/usr/bin/python3 - <<'END'
from os import environ
from azure.identity import ClientSecretCredential
from azure.mgmt.resource import ResourceManagementClient

endpoint = environ["PINACO_ENDPOINT"]
credential = ClientSecretCredential(
    "adfs", environ["AZURE_CLIENT_ID"], environ["AZURE_CLIENT_SECRET"], authority=endpoint)
resources = ResourceManagementClient(
    credential, environ["AZURE_SUBSCRIPTION_ID"], base_url=endpoint,
    credential_scopes=[endpoint + "/.default"])
for group in resources.resource_groups.list():
    print(group.name)
END
)");
}

}  // namespace

const std::vector<CloudClient>& cloud_clients() {
  static const std::vector<CloudClient> clients = {
      {"env", "environment variables: the Azure SDKs, Terraform, and the lines below", env_text},
      {"az", "the Azure command line", az_text},
      {"packer", "Packer's azure-arm builder, through the server's proxy", packer_text},
      {"ansible", "Ansible's azure.azcollection of Debian 12", ansible_text},
      {"terraform", "Terraform's azurerm provider", terraform_text},
      {"node", "the Azure SDK for JavaScript", node_text},
      {"python", "the Azure SDK for Python", python_text}};
  return clients;
}

Json az_cloud(const Login& login, bool hybrid) {
  // The ADFS-shaped login address keeps az from asking a public directory about this server.
  const std::string& base = login.endpoint;
  JsonObject cloud{{"endpoints", JsonObject{{"management", base + "/"},
                                            {"resourceManager", base + "/"},
                                            {"gallery", base + "/"},
                                            {"activeDirectory", base + "/adfs"},
                                            {"activeDirectoryResourceId", base + "/"},
                                            {"activeDirectoryGraphResourceId", base + "/"},
                                            {"microsoftGraphResourceId", base + "/"},
                                            {"vmImageAliasDoc", base + "/aliases.json"}}},
                   {"suffixes", JsonObject{{"storageEndpoint", host_of(login)}}}};
  if (hybrid) cloud["profile"] = "2020-09-01-hybrid";
  return cloud;
}

std::string in_shell(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace pinaco::app
