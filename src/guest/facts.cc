#include "guest/facts.h"

#include <algorithm>
#include <set>

#include "base/ipv4.h"
#include "base/text.h"

namespace pinaco::guest {
namespace {

constexpr std::size_t data_bytes_max = 87'380;  // of base64, as Azure has it
constexpr std::size_t keys_max = 64;
constexpr std::size_t key_bytes_max = 8 << 10;
constexpr std::size_t text_bytes_max = 2 << 10;
constexpr std::size_t tags_max = 64;
constexpr std::size_t image_bytes_max = 16 << 10;

std::unexpected<Error> bad(std::string_view member, std::string_view why) {
  return fail({.kind = Kind::invalid,
               .message = fmt::format("A guest's {} {}.", member, why),
               .target = std::string(member)});
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// One line of UTF-8. U+FFFE, U+FFFF and the C1 controls cannot stand in XML or change its lines.
bool is_line(std::string_view text) {
  if (!is_utf8(text) || has_control(text)) return false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto a = static_cast<unsigned char>(text[i]);
    const auto b = static_cast<unsigned char>(text[i + 1]);
    if (a == 0xc2 && b < 0xa0) return false;
    if (a == 0xef && b == 0xbf && i + 2 < text.size() &&
        static_cast<unsigned char>(text[i + 2]) >= 0xbe) {
      return false;
    }
  }
  return true;
}

bool is_name(std::string_view text, std::string_view marks) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           marks.find(c) != marks.npos;
  });
}

bool is_guid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

Result<> check_line(std::string_view member, std::string_view text,
                    std::size_t bytes_max = text_bytes_max) {
  if (text.size() > bytes_max) {
    return bad(member, fmt::format("has {} bytes; at most {} are allowed", text.size(), bytes_max));
  }
  if (!is_line(text)) return bad(member, "must be one line of UTF-8 without control characters");
  return {};
}

Result<> check_account(const Facts& facts) {
  if (!facts.computer_name.empty()) {
    const std::string_view name = facts.computer_name;
    if (name.size() > 64 || !is_name(name, "-.") || name.front() == '-' || name.front() == '.' ||
        name.back() == '-' || name.back() == '.' || name.find("..") != name.npos) {
      return bad("computer_name", "must have 1 to 64 letters, digits, dots and dashes");
    }
  }
  if (!facts.user.empty()) {
    const std::string_view user = facts.user;
    if (user.size() > 64 || !is_name(user, "-_.") || !is_name(user.substr(0, 1), "_")) {
      return bad("user",
                 "must have 1 to 64 letters, digits, '_', '-' and '.', and begin with a "
                 "letter, a digit or '_'");
    }
    if (is_name(user, "") &&
        std::all_of(user.begin(), user.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return bad("user", "must not be a number");
    }
  }
  TRY(check_line("password", facts.password, 256));
  if (facts.password_login && facts.password.empty() && !facts.user.empty()) {
    return bad("password", "is missing, though it is what the account logs in with");
  }
  if (facts.keys.size() > keys_max) return bad("keys", fmt::format("are more than {}", keys_max));
  for (const auto& one : facts.keys) {
    TRY(check_line("keys", one.path, 512));
    TRY(check_line("keys", one.key, key_bytes_max));
    if (one.key.empty()) return bad("keys", "must not be empty");
    if (!one.path.empty() && (one.path.front() != '/' || one.path.find("..") != one.path.npos)) {
      return bad("keys", "must have absolute paths without '..'");
    }
  }
  return {};
}

Result<> check_data(std::string_view member, std::string_view text) {
  if (text.size() > data_bytes_max) {
    return bad(member,
               fmt::format("has {} characters; at most {} fit", text.size(), data_bytes_max));
  }
  if (!text.empty() && !from_base64(text)) return bad(member, "must be base64");
  return {};
}

Result<> check_network(const Facts& facts) {
  TRY(parse_mac(facts.mac));
  const auto subnet = TRY(parse_subnet(facts.subnet));
  const auto address = TRY(parse_address(facts.address));
  const auto last = subnet.first | ~subnet.mask();
  if (!subnet.contains(address) || address < subnet.first + 4 || address == last) {
    return bad("address", fmt::format("{} must lie in {}, beyond its first four addresses and "
                                      "before its last",
                                      facts.address, facts.subnet));
  }
  if (!facts.public_address.empty()) TRY(parse_address(facts.public_address));
  if (facts.forwards.size() > forwards_max) {
    return bad("forwards", fmt::format("are more than {}", forwards_max));
  }
  std::set<std::pair<std::uint32_t, int>> seen;
  for (const auto& one : facts.forwards) {
    const auto at = TRY(parse_address(one.address));
    const auto is_port = [](int port) { return port >= 1 && port <= 65535; };
    if (!is_port(one.port) || !is_port(one.guest_port)) {
      return bad("forwards", "must have ports from 1 to 65535");
    }
    if (!seen.emplace(at, one.port).second) {
      return bad("forwards", fmt::format("name {} port {} twice", one.address, one.port));
    }
  }
  return {};
}

std::string text_at(const Json& json, std::string_view member) {
  return std::string(string_at(json, member));
}

}  // namespace

