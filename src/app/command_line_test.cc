// The command line as people type it.
#include "app/command_line.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "app/completion.h"

namespace pinaco::app {
namespace {

template <typename T>
T parsed(std::vector<std::string> arguments) {
  auto line = parse_command_line(std::move(arguments));
  if (!line) {
    ADD_FAILURE() << line.error().message;
    return {};
  }
  if (!std::holds_alternative<T>(line->command)) {
    ADD_FAILURE() << "another command";
    return {};
  }
  return std::get<T>(line->command);
}

std::string refusal(std::vector<std::string> arguments) {
  const auto line = parse_command_line(std::move(arguments));
  return line ? "accepted" : line.error().message;
}

TEST(CommandLine, TakesAPushWithItsRegions) {
  const auto push =
      parsed<PushOptions>({"push", "a.qcow2", "--gallery", "g", "--definition", "d", "--version",
                           "1.2.3", "--regions", "West Europe=2,northeurope=1=standard_zrs",
                           "--lanes", "8", "--retry-for", "7", "--format", "QCOW2", "--keep-disk"});
  EXPECT_EQ(push.image, "a.qcow2");
  EXPECT_EQ(push.version, "1.2.3");
  ASSERT_EQ(push.regions.size(), 2U);
  EXPECT_EQ(push.regions[0], (TargetRegion{.name = "westeurope", .replicas = 2}));
  EXPECT_EQ(push.regions[1],
            (TargetRegion{.name = "northeurope", .replicas = 1, .storage = "Standard_ZRS"}));
  EXPECT_EQ(push.lanes, 8U);
  EXPECT_EQ(push.retry_for, Seconds(7));
  EXPECT_EQ(push.format, format::Format::qcow2);
  EXPECT_TRUE(push.keep_disk);
  EXPECT_EQ(push.group, "pinaco");
}

TEST(CommandLine, TakesALogOfAWeek) {
  const auto log = parsed<LogOptions>({"log", "--hours", "168", "--failed", "--caller", "ann"});
  EXPECT_EQ(log.hours, 168);
  EXPECT_TRUE(log.failed);
  EXPECT_EQ(log.caller, "ann");
  EXPECT_NE(refusal({"log", "--hours", "0"}), "accepted");
}

TEST(CommandLine, TakesOutputJson) {
  const auto line = parse_command_line({"list", "-o", "json"});
  ASSERT_TRUE(line);
  EXPECT_TRUE(line->json);
  EXPECT_FALSE(parse_command_line({"list"})->json);
}

TEST(CommandLine, NamesTheHelpOfTheCommandThatWasMisunderstood) {
  EXPECT_NE(refusal({"push", "a.raw"}).find("pinaco push --help"), std::string::npos);
  EXPECT_NE(refusal({"frobnicate"}).find("pinaco --help"), std::string::npos);
  EXPECT_NE(refusal({"frobnicate"}).find("push, "), std::string::npos);
  EXPECT_NE(refusal({"user", "frobnicate"}).find("password"), std::string::npos);
}

TEST(CommandLine, RefusesAValueThatIsNotOneOfTheChoices) {
  EXPECT_NE(refusal({"list", "-o", "yaml"}).find("table, json"), std::string::npos);
  EXPECT_NE(refusal({"pull", "g/d", "-f", "x", "--format", "vmdk"}).find("raw, vhd, qcow2"),
            std::string::npos);
}

TEST(CommandLine, RefusesToBootNothingOrTwoThings) {
  EXPECT_NE(refusal({"boot"}).find("either"), std::string::npos);
  EXPECT_NE(refusal({"boot", "g/d", "--disk", "x"}).find("either"), std::string::npos);
}

TEST(CommandLine, EveryCommandHasHelpThatNamesIt) {
  for (const char* name :
       {"serve", "login", "push", "pull", "list", "show", "boot", "delete", "expire", "retain",
        "regions", "region", "usage", "routes", "completion", "version"}) {
    const auto help = parsed<PrintText>({name, "--help"});
    EXPECT_NE(help.text.find(name), std::string::npos) << name;
    EXPECT_NE(help.text.find("Usage"), std::string::npos) << name;
  }
}

TEST(CommandLine, TakesTheRegionOfUsage) {
  EXPECT_EQ(parsed<UsageOptions>({"usage"}).region, "");
  EXPECT_EQ(parsed<UsageOptions>({"usage", "--region", "eastus"}).region, "eastus");
  EXPECT_NE(refusal({"usage", "eastus"}), "accepted");
}

TEST(CommandLine, TakesWhatIsDoneAboutRegions) {
  EXPECT_EQ(parsed<RegionOptions>({"regions"}).command, "region list");
  EXPECT_EQ(parsed<RegionOptions>({"region", "list"}).command, "region list");
  EXPECT_EQ(parsed<RegionOptions>({"region", "requests"}).command, "region requests");
  const auto asked = parsed<RegionOptions>({"region", "request", "x", "--reason", "a site"});
  EXPECT_EQ(asked.command, "region request");
  EXPECT_EQ(asked.name, "x");
  EXPECT_EQ(asked.reason, "a site");
  for (const char* verb : {"allow", "deny"}) {
    const auto decided = parsed<RegionOptions>({"region", verb, "x", "--subscription", "s"});
    EXPECT_EQ(decided.command, std::string("region ") + verb);
    EXPECT_EQ(decided.subscription, "s");
    EXPECT_NE(refusal({"region", verb, "x"}).find("--subscription"), std::string::npos);
  }
  EXPECT_NE(refusal({"region"}).find("allow"), std::string::npos);
  EXPECT_NE(refusal({"regions", "x"}), "accepted");
}

TEST(CommandLine, TakesClientsOfACloud) {
  EXPECT_EQ(parsed<CloudOptions>({"cloud"}).command, "cloud");
  const auto az = parsed<CloudOptions>({"cloud", "az", "--apply", "--hybrid"});
  EXPECT_EQ(az.command, "cloud az");
  EXPECT_TRUE(az.apply && az.hybrid);
  EXPECT_FALSE(parsed<CloudOptions>({"cloud", "packer"}).apply);
  EXPECT_NE(refusal({"cloud", "packer", "--apply"}), "accepted");
  EXPECT_NE(refusal({"cloud", "gcloud"}), "accepted");
  for (const auto& client : cloud_clients()) {
    const auto help = parsed<PrintText>({"cloud", std::string(client.name), "--help"});
    EXPECT_NE(help.text.find("Examples"), std::string::npos) << client.name;
  }
}

TEST(CommandLine, TakesCommandsOfSeveralWords) {
  const auto secret = parsed<DirectoryOptions>(
      {"app", "secret", "add", "pipeline", "--name", "laptop", "--days", "30", "-o", "json"});
  EXPECT_EQ(secret.command, "app secret add");
  EXPECT_EQ(secret.name, "pipeline");
  EXPECT_EQ(secret.display_name, "laptop");
  EXPECT_EQ(secret.days, 30);
  const auto member = parsed<DirectoryOptions>({"group", "add-member", "g", "m"});
  EXPECT_EQ(member.command, "group add-member");
  EXPECT_EQ(member.other, "m");
  EXPECT_NE(refusal({"app"}), "accepted");
  EXPECT_NE(refusal({"app", "secret", "add"}).find("pinaco app secret add --help"),
            std::string::npos);
}

TEST(CommandLine, EveryCommandOfTheDirectoryHasHelpWithAnExample) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"tenant", "create"},
                                                {"tenant", "list"},
                                                {"subscription", "create"},
                                                {"subscription", "list"},
                                                {"subscription", "rename"},
                                                {"app", "create"},
                                                {"app", "list"},
                                                {"app", "show"},
                                                {"app", "delete"},
                                                {"app", "secret", "add"},
                                                {"app", "secret", "remove"},
                                                {"app", "certificate", "add"},
                                                {"app", "federated", "add"},
                                                {"user", "create"},
                                                {"user", "list"},
                                                {"user", "show"},
                                                {"user", "delete"},
                                                {"user", "password"},
                                                {"group", "create"},
                                                {"group", "list"},
                                                {"group", "show"},
                                                {"group", "delete"},
                                                {"group", "add-member"},
                                                {"group", "remove-member"}}) {
    auto asked = words;
    asked.push_back("--help");
    const auto help = parsed<PrintText>(asked);
    EXPECT_NE(help.text.find("pinaco " + words[0] + " " + words[1]), std::string::npos)
        << words[0] << " " << words[1];
    EXPECT_NE(help.text.find("Examples"), std::string::npos) << words[0] << " " << words[1];
  }
}

