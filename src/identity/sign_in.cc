#include "identity/sign_in.h"

#include <fmt/format.h>
#include <openssl/hmac.h>

#include "base/log.h"
#include "base/text.h"
#include "identity/page.h"

namespace pinaco::identity {
namespace {

constexpr Seconds form_life{900};
constexpr std::string_view cookie_name = "__Host-pinaco-form";
constexpr std::size_t challenge_bytes = 43;  // base64url of a SHA-256
// The members of an authorization request that its form brings back.
constexpr std::string_view kept[] = {
    "client_id", "redirect_uri", "response_type",  "response_mode",         "scope",     "resource",
    "state",     "nonce",        "code_challenge", "code_challenge_method", "login_hint"};

std::string find_cookie(const http::Request& request) {
  for (auto each : split(request.headers.get("Cookie"), ';')) {
    each = trim(each);
    if (each.starts_with(cookie_name) && each.substr(cookie_name.size()).starts_with('=')) {
      return std::string(each.substr(cookie_name.size() + 1));
    }
  }
  return {};
}

// What one form says, in one spelling.
std::string canonical(const Form& form) {
  std::string text;
  for (const auto& [name, value] : form) {
    text += (text.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(value);
  }
  return text;
}

// Empty when it has letters that could end the policy it stands in.
std::string origin_of(std::string_view uri) {
  const auto host = uri.find("://") + 3;
  const bool web = uri.starts_with("http://") || uri.starts_with("https://");
  const auto origin = web ? uri.substr(0, uri.find_first_of("/?", host)) : uri.substr(0, host - 2);
  for (const char c : origin) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && std::string_view(":/.-+[]").find(c) == std::string_view::npos) return {};
  }
  return std::string(origin);
}

bool is_challenge(std::string_view text) {
  return text.size() == challenge_bytes && from_base64url(text).has_value();
}

http::Reply error_page(const Refusal& refusal) {
  return page_reply(
      refusal.status,
      {.title = "Sign-in", .text = fmt::format("AADSTS{}: {}", refusal.number, refusal.text)});
}

http::Reply wrong_method_page() {
  auto reply = error_page(wrong_method("GET and POST").error());
  reply.headers.add("Allow", "GET, HEAD, POST");
  return reply;
}

// Those that the throttle lets through, so not many.
void log_failure(const Refusal& refusal, const Where& where) {
  if (refusal.number == 50053) return;
  LOG(warning, "identity", "a sign-in from {} was refused: {} (AADSTS{})", where.peer,
      refusal.error, refusal.number);
}

http::Reply with_cookies(http::Reply reply, std::vector<std::string> cookies) {
  for (auto& cookie : cookies) reply.headers.add("Set-Cookie", std::move(cookie));
  return reply;
}

}  // namespace

SignInPages::SignInPages(Desk& desk) : desk_(desk), key_(32) {
  desk_.model.random().fill(key_);
}

std::string SignInPages::mac(std::string_view cookie, std::string_view expires,
                             std::string_view what) const {
  const auto text = fmt::format("{}\n{}\n{}", cookie, expires, what);
  std::uint8_t out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), as_bytes(text).data(),
             text.size(), out, &size) != nullptr);
  return to_base64url({out, size});
}

std::string SignInPages::protect(std::string_view what, const http::Request& request,
                                 std::vector<std::string>& cookies) const {
  std::string cookie = find_cookie(request);
  const auto bytes = from_base64url(cookie);
  if (!bytes || bytes->size() != 32) {
    Bytes fresh(32);
    desk_.model.random().fill(fresh);
    cookie = to_base64url(fresh);
    cookies.push_back(
        fmt::format("{}={}; Path=/; Secure; HttpOnly; SameSite=Strict", cookie_name, cookie));
  }
  const auto expires =
      fmt::to_string(std::chrono::floor<Seconds>(desk_.model.clock().now() + form_life)
                         .time_since_epoch()
                         .count());
  return expires + "." + mac(cookie, expires, what);
}

bool SignInPages::is_protected(std::string_view what, const Form& form, const Where& where,
                               const http::Request& request) const {
  const auto origin = request.headers.get("Origin");
  if (!origin.empty() && origin != "null" && !iequals(origin, where.base_url)) return false;
  const auto token = field(form, "csrf");
  const auto dot = token.find('.');
  const auto cookie = find_cookie(request);
  if (dot == std::string_view::npos || cookie.empty()) return false;
  const auto expires = parse_int(token.substr(0, dot), 0, std::int64_t{1} << 40);
  if (!expires || desk_.model.clock().now() > WallTime(Seconds(*expires))) return false;
  return constant_time_equal(token.substr(dot + 1), mac(cookie, token.substr(0, dot), what));
}

