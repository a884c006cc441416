// What these commands share, and tenants and subscriptions.
#include "app/directory.h"

#include <fmt/format.h>

#include <cstdio>

#include "arm/arm.h"
#include "base/text.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

constexpr Seconds retry_for = Seconds(5);  // somebody waits for the answer
constexpr std::size_t secret_file_bytes_max = 4096;

Result<> create_tenant(const DirectoryCall& call) {
  const auto& options = call.options;
  TRY(check_new(TRY(call.connection.list("/pinaco/v1/tenants")), "name", "tenant", "tenant",
                options.name));
  JsonObject body{{"name", options.name}};
  if (!options.subscription.empty()) body["subscription"] = options.subscription;
  const Json ask = body;
  auto made = TRY(call.connection.send("POST", "/pinaco/v1/tenants", &ask))
  .body;
  made.get_object()["endpoint"] = call.connection.login().endpoint;
  made.get_object()["ca"] = call.connection.login().ca_file;
  const std::string tenant(string_at(made, "tenant"));
  if (!options.credentials_file.empty()) {
    const auto text = to_pretty(made) + "\n";
    if (auto kept = os::write_file_durably(options.credentials_file, as_bytes(text)); !kept) {
      call.console.note(
          "The tenant was made, but its credentials could not be written; this is "
          "the only time they are shown:\n" +
          text);
      return kept;
    }
    made.get_object().erase("clientSecret");
    call.console.print(
        fmt::format("Made tenant {} ({}).\nIts administrator's credentials are in "
                    "{}: `pinaco login --credentials {}`.\n",
                    options.name, tenant, options.credentials_file, options.credentials_file));
  } else {
    print_one(call.console, made,
              {{"Tenant", "tenant"},
               {"Subscription", "subscription"},
               {"Client id", "clientId"},
               {"Client secret", "clientSecret"}});
    call.console.print("The secret is shown this once; the server keeps only its hash.\n");
  }
  call.console.print_json(made);
  return {};
}

Result<> list_tenants(const DirectoryCall& call) {
  print_list(call.console, TRY(call.connection.list("/pinaco/v1/tenants")),
             {{"NAME", "name"}, {"TENANT", "tenant"}, {"DOMAIN", "domain"}});
  return {};
}

Result<> create_subscription(const DirectoryCall& call) {
  TRY(check_new(TRY(call.connection.list("/pinaco/v1/subscriptions")), "name", "subscription",
                "subscription", call.options.name));
  const Json body = JsonObject{{"name", call.options.name}};
  const auto made = TRY(call.connection.send("POST", "/pinaco/v1/subscriptions", &body))
  .body;
  const auto id = string_at(made, "subscription");
  call.console.print(
      fmt::format("Made subscription {} ({}).\nCommands work in it with "
                  "PINACO_SUBSCRIPTION={} before them.\n",
                  call.options.name, id, id));
  call.console.print_json(made);
  return {};
}

Result<> list_subscriptions(const DirectoryCall& call) {
  print_list(call.console, TRY(call.connection.list("/pinaco/v1/subscriptions")),
             {{"NAME", "name"}, {"SUBSCRIPTION", "subscription"}, {"TENANT", "tenant"}});
  return {};
}

Result<> rename_subscription(const DirectoryCall& call) {
  std::vector<std::string> ids;
  if (arm::is_guid(call.options.name)) {
    ids.push_back(call.options.name);
  } else {
    for (const auto& each : TRY(call.connection.list("/pinaco/v1/subscriptions"))) {
      if (iequals(string_at(each, "name"), call.options.name)) {
        ids.emplace_back(string_at(each, "subscription"));
      }
    }
  }
  if (ids.size() != 1) {
    return fail(Kind::not_found,
                fmt::format("{} subscriptions are named '{}'. Use the id that `pinaco subscription "
                            "list` shows.",
                            ids.size(), call.options.name));
  }
  const Json body = JsonObject{{"name", call.options.other}};
  const auto made = TRY(call.connection.send("PATCH", "/pinaco/v1/subscriptions/" + ids[0], &body))
  .body;
  call.console.print(fmt::format("Subscription {} is now named {}.\n", ids[0], call.options.other));
  call.console.print_json(made);
  return {};
}

}  // namespace

