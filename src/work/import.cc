// Uploads become stored disks: the VHD is checked, its new blocks are stored in the disk's region,
// and then the disk's row says so.
#include <fmt/format.h>

#include "base/log.h"
#include "blob/blob.h"
#include "os/lanes.h"
#include "work/guests.h"

namespace pinaco::work {
namespace {

// An empty disk of some size.
class ZeroDisk final : public DiskReader {
 public:
  explicit ZeroDisk(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Result<> read(std::uint64_t, MutableBytes into) const override {
    std::ranges::fill(into, std::uint8_t{0});
    return {};
  }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    if (length == 0) return std::vector<Extent>{};
    return std::vector<Extent>{{.offset = offset, .length = length, .zero = true}};
  }

 private:
  std::uint64_t size_bytes_;
};

// Puts the percentage into the operation's row, now and then.
store::Progress percent_into(Bench& bench, const model::Operation& operation) {
  struct State {
    std::mutex mutex;
    SteadyTime written;
  };
  auto state = std::make_shared<State>();
  return [&bench, operation, state](std::uint64_t done, std::uint64_t total) {
    if (bench.ending) return false;
    const auto now = bench.model.clock().steady();
    {
      const std::lock_guard lock(state->mutex);
      if (now - state->written < bench.options.progress_every) return true;
      state->written = now;
    }
    const auto percent = total == 0 ? 0 : done * 100 / total;
    const auto wrote =
        bench.model.change(operation.resource.subscription, [&](model::Change& change) -> Result<> {
          auto row = TRY(change.find_operation(operation.id));
          if (!row || row->state != model::OperationState::in_progress) return {};
          set_path(row->input, "percent", std::min<std::uint64_t>(percent, 99));
          return change.put_operation(*row);
        });
    if (!wrote) LOG(warning, "work", "progress was not written: {}", wrote.error().message);
    return true;
  };
}

Json content_from(const store::Written& written, std::uint64_t size_bytes, double seconds) {
  return JsonObject{{"manifest", written.manifest.hex()},
                    {"image", written.image.hex()},
                    {"sizeBytes", size_bytes},
                    {"blocks", written.blocks},
                    {"dataBlocks", written.data_blocks},
                    {"newBlocks", written.new_blocks},
                    {"storedBytes", written.stored_bytes},
                    {"importSeconds", seconds}};
}

Result<> store_disk(Bench& bench, const model::Operation& operation, const model::Resource& disk,
                    const DiskReader& reader) {
  const auto region = bench.depot.find_region(disk.location);
  if (region == nullptr) {
    return fail(Kind::invalid, fmt::format("This server has no region '{}'.", disk.location));
  }
  const auto start = bench.model.clock().steady();
  const auto written = TRY(region->write(
      reader, {.parents = {}, .lanes = 2, .progress = percent_into(bench, operation)}));
  const double seconds =
      std::chrono::duration<double>(bench.model.clock().steady() - start).count();
  return bench.model.change(disk.id.subscription, [&](model::Change& change) -> Result<> {
    auto row = TRY(change.get(disk.id));
    set_path(row.internal, "content", content_from(written, reader.size_bytes(), seconds));
    erase_path(row.internal, "upload");
    set_path(row.internal, "created", true);
    set_path(row.properties, "diskState", "Unattached");
    row.provisioning = "Succeeded";
    row.operation.clear();
    TRY(change.put(row));
    return finish(change, operation);
  });
}

// The upload is refused: the disk takes bytes again.
Result<> refuse_upload(Bench& bench, const model::Operation& operation, const Error& error) {
  return bench.model.change(operation.resource.subscription,
                            [&](model::Change& change) -> Result<> {
                              auto row = TRY(change.get(operation.resource));
                              set_path(row.properties, "diskState", "ReadyToUpload");
                              row.provisioning = "Succeeded";
                              row.operation.clear();
                              TRY(change.put(row));
                              auto ended = operation;
                              ended.state = model::OperationState::failed;
                              ended.end = change.now();
                              ended.error_code = arm::error_code(error);
                              ended.error_message = told(bench, error.message);
                              ended.error_target = error.target;
                              return change.put_operation(ended);
                            });
}

}  // namespace

std::shared_ptr<DiskReader> zero_disk(std::uint64_t size_bytes) {
  return std::make_shared<ZeroDisk>(size_bytes);
}

Result<> import_upload(Bench& bench, const model::Operation& operation) {
  const auto disk = TRY(bench.model.get(operation.resource));
  const std::string id(string_at(disk.properties, "uniqueId"));
  const auto size = static_cast<std::uint64_t>(int_at(disk.internal, "upload.bytes"));
  auto source = TRY(bench.depot.uploads().source(id, size));
  const auto opened = format::open_uploaded_vhd(std::move(source));
  if (!opened) {
    if (opened.error().kind != Kind::invalid) return fail(opened.error());
    return refuse_upload(bench, operation, opened.error());
  }
  TRY(store_disk(bench, operation, disk, *opened->disk));
  const auto removed = bench.depot.uploads().remove(id);
  if (!removed)
    LOG(warning, "work", "an upload's file stays for the janitor: {}", removed.error().message);
  return {};
}

Result<Captured> import_blob(Bench& bench, const Json& blob, const std::string& region) {
  const auto place = bench.depot.find_region(region);
  if (place == nullptr) {
    return fail(Kind::invalid, fmt::format("This server has no region '{}'.", region));
  }
  const auto changed = [&] {
    return fail(arm::error(
        Kind::conflict, "Conflict",
        fmt::format("The blob {} was written to or deleted while it was being imported. Leave it "
                    "alone until the operation has ended, and try again.",
                    string_at(blob, "uri"))));
  };
  const auto find_row = [&]() -> Result<std::optional<blob::Blob>> {
    std::optional<blob::Blob> row;
    TRY(bench.model.read(
        std::string(string_at(blob, "subscription")), [&](const model::View& view) -> Result<> {
          row = TRY(blob::find_blob(view, string_at(blob, "container"), string_at(blob, "name")));
          return {};
        }));
    if (row && row->etag != string_at(blob, "etag")) row.reset();
    return row;
  };
  const auto named = TRY(find_row());
  if (!named) return changed();
  const Uploads::Watch watch(bench.depot.blobs(), named->id);
  const auto before = TRY(find_row());
  if (!before || before->id != named->id) return changed();
  auto source = TRY(bench.depot.blobs().source(before->id, before->size_bytes));
  const auto opened = format::open_uploaded_vhd(std::move(source));
  if (!opened) {
    auto error = opened.error();
    error.message = fmt::format("The blob {}: {}", string_at(blob, "uri"), error.message);
    return fail(std::move(error));
  }
  const auto start = bench.model.clock().steady();
  auto written = TRY(place->write(
      *opened->disk,
      {.parents = {}, .lanes = 2, .progress = [&](auto, auto) { return !bench.ending.load(); }}));
  // Asked before the row is: a write that begins in between comes too late for what was read.
  if (!watch.row_tells_all() || !TRY(find_row())) return changed();
  const double seconds =
      std::chrono::duration<double>(bench.model.clock().steady() - start).count();
  auto content = content_from(written, opened->disk->size_bytes(), seconds);
  return Captured{.content = std::move(content), .pin = std::move(written.pin)};
}

Result<> write_empty_disk(Bench& bench, const model::Operation& operation) {
  const auto disk = TRY(bench.model.get(operation.resource));
  return store_disk(bench, operation, disk,
                    ZeroDisk(static_cast<std::uint64_t>(int_at(disk.properties, "diskSizeBytes"))));
}

}  // namespace pinaco::work