Answer<SignInPages::Authorization> SignInPages::parse_authorization(const Form& form) const {
  const auto client_id = field(form, "client_id");
  if (client_id.empty()) return missing_field("client_id");
  auto client = TRY(find_client(desk_, client_id));
  Authorization asked = {.client = std::move(client),
                         .redirect_uri = std::string(field(form, "redirect_uri")),
                         .mode = std::string(field(form, "response_mode")),
                         .form = {}};
  if (asked.redirect_uri.empty()) return missing_field("redirect_uri");
  if (!may_redirect(asked.client, asked.redirect_uri)) {
    return refuse(400, "invalid_request", 50011,
                  fmt::format("The redirect URI '{}' specified in the request does not match the "
                              "redirect URIs configured for the application '{}'.",
                              asked.redirect_uri.substr(0, 200), asked.client.app_id));
  }
  if (asked.mode.empty()) asked.mode = "query";
  if (asked.mode != "query" && asked.mode != "fragment" && asked.mode != "form_post") {
    return refuse(400, "invalid_request", 70007, "The 'response_mode' is not supported.");
  }
  for (const auto name : kept) {
    if (const auto value = field(form, name); !value.empty()) asked.form.emplace(name, value);
  }
  return asked;
}

http::Reply SignInPages::authorize(const Where& where, std::string_view path, const Form& query,
                                   const http::Request& request) {
  const bool is_post = request.method == "POST";
  if (!is_post && request.method != "GET" && request.method != "HEAD") {
    return wrong_method_page();
  }
  const auto posted = is_post ? parse_form(request.body) : Result<Form>(query);
  if (!posted) return error_page(refuse(posted.error()).error());
  const auto asked = parse_authorization(*posted);
  if (!asked) return error_page(asked.error());

  if (field(*posted, "response_type") != "code") {
    return answer_error(*asked, "unsupported_response_type",
                        "AADSTS700054: Only response_type 'code' is enabled for the application.");
  }
  if (field(*posted, "code_challenge_method") != "S256" ||
      !is_challenge(field(*posted, "code_challenge"))) {
    return answer_error(*asked, "invalid_request",
                        "AADSTS9002325: Proof Key for Code Exchange is required: a "
                        "'code_challenge' with the 'code_challenge_method' S256.");
  }
  if (field(*posted, "prompt") == "none") {
    return answer_error(*asked, "login_required",
                        "AADSTS50058: Nobody is signed in: each sign-in asks for a password.");
  }
  if (!is_post) return sign_in_page(*asked, path, "", request);

  const std::string what = std::string(path) + "?" + canonical(asked->form);
  if (!is_protected(what, *posted, where, request)) {
    return sign_in_page(*asked, path, "The page was too old. Please sign in again.", request);
  }
  if (!field(*posted, "cancel").empty()) {
    return answer_error(*asked, "access_denied", "AADSTS65004: The user declined to sign in.");
  }
  const auto user = check_user(desk_, where, asked->client, std::string(field(*posted, "username")),
                               std::string(field(*posted, "password")));
  if (!user) {
    log_failure(user.error(), where);
    return sign_in_page(*asked, path, user.error().text, request);
  }
  Form answer;
  answer["code"] =
      desk_.codes.add({.client = asked->client.app_id,
                       .redirect_uri = asked->redirect_uri,
                       .challenge = std::string(field(*posted, "code_challenge")),
                       .scope = std::string(field(*posted, "scope")),
                       .resource = std::string(field(*posted, "resource")),
                       .nonce = std::string(field(*posted, "nonce")),
                       .signed_in = {.user = user->object_id, .password_key = user->password_key}});
  return finish(*asked, std::move(answer));
}

http::Reply SignInPages::sign_in_page(const Authorization& asked, std::string_view path,
                                      const std::string& problem,
                                      const http::Request& request) const {
  Page page = {.title = "Sign in",
               .text = fmt::format("to continue to {}", asked.client.name),
               .problem = problem,
               .action = std::string(path),
               .inputs = {{"username", "User name"}, {"password", "Password"}},
               .buttons = {{"Sign in"}, {"Cancel", "cancel", "1"}},
               .origin = origin_of(asked.redirect_uri)};
  for (const auto& [name, value] : asked.form) page.hidden.push_back({name, value});
  std::vector<std::string> cookies;
  page.hidden.push_back(
      {"csrf", protect(std::string(path) + "?" + canonical(asked.form), request, cookies)});
  return with_cookies(page_reply(problem.empty() ? 200 : 400, page), std::move(cookies));
}