Result<std::uint32_t> parse_address(std::string_view text) {
  if (const auto address = parse_ipv4(text)) return *address;
  return bad("address", "must be IPv4, such as 10.0.0.4");
}

Result<Subnet> parse_subnet(std::string_view text) {
  const auto slash = text.find('/');
  const auto prefix = slash == text.npos ? std::nullopt : parse_int(text.substr(slash + 1), 8, 29);
  if (!prefix) return bad("subnet", "must be IPv4 with a prefix from 8 to 29, as 10.0.0.0/24 is");
  const Subnet subnet = {
    .first = TRY(parse_address(text.substr(0, slash))),
    .prefix = static_cast<int>(*prefix)
  };
  if (!subnet.contains(subnet.first)) {
    return bad("subnet", fmt::format("{} must begin at its first address", text));
  }
  const auto top = subnet.first >> 24;
  if (top == 0 || top == 127 || top >= 224 || subnet.first >> 16 == 0xa9fe) {
    return bad("subnet", fmt::format("{} is of addresses with another meaning", text));
  }
  return subnet;
}

Result<Mac> parse_mac(std::string_view text) {
  const auto parts = split(text, ':');
  Mac mac = {};
  for (std::size_t i = 0; i < parts.size() && i < mac.size(); ++i) {
    const auto byte = parts[i].size() == 2 ? from_hex(parts[i]) : std::nullopt;
    if (!byte) return bad("mac", "must be like 00:0d:3a:01:02:03");
    mac[i] = (*byte)[0];
  }
  if (parts.size() != mac.size() || (mac[0] & 1) != 0) {
    return bad("mac", "must be like 00:0d:3a:01:02:03, and of one card");
  }
  return mac;
}

std::string to_address(std::uint32_t address) {
  return to_ipv4(address);
}

Result<> check_facts(const Facts& facts) {
  if (!is_guid(facts.id)) return bad("id", "must be a GUID");
  TRY(check_line("name", facts.name, 256));
  TRY(check_line("resource_id", facts.resource_id));
  TRY(check_line("resource_group", facts.resource_group, 256));
  TRY(check_line("subscription", facts.subscription, 256));
  TRY(check_line("location", facts.location, 256));
  TRY(check_line("size", facts.size, 256));
  TRY(check_line("zone", facts.zone, 256));
  if (facts.os != "Linux" && facts.os != "Windows") return bad("os", "must be Linux or Windows");
  if (!facts.tags.is_object() || facts.tags.get_object().size() > tags_max) {
    return bad("tags", fmt::format("must be an object of at most {} texts", tags_max));
  }
  for (const auto& [name, value] : facts.tags.get_object()) {
    if (!value.is_string()) return bad("tags", "must be texts");
    TRY(check_line("tags", name, 512));
    TRY(check_line("tags", value.get_string(), 1024));
  }
  if (!facts.image.is_null() && !facts.image.is_object()) return bad("image", "must be an object");
  if (to_text(facts.image).size() > image_bytes_max) return bad("image", "is too long");
  TRY(check_account(facts));
  TRY(check_data("custom_data", facts.custom_data));
  TRY(check_data("user_data", facts.user_data));
  return check_network(facts);
}

