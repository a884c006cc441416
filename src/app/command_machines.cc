#include "app/command_machines.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/text.h"

namespace pinaco::app {
namespace {

class Builder {
 public:
  Builder(CLI::App& root, MachineOptions& options,
          const std::function<void(CLI::App&, const std::string&)>& add_leaf)
      : root_(root), options_(options), add_leaf_(add_leaf) {}

  void add_machines();
  void add_sets();
  void add_images();
  void add_snapshots();
  CLI::App& add_version();

 private:
  CLI::App& family(const std::string& name, const std::string& about) {
    auto* made = root_.add_subcommand(name, about);
    made->require_subcommand(1);
    made->footer("A command's own --help explains it, with examples.");
    return *made;
  }
  CLI::App& leaf(CLI::App& above, const std::string& name, const std::string& about,
                 const std::string& examples) {
    auto* made = above.add_subcommand(name, about);
    made->footer("Examples:\n" + examples);
    add_leaf_(*made, above.get_name() + " " + name);
    return *made;
  }
  void name(CLI::App& app, const std::string& what = "NAME, GROUP/NAME or a resource id") {
    app.add_option("name", options_.name, what)->required();
  }
  void group(CLI::App& app, const std::string& otherwise = "looked for") {
    app.add_option("-g,--group", options_.group, "Resource group (" + otherwise + ")");
  }
  void yes(CLI::App& app) { app.add_flag("--yes", options_.yes, "Really delete"); }
  void tags(CLI::App& app) {
    app.add_option("--tag", options_.tags, "Tag NAME=VALUE; may be repeated")
        ->allow_extra_args(false);
  }
  void add_create(CLI::App& vm);
  void add_first_start(CLI::App& create);
  void add_power(CLI::App& vm);
  void add_reach(CLI::App& vm);

