#include "front/links.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "blob/blob.h"
#include "front/body.h"
#include "front/storage.h"
#include "front/target.h"

namespace pinaco::front {
namespace {

constexpr std::size_t bytes_max = 4 << 20;
constexpr Seconds time_max{20};
constexpr int outside_max = 4;  // half of the lanes of deployments, so that others go on
constexpr std::string_view https = "https://";

std::string_view without_query(std::string_view uri) {
  return uri.substr(0, uri.find_first_of("?#"));
}

struct Place {
  std::string host;  // in lower case
  int port = 443;
};

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// "host", "host:port"; nothing that one reader may take for another host than the next one.
std::optional<Place> parse_place(std::string_view authority) {
  Place place;
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos) {
    const auto port = parse_int(authority.substr(colon + 1), 1, 65535);
    if (!port) return std::nullopt;
    place.port = static_cast<int>(*port);
  }
  place.host = to_lower(authority.substr(0, colon));
  if (place.host.empty() || place.host.size() > 253 || place.host.ends_with('.') ||
      !std::ranges::all_of(place.host, is_host_character)) {
    return std::nullopt;
  }
  return place;
}

std::optional<Place> place_of(std::string_view uri) {
  if (!istarts_with(uri, https)) return std::nullopt;
  const bool clean = std::ranges::all_of(
      uri, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && c != '\\'; });
  if (!clean) return std::nullopt;
  uri.remove_prefix(https.size());
  return parse_place(uri.substr(0, uri.find_first_of("/?#")));
}

// "*.example:8443" with a host that it fits.
std::string as_pattern(std::string_view text) {
  return fmt::format("x{}", text.substr(1));
}

enum class Listed { no, by_name, by_pattern };

Listed find_listed(const std::vector<std::string>& hosts, const Place& place) {
  auto found = Listed::no;
  for (const auto& each : hosts) {
    const bool pattern = each.starts_with('*');
    const auto wanted = parse_place(pattern ? as_pattern(each) : each);
    if (!wanted || wanted->port != place.port) continue;
    if (!pattern && wanted->host == place.host) return Listed::by_name;
    const auto tail = std::string_view(wanted->host).substr(1);  // ".example", or nothing
    if (pattern && place.host.size() > tail.size() && place.host.ends_with(tail)) {
      found = Listed::by_pattern;
    }
  }
  return found;
}

// One of those under way.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

// Templates are texts that editors wrote, and page blobs end in zeros.
std::string_view trimmed(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto end = text.find_last_not_of('\0');
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

}  // namespace

bool is_link_host(std::string_view text) {
  if (!text.starts_with('*')) return parse_place(text).has_value();
  const auto rest = text.substr(1);
  return rest.empty() || ((rest[0] == '.' || rest[0] == ':') && parse_place(as_pattern(text)));
}

Result<Json> Front::fetch(const deploy::Link& link) {
  return links_->fetch(link);
}

Error Links::unreadable(std::string_view uri, std::string_view why) const {
  return arm::error(
      Kind::invalid, "InvalidContentLink",
      fmt::format("Unable to download deployment content from '{}'. {} The tracking "
                  "Id is '{}'. Please see https://aka.ms/arm-deploy for usage "
                  "details.",
                  cut_text(without_query(uri), 1000), why, parts_.model.random().uuid()));
}

Result<Json> Links::fetch(const deploy::Link& link) {
  const bool own = istarts_with(link.uri, link.base_url + "/");
  const auto text = own ? TRY(read_own(link)) : TRY(read_outside(link));
  auto json = parse_body(trimmed(text), true);
  if (json) return std::move(*json);
  return fail(
      arm::error(Kind::invalid, "InvalidTemplate",
                 fmt::format("Deployment template validation failed: 'The content of '{}' "
                             "is not valid JSON: {}'.",
                             cut_text(without_query(link.uri), 1000), json.error().message)));
}

