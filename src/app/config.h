// The configuration of `pinaco serve`: a TOML file, or the defaults when there is none.
//
//   [server]
//   address = "127.0.0.1"      # numeric; where to listen
//   port = 8443                # HTTPS
//   nbd_port = 10809           # NBD; 0 takes a free one
//   names = ["images.example"] # further names for the certificate
//   replicas_max = 10          # of a version in a region
//   frame_cache_mib = 256      # memory for what was read last of stored disks
//   shared_subscriptions_max = 30  # that a gallery is shared with
//   shared_tenants_max = 5
//   image_disk_gb_max = 1024   # of each disk of an image version
//   eager = false              # deployments start where a version is not complete yet
//   issuer_hosts = ["id.lan"]  # private ones, where federated credentials may point
//
//   [limits]                   # of a subscription in a region
//   galleries = 100
//   image_definitions = 1000
//   image_versions = 10000
//   virtual_machines = 1000    # those of scale sets are not among them
//   scale_sets = 2500
//
//   [[limits.subscription]]    # where one differs
//   id = "…"
//   galleries = 200
//
//   [lifecycle]                # tags of galleries and definitions override it (docs/lifecycle.md)
//   end_of_life = "off"        # of images: "off" as in the cloud, "warn", "hide" (never the latest
//                              # version), "block" new deployments, "delete"
//   grace_days = 7             # between the mark and the deletion
//   in_use = false             # delete also what machines and scale sets were made of
//   keep_newest = 0            # versions of a definition; older ones are deleted; 0: none is
//   keep_tagged = ["env=prod"] # those are not
//
//   [cost]                     # of image versions (docs/cost.md)
//   prices = "prices.toml"     # currency, egress, [storage], [[region]]; round numbers without it
//   unit = "provisioned"       # replicas are charged by the size of their disks; "stored": by
//                              # what of it is not zeros
//
//   [machines]                 # virtual machines on this host
//   driver = "qemu"            # "libvirt": on the hosts below; "none": disks are offered, nothing
//                              # runs; "off": no machines
//   folder = "machines"        # of consoles, overlays and firmware variables
//   addresses = "127.42.0.0/16"  # public IP addresses, of this host
//   report_minutes = 20        # until a new guest must have said that it is ready
//   shutdown_seconds = 90      # for a guest to obey the power button
//   sizes = "sizes.toml"       # [[size]] name, processors, memory_mib, data_disks, generations
//
//   address = "10.0.0.1"       # libvirt only: this server's, as all hosts see it
//   disks_port = 10810         # libvirt only: where hosts read machines' disks
//
//   [[machines.host]]          # libvirt only, at least one
//   name = "east"
//   uri = "qemu+ssh://root@east.lan/system"
//   pool = "default"           # a storage pool there, of type dir
//   memory_mib = 65536         # for all its guests together
//   accelerator = "auto"       # "kvm", "tcg"
//
//   [proxy]                    # off without this; for clients that know only a cloud's names
//   address = "127.0.0.1"      # numeric; plain HTTP, only CONNECT
//   port = 8480
//   clouds = ["German"]        # or "Public": the names to answer for. German when neither is given
//   hosts = ["*.blob.example"] # further names
//
//   [deployments]
//   link_hosts = ["templates.example", "lan.example:8443", "*.blob.example"]  # where templateLink
//                              # and parametersLink may lead besides this server's storage
//                              # accounts: HTTPS only, port 443 unless one is named. Patterns
//                              # ("*" is any host) never lead to private addresses.
//   link_ca = "corp.pem"       # who signs the certificates there; the system's when left out
//
//   [[region]]                 # one at least; without any, there are three below the data folder
//   name = "westeurope"
//   display_name = "West Europe"
//   stores = [{ path = "/disks/a", zone = "1" }, { path = "/disks/b", zone = "2", premium = true }]
//                              # its zones are those of its stores; Premium_LRS takes premium ones
//   restricted = false         # true: only for subscriptions that were allowed (docs/regions.md)
//   geography = "Europe"       # what follows is for clients to read, and may be left out
//   geography_group = "Europe"
//   physical_location = "Netherlands"
//   paired = "northeurope"     # another region of this file
//   latitude = 52.3667         # degrees, both or none
//   longitude = 4.9
//
//   [[issuers]]                       # OpenID Connect issuers whose tokens are taken as they are
//   name = "corp"                     # its group "x" is the directory's group "corp/x"
//   issuer = "https://id.example/"    # exactly as its tokens say it
//   audience = "api://pinaco"         # must be among theirs
//   tenant = "…"                      # whose principals they are; the first one when left out
//   subject_claim = "sub"
//   name_claim = "name"
//   groups_claim = "groups"
//   auto_create = false               # make a principal of each subject at first sight
//
// Unknown names are refused, so that a typing error does not pass for a setting.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cost/cost.h"
#include "identity/identity.h"
#include "machine/machine.h"
#include "provider/provider.h"

namespace pinaco::app {

struct StoreConfig {
  std::string path;
  std::string zone;  // empty: a region without zones
  bool premium = false;
};

struct RegionConfig {
  std::string name;
  std::string display_name;
  std::vector<StoreConfig> stores;
  bool restricted = false;
  std::string geography = {};
  std::string geography_group = {};
  std::string physical_location = {};
  std::string paired = {};
  std::string latitude = {};  // as it is shown: "52.3667"
  std::string longitude = {};
};

struct MachinesConfig {
  std::string driver = "qemu";  // or "libvirt", "none", "off"
  std::string folder;
  std::string addresses = "127.42.0.0/16";
  int report_minutes = 20;
  int shutdown_seconds = 90;
  std::string address = "127.0.0.1";
  int disks_port = 10810;
  std::vector<machine::LibvirtHost> hosts = {};
  std::vector<provider::MachineSize> sizes = provider::usual_sizes();
};

struct ProxyConfig {
  bool on = false;
  std::string address = "127.0.0.1";
  int port = 8480;
  std::vector<std::string> hosts = {};  // those of the clouds, too
};

struct LinksConfig {
  std::vector<std::string> hosts = {};
  std::string ca_file = {};
};

struct Config {
  std::string address = "127.0.0.1";
  int port = 8443;
  int nbd_port = 10809;
  int replicas_max = 10;
  int frame_cache_mib = 256;
  int shared_subscriptions_max = 30;  // that a gallery is shared with
  int shared_tenants_max = 5;
  int image_disk_gb_max = 1024;
  provider::LifePolicy life = {};
  bool eager = false;
  cost::Prices prices = {};
  provider::Limits limits = {};
  std::map<std::string, provider::Limits> own_limits = {};  // by subscription, in lower case
  std::vector<std::string> names;
  std::vector<std::string> issuer_hosts = {};
  MachinesConfig machines = {};
  ProxyConfig proxy = {};
  LinksConfig links = {};
  std::vector<RegionConfig> regions;  // the first is the default home
  std::vector<identity::TrustedIssuer> issuers = {};
};

// Three regions below the data folder; the first has three zones.
Config default_config(const std::string& data_folder);
// Relative store paths are below the data folder.
Result<Config> parse_config(const std::string& text, const std::string& data_folder);
// The file that [cost] names; `path` is for errors.
Result<> read_prices(const std::string& text, const std::string& path, cost::Prices& prices);

}  // namespace pinaco::app
