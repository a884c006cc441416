// The login file and the login command.
#include "app/login.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "app/client.h"
#include "base/json.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr std::size_t login_bytes_max = 64 << 10;

struct Member {
  const char* json;
  const char* variable;
  std::string Login::* member;
  bool optional = false;
};
constexpr Member members[] = {
    {"endpoint", "PINACO_ENDPOINT", &Login::endpoint},
    {"ca", "PINACO_CA", &Login::ca_file, true},
    {"tenant", "PINACO_TENANT", &Login::tenant},
    {"subscription", "PINACO_SUBSCRIPTION", &Login::subscription},
    {"clientId", "PINACO_CLIENT_ID", &Login::client_id},
    {"clientSecret", "PINACO_CLIENT_SECRET", &Login::client_secret},
    {"proxy", "PINACO_PROXY", &Login::proxy, true},
};

std::string absolute(const std::string& path, const std::string& folder) {
  if (path.empty() || path.front() == '/') return path;
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

Result<> check_endpoint(std::string& endpoint) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool here = endpoint.starts_with("http://127.0.0.1:") ||
                    endpoint.starts_with("http://localhost:") ||
                    endpoint.starts_with("http://[::1]:");
  if (endpoint.starts_with("https://") || here) return {};
  return fail(Kind::invalid,
              fmt::format("The endpoint '{}' is no https:// URL. Give it as `pinaco serve` prints "
                          "it, for example https://images.example:8443.",
                          endpoint));
}

// One line of standard input; at a terminal the secret is asked for and not shown.
Result<std::string> read_secret() {
  const bool terminal = isatty(STDIN_FILENO) == 1;
  termios before = {};
  if (terminal) {
    (void)std::fputs("Client secret: ", stderr);
    tcgetattr(STDIN_FILENO, &before);
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    (void)std::fputs("\n", stderr);
  }
  line = trim(line);
  if (line.empty()) {
    return fail(Kind::invalid,
                "No client secret was given. Pass --client-secret, set PINACO_CLIENT_SECRET, or "
                "write it to standard input.");
  }
  return line;
}

Result<Login> login_from(const LoginOptions& options) {
  const std::string here = std::filesystem::current_path().string();
  Login login;
  if (!options.credentials_file.empty()) {
    const std::string path = absolute(options.credentials_file, here);
    const auto text = TRY(os::read_file(path, login_bytes_max));
    login = TRY(parse_login(text, std::filesystem::path(path).parent_path().string()));
  }
  const auto take = [](std::string& into, const std::string& given, const char* variable) {
    if (!given.empty()) into = given;
    if (into.empty()) into = process_environment(variable);
  };
  take(login.endpoint, options.endpoint, "PINACO_ENDPOINT");
  take(login.ca_file, options.ca_file, "PINACO_CA");
  take(login.tenant, options.tenant, "PINACO_TENANT");
  take(login.subscription, options.subscription, "PINACO_SUBSCRIPTION");
  take(login.client_id, options.client_id, "PINACO_CLIENT_ID");
  take(login.client_secret, options.client_secret, "PINACO_CLIENT_SECRET");
  for (const auto& [value, option] :
       {std::pair{&login.endpoint, "--endpoint"}, std::pair{&login.tenant, "--tenant"},
        std::pair{&login.client_id, "--client-id"}}) {
    if (value->empty()) {
      return fail(Kind::invalid,
                  fmt::format("{} is missing. Pass it, or --credentials with the file that `pinaco "
                              "serve --credentials-file` wrote.",
                              option));
    }
  }
  login.ca_file = absolute(login.ca_file, here);
  TRY(check_endpoint(login.endpoint));
  if (login.client_secret.empty()) login.client_secret = TRY(read_secret());
  return login;
}

Result<std::vector<Json>> list_subscriptions(const Login& login, const Patience& patience) {
  Connection connection(login, patience);
  return connection.list("/subscriptions?api-version=2022-12-01");
}