// As a request of the blob service, but from inside: there is no connection that a name could lead
// elsewhere.
Result<std::string> Links::read_own(const deploy::Link& link) {
  http::Request request{.method = "GET",
                        .target = link.uri.substr(link.base_url.size()),
                        .headers = {},
                        .body = {},
                        .peer = link.caller.peer};
  request.target = request.target.substr(0, request.target.find('#'));
  request.headers.add("Host", link.base_url.substr(link.base_url.find("//") + 2));
  const bool is_signed = request.target.contains('?');
  if (!is_signed) TRY(sign(link, request));
  const auto target = TRY(parse_target(request, parts_.scheme));
  if (!Storage::is_for(target) || target.segments.size() < 3) {
    return fail(unreadable(link.uri, "It names no blob of a storage account."));
  }
  auto reply = storage_.answer(request, target);
  if (reply.status >= 500) {
    return fail(arm::error(Kind::busy, "ServerBusy",
                           "A template could not be read just now. Try again in a while."));
  }
  if (reply.status != 200) {
    return fail(unreadable(link.uri, fmt::format("The blob service answered {} {}.", reply.status,
                                                 reply.headers.get("x-ms-error-code"))));
  }
  std::string text = std::move(reply.body);
  if (reply.stream) {
    if (reply.stream->size_bytes > bytes_max) {
      return fail(unreadable(link.uri, "It is larger than 4 MiB."));
    }
    TRY(reply.stream->write([&](ByteView bytes) -> Result<> {
      text += as_text(bytes);
      return {};
    }));
  }
  return text;
}

// Whoever may have the account's keys may have what they open.
Result<> Links::sign(const deploy::Link& link, http::Request& request) {
  const auto place = blob::parse_uri(without_query(link.uri), link.base_url);
  if (!place) return fail(unreadable(link.uri, "It names no blob of a storage account."));
  const auto account = TRY(blob::find_account(parts_.model, place->account));
  bool may = false;
  if (account) {
    const auto everybody = TRY(parts_.identity.directory().roster());
    const auto* subscription = everybody->find_subscription(account->id.subscription);
    may =
        subscription != nullptr && subscription->tenant == link.caller.tenant &&
        TRY(parts_.access.allows(link.caller, fmt::format("{}/listKeys/action", blob::account_type),
                                 account->id.text()));
  }
  if (!may) {
    return fail(unreadable(link.uri,
                           "It has no shared access signature, and you have no right to the keys "
                           "of that storage account."));
  }
  request.headers.add("x-ms-date", blob::to_http_date(parts_.model.clock().now()));
  request.headers.add("x-ms-version", "2021-06-08");
  const auto key = string_at(account->internal, "keys.key1.value");
  request.headers.add("Authorization",
                      fmt::format("SharedKey {}:{}", place->account,
                                  blob::sign(key, blob::string_to_sign(request, place->account))));
  return {};
}

Result<std::string> Links::read_outside(const deploy::Link& link) {
  const auto& uri = link.uri;
  const auto place = place_of(uri);
  const auto listed = place ? find_listed(parts_.link_hosts, *place) : Listed::no;
  if (listed == Listed::no) {
    return fail(unreadable(
        uri, fmt::format("This server reads blobs of its own storage accounts, as "
                         "{}/account/container/blob, and from hosts that its operator listed "
                         "(link_hosts in the configuration), over HTTPS.",
                         link.base_url)));
  }
  const Counted under_way(outside_);
  if (outside_ > outside_max) {
    return fail(arm::error(Kind::quota, "TooManyRequests",
                           "Many templates are being fetched just now. Try again in a while."));
  }
  const auto client = http::make_client({.ca_file = parts_.link_ca_file,
                                         .connect_timeout = time_max,
                                         .stall_timeout = time_max,
                                         .body_bytes_max = bytes_max,
                                         .total_timeout = time_max,
                                         .public_only = listed == Listed::by_pattern});
  std::string text;
  http::Ask ask{.url = uri.substr(0, uri.find('#'))};
  ask.headers.add("Accept", "application/json, text/plain, */*");
  bool too_large = false;
  ask.sink = [&](ByteView bytes) -> Result<> {
    too_large = text.size() + bytes.size() > bytes_max;
    if (too_large) return fail(Kind::invalid, "too large");
    text += as_text(bytes);
    return {};
  };
  const auto answer = client->send(ask);
  if (too_large) return fail(unreadable(uri, "It is larger than 4 MiB."));
  if (!answer) {
    LOG(warning, "front", "a link of a deployment: {}", answer.error().message);
    return fail(unreadable(uri, "No whole answer came; the server's log says why."));
  }
  if (answer->status != 200) {
    return fail(unreadable(uri, fmt::format("It was answered {}.", answer->status)));
  }
  return text;
}

}  // namespace pinaco::front
