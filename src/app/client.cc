// Requests to the server, and the wait for its operations.
#include "app/client.h"

#include <fmt/format.h>

#include <mutex>

#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr std::size_t list_items_max = 10'000;
constexpr Milliseconds first_contact_patience = Seconds(3);
constexpr Seconds note_retries_every = Seconds(10);
constexpr Seconds renew_before = Seconds(300);

Kind kind_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return Kind::denied;
    case 404:
      return Kind::not_found;
    case 409:
    case 412:
      return Kind::conflict;
    case 429:
      return Kind::busy;
    default:
      return status >= 500 ? Kind::unavailable : Kind::invalid;
  }
}

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find(after));
}

Error error_from(const Json& error, Kind kind) {
  Error result{.kind = kind,
               .message = std::string(string_at(error, "message")),
               .code = std::string(string_at(error, "code")),
               .target = std::string(string_at(error, "target"))};
  if (const Json* details = find_path(error, "details"); details && details->is_array()) {
    for (const auto& detail : details->as_array())
      result.details.push_back(error_from(detail, kind));
  }
  return result;
}

// "/path?query" of a URL.
std::string_view path_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return url;
  const auto slash = url.find('/', scheme + 3);
  return slash == std::string_view::npos ? "/" : url.substr(slash);
}

}  // namespace

std::vector<std::string> warnings_in(const http::Headers& headers) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : headers.all()) {
    const auto first = value.find('"');
    const auto last = value.rfind('"');
    if (!iequals(name, "Warning") || first == last) continue;
    std::string text;
    for (std::size_t i = first + 1; i < last; i++) {
      if (value[i] == '\\' && i + 1 < last) i++;
      text += value[i];
    }
    warnings.push_back(std::move(text));
  }
  return warnings;
}

void add_sentence(Error& error, std::string_view sentence) {
  if (!error.message.ends_with('.')) error.message += '.';
  error.message += ' ';
  error.message += sentence;
}

Error error_of(int status, std::string_view body) {
  const Kind kind = kind_of(status);
  if (const auto json = parse_json(body)) {
    if (const Json* error = find_path(*json, "error"); error && error->is_object()) {
      return error_from(*error, kind);
    }
    const auto description = string_at(*json, "error_description");  // of the token endpoint
    if (!description.empty()) {
      return {.kind = kind,
              .message = std::string(description),
              .code = std::string(string_at(*json, "error"))};
    }
  }
  const auto code = between(body, "<Code>", "</Code>");
  if (!code.empty()) {
    return {.kind = kind,
            .message = std::string(trim(between(body, "<Message>", "</Message>"))),
            .code = std::string(code)};
  }
  return {.kind = kind, .message = fmt::format("The server answered with status {}.", status)};
}

Result<Token> get_token(http::Client& client, const Login& login, const Patience& patience) {
  const std::string form =
      fmt::format("grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
                  percent_encode(login.client_id), percent_encode(login.client_secret),
                  percent_encode(login.endpoint + "/.default"));
  http::Ask ask{
      .method = "POST",
      .url = fmt::format("{}/{}/oauth2/v2.0/token", login.endpoint, percent_encode(login.tenant)),
      .body = as_bytes(form)};
  ask.headers.add("Content-Type", "application/x-www-form-urlencoded");
  const auto sent = TRY(send_patiently(client, ask, patience));
  if (sent.answer.status != 200) {
    Error error = error_of(sent.answer.status, sent.answer.body);
    if (error.kind == Kind::invalid) error.kind = Kind::denied;
    error.message = fmt::format("The server at {} refused the login of client {} in tenant {}: {}",
                                login.endpoint, login.client_id, login.tenant, error.message);
    add_sentence(error, "Check the client id and secret, and log in again with `pinaco login`.");
    return std::unexpected(std::move(error));
  }
  const auto json = TRY(parse_json(sent.answer.body));
  Token token{.text = std::string(string_at(json, "access_token")),
              .lifetime = Seconds(int_at(json, "expires_in", 3600))};
  if (token.text.empty()) {
    return fail(
        Kind::unavailable,
        fmt::format("{} answered without a token: is it a Pinaco endpoint?", login.endpoint));
  }
  return token;
}

Connection::Connection(Login login, Patience patience)
    : login_(std::move(login)),
      patience_(patience),
      client_(http::make_client({.ca_file = login_.ca_file})) {}

Result<> Connection::ensure_token() {
  if (!token_.empty() && patience_.clock.steady() < renew_at_) return {};
  // A server that was never there will not come back: tell soon.
  Patience patience = patience_;
  if (!reached_) {
    patience.retry_for = std::min(patience.retry_for, first_contact_patience);
    patience.on_retry = {};
  }
  auto token = TRY(get_token(*client_, login_, patience));
  reached_ = true;
  token_ = std::move(token.text);
  renew_at_ = patience_.clock.steady() + std::max(token.lifetime - renew_before, Seconds(1));
  return {};
}