Json to_json(const Facts& facts) {
  JsonArray keys;
  for (const auto& one : facts.keys) keys.push_back({{"path", one.path}, {"key", one.key}});
  JsonArray forwards;
  for (const auto& one : facts.forwards) {
    forwards.push_back(
        {{"address", one.address}, {"port", one.port}, {"guestPort", one.guest_port}});
  }
  return JsonObject{{"id", facts.id},
                    {"name", facts.name},
                    {"resourceId", facts.resource_id},
                    {"resourceGroup", facts.resource_group},
                    {"subscription", facts.subscription},
                    {"location", facts.location},
                    {"size", facts.size},
                    {"zone", facts.zone},
                    {"os", facts.os},
                    {"tags", facts.tags},
                    {"image", facts.image},
                    {"generalized", facts.generalized},
                    {"computerName", facts.computer_name},
                    {"user", facts.user},
                    {"password", facts.password},
                    {"passwordLogin", facts.password_login},
                    {"keys", std::move(keys)},
                    {"customData", facts.custom_data},
                    {"userData", facts.user_data},
                    {"mac", facts.mac},
                    {"address", facts.address},
                    {"subnet", facts.subnet},
                    {"publicAddress", facts.public_address},
                    {"forwards", std::move(forwards)}};
}

Result<Facts> facts_from(const Json& json) {
  if (!json.is_object()) return bad("facts", "must be an object");
  const auto& object = json.get_object();
  Facts facts = {.id = text_at(json, "id"),
                 .name = text_at(json, "name"),
                 .resource_id = text_at(json, "resourceId"),
                 .resource_group = text_at(json, "resourceGroup"),
                 .subscription = text_at(json, "subscription"),
                 .location = text_at(json, "location"),
                 .size = text_at(json, "size"),
                 .zone = text_at(json, "zone"),
                 .os = text_at(json, "os"),
                 .generalized = bool_at(json, "generalized", true),
                 .computer_name = text_at(json, "computerName"),
                 .user = text_at(json, "user"),
                 .password = text_at(json, "password"),
                 .password_login = bool_at(json, "passwordLogin"),
                 .custom_data = text_at(json, "customData"),
                 .user_data = text_at(json, "userData"),
                 .mac = text_at(json, "mac"),
                 .address = text_at(json, "address"),
                 .subnet = text_at(json, "subnet"),
                 .public_address = text_at(json, "publicAddress")};
  if (const auto* tags = object.if_contains("tags")) facts.tags = *tags;
  if (const auto* image = object.if_contains("image")) facts.image = *image;
  if (const auto* keys = object.if_contains("keys"); keys && keys->is_array()) {
    for (const auto& one : keys->get_array()) {
      facts.keys.push_back({.path = text_at(one, "path"), .key = text_at(one, "key")});
    }
  }
  if (const auto* forwards = object.if_contains("forwards"); forwards && forwards->is_array()) {
    for (const auto& one : forwards->get_array()) {
      const auto port_at = [&](std::string_view member) {
        return static_cast<int>(std::clamp<std::int64_t>(int_at(one, member), 0, 65536));
      };
      facts.forwards.push_back({.address = text_at(one, "address"),
                                .port = port_at("port"),
                                .guest_port = port_at("guestPort")});
    }
  }
  TRY(check_facts(facts));
  return facts;
}

}  // namespace pinaco::guest
