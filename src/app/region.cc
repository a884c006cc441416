// Which implementation stands behind each door, and in which order they start.
#include "app/region.h"

#include <fmt/format.h>
#include <unistd.h>

#include "app/certificates.h"
#include "base/log.h"
#include "base/text.h"
#include "cost/cost.h"
#include "os/files.h"

namespace pinaco::app {
namespace {

Result<std::shared_ptr<store::Region>> open_region(const RegionConfig& config, Clock& clock,
                                                   std::shared_ptr<store::FrameCache> frames) {
  store::RegionOptions options{.name = config.name, .places = {}, .frames = std::move(frames)};
  for (const auto& each : config.stores) {
    TRY(os::make_folders(each.path));
    options.places.push_back({
      .zone = each.zone, .name = each.path, .premium = each.premium,
      .packs = TRY(store::open_folder(each.path, clock))
    });
  }
  return store::Region::open(std::move(options));
}

provider::World world_of(const Config& config) {
  provider::World world;
  world.sizes = config.machines.sizes;
  world.replicas_max = config.replicas_max;
  world.shared_subscriptions_max = static_cast<std::size_t>(config.shared_subscriptions_max);
  world.shared_tenants_max = static_cast<std::size_t>(config.shared_tenants_max);
  world.image_disk_gb_max = config.image_disk_gb_max;
  world.limits = config.limits;
  world.own_limits = config.own_limits;
  world.life = config.life;
  world.prices = config.prices;
  world.eager = config.eager;
  for (const auto& region : config.regions) {
    provider::Location location{
        .name = region.name,
        .display_name = region.display_name,
        .zones = {},
        .premium = std::ranges::any_of(region.stores, &StoreConfig::premium),
        .restricted = region.restricted,
        .geography = region.geography,
        .geography_group = region.geography_group,
        .physical_location = region.physical_location,
        .paired = region.paired,
        .latitude = region.latitude,
        .longitude = region.longitude};
    for (const auto& each : region.stores) {
      const auto& zones = location.zones;
      if (!each.zone.empty() && std::ranges::find(zones, each.zone) == zones.end()) {
        location.zones.push_back(each.zone);
      }
    }
    world.locations.push_back(std::move(location));
  }
  return world;
}

// They may be of one that was removed, whose months are still charged, or a name that is mistyped.
void warn_of_prices(const Config& config) {
  for (const auto& [name, prices] : config.prices.regions) {
    if (std::ranges::find(config.regions, name, &RegionConfig::name) != config.regions.end()) {
      continue;
    }
    LOG(warning, "app",
        "there are prices of a region '{}', and no region of that name: if it was not removed, "
        "mend the name in the file of prices",
        name);
  }
}

// The longest first: some lie in others.
std::vector<std::string> folders_of(const Config& config, const std::string& data) {
  std::vector<std::string> folders{data, config.machines.folder};
  for (const auto& region : config.regions) {
    for (const auto& each : region.stores) folders.push_back(each.path);
  }
  std::ranges::sort(folders, std::ranges::greater(), &std::string::size);
  return folders;
}

// Made once, and private. `otherwise` is what removing it does.
Result<std::string> private_key(const std::string& path, Random& random,
                                std::string_view otherwise) {
  if (TRY(os::exists(path))) {
    auto key = TRY(os::read_file(path, 1024));
    if (key.size() == 32) return key;
    return fail(Kind::corrupt,
                fmt::format("'{}' is not a key. Remove it to make a new one. {}", path, otherwise));
  }
  Bytes key(32);
  random.fill(key);
  TRY(os::write_file_durably(path, key));
  return std::string(as_text(key));
}

// A server that could not start, with what helps.
template <typename T>
Result<T> or_advice(Result<T> started, std::string_view advice) {
  if (!started) started.error().message += fmt::format(". {}", advice);
  return started;
}

// Two scale sets of the largest kind, and as many data disks.
constexpr std::size_t machine_disks_max = 4096;

// Where machines run. QEMU itself is looked for when the first one starts.
Result<std::unique_ptr<work::Host>> open_host(const Config& config, const RunOptions& options,
                                              Random& random,
                                              const std::shared_ptr<std::atomic<bool>>& ending) {
  const MachinesConfig& machines = config.machines;
  if (machines.driver == "off") return std::unique_ptr<work::Host>();
  const bool simulated = machines.driver == "none";
  const std::string overlays = machines.folder + "/disks";
  TRY(os::make_folders(overlays));
  work::HostOptions host{.hypervisor = {}, .simulated = simulated, .disks = {}};
  host.folder = overlays;
  host.disks_socket = machines.folder + "/disks.sock";
  host.addresses = machines.addresses;
  host.provisioning_limit = std::chrono::minutes(machines.report_minutes);
  host.grace = std::chrono::seconds(machines.shutdown_seconds);
  if (simulated) {
    host.hypervisor = TRY(machine::open_none(machines.folder + "/guests"));
  } else {
    machine::HypervisorOptions common;
    common.folder = machines.folder + "/guests";
    common.supervisor = {options.program, "machine"};
    common.stopped = [ending] { return ending->load(); };
    if (machines.driver == "libvirt") {
      machine::LibvirtOptions libvirt;
      libvirt.common = std::move(common);
      libvirt.server = machines.address;
      libvirt.hosts = machines.hosts;
      host.hypervisor = TRY(machine::open_libvirt(std::move(libvirt)));
    } else {
      host.hypervisor = TRY(machine::open_qemu(std::move(common)));
    }
  }
  nbd::ServerOptions disks;
  if (machines.driver == "libvirt") {
    disks.address = machines.address;
    disks.port = static_cast<std::uint16_t>(machines.disks_port);
    host.disks_server = fmt::format("{}:{}", machines.address, machines.disks_port);
    host.disks_key = TRY(private_key(machines.folder + "/disks.key", random,
                                     "Guests that run then lose their disks and are restarted."));
  } else {
    disks.unix_path = host.disks_socket;
  }
  disks.connections_max = machine_disks_max;
  if (auto served = nbd::serve(disks)) {
    host.disks = std::move(*served);
  } else {
    return or_advice(Result<std::unique_ptr<work::Host>>(fail(std::move(served.error()))),
                     "For libvirt, see address and disks_port below [machines].");
  }
  return std::make_unique<work::Host>(std::move(host));
}

std::vector<std::string> certificate_names(const Config& config) {
  std::vector<std::string> names{"localhost", "127.0.0.1"};
  const auto add = [&](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  if (config.address != "0.0.0.0" && config.address != "::") add(config.address);
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) == 0 && host[0] != 0) add(host);
  for (const auto& name : config.names) add(name);
  if (config.proxy.on) {
    for (const auto& name : config.proxy.hosts) add(name);
  }
  return names;
}

// An address at which this process reaches what it listens on.
std::string own_address(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  return address == "::" ? "::1" : address;
}

Result<std::unique_ptr<Proxy>> start_proxy(const Config& config, std::uint16_t server_port) {
  if (!config.proxy.on) return std::unique_ptr<Proxy>();
  return or_advice(Proxy::start({.address = config.proxy.address,
                                 .port = static_cast<std::uint16_t>(config.proxy.port),
                                 .hosts = config.proxy.hosts,
                                 .server_address = own_address(config.address),
                                 .server_port = server_port}),
                   "Another port in [proxy] of the configuration helps.");
}

}  // namespace