TEST(CommandLine, TakesAMachineWithItsDisksAndPorts) {
  const auto create = parsed<MachineOptions>(
      {"vm", "create", "web", "--image", "g/d", "--open-port", "80,443", "--data-disk-gb", "4", "8",
       "--tag", "a=b", "--tag", "c=d", "--public-ip", "no", "-g", "rg"});
  EXPECT_EQ(create.command, "vm create");
  EXPECT_EQ(create.name, "web");
  EXPECT_EQ(create.open_ports, (std::vector<int>{80, 443}));
  EXPECT_EQ(create.data_disks_gb, (std::vector<int>{4, 8}));
  EXPECT_EQ(create.tags.size(), 2U);
  EXPECT_EQ(create.size, "Standard_B1s");
  EXPECT_EQ(create.public_ip, "no");
  EXPECT_FALSE(create.eager);
  EXPECT_TRUE(parsed<MachineOptions>({"vm", "create", "web", "--image", "g/d", "--eager"}).eager);
  EXPECT_NE(refusal({"vm", "create", "web"}).find("--image"), std::string::npos);
  EXPECT_NE(refusal({"vm", "create", "web", "--image", "g/d", "--open-port", "70000"}), "accepted");
  EXPECT_NE(
      refusal({"vm", "create", "web", "--image", "g/d", "--public-ip", "perhaps"}).find("yes"),
      std::string::npos);
}