http::Reply SignInPages::finish(const Authorization& asked, Form answer) const {
  if (const auto state = field(asked.form, "state"); !state.empty()) answer["state"] = state;
  if (asked.mode == "form_post") {
    Page page = {.title = "Signed in",
                 .text = fmt::format("Continue to {}.", asked.client.name),
                 .action = asked.redirect_uri,
                 .buttons = {{"Continue"}},
                 .origin = origin_of(asked.redirect_uri)};
    for (const auto& [name, value] : answer) page.hidden.push_back({name, value});
    return page_reply(200, page);
  }
  const char separator = asked.mode == "fragment"                            ? '#'
                         : asked.redirect_uri.find('?') == std::string::npos ? '?'
                                                                             : '&';
  http::Reply reply;
  reply.status = 302;
  reply.headers.add("Location", asked.redirect_uri + separator + canonical(answer));
  reply.headers.add("Cache-Control", "no-store");
  reply.headers.add("Referrer-Policy", "no-referrer");
  return reply;
}

http::Reply SignInPages::answer_error(const Authorization& asked, std::string error,
                                      std::string text) const {
  Form answer;
  answer["error"] = std::move(error);
  answer["error_description"] = std::move(text);
  return finish(asked, std::move(answer));
}

http::Reply SignInPages::device_login(const Where& where, const http::Request& request) {
  if (request.method == "GET" || request.method == "HEAD") {
    return code_page("", request);
  }
  if (request.method != "POST") return wrong_method_page();
  const auto form = parse_form(request.body);
  if (!form) return error_page(refuse(form.error()).error());
  return answer_device(where, *form, request);
}

http::Reply SignInPages::answer_device(const Where& where, const Form& form,
                                       const http::Request& request) {
  const std::string user_code(field(form, "user_code"));
  const bool chosen = field(form, "step") == "sign_in";
  // The second form is made for one code: nobody's page can choose it for a person.
  if (!is_protected(chosen ? "sign_in " + user_code : "code", form, where, request)) {
    return code_page("The page was too old. Please enter the code again.", request);
  }
  const std::string counted = "codes " + where.peer;
  if (desk_.throttle.blocked(counted, Throttle::account_failures_max)) {
    return code_page("Too many wrong codes. Wait ten minutes.", request);
  }
  const auto grant = desk_.devices.find(user_code);
  const auto client = grant ? find_client(desk_, grant->client) : Answer<Client>();
  if (!grant || !client) {
    desk_.throttle.failed(counted);
    return code_page("That code is not known, or it has expired.", request);
  }
  if (!chosen) return device_page(user_code, client->name, "", request);
  if (!field(form, "cancel").empty()) {
    desk_.devices.deny(user_code);
    return page_reply(200, {.title = "Declined", .text = "You may close this page."});
  }
  const auto user = check_user(desk_, where, *client, std::string(field(form, "username")),
                               std::string(field(form, "password")));
  if (!user) {
    log_failure(user.error(), where);
    return device_page(user_code, client->name, user.error().text, request);
  }
  if (!desk_.devices.approve(user_code, {user->object_id, user->password_key})) {
    return code_page("That code is not known, or it has expired.", request);
  }
  return page_reply(200, {.title = "Signed in",
                          .text = fmt::format("You have signed in to {} on your device. You may "
                                              "close this page.",
                                              client->name)});
}

http::Reply SignInPages::code_page(const std::string& problem, const http::Request& request) const {
  std::vector<std::string> cookies;
  const Page page = {.title = "Sign in on a device",
                     .text = "Enter the code that the program shows you.",
                     .problem = problem,
                     .action = "/devicelogin",
                     .hidden = {{"csrf", protect("code", request, cookies)}},
                     .inputs = {{"user_code", "Code"}},
                     .buttons = {{"Next"}}};
  return with_cookies(page_reply(problem.empty() ? 200 : 400, page), std::move(cookies));
}

http::Reply SignInPages::device_page(const std::string& user_code, const std::string& client_name,
                                     const std::string& problem,
                                     const http::Request& request) const {
  std::vector<std::string> cookies;
  const Page page = {
      .title = "Sign in on a device",
      .text = fmt::format("You sign in to {} on another device. Continue only if you started it "
                          "there yourself: do not enter a code that somebody sent you.",
                          client_name),
      .problem = problem,
      .action = "/devicelogin",
      .hidden = {{"step", "sign_in"},
                 {"user_code", user_code},
                 {"csrf", protect("sign_in " + user_code, request, cookies)}},
      .inputs = {{"username", "User name"}, {"password", "Password"}},
      .buttons = {{"Sign in"}, {"Decline", "cancel", "1"}}};
  return with_cookies(page_reply(problem.empty() ? 200 : 400, page), std::move(cookies));
}

}  // namespace pinaco::identity
