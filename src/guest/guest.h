// Guest: what a virtual machine sees of the cloud around it. Its network card with DHCP and a way
// out; the instance metadata service at 169.254.169.254; the wire server at 168.63.129.16, where
// agents report; and the disc that says whom to become (ovf-env.xml, or a NoCloud seed).
//
// Sources: cloud-init's DataSourceAzure, the Linux agent's protocol, the metadata service's
// published schema. Threads: a Card has threads of its own; its calls come from any thread.
// Lifetime: a Card ends when it is destroyed, or when the guest's side of the socket does. Limits:
// forwards_max forwards, frames of 64 KiB, 4 MiB waiting for the guest (what comes then is
// dropped, as a network would), 64 connections to the services at once, bodies of 1 MiB. Errors:
// invalid for facts that cannot be told to a guest; unavailable when an address to forward cannot
// be listened on (says which, and why).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "os/sockets.h"

namespace pinaco::guest {

inline constexpr std::size_t forwards_max = 64;

struct SshKey {
  std::string path;  // "/home/me/.ssh/authorized_keys"
  std::string key;   // "ssh-ed25519 AAAA… me"
};

// A port of this host that reaches the guest.
struct Forward {
  std::string address;  // numeric, of this host
  int port = 0;
  int guest_port = 0;
  auto operator<=>(const Forward&) const = default;
};

// Who a guest is, and where.
struct Facts {
  std::string id;  // a GUID: SMBIOS UUID, and cloud-init's instance id
  std::string name;
  std::string resource_id;
  std::string resource_group;
  std::string subscription;
  std::string location;
  std::string size = {};  // "Standard_B2s"
  std::string zone = {};
  std::string os = "Linux";
  Json tags = JsonObject();
  Json image = nullptr;  // the imageReference, as clients see it

  bool generalized = true;  // false: the image keeps its accounts; what follows is empty then
  std::string computer_name = {};
  std::string user = {};
  std::string password = {};  // empty: only keys
  bool password_login = false;
  std::vector<SshKey> keys = {};
  std::string custom_data = {};  // base64, as it came
  std::string user_data = {};    // base64, as it came

  std::string mac;                     // "00:0d:3a:01:02:03"
  std::string address = "10.0.0.4";    // inside its subnet
  std::string subnet = "10.0.0.0/24";  // IPv4, /8 to /29
  std::string public_address = {};
  std::vector<Forward> forwards = {};
};

Json to_json(const Facts& facts);
Result<Facts> facts_from(const Json& json);

// An ISO 9660 image with the one file ovf-env.xml, which Azure's agents read. It may hold a
// password: remove it when the guest is ready.
Result<Bytes> provisioning_disc(const Facts& facts);
// The same for images that know only NoCloud: label "cidata", with meta-data, vendor-data (the
// account) and user-data (customData as it is).
Result<Bytes> cloud_init_disc(const Facts& facts);

enum class Health { unknown, ready, failed };

struct Report {
  Health health = Health::unknown;
  std::string text = {};   // what the guest said of a failure, at most 4 KiB
  std::string agent = {};  // "WALinuxAgent-2.7.3" once one spoke
};

// One network card: the other end of QEMU's `-netdev stream` socket.
class Card {
 public:
  // `on_report` is called on a thread of the card, each time the guest says something new.
  static Result<std::unique_ptr<Card>> attach(os::Socket qemu, Facts facts,
                                              std::function<void(const Report&)> on_report);
  virtual ~Card() = default;
  // New tags, addresses and forwards; what stays the same is not interrupted.
  virtual Result<> change(Facts facts) = 0;
};

}  // namespace pinaco::guest
