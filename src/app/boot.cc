// Booting from the server: a managed disk from the version, an NBD export of it, a guest. Whatever
// happens, export and disk are taken away again.
#include "app/boot.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "app/reference.h"
#include "base/text.h"
#include "machine/machine.h"

namespace pinaco::app {
namespace {

// Removes a folder with what the guest left in it.
class WorkFolder {
 public:
  static Result<std::unique_ptr<WorkFolder>> make() {
    std::string path = (std::filesystem::temp_directory_path() / "pinaco-boot-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) {
      return fail(system_error("making a temporary folder for the guest", errno));
    }
    return std::make_unique<WorkFolder>(std::move(path));
  }
  explicit WorkFolder(std::string path) : path_(std::move(path)) {}
  ~WorkFolder() {
    std::error_code ignored;  // a folder too many in /tmp is no reason to fail
    std::filesystem::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Boot {
 public:
  Boot(const BootOptions& options, Connection& connection, Console& console)
      : options_(options), connection_(connection), console_(console) {}

  Result<> run();
  // Takes away what was made, over a connection that can no longer be stopped.
  Result<> put_away(Connection& connection);

 private:
  Result<> find();
  Result<> make_disk();
  Result<> make_export();
  void report(const machine::BootReport& booted, std::uint64_t bytes_read);

  const BootOptions& options_;
  Connection& connection_;
  Console& console_;
  arm::ResourceId source_;  // the version or disk that was asked for
  arm::ResourceId booted_;  // what is exported
  std::string region_;
  bool uefi_ = false;
  bool disk_made_ = false;
  std::string export_;
  std::string uri_;
  std::uint64_t size_bytes_ = 0;
};

Result<> Boot::find() {
  if (!options_.disk.empty()) {
    const std::string group = options_.group.empty() ? "pinaco" : options_.group;
    source_ = options_.disk.starts_with('/') ? TRY(arm::ResourceId::parse(options_.disk))
                                             : disk_id(connection_, group, options_.disk);
  } else {
    auto reference = TRY(parse_reference(options_.name));
    if (!reference.id && reference.definition.empty()) {
      return fail(Kind::invalid, fmt::format("'{}' is a gallery. Name what to boot as "
                                             "GALLERY/DEFINITION or GALLERY/DEFINITION/VERSION.",
                                             options_.name));
    }
    if (reference.version.empty()) reference.version = "latest";
    source_ = TRY(resolve(connection_, reference, options_.group));
  }
  booted_ = source_;
  const auto shown = TRY(connection_.get(path_of(source_)));
  region_ = arm::normalize_location(options_.region.empty() ? string_at(shown, "location")
                                                            : std::string_view(options_.region));
  Json hardware = shown;  // a disk says itself what a version leaves to its definition
  if (source_.types.size() == 3) hardware = TRY(connection_.get(path_of(source_.parent())));
  uefi_ = iequals(string_at(hardware, "properties.hyperVGeneration"), "V2");
  return {};
}

Result<> Boot::make_disk() {
  if (source_.types.size() != 3 || options_.direct) return {};
  auto disk = disk_id(connection_, source_.group, "boot-" + system_random().hex(4));
  disk.subscription = source_.subscription;
  const Json body = JsonObject{
      {"location", region_},
      {"sku", JsonObject{{"name", "Standard_LRS"}}},
      {"properties",
       JsonObject{{"creationData",
                   JsonObject{{"createOption", "FromImage"},
                              {"galleryImageReference", JsonObject{{"id", source_.text()}}}}}}}};
  booted_ = disk;
  disk_made_ = true;  // also when the answer is lost
  TRY(connection_.run("PUT", path_of(disk), &body));
  return {};
}

Result<> Boot::make_export() {
  const Json body = JsonObject{{"id", booted_.text()}, {"region", region_}};
  const auto made = TRY(connection_.run("POST", "/pinaco/v1/exports", &body));
  export_ = string_at(made, "name");
  uri_ = string_at(made, "uri");
  size_bytes_ = static_cast<std::uint64_t>(int_at(made, "sizeBytes"));
  if (!export_.empty() && !uri_.empty()) return {};
  return fail(Kind::unavailable,
              fmt::format("The server gave no export of {}.", booted_.nested_name()));
}

void Boot::report(const machine::BootReport& booted, std::uint64_t bytes_read) {
  const auto name = source_.nested_name();
  console_.print(fmt::format(
      "{} boots in {}: \"{}\" after {} ({}).\n  read     {} of {}\n  written  {}\n", name, region_,
      options_.until, time_text(booted.until_text), machine::to_string(booted.accelerator),
      human_size(bytes_read), human_size(size_bytes_), human_size(booted.overlay_bytes)));
  console_.print_json(JsonObject{{"id", source_.text()},
                                 {"region", region_},
                                 {"accelerator", machine::to_string(booted.accelerator)},
                                 {"seconds", static_cast<double>(booted.until_text.count()) / 1000},
                                 {"bytesRead", bytes_read},
                                 {"bytesWritten", booted.overlay_bytes},
                                 {"sizeBytes", size_bytes_}});
}

Result<> Boot::run() {
  const auto folder = TRY(WorkFolder::make());
  const auto accelerator = TRY(machine::find_accelerator());  // before anything is made
  TRY(find());
  TRY(make_disk());
  TRY(make_export());
  console_.note(fmt::format("Booting {} in {} with {}; waiting for \"{}\".", source_.nested_name(),
                            region_, machine::to_string(accelerator), options_.until));
  auto& waiting = connection_.patience().waiting;
  machine::BootOptions how{.nbd_uri = uri_,
                           .work_folder = folder->path(),
                           .disk_bytes = size_bytes_,
                           .memory_mib = static_cast<unsigned>(options_.memory_mib),
                           .cpus = static_cast<unsigned>(options_.cpus),
                           .uefi = uefi_,
                           .limit = options_.timeout,
                           .until = options_.until,
                           .stopped = [&] { return !waiting.check(); }};
  if (options_.show_console) {
    how.console = [&](std::string_view text) { console_.copy(text); };
  }
  const auto booted = TRY(machine::boot(how));
  if (options_.show_console) console_.note("");
  const auto told = TRY(connection_.get("/pinaco/v1/exports/" + export_));
  report(booted, static_cast<std::uint64_t>(int_at(told, "bytesRead")));
  return {};
}

Result<> Boot::put_away(Connection& connection) {
  Result<> done;
  if (!export_.empty()) done = connection.remove("/pinaco/v1/exports/" + export_);
  if (disk_made_) {
    auto removed = connection.remove(path_of(booted_));
    if (done && !removed) done = std::move(removed);
  }
  if (!done) {
    done.error().message =
        fmt::format("What was made for booting could not be taken away again: {} The disk is {}.",
                    done.error().message, booted_.text());
  }
  return done;
}

}  // namespace

Result<> boot(const BootOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  Boot boot(options, *connection, console);
  const auto done = boot.run();
  const auto regardless = wait_regardless();
  Connection last(connection->login(),
                  {.clock = system_clock(), .waiting = *regardless, .retry_for = Seconds(10)});
  const auto away = boot.put_away(last);
  if (!done && !away) console.note("Note: " + away.error().message);
  return done ? away : done;
}

}  // namespace pinaco::app