TEST(CommandLine, ScaleSetsTakeANumberOfMachines) {
  const auto create = parsed<MachineOptions>(
      {"scale-set", "create", "web", "--image", "g/d", "--count", "12", "--flexible"});
  EXPECT_EQ(create.command, "scale-set create");
  EXPECT_EQ(create.count, 12);
  EXPECT_TRUE(create.flexible);
  EXPECT_EQ(refusal({"scale-set", "create", "web", "--image", "g/d", "--count", "1000"}),
            "accepted");
  EXPECT_NE(refusal({"scale-set", "create", "web", "--image", "g/d", "--count", "1001"}),
            "accepted");
  EXPECT_NE(refusal({"scale-set", "scale", "web"}).find("--count"), std::string::npos);
  EXPECT_TRUE(parsed<MachineOptions>({"scale-set", "upgrade", "web", "--rolling"}).rolling);
}

TEST(CommandLine, GivesSshWhatComesAfterTheDashes) {
  const auto ssh = parsed<MachineOptions>({"vm", "ssh", "web", "--", "ls", "-l", "--all"});
  EXPECT_EQ(ssh.command, "vm ssh");
  EXPECT_EQ(ssh.name, "web");
  EXPECT_EQ(ssh.words, (std::vector<std::string>{"ls", "-l", "--all"}));
  EXPECT_TRUE(parsed<MachineOptions>({"vm", "ssh", "web"}).words.empty());
}

TEST(CommandLine, VersionAlonePrintsAndWithCreateMakesOne) {
  EXPECT_EQ(parsed<PrintText>({"version"}).text.substr(0, 7), "pinaco ");
  const auto create = parsed<MachineOptions>({"version", "create", "g/d/1.0.0", "--from-vm", "web",
                                              "--target-region", "westeurope=2", "--target-region",
                                              "northeurope=1"});
  EXPECT_EQ(create.command, "version create");
  EXPECT_EQ(create.from_machine, "web");
  EXPECT_EQ(create.regions, (std::vector<std::string>{"westeurope=2", "northeurope=1"}));
}