std::string filter_path(std::string_view collection, std::string_view property,
                        std::string_view value) {
  std::string quotes_doubled;
  for (const char c : value) quotes_doubled += c == '\'' ? "''" : std::string(1, c);
  return fmt::format("/v1.0/{}?$filter={}", collection,
                     percent_encode(fmt::format("{} eq '{}'", property, quotes_doubled)));
}

Result<Json> find_by_name(Connection& connection, std::string_view collection,
                          std::string_view what, std::string_view name) {
  auto found = TRY(connection.list(filter_path(collection, "displayName", name)));
  if (found.size() == 1) return std::move(found[0]);
  if (found.empty()) {
    return fail(Kind::not_found, fmt::format("There is no {} named '{}'. `pinaco {} list` shows "
                                             "those that there are.",
                                             what, name, what));
  }
  std::string ids;
  for (const auto& each : found) ids += fmt::format("\n  {}", string_at(each, "id"));
  return fail(Kind::conflict, fmt::format("There are {} named '{}'. Use one of the ids:{}",
                                          found.size(), name, ids));
}

Result<> check_new(const std::vector<Json>& present, std::string_view member, std::string_view id,
                   std::string_view what, std::string_view name) {
  for (const auto& each : present) {
    if (!iequals(string_at(each, member), name)) continue;
    return fail(Kind::conflict, fmt::format("There is a {} named '{}' already: {}. Choose another "
                                            "name, or use that one.",
                                            what, name, string_at(each, id)));
  }
  return {};
}

Result<> check_yes(const DirectoryCall& call, std::string_view what) {
  if (call.options.yes) return {};
  return fail(Kind::invalid, fmt::format("Nothing was deleted. With --yes, this would be {}, with "
                                         "all its roles.",
                                         what));
}

Result<std::string> read_secret(const std::string& file) {
  std::string text;
  if (file == "-") {
    text.resize(secret_file_bytes_max);
    text.resize(std::fread(text.data(), 1, text.size(), stdin));
  } else {
    // Also a pipe, as a shell's <(...) is one.
    std::FILE* opened = std::fopen(file.c_str(), "re");
    if (opened == nullptr) {
      return fail(Kind::not_found, fmt::format("The file {} cannot be opened.", file));
    }
    text.resize(secret_file_bytes_max);
    text.resize(std::fread(text.data(), 1, text.size(), opened));
    (void)std::fclose(opened);
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (!text.empty()) return text;
  return fail(Kind::invalid, fmt::format("There is no password in {}.",
                                         file == "-" ? "the standard input" : file));
}

void print_list(Console& console, const std::vector<Json>& rows,
                const std::vector<std::pair<std::string, std::string>>& columns) {
  Table table(1);
  for (const auto& [title, member] : columns) table[0].push_back(title);
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const auto& [title, member] : columns) {
      const Json* found = find_path(row, member);
      const bool flag = found != nullptr && found->is_bool();
      cells.emplace_back(flag ? (found->get_bool() ? "yes" : "no") : string_at(row, member));
    }
    table.push_back(std::move(cells));
  }
  console.print_table(table);
  console.print_json(JsonArray(rows.begin(), rows.end()));
}

void print_one(Console& console, const Json& object,
               const std::vector<std::pair<std::string, std::string>>& members) {
  for (const auto& [title, member] : members) {
    const auto text = string_at(object, member);
    if (!text.empty()) console.print(fmt::format("{:<14} {}\n", title, text));
  }
}

Result<> directory(const DirectoryOptions& options, Connection& connection, Console& console) {
  std::vector<NamedCommand> all = {{"tenant create", create_tenant},
                                   {"tenant list", list_tenants},
                                   {"subscription create", create_subscription},
                                   {"subscription list", list_subscriptions},
                                   {"subscription rename", rename_subscription}};
  for (const auto& more : {app_commands(), people_commands(), role_commands()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  for (const auto& each : all) {
    if (each.name == options.command) return each.run({options, connection, console});
  }
  return fail(Kind::invalid, fmt::format("There is no command '{}'.", options.command));
}

Result<> directory(const DirectoryOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection =
      TRY(connect({.clock = system_clock(), .waiting = *waiting, .retry_for = retry_for}, console));
  return directory(options, *connection, console);
}

}  // namespace pinaco::app
