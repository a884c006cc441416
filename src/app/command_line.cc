// The command tree, over CLI11, which is seen only here and in command_*.cc: it is slow to
// compile and throws.
#include "app/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <functional>
#include <map>

#include "app/app.h"
#include "app/command_cloud.h"
#include "app/command_cost.h"
#include "app/command_deletion.h"
#include "app/command_directory.h"
#include "app/command_help.h"
#include "app/command_images.h"
#include "app/command_machines.h"
#include "app/command_regions.h"
#include "app/completion.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

using Words = std::vector<std::string>;

// Owns the values that CLI11 writes into while it parses.
class Tree {
 public:
  Tree();
  Result<CommandLine> parse(Words arguments);

 private:
  struct Node {
    CLI::App* app = nullptr;
    std::function<Result<Command>()> make;
  };

  CLI::App& add(const std::string& name, const std::string& description,
                const std::string& examples, std::function<Result<Command>()> make);
  template <typename T>
  CLI::Option* choice(CLI::App& app, const std::string& name, T& value,
                      const std::string& description, const Words& words);
  void add_output(CLI::App& app, const Words& words = {"table", "json"});
  void add_group(CLI::App& app, std::string& group, const std::string& otherwise);
  void add_retry(CLI::App& app, Seconds& retry_for);
  void add_serve();
  void add_login();
  void add_push();
  void add_push_definition(CLI::App& app);
  void add_pull();
  void add_list();
  void add_boot();
  void add_small_ones();
  Result<Command> finish_push();
  template <typename Options, typename Add>
  decltype(auto) add_families(Options& options, const Add& add_commands);
  template <typename Options>
  std::function<void(CLI::App&)> small_one(Options& options);
  std::vector<CommandHelp> help_of_all() const;

  CLI::App app_{
      "Pinaco keeps virtual machine images in galleries: each image once, its versions in "
      "as many regions as you like, ready to boot at once.",
      "pinaco"};
  std::vector<Node> nodes_;
  std::map<const CLI::Option*, Words> choices_;
  std::map<const CLI::App*, Words> words_;
  std::string output_ = "table";
  std::string format_;
  std::string regions_;
  std::string shell_;
  ServeOptions serve_;
  LoginOptions login_;
  PushOptions push_;
  PullOptions pull_;
  ListOptions list_;
  LogOptions log_;
  CostOptions cost_;
  ExpireOptions expire_;
  RetainOptions retain_;
  ShowOptions show_;
  BootOptions boot_;
  DeleteOptions delete_;
  CopyOptions copy_;
  AdviseOptions advise_;
  DirectoryOptions directory_;
  MachineOptions machines_;
  CloudOptions cloud_;
  UsageOptions usage_;
  RegionOptions region_;
};

CLI::App& Tree::add(const std::string& name, const std::string& description,
                    const std::string& examples, std::function<Result<Command>()> make) {
  CLI::App* app = app_.add_subcommand(name, description);
  if (!examples.empty()) app->footer("Examples:\n" + examples);
  nodes_.push_back({.app = app, .make = std::move(make)});
  return *app;
}

template <typename T>
CLI::Option* Tree::choice(CLI::App& app, const std::string& name, T& value,
                          const std::string& description, const Words& words) {
  auto* option = app.add_option(name, value, fmt::format("{}: {}", description, join(words, ", ")));
  option->check(
      [words, name](const std::string& given) {
        const auto same = [&](const std::string& word) { return iequals(word, given); };
        if (std::ranges::any_of(words, same)) return std::string();
        return fmt::format("'{}' is not one of: {}", given, join(words, ", "));
      },
      "");
  choices_[option] = words;
  return option;
}

void Tree::add_output(CLI::App& app, const Words& words) {
  choice(app, "-o,--output", output_, "What standard output gets", words)->capture_default_str();
}

void Tree::add_group(CLI::App& app, std::string& group, const std::string& otherwise) {
  app.add_option("-g,--group", group, "Resource group (" + otherwise + ")");
}