Result<Sent> Connection::send_with_token(std::string_view method, const std::string& path,
                                         const std::string& body) {
  for (bool again = false;; again = true) {
    TRY(ensure_token());
    http::Ask ask{
        .method = std::string(method), .url = login_.endpoint + path, .body = as_bytes(body)};
    ask.headers.add("Authorization", "Bearer " + token_);
    ask.headers.add("Accept", "application/json");
    if (!body.empty()) ask.headers.add("Content-Type", "application/json");
    auto sent = TRY(send_patiently(*client_, ask, patience_));
    if (sent.answer.status != 401 || again) return sent;
    token_.clear();  // revoked, or signed with a key that is gone
  }
}

Result<Reply> Connection::send(std::string_view method, std::string_view path, const Json* body) {
  const std::string text = body == nullptr ? "" : to_text(*body);
  auto sent = TRY(send_with_token(method, std::string(path_of(path)), text));
  if (sent.answer.status / 100 != 2) {
    return std::unexpected(error_of(sent.answer.status, sent.answer.body));
  }
  Reply reply{.status = sent.answer.status,
              .headers = std::move(sent.answer.headers),
              .attempts = sent.attempts};
  if (hear_) {
    for (const auto& warning : warnings_in(reply.headers)) hear_(warning);
  }
  if (!sent.answer.body.empty()) reply.body = TRY(parse_json(sent.answer.body));
  return reply;
}

Result<Json> Connection::get(std::string_view path) {
  return TRY(send("GET", path))
  .body;
}

Result<std::optional<Json>> Connection::find(std::string_view path) {
  auto reply = send("GET", path);
  if (reply) return std::optional<Json>(std::move(reply->body));
  if (reply.error().kind == Kind::not_found) return std::nullopt;
  return std::unexpected(std::move(reply.error()));
}

Result<std::vector<Json>> Connection::list(std::string_view path) {
  std::vector<Json> items;
  std::string next(path);
  while (!next.empty()) {
    auto page = TRY(get(next));
    const Json* value = find_path(page, "value");
    if (value == nullptr || !value->is_array()) {
      return fail(Kind::unavailable, fmt::format("The answer to {} is not a list.", path));
    }
    for (const auto& item : value->as_array()) items.push_back(item);
    if (items.size() > list_items_max) {
      return fail(Kind::quota, fmt::format("The list at {} is longer than {} items, the limit.",
                                           path, list_items_max));
    }
    next = string_at(page, "nextLink");
    const Json* graph = find_member(page.get_object(), "@odata.nextLink");
    if (graph != nullptr && graph->is_string()) next = graph->get_string();
  }
  return items;
}

Result<Json> Connection::poll(std::string_view url, bool location, const OnPoll& on_poll) {
  Pauses pauses(patience_);
  while (true) {
    const auto reply = TRY(send("GET", url));
    if (location) {
      if (reply.status != 202) return reply.body;
    } else {
      const auto status = string_at(reply.body, "status");
      if (on_poll) TRY(on_poll(reply.body));
      if (status == "Succeeded") return reply.body;
      if (status == "Failed" || status == "Canceled") {
        const Json* error = find_path(reply.body, "error");
        Error failed = error != nullptr ? error_from(*error, Kind::conflict)
                                        : Error{.kind = Kind::conflict, .message = "It failed."};
        return std::unexpected(std::move(failed));
      }
    }
    TRY(pauses.wait(reply.headers.get("Retry-After")));
  }
}

Result<Json> Connection::finish(const Reply& reply, bool post, const OnPoll& on_poll) {
  const std::string operation(reply.headers.get("Azure-AsyncOperation"));
  const std::string location(reply.headers.get("Location"));
  if (operation.empty() && (location.empty() || reply.status != 202)) return reply.body;
  Json result = reply.body;
  if (!operation.empty()) result = TRY(poll(operation, false, on_poll));
  if (!location.empty() && (operation.empty() || post)) result = TRY(poll(location, true, {}));
  return result;
}

Result<Json> Connection::run(std::string_view method, std::string_view path, const Json* body,
                             const OnPoll& on_poll) {
  const auto reply = TRY(send(method, path, body));
  return finish(reply, method == "POST", on_poll);
}

Result<> Connection::remove(std::string_view path) {
  auto removed = run("DELETE", path);
  if (!removed && removed.error().kind != Kind::not_found) {
    return std::unexpected(std::move(removed.error()));
  }
  return {};
}

std::string Connection::subscription_path() const {
  return "/subscriptions/" + login_.subscription;
}

std::string Connection::group_path(std::string_view group) const {
  return fmt::format("{}/resourceGroups/{}", subscription_path(), percent_encode(group));
}

Result<std::unique_ptr<Connection>> connect(Patience patience, Console& console) {
  struct Told {
    std::mutex mutex;
    std::optional<SteadyTime> at;
  };
  patience.on_retry = [&console, &clock = patience.clock, retry_for = patience.retry_for,
                       told = std::make_shared<Told>()](std::string_view why) {
    const std::lock_guard lock(told->mutex);
    const auto now = clock.steady();
    if (told->at && now - *told->at < note_retries_every) return;
    told->at = now;
    console.note(fmt::format("{}{} Asking again for up to {}.", why, why.ends_with('.') ? "" : ".",
                             time_text(retry_for)));
  };
  auto connection = std::make_unique<Connection>(TRY(find_login(process_environment)), patience);
  connection->on_warning(
      [&console](std::string_view text) { console.note(fmt::format("Warning: {}", text)); });
  return connection;
}

}  // namespace pinaco::app
