// What the clients' lines are for, and az's registration run for whoever asks for that.
#include "app/cloud.h"

#include <fmt/format.h>

#include <algorithm>

#include "os/process.h"

namespace pinaco::app {
namespace {

constexpr Milliseconds az_timeout = std::chrono::minutes(2);  // it is slow to start
constexpr std::size_t error_bytes_max = 2000;

Result<> overview(const Login& login, Console& console) {
  console.print_table({{"WHAT", "IS"},
                       {"endpoint", login.endpoint},
                       {"CA file", login.ca_file.empty() ? "(the system's)" : login.ca_file},
                       {"tenant", login.tenant},
                       {"subscription", login.subscription},
                       {"client id", login.client_id},
                       {"proxy", login.proxy.empty() ? "(none)" : login.proxy}});
  Table table = {{"COMMAND", "FOR"}};
  JsonArray names;
  for (const auto& client : cloud_clients()) {
    table.push_back({fmt::format("pinaco cloud {}", client.name), std::string(client.about)});
    names.emplace_back(client.name);
  }
  console.print("\n");
  console.print_table(table);
  console.print_json(JsonObject{{"endpoint", login.endpoint},
                                {"ca", login.ca_file},
                                {"tenant", login.tenant},
                                {"subscription", login.subscription},
                                {"clientId", login.client_id},
                                {"proxy", login.proxy},
                                {"clients", names}});
  return {};
}

class Az {
 public:
  Az(const CloudOptions& options, const Login& login) : login_(login) {
    const auto home = process_environment("HOME");
    if (options.hybrid) prefix_.push_back("AZURE_CONFIG_DIR=" + home + "/.azure-pinaco-hybrid");
    if (!login.ca_file.empty()) prefix_.push_back("REQUESTS_CA_BUNDLE=" + login.ca_file);
    prefix_.emplace_back("AZURE_CORE_COLLECT_TELEMETRY=no");
  }

  Result<os::Finished> run(std::vector<std::string> arguments) const {
    std::vector<std::string> all = {"env"};
    all.insert(all.end(), prefix_.begin(), prefix_.end());
    all.emplace_back("az");
    std::ranges::move(arguments, std::back_inserter(all));
    return os::run_program(all, az_timeout);
  }

  Result<> must(std::vector<std::string> arguments) const {
    const auto what = fmt::format("az {} {}", arguments[0], arguments[1]);
    const auto done = TRY(run(std::move(arguments)));
    if (done.status == 0) return {};
    if (done.status == 127) {
      return fail(Kind::not_found,
                  "az is not installed here; on Debian it is the package "
                  "azure-cli.");
    }
    return fail(Kind::unavailable, fmt::format("`{}` ended with {}: {}", what, done.status,
                                               done.errors.substr(0, error_bytes_max)));
  }

 private:
  const Login& login_;
  std::vector<std::string> prefix_;
};

Result<> apply_az(const CloudOptions& options, const Login& login, Console& console) {
  const Az az(options, login);
  const auto known = TRY(az.run({"cloud", "show", "-n", "Pinaco", "-o", "none"}));
  TRY(az.must({"cloud", known.status == 0 ? "update" : "register", "-n", "Pinaco", "--cloud-config",
               to_text(az_cloud(login, options.hybrid))}));
  TRY(az.must({"cloud", "set", "-n", "Pinaco"}));
  const std::string next = fmt::format(
      "eval \"$(pinaco cloud env)\"\n{}az login --service-principal -u \"$AZURE_CLIENT_ID\" "
      "-p \"$AZURE_CLIENT_SECRET\" \\\n  --tenant \"$AZURE_TENANT_ID\"\n",
      options.hybrid ? "export AZURE_CONFIG_DIR=~/.azure-pinaco-hybrid\n" : "");
  console.print("az knows the cloud Pinaco and uses it. Log in with:\n" + next);
  console.print_json(JsonObject{{"cloud", "Pinaco"}, {"next", next}});
  return {};
}

}  // namespace

Result<> cloud(const CloudOptions& options, const Login& login, Console& console) {
  if (options.command == "cloud") return overview(login, console);
  if (options.apply) return apply_az(options, login, console);
  for (const auto& client : cloud_clients()) {
    if (options.command != fmt::format("cloud {}", client.name)) continue;
    const auto text = client.text(options, login);
    console.print(text);
    console.print_json(JsonObject{{"client", client.name}, {"text", text}});
    return {};
  }
  return fail(Kind::invalid, fmt::format("There is no command '{}'.", options.command));
}

Result<> cloud(const CloudOptions& options, Console& console) {
  return cloud(options, TRY(find_login(process_environment)), console);
}

}  // namespace pinaco::app
