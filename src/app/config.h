// The configuration of `pinaco serve`: a TOML file, or the defaults when there is none.
//
//   [server]
//   address = "127.0.0.1"      # numeric; where to listen
//   port = 8443                # HTTPS
//   nbd_port = 10809           # NBD; 0 takes a free one
//   names = ["images.example"] # further names for the certificate
//   replicas_max = 10          # of a version in a region
//
//   [[region]]
//   name = "westeurope"
//   display_name = "West Europe"
//   stores = [{ path = "/disks/a", zone = "1" }, { path = "/disks/b", zone = "2", premium = true }]
//
// Unknown names are refused, so that a typing error does not pass for a setting.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

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
};

struct Config {
  std::string address = "127.0.0.1";
  int port = 8443;
  int nbd_port = 10809;
  int replicas_max = 10;
  std::vector<std::string> names;
  std::vector<RegionConfig> regions;  // the first is the default home
};

// Three regions below the data folder; the first has three zones.
Config default_config(const std::string& data_folder);
// Relative store paths are below the data folder.
Result<Config> parse_config(const std::string& text, const std::string& data_folder);

}  // namespace pinaco::app