  CLI::App& root_;
  MachineOptions& options_;
  const std::function<void(CLI::App&, const std::string&)>& add_leaf_;
};

// Refuses a word that is none of these.
CLI::Validator one_of(const std::vector<std::string>& words) {
  return CLI::Validator(
      [words](const std::string& given) {
        for (const auto& word : words) {
          if (iequals(word, given)) return std::string();
        }
        return "'" + given + "' is not one of: " + join(words, ", ");
      },
      "");
}

void Builder::add_create(CLI::App& vm) {
  auto& create = leaf(
      vm, "create", "Make a machine from an image, with a network and an address, and start it.",
      "  pinaco vm create web --image linux/debian-12\n"
      "  pinaco vm create web --image linux/debian-12/1.0.0 --size Standard_B2s \\\n"
      "      --open-port 80,443 --data-disk-gb 32 --tag project=shop\n"
      "  pinaco vm create db --image base --password-file secret.txt --public-ip no\n\n"
      "What it needs is made when it is not there, with the names that `az vm create` gives: the\n"
      "group, NAMENSG with SSH open, NAMEPublicIP, NAMEVNET (unless the group has a network) and\n"
      "NAMEVMNic. A command that was stopped goes on when it is run again.");
  name(create, "NAME or GROUP/NAME");
  create
      .add_option("--image", options_.image,
                  "GALLERY/DEFINITION[/VERSION], a managed image's name, or an image's id")
      ->required();
  group(create, "pinaco");
  create.add_option("--location", options_.location, "Region (the image's)");
  create.add_option("--size", options_.size, "Size; `pinaco vm sizes` lists them")
      ->capture_default_str();
  create
      .add_option("--data-disk-gb", options_.data_disks_gb,
                  "Empty data disks of so many GiB, with commas between")
      ->delimiter(',')
      ->check(CLI::Range(1, 32767));
  create.add_option("--os-disk-type", options_.os_disk_type,
                    "Storage of its disks, for example Standard_LRS (the size's best)");
  create.add_option("--open-port", options_.open_ports, "Ports to open besides that of the login")
      ->delimiter(',')
      ->check(CLI::Range(1, 65'535));
  create.add_option("--public-ip", options_.public_ip, "Whether it gets a public address: yes, no")
      ->capture_default_str()
      ->check(one_of({"yes", "no"}));
  create.add_flag("--eager", options_.eager,
                  "Start where the version is not complete yet; what is missing is fetched when it "
                  "is read");
  tags(create);
  add_first_start(create);
}

void Builder::add_first_start(CLI::App& create) {
  const std::string heading = "Its first start, of a generalized image";
  create.add_option("--admin-user", options_.user, "Name of its user (azureuser)")->group(heading);
  create
      .add_option("--ssh-key", options_.key_file,
                  "Public key that logs in (~/.ssh/id_ed25519.pub, id_rsa.pub or id_ecdsa.pub)")
      ->group(heading);
  create
      .add_option("--password-file", options_.password_file,
                  "File with a password that logs in, - for standard input (a key does)")
      ->group(heading);
  create.add_option("--custom-data", options_.custom_data_file, "File for cloud-init, once")
      ->group(heading);
  create.add_option("--user-data", options_.user_data_file, "File that the guest may always read");
  create.add_flag("--specialized", options_.specialized,
                  "The image has its users already (as its definition says)");
}

void Builder::add_power(CLI::App& vm) {
  struct Action {
    const char* name;
    const char* about;
  };
  for (const auto& [action, about] :
       {Action{"start", "Switch a machine on."},
        {"stop", "Press its power button. It keeps its memory and its place."},
        {"deallocate", "Switch it off and give back its memory; its disks are stored."},
        {"restart", "Start it again."},
        {"generalize",
         "Declare that a stopped machine has no identity of its own any more, so that "
         "images can be made of it. It cannot be started afterwards."}}) {
    auto& app = leaf(vm, action, about, "  pinaco vm " + std::string(action) + " web");
    name(app);
    group(app);
    if (std::string_view(action) == "stop") {
      app.add_flag("--force", options_.force, "Do not wait for the guest to shut down");
    }
  }
  auto& erase =
      leaf(vm, "delete", "Delete a machine and its OS disk. Data disks stay, to be attached again.",
           "  pinaco vm delete web            says what would go\n"
           "  pinaco vm delete web --with-network --yes");
  name(erase);
  group(erase);
  erase.add_flag("--with-network", options_.with_network,
                 "Also the card, address, security group and network that were made for it");
  yes(erase);
}

void Builder::add_reach(CLI::App& vm) {
  auto& console = leaf(vm, "console", "Print what a machine has said on its serial console.",
                       "  pinaco vm console web\n  pinaco vm console web --follow");
  name(console);
  group(console);
  console.add_flag("--follow", options_.follow, "Go on with what it says, until Ctrl-C");
  console.add_flag("--raw", options_.raw, "With the sequences that steer a terminal");
  auto& picture = leaf(vm, "screenshot", "Save a picture of a machine's screen.",
                       "  pinaco vm screenshot web -f web.png");
  name(picture);
  group(picture);
  picture.add_option("-f,--file", options_.file, "PNG file to write")->required();
  auto& ssh = leaf(vm, "ssh", "Log in at a machine, or run a command on it.",
                   "  pinaco vm ssh web\n  pinaco vm ssh web -- uname -a\n\n"
                   "Runs ssh, with a file of known hosts of its own beside the login.");
  name(ssh);
  ssh.add_option("command", options_.words, "Command to run, after --");
  group(ssh);
  ssh.add_option("--admin-user", options_.user, "User to log in as (the one it was made for)");
  ssh.add_option("--ssh-key", options_.key_file, "Private key to log in with (what ssh chooses)");
}

void Builder::add_machines() {
  auto& vm = family("vm", "Virtual machines: start images on the server, and log in.");
  add_create(vm);
  auto& list = leaf(vm, "list", "List machines: state, address, image.",
                    "  pinaco vm list\n  pinaco vm list --all -o json");
  group(list, "all");
  list.add_flag("--all", options_.all, "Of every subscription that you may see");
  auto& show = leaf(vm, "show",
                    "Show a machine: state, image with its version, addresses, disks, and what "
                    "its guest has reported.",
                    "  pinaco vm show web\n  pinaco vm show web -o json | jq -r .addresses.public");
  name(show);
  group(show);
  add_power(vm);
  add_reach(vm);
  auto& sizes = leaf(vm, "sizes", "List the sizes that machines can have.", "  pinaco vm sizes");
  sizes.add_option("--location", options_.location, "Region (the server's first)");
}

void Builder::add_sets() {
  auto& set = family("scale-set", "Scale sets: many machines of one image.");
  const auto count = [&](CLI::App& app) {
    return app.add_option("--count", options_.count, "How many machines")
        ->check(CLI::Range(0, 1000));
  };
  auto& create = leaf(set, "create", "Make a scale set, with what it needs around it.",
                      "  pinaco scale-set create web --image linux/debian-12 --count 3\n\n"
                      "Makes NAMENSG with SSH open and NAMEVNET, unless the group has a network.");
  name(create, "NAME or GROUP/NAME");
  create
      .add_option("--image", options_.image,
                  "GALLERY/DEFINITION[/VERSION], a managed image's name, or an image's id")
      ->required();
  count(create)->capture_default_str();
  group(create, "pinaco");
  create.add_option("--location", options_.location, "Region (the image's)");
  create.add_option("--size", options_.size, "Size; `pinaco vm sizes` lists them")
      ->capture_default_str();
  create.add_option("--os-disk-type", options_.os_disk_type,
                    "Storage of its disks, for example Standard_LRS (the size's best)");
  create.add_flag("--flexible", options_.flexible, "Its machines are virtual machines (Flexible)");
  create.add_option("--open-port", options_.open_ports, "Ports to open besides that of the login")
      ->delimiter(',')
      ->check(CLI::Range(1, 65'535));
  create
      .add_option("--public-ip", options_.public_ip,
                  "Whether each machine gets a public address: yes, no")
      ->capture_default_str()
      ->check(one_of({"yes", "no"}));
  tags(create);
  add_first_start(create);
  group(leaf(set, "list", "List scale sets.", "  pinaco scale-set list"), "all");
  auto& show =
      leaf(set, "show", "Show a scale set and its machines.", "  pinaco scale-set show web");
  name(show);
  group(show);
  auto& scale = leaf(set, "scale", "Make a scale set larger or smaller.",
                     "  pinaco scale-set scale web --count 10");
  name(scale);
  group(scale);
  count(scale)->required();
  auto& upgrade = leaf(set, "upgrade",
                       "Make all machines anew from the set's image. What they wrote to their OS "
                       "disks is lost.",
                       "  pinaco scale-set upgrade web --image linux/debian-12/2.0.0\n"
                       "  pinaco scale-set upgrade web --rolling     a batch after the other");
  name(upgrade);
  group(upgrade);
  upgrade.add_option("--image", options_.image, "Another image (the set's own, looked up again)");
  upgrade.add_flag("--rolling", options_.rolling,
                   "In batches, as the set's upgrade policy says (20 %)");
  auto& erase = leaf(set, "delete", "Delete a scale set with its machines and their disks.",
                     "  pinaco scale-set delete web            says what would go\n"
                     "  pinaco scale-set delete web --with-network --yes");
  name(erase);
  group(erase);
  erase.add_flag("--with-network", options_.with_network,
                 "Also the security group and network that were made for it");
  yes(erase);
}

void Builder::add_images() {
  auto& image = family("image", "Managed images: machines' disks under a name, without versions.");
  auto& create = leaf(image, "create", "Make an image of a generalized machine, or of a disk.",
                      "  pinaco vm generalize web\n  pinaco image create base --from-vm web\n"
                      "  pinaco vm create next --image base");
  name(create, "NAME or GROUP/NAME");
  create.add_option("--from-vm", options_.from_machine, "A generalized machine");
  create.add_option("--from-disk", options_.from_disk, "A disk with a generalized system");
  group(create, "the source's");
  create.add_option("--os-type", options_.os_type, "Of a disk that does not say it (Linux)")
      ->check(one_of({"Linux", "Windows"}));
  create.add_option("--generation", options_.generation, "Of a disk that does not say it (V1)")
      ->check(one_of({"V1", "V2"}));
  tags(create);
  group(leaf(image, "list", "List managed images.", "  pinaco image list"), "all");
  auto& show = leaf(image, "show", "Show a managed image.", "  pinaco image show base");
  name(show);
  group(show);
  auto& erase =
      leaf(image, "delete", "Delete a managed image.", "  pinaco image delete base --yes");
  name(erase);
  group(erase);
  yes(erase);
}

void Builder::add_snapshots() {
  auto& snapshot = family("snapshot", "Snapshots: copies of disks, also while machines run.");
  auto& create = leaf(snapshot, "create", "Copy a disk as it is now.",
                      "  pinaco vm show web              names its disks\n"
                      "  pinaco snapshot create before-upgrade --disk web_OsDisk_1_0f7c");
  name(create, "NAME or GROUP/NAME");
  create.add_option("--disk", options_.from_disk, "The disk: NAME, GROUP/NAME or its id")
      ->required();
  group(create, "the disk's");
  tags(create);
  group(leaf(snapshot, "list", "List snapshots.", "  pinaco snapshot list"), "all");
  auto& erase = leaf(snapshot, "delete", "Delete a snapshot.",
                     "  pinaco snapshot delete before-upgrade --yes");
  name(erase);
  group(erase);
  yes(erase);
}

CLI::App& Builder::add_version() {
  auto* version = root_.add_subcommand(
      "version", "Print the version of this program; `version create` makes one of an image.");
  auto& create = leaf(*version, "create",
                      "Make a version of a machine, an image, a disk, a snapshot or another "
                      "version. The definition is made when it is not there.",
                      "  pinaco version create linux/web/1.0.0 --from-vm web\n"
                      "  pinaco version create linux/web/1.0.1 --from-snapshot fixed \\\n"
                      "      --target-region westeurope=2 --target-region northeurope=1\n"
                      "  pinaco version create linux/stable/2.0.0 --from-version linux/web/1.0.1");
  name(create, "GALLERY/DEFINITION/VERSION");
  create.add_option("--from-vm", options_.from_machine, "A machine, with its data disks");
  create.add_option("--from-image", options_.from_image, "A managed image");
  create.add_option("--from-disk", options_.from_disk, "A disk");
  create.add_option("--from-snapshot", options_.from_snapshot, "A snapshot");
  create.add_option("--from-version", options_.from_version, "GALLERY/DEFINITION[/VERSION]");
  create
      .add_option("--target-region,--regions", options_.regions,
                  "NAME[=REPLICAS[=STORAGE]] (the home region); may be repeated")
      ->allow_extra_args(false);
  create.add_option("--replicas", options_.replicas, "Replicas where a region names none")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  create.add_option("--location", options_.location, "Home region (the definition's)");
  create.add_flag("--exclude-from-latest", options_.exclude_from_latest,
                  "Not to be taken for the latest version");
  create.add_option("--end-of-life", options_.end_of_life,
                    "Date after which it should not be used");
  create.add_flag("--specialized", options_.specialized,
                  "A definition that is made says that its disks have users already");
  group(create, "the gallery's, or pinaco");
  return *version;
}

}  // namespace

CLI::App& add_machine_commands(CLI::App& root, MachineOptions& options,
                               const std::function<void(CLI::App&, const std::string&)>& add_leaf) {
  Builder builder(root, options, add_leaf);
  builder.add_machines();
  builder.add_sets();
  builder.add_images();
  builder.add_snapshots();
  return builder.add_version();
}

}  // namespace pinaco::app