TEST(CommandLine, EveryCommandOfMachinesHasHelpWithAnExample) {
  const std::pair<const char*, std::vector<const char*>> families[] = {
      {"vm",
       {"create", "list", "show", "start", "stop", "deallocate", "restart", "generalize", "delete",
        "console", "screenshot", "ssh", "sizes"}},
      {"image", {"create", "list", "show", "delete"}},
      {"snapshot", {"create", "list", "delete"}},
      {"version", {"create"}}};
  for (const auto& [family, commands] : families) {
    for (const char* command : commands) {
      const auto help = parsed<PrintText>({family, command, "--help"});
      EXPECT_NE(help.text.find(std::string("pinaco ") + family + " " + command), std::string::npos);
      EXPECT_NE(help.text.find("Examples"), std::string::npos) << family << " " << command;
    }
  }
}

TEST(CommandLine, PrintsItsVersion) {
  EXPECT_EQ(parsed<PrintText>({"version"}).text, "pinaco 0.1.0\n");
  EXPECT_EQ(parsed<PrintText>({"--version"}).text, "pinaco 0.1.0\n");
}

TEST(CommandLine, GivesServeItsOptions) {
  const auto serve = parsed<ServeOptions>(
      {"serve", "--data", "d", "--port", "0", "--credentials-file", "c", "--reset-administrator"});
  EXPECT_EQ(serve.data_folder, "d");
  EXPECT_EQ(serve.port, 0);
  EXPECT_EQ(serve.credentials_file, "c");
  EXPECT_TRUE(serve.reset_administrator);
  EXPECT_EQ(serve.address, "127.0.0.1");
}

// What bash offers after the words, the last of which is being typed.
std::string offered(const std::vector<std::string>& words) {
  const auto script = parsed<PrintText>({"completion", "bash"});
  std::string command = script.text + "\nCOMP_WORDS=(";
  for (const auto& word : words) command += "'" + word + "' ";
  command +=
      "); COMP_CWORD=" + std::to_string(words.size() - 1) + "; _pinaco; echo \"${COMPREPLY[@]}\"";
  std::string quoted;
  for (const char c : command) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  std::FILE* pipe = popen(("bash -c '" + quoted + "'").c_str(), "r");
  if (pipe == nullptr) return "no bash";
  char buffer[4096] = {};
  const auto size = std::fread(buffer, 1, sizeof buffer - 1, pipe);
  pclose(pipe);
  return {buffer, size};
}

TEST(Completion, OffersCommandsOptionsAndChoicesInBash) {
  EXPECT_EQ(offered({"pinaco", "pu"}), "push pull\n");
  EXPECT_EQ(offered({"pinaco", "push", "--gal"}), "--gallery\n");
  EXPECT_EQ(offered({"pinaco", "pull", "--format", "q"}), "qcow2\n");
  EXPECT_EQ(offered({"pinaco", "completion", "f"}), "fish\n");
}

TEST(Completion, OffersTheSecondWordsOfACommandOfSeveral) {
  const auto words = offered({"pinaco", "app", ""});
  EXPECT_NE(words.find("secret"), std::string::npos) << words;
  EXPECT_NE(words.find("create"), std::string::npos) << words;
  EXPECT_NE(offered({"pinaco", "app", "secret", "add", "--da"}).find("--days"), std::string::npos);
}

TEST(Completion, OffersTheCommandsOfMachines) {
  const auto words = offered({"pinaco", "vm", ""});
  EXPECT_NE(words.find("screenshot"), std::string::npos) << words;
  EXPECT_NE(offered({"pinaco", "vm", "create", "--data-"}).find("--data-disk-gb"),
            std::string::npos);
  EXPECT_EQ(offered({"pinaco", "version", "cr"}), "create\n");
}

TEST(Completion, KnowsThreeShells) {
  const CommandHelp list{.name = "list",
                         .description = "It's a list",
                         .options = {{.names = {"-o", "--output"},
                                      .description = "Output",
                                      .takes_value = true,
                                      .choices = {"table", "json"}}}};
  const auto fish = completion_script("fish", {{list}});
  ASSERT_TRUE(fish);
  EXPECT_NE(fish->find("-s o -l output -r -f -a 'table json'"), std::string::npos) << *fish;
  EXPECT_NE(fish->find("'It\\'s a list'"), std::string::npos);
  EXPECT_TRUE(completion_script("zsh", {{list}}));
  EXPECT_FALSE(completion_script("csh", {{list}}));
}

}  // namespace
}  // namespace pinaco::app