void Pinaco::stop() {
  *ending = true;
  if (http) http->stop(Seconds(5));
  if (proxy) proxy->stop();
  if (nbd) nbd->stop();
  if (host) host->disks().stop();
  if (deployments) deployments->stop();
  if (workers) workers->stop();
}

Result<std::unique_ptr<Pinaco>> start(const Config& config, const RunOptions& options, Clock& clock,
                                      Random& random) {
  const std::string& data = options.data_folder;
  TRY(os::make_folders(data));
  auto pinaco = std::make_unique<Pinaco>();
  pinaco->kv = options.in_memory ? kv::open_memory() : TRY(kv::open_sqlite(data + "/pinaco.db"));
  pinaco->model = std::make_unique<model::Model>(*pinaco->kv, clock, random);
  cost::follow(*pinaco->model);
  TRY(pinaco->model->bring_up_to_date());
  TRY(cost::catch_up(*pinaco->model));
  TRY(os::make_folders(data + "/keys"));
  const auto paths =
      TRY(ensure_certificates(data + "/certificates", certificate_names(config), clock, random));
  pinaco->ca_file = paths.ca_file;
  pinaco->identity =
      TRY(identity::Identity::open(*pinaco->model, data + "/keys",
                                   identity::Options{.welcome = access::Access::welcome,
                                                     .issuers = config.issuers,
                                                     .hosts = certificate_names(config),
                                                     .issuer_hosts = config.issuer_hosts}));
  const auto& directory = pinaco->identity->directory();
  pinaco->access = std::make_unique<access::Access>(*pinaco->model, directory);
  if (directory.first_credentials() && options.keep_credentials) {
    TRY(options.keep_credentials(*directory.first_credentials(), pinaco->ca_file));
  }
  pinaco->world = world_of(config);
  warn_of_prices(config);

  std::vector<std::shared_ptr<store::Region>> regions;
  regions.reserve(config.regions.size());
  const auto frames =
      store::make_frame_cache(static_cast<std::uint64_t>(config.frame_cache_mib) << 20);
  for (const auto& each : config.regions) {
    regions.push_back(TRY(open_region(each, clock, frames)));
  }
  auto uploads = TRY(work::Uploads::open(data + "/uploads"));
  auto blobs = TRY(work::Uploads::open(data + "/blobs"));
  pinaco->depot =
      std::make_unique<work::Depot>(std::move(regions), std::move(uploads), std::move(blobs));
  pinaco->host = TRY(open_host(config, options, random, pinaco->ending));
  auto work = options.work;
  work.folders = folders_of(config, data);
  pinaco->lifecycle = std::make_unique<lifecycle::Lifecycle>(*pinaco->model, pinaco->world);
  pinaco->cascade = std::make_unique<lifecycle::Cascade>(*pinaco->model, work.attempts_max);
  work.other_tasks[std::string(lifecycle::cascade_task)] = [cascade = pinaco->cascade.get()](
                                                               const model::Operation& operation,
                                                               const std::atomic<bool>& ending) {
    return cascade->run(operation, ending);
  };
  work.before_sweep = [life = pinaco->lifecycle.get(),
                       model = pinaco->model.get()](const std::atomic<bool>& ending) -> Result<> {
    const auto done = life->run_all(ending);
    TRY(cost::forget_old(*model, ending));
    return done;
  };
  pinaco->workers = std::make_unique<work::Workers>(*pinaco->model, *pinaco->depot, std::move(work),
                                                    pinaco->host.get());
  pinaco->deployments =
      std::make_unique<deploy::Deployments>(*pinaco->model, *pinaco->access, options.deployments);
  nbd::ServerOptions nbd;
  nbd.address = config.address;
  nbd.port = static_cast<std::uint16_t>(config.nbd_port);
  if (auto served = nbd::serve(nbd)) {
    pinaco->nbd = std::move(*served);
  } else {
    return or_advice(Result<std::unique_ptr<Pinaco>>(fail(std::move(served.error()))),
                     "Another nbd_port in the configuration helps.");
  }
  const auto link_key = TRY(private_key(data + "/keys/links.key", random,
                                        "Links that were given out so far then stop working."));
  pinaco->front =
      TRY(front::Front::open({.model = *pinaco->model,
                              .identity = *pinaco->identity,
                              .access = *pinaco->access,
                              .world = pinaco->world,
                              .depot = *pinaco->depot,
                              .workers = *pinaco->workers,
                              .deployments = *pinaco->deployments,
                              .lifecycle = *pinaco->lifecycle,
                              .cascade = *pinaco->cascade,
                              .host = pinaco->host.get(),
                              .nbd = *pinaco->nbd,
                              .nbd_host = config.address == "0.0.0.0" ? "" : config.address,
                              .link_key = link_key,
                              .link_hosts = config.links.hosts,
                              .link_ca_file = config.links.ca_file}));

  pinaco->workers->start();
  TRY(pinaco->deployments->start(
      [front = pinaco->front.get()](const deploy::Request& request) {
        return front->perform(request);
      },
      [front = pinaco->front.get()](const deploy::Link& link) { return front->fetch(link); }));
  auto http = http::serve(
      {.address = config.address,
       .port = static_cast<std::uint16_t>(config.port),
       .certificate_file = paths.certificate_file,
       .key_file = paths.key_file,
       .body_bytes_max = front::Front::body_bytes_max},
      [front = pinaco->front.get()](http::Request& request) { return front->answer(request); });
  pinaco->http = TRY(or_advice(std::move(http), "Another --port helps."));
  pinaco->proxy = TRY(start_proxy(config, pinaco->http->port()));
  return pinaco;
}

}  // namespace pinaco::app
