// Reading a version into a file.
#include "app/pull.h"

#include <fmt/format.h>

#include "app/link_disk.h"
#include "app/reference.h"
#include "base/text.h"
#include "os/files.h"
#include "store/store.h"

namespace pinaco::app {
namespace {

struct Link {
  std::string url;
  std::uint64_t size_bytes = 0;
  std::string digest;
};

Result<Link> get_link(Connection& connection, const arm::ResourceId& id,
                      const std::string& region) {
  Json body = JsonObject{{"id", id.text()}};
  if (!region.empty()) set_path(body, "region", arm::normalize_location(region));
  const auto reply = TRY(connection.run("POST", "/pinaco/v1/links", &body));
  Link link{.url = std::string(string_at(reply, "accessSAS")),
            .size_bytes = static_cast<std::uint64_t>(int_at(reply, "sizeBytes")),
            .digest = std::string(string_at(reply, "imageDigest"))};
  if (link.url.find('?') == std::string::npos || link.size_bytes == 0) {
    return fail(Kind::unavailable, fmt::format("The server gave no link to {}.", id.nested_name()));
  }
  return link;
}

Result<> write(const PullOptions& options, Connection& connection, const DiskReader& disk,
               Console& console) {
  auto& waiting = connection.patience().waiting;
  const format::WriteOptions how{
      .format = options.format, .progress = [&](std::uint64_t done) {
        console.show({{.label = "downloading", .done = done, .total = disk.size_bytes()}});
        return waiting.check().has_value();
      }};
  auto written = format::write_image(disk, options.file, how);
  console.settle();
  return written;
}

// Reads the file back: what is on this machine's disk is what counts.
Result<> verify(const PullOptions& options, Connection& connection, const std::string& digest,
                Console& console) {
  auto source = TRY(format::open_file(options.file));
  const auto image = TRY(format::open_image(std::move(source), options.format));
  auto& waiting = connection.patience().waiting;
  const auto there = TRY(
      store::image_digest(*image.disk, options.lanes, [&](std::uint64_t done, std::uint64_t total) {
        console.show({{.label = "verifying", .done = done, .total = total}});
        return waiting.check().has_value();
      }));
  console.settle();
  if (iequals(there.hex(), digest)) return {};
  return fail(Kind::corrupt, fmt::format("The file does not hold what was published: its image "
                                         "digest is {}, and that of the version is {}. It was "
                                         "removed; pull again, perhaps from another --region.",
                                         there.hex(), digest));
}

}  // namespace

Result<> pull(const PullOptions& options, Connection& connection, Console& console) {
  const auto started = connection.patience().clock.steady();
  auto reference = TRY(parse_reference(options.name));
  if (!reference.id && reference.definition.empty()) {
    return fail(Kind::invalid, fmt::format("'{}' is a gallery. Name what to pull as "
                                           "GALLERY/DEFINITION or GALLERY/DEFINITION/VERSION.",
                                           options.name));
  }
  if (reference.version.empty()) reference.version = "latest";
  if (TRY(os::exists(options.file))) {
    return fail(Kind::conflict, fmt::format("{} exists and is not overwritten: remove it, or "
                                            "choose another name with -f.",
                                            options.file));
  }
  const auto id = TRY(resolve(connection, reference, options.group));
  const auto link = TRY(get_link(connection, id, options.region));
  const auto blob =
      std::make_shared<PageBlob>(link.url, connection.link_options(), connection.patience());
  const auto disk = TRY(open_link(blob, link.size_bytes, options.lanes));
  TRY(write(options, connection, *disk, console));
  if (auto same = verify(options, connection, link.digest, console); !same) {
    TRY(os::remove_file(options.file));
    return same;
  }
  const auto took =
      std::chrono::duration_cast<Milliseconds>(connection.patience().clock.steady() - started);
  console.print(fmt::format(
      "{} is in {}, bit for bit, after {}.\n  image digest  {}\n  disk          "
      "{}\n",
      id.nested_name(), options.file, time_text(took), link.digest, human_size(link.size_bytes)));
  console.print_json(JsonObject{{"id", id.text()},
                                {"file", options.file},
                                {"format", to_string(options.format)},
                                {"imageDigest", link.digest},
                                {"sizeBytes", link.size_bytes},
                                {"seconds", static_cast<double>(took.count()) / 1000}});
  return {};
}

Result<> pull(const PullOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return pull(options, *connection, console);
}

}  // namespace pinaco::app