Result<std::string> choose_subscription(const Login& login, const std::vector<Json>& known,
                                        Console& console) {
  if (known.empty()) {
    return fail(Kind::denied,
                fmt::format("Client {} sees no subscription. Ask the owner of one for a role.",
                            login.client_id));
  }
  if (login.subscription.empty()) {
    const std::string first(string_at(known.front(), "subscriptionId"));
    if (known.size() > 1) {
      console.note(
          fmt::format("Of {} subscriptions the first was chosen; pass --subscription to "
                      "choose another.",
                      known.size()));
    }
    return first;
  }
  for (const auto& item : known) {
    const auto id = string_at(item, "subscriptionId");
    if (iequals(id, login.subscription) ||
        iequals(string_at(item, "displayName"), login.subscription)) {
      return std::string(id);
    }
  }
  return fail(Kind::not_found, fmt::format("Client {} sees no subscription '{}'. It sees {}, for "
                                           "example {}.",
                                           login.client_id, login.subscription, known.size(),
                                           string_at(known.front(), "subscriptionId")));
}

}  // namespace

std::string process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<Login> parse_login(std::string_view text, const std::string& folder) {
  auto json = parse_json(text);
  if (!json || !json->is_object()) {
    return fail(Kind::invalid,
                fmt::format("The login in {} is not a JSON object{}. Log in again with `pinaco "
                            "login`.",
                            folder, json ? "" : ": " + json.error().message));
  }
  Login login;
  for (const auto& member : members) login.*member.member = string_at(*json, member.json);
  login.ca_file = absolute(login.ca_file, folder);
  if (!login.endpoint.empty()) TRY(check_endpoint(login.endpoint));
  return login;
}

std::string login_text(const Login& login) {
  JsonObject json;
  for (const auto& member : members) {
    const std::string& value = login.*member.member;
    if (!value.empty() || !member.optional) json[member.json] = value;
  }
  return to_pretty(json) + "\n";
}

Result<std::string> login_path(const Environment& environment) {
  if (auto path = environment("PINACO_LOGIN_FILE"); !path.empty()) return path;
  if (auto folder = environment("XDG_CONFIG_HOME"); !folder.empty()) {
    return folder + "/pinaco/login.json";
  }
  if (auto home = environment("HOME"); !home.empty()) return home + "/.config/pinaco/login.json";
  return fail(Kind::invalid, "Where the login is kept is unknown: set PINACO_LOGIN_FILE or HOME.");
}

Result<Login> find_login(const Environment& environment) {
  Login login;
  const auto path = TRY(login_path(environment));
  auto text = os::read_file(path, login_bytes_max);
  if (text) {
    login = TRY(parse_login(*text, std::filesystem::path(path).parent_path().string()));
  } else if (text.error().kind != Kind::not_found) {
    return std::unexpected(std::move(text.error()));
  }
  for (const auto& member : members) {
    if (auto value = environment(member.variable); !value.empty()) {
      login.*member.member = std::move(value);
    }
  }
  for (const auto& member : members) {
    if (!(login.*member.member).empty() || member.optional) continue;
    return fail(Kind::invalid,
                fmt::format("Not logged in: {} has no {} and {} is not set. Run `pinaco login "
                            "--credentials FILE` with the file that `pinaco serve "
                            "--credentials-file FILE` wrote, or see `pinaco login --help`.",
                            path, member.json, member.variable));
  }
  TRY(check_endpoint(login.endpoint));
  return login;
}

Result<> login(const LoginOptions& options, Console& console) {
  auto login = TRY(login_from(options));
  const auto waiting = wait_until_stopped();
  const Patience patience{.clock = system_clock(), .waiting = *waiting, .retry_for = Seconds(5)};
  const auto subscriptions = TRY(list_subscriptions(login, patience));
  login.subscription = TRY(choose_subscription(login, subscriptions, console));
  const auto path = TRY(login_path(process_environment));
  const auto folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) TRY(os::make_folders(folder));
  TRY(os::write_file_durably(path, as_bytes(login_text(login))));
  console.print(fmt::format("Logged in at {} as client {}, subscription {}.\nKept in {}.\n",
                            login.endpoint, login.client_id, login.subscription, path));
  JsonArray ids;
  for (const auto& item : subscriptions) ids.push_back(item);
  console.print_json(JsonObject{{"endpoint", login.endpoint},
                                {"tenant", login.tenant},
                                {"clientId", login.client_id},
                                {"subscription", login.subscription},
                                {"file", path},
                                {"subscriptions", ids}});
  return {};
}

}  // namespace pinaco::app