void Tree::add_retry(CLI::App& app, Seconds& retry_for) {
  app.add_option_function<int>(
         "--retry-for", [&retry_for](const int& seconds) { retry_for = Seconds(seconds); },
         fmt::format("Seconds to go on asking a server that does not answer ({})",
                     retry_for.count()))
      ->check(CLI::Range(0, 86'400));
}

void Tree::add_serve() {
  auto& app = add("serve", "Run the server: control plane and regions.",
                  "  pinaco serve --data /var/lib/pinaco --credentials-file admin.json\n"
                  "  pinaco serve --config /etc/pinaco.toml",
                  [this] { return serve_; });
  app.add_option("--config", serve_.config_file, "Configuration file (TOML)");
  app.add_option("--data", serve_.data_folder, "Folder of everything that is kept");
  app.add_option("--address", serve_.address, "Numeric address to listen on")
      ->capture_default_str();
  app.add_option("--port", serve_.port, "Port to listen on; 0 takes a free one")
      ->capture_default_str()
      ->check(CLI::Range(0, 65'535));
  app.add_option("--credentials-file", serve_.credentials_file,
                 "Where to write the administrator's credentials, for `pinaco login`");
  app.add_flag("--reset-administrator", serve_.reset_administrator,
               "Give the administrator a new secret");
  choice(app, "--log-level", serve_.log_level, "Least level of log lines",
         {"debug", "info", "warning", "error"});
}

void Tree::add_login() {
  auto& app = add("login", "Log in at a server and remember it.",
                  "  pinaco login --credentials admin.json\n"
                  "  pinaco login --endpoint https://images.example:8443 --ca ca.pem \\\n"
                  "      --tenant T --client-id ID < secret.txt\n\n"
                  "The login is kept in ~/.config/pinaco/login.json, or where PINACO_LOGIN_FILE "
                  "says.\nWithout a file, set PINACO_ENDPOINT, PINACO_CA, PINACO_TENANT, "
                  "PINACO_CLIENT_ID,\nPINACO_CLIENT_SECRET and PINACO_SUBSCRIPTION.",
                  [this] { return login_; });
  app.add_option("--credentials", login_.credentials_file,
                 "File that `pinaco serve --credentials-file` wrote");
  app.add_option("--endpoint", login_.endpoint, "URL of the server");
  app.add_option("--ca", login_.ca_file, "CA that signed the server's certificate (PEM)");
  app.add_option("--tenant", login_.tenant, "Tenant id");
  app.add_option("--client-id", login_.client_id, "Id of the service principal");
  app.add_option("--client-secret", login_.client_secret,
                 "Its secret; better in PINACO_CLIENT_SECRET or on standard input");
  app.add_option("--subscription", login_.subscription, "Id or name (the first one seen)");
  add_output(app);
}

void Tree::add_push_definition(CLI::App& app) {
  const std::string heading = "The definition, when it is made";
  app.add_option("--publisher", push_.publisher, "Publisher (the definition's name)")
      ->group(heading);
  app.add_option("--offer", push_.offer, "Offer (the definition's name)")->group(heading);
  app.add_option("--sku", push_.sku, "SKU (the definition's name)")->group(heading);
  choice(app, "--os-type", push_.os_type, "Operating system (Linux)", {"Linux", "Windows"})
      ->group(heading);
  choice(app, "--generation", push_.generation, "Firmware: V1 BIOS, V2 UEFI (V1)", {"V1", "V2"})
      ->group(heading);
  choice(app, "--os-state", push_.os_state, "State of the disk (Generalized)",
         {"Generalized", "Specialized"})
      ->group(heading);
  choice(app, "--provisioning", push_.provisioning,
         "How machines made of it learn whom to become (azure)", {"azure", "nocloud", "none"})
      ->group(heading);
  choice(app, "--architecture", push_.architecture, "Processor (x64)", {"x64", "Arm64"})
      ->group(heading);
}

void Tree::add_push() {
  auto& app = add(
      "push", "Publish an image file as a version, in every region you name.",
      "  pinaco push debian.qcow2 --gallery linux --definition debian-12 --version 1.0.0\n"
      "  pinaco push disk.raw --gallery linux --definition debian-12 --version 1.1.0 \\\n"
      "      --regions \"westeurope=2,northeurope=1=standard_zrs\"\n\n"
      "Group, gallery and definition are made when they are not there. A push that was stopped\n"
      "goes on where it was when the same command is run again; one that is done is found done.",
      [this] { return finish_push(); });
  app.add_option("image", push_.image, "Image file: raw, VHD or QCOW2")->required();
  app.add_option("--gallery", push_.gallery, "Gallery")->required();
  app.add_option("--definition", push_.definition, "Image definition")->required();
  app.add_option("--version", push_.version, "Version number, MAJOR.MINOR.PATCH")->required();
  add_group(app, push_.group, "pinaco");
  app.add_option("--location", push_.location,
                 "Home region (the definition's, or the first of --regions)");
  app.add_option("--regions", regions_, "NAME[=REPLICAS[=STORAGE]],... (the home region)");
  app.add_option("--replicas", push_.replicas, "Replicas where --regions names none")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  choice(app, "--format", format_, "Format of the file (found)", {"raw", "vhd", "qcow2"});
  app.add_flag("--exclude-from-latest", push_.exclude_from_latest,
               "Not to be taken for the latest version");
  app.add_option("--end-of-life", push_.end_of_life, "Date after which it should not be used");
  app.add_option("--lanes", push_.lanes, "Parallel uploads")
      ->capture_default_str()
      ->check(CLI::Range(1, 32));
  add_retry(app, push_.retry_for);
  app.add_flag("--keep-disk", push_.keep_disk, "Keep the managed disk that was uploaded to");
  add_push_definition(app);
  add_output(app);
}

Result<Command> Tree::finish_push() {
  if (!format_.empty()) push_.format = TRY(format::parse_format(to_lower(format_)));
  if (!regions_.empty()) push_.regions = TRY(parse_regions(regions_, push_.replicas));
  return push_;
}

void Tree::add_pull() {
  auto& app = add("pull", "Fetch a version into an image file.",
                  "  pinaco pull linux/debian-12 -f debian.raw\n"
                  "  pinaco pull linux/debian-12/1.0.0 -f debian.qcow2 --format qcow2",
                  [this]() -> Result<Command> {
                    if (!format_.empty()) {
                      pull_.format = TRY(format::parse_format(to_lower(format_)));
                    }
                    return pull_;
                  });
  app.add_option("name", pull_.name, "GALLERY/DEFINITION[/VERSION|/latest], or a resource id")
      ->required();
  app.add_option("-f,--file", pull_.file, "File to write; must not exist")->required();
  choice(app, "--format", format_, "Format of the file (raw)", {"raw", "vhd", "qcow2"});
  app.add_option("--region", pull_.region, "Region to read from (the server chooses)");
  add_group(app, pull_.group, "looked for");
  app.add_option("--lanes", pull_.lanes, "Parallel downloads")
      ->capture_default_str()
      ->check(CLI::Range(1, 32));
  add_retry(app, pull_.retry_for);
  add_output(app);
}

void Tree::add_list() {
  auto& list = add("list", "List galleries, definitions and their versions.",
                   "  pinaco list\n  pinaco list linux --all\n  pinaco list -o json",
                   [this] { return list_; });
  list.add_option("name", list_.name, "GALLERY[/DEFINITION]: only what is below");
  list.add_flag("--all", list_.all, "Every version, not only the latest");
  add_group(list, list_.group, "all");
  add_output(list);

  auto& show = add("show", "Show one resource: digest, regions, what it cost.",
                   "  pinaco show linux/debian-12/latest\n  pinaco show linux -o json",
                   [this] { return show_; });
  show.add_option("name", show_.name, "GALLERY[/DEFINITION[/VERSION|/latest]], or a resource id")
      ->required();
  show.add_flag("--replicas", show_.replicas,
                "Of a version: who is made from which replica, and what each place has given");
  add_group(show, show_.group, "looked for");
  add_output(show);
}

void Tree::add_boot() {
  auto& app = add("boot", "Boot a version or a disk on this computer, as proof that it does.",
                  "  pinaco boot linux/debian-12\n"
                  "  pinaco boot linux/debian-12/1.0.0 --region northeurope --memory 1024\n"
                  "  pinaco boot --disk my-disk --until 'my-host login:'",
                  [this]() -> Result<Command> {
                    if (boot_.name.empty() == boot_.disk.empty()) {
                      return fail(Kind::invalid,
                                  "Name what to boot: either GALLERY/DEFINITION or --disk NAME.");
                    }
                    return boot_;
                  });
  app.add_option("name", boot_.name, "GALLERY/DEFINITION[/VERSION|/latest], or a resource id");
  app.add_option("--disk", boot_.disk, "Instead: a managed disk's name or resource id");
  add_group(app, boot_.group, "looked for; of --disk: pinaco");
  app.add_option("--region", boot_.region, "Region to boot in (the home region)");
  app.add_option("--memory", boot_.memory_mib, "MiB of memory")
      ->capture_default_str()
      ->check(CLI::Range(64, 1 << 20));
  app.add_option("--cpus", boot_.cpus, "Processors")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--until", boot_.until, "Text of the serial console that means success")
      ->capture_default_str();
  app.add_option_function<int>(
         "--timeout", [this](const int& seconds) { boot_.timeout = Seconds(seconds); },
         "Seconds to wait for it (600)")
      ->check(CLI::Range(1, 86'400));
  app.add_flag("--console", boot_.show_console, "Copy the guest's console to standard error");
  app.add_flag("--direct", boot_.direct, "Export the version itself, without a managed disk");
  add_retry(app, boot_.retry_for);
  add_output(app);
}

void Tree::add_small_ones() {
  add_output(add("regions", "The same as `pinaco region list`.", "  pinaco regions -o json",
                 [] { return RegionOptions(); }));
  auto& usage =
      add("usage", "Show the subscription's limits in each region, and what is used.",
          "  pinaco usage\n  pinaco usage --region westeurope -o json", [this] { return usage_; });
  usage.add_option("--region", usage_.region, "Only this region (all)");
  add_output(usage);
  add("routes", "Print the operations that the server answers.", "",
      [] { return RoutesOptions(); });
  auto& completion = add("completion", "Print a completion script for a shell.",
                         "  source <(pinaco completion bash)", [this]() -> Result<Command> {
                           return PrintText {
                             TRY(completion_script(shell_, help_of_all()))
                           };
                         });
  const Words shells = {"bash", "zsh", "fish"};
  choice(completion, "shell", shell_, "Shell", shells)->required();
  words_[&completion] = shells;
}

// Commands below others, which are told apart by their names.
template <typename Options, typename Add>
decltype(auto) Tree::add_families(Options& options, const Add& add_commands) {
  return add_commands(app_, options, [this, &options](CLI::App& leaf, const std::string& command) {
    add_output(leaf);
    nodes_.push_back({.app = &leaf, .make = [&options, command] {
                        options.command = command;
                        return options;
                      }});
  });
}

// A command of its own file.
template <typename Options>
std::function<void(CLI::App&)> Tree::small_one(Options& options) {
  return [this, &options](CLI::App& leaf) {
    if constexpr (requires { options.retry_for; }) add_retry(leaf, options.retry_for);
    constexpr bool csv = requires { options.csv; };
    add_output(leaf, csv ? Words{"table", "json", "csv"} : Words{"table", "json"});
    nodes_.push_back({.app = &leaf, .make = [this, &options] {
                        if constexpr (csv) options.csv = iequals(output_, "csv");
                        return options;
                      }});
  };
}

Tree::Tree() {
  app_.require_subcommand(1);
  app_.get_formatter()->column_width(34);
  app_.set_version_flag("--version", fmt::format("pinaco {}", program_version));
  app_.footer(
      "A first tour:\n"
      "  pinaco serve --data ./data --credentials-file admin.json &\n"
      "  pinaco login --credentials admin.json\n"
      "  pinaco push debian.qcow2 --gallery linux --definition debian-12 --version 1.0.0\n"
      "  pinaco vm create web --image linux/debian-12\n"
      "  pinaco vm ssh web\n\n"
      "`pinaco COMMAND --help` explains a command. Exit codes: 0 done, 1 failed, 2 not "
      "understood.");
  add_serve();
  add_login();
  add_push();
  add_pull();
  add_list();
  add_log_command(app_, log_, small_one(log_));
  add_cost_command(app_, cost_, small_one(cost_));
  add_boot();
  add_copy_command(app_, copy_, small_one(copy_));
  add_advise_command(app_, advise_, small_one(advise_));
  add_delete_command(app_, delete_, small_one(delete_));
  add_expire_command(app_, expire_, small_one(expire_));
  add_retain_command(app_, retain_, small_one(retain_));
  nodes_.push_back({.app = &add_families(machines_, add_machine_commands),
                    .make = [] { return PrintText{fmt::format("pinaco {}\n", program_version)}; }});
  add_families(directory_, add_directory_commands);
  add_families(cloud_, add_cloud_commands);
  add_families(region_, add_region_commands);
  add_small_ones();
}

std::vector<CommandHelp> Tree::help_of_all() const {
  HelpSource source{.root = &app_, .commands = {}, .choices = choices_, .words = words_};
  for (const auto& node : nodes_) source.commands.push_back(node.app);
  return help_of(source);
}

Result<CommandLine> Tree::parse(Words arguments) {
  std::ranges::reverse(arguments);  // as CLI11 takes them
  try {
    app_.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return CommandLine{.command = PrintText{app_.help()}};
  } catch (const CLI::CallForVersion& version) {
    return CommandLine{.command = PrintText{std::string(version.what()) + "\n"}};
  } catch (const CLI::ParseError& error) {
    std::string help = "pinaco";
    const CLI::App* last = &app_;
    for (auto used = app_.get_subcommands(); !used.empty();
         used = used.front()->get_subcommands()) {
      last = used.front();
      help += " " + last->get_name();
    }
    Words below;
    for (const auto* each : last->get_subcommands([](const CLI::App*) { return true; })) {
      below.push_back(each->get_name());
    }
    const auto list = below.empty() ? "" : fmt::format(" It has: {}.", join(below, ", "));
    return fail(Kind::invalid, fmt::format("{}.{} `{} --help` explains what is possible.",
                                           error.what(), list, help));
  }
  for (const auto& node : nodes_) {
    if (!node.app->parsed() || !node.app->get_subcommands().empty()) continue;
    return CommandLine {
      .command = TRY(node.make())
      , .json = iequals(output_, "json")
    };
  }
  return fail(Kind::invalid, "A command is missing. `pinaco --help` lists them.");
}

}  // namespace

Result<CommandLine> parse_command_line(std::vector<std::string> arguments) {
  return Tree().parse(std::move(arguments));
}

}  // namespace pinaco::app
