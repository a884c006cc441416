// A push step by step. Nothing but the server remembers how far it came.
#include "app/push.h"

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "app/padded_disk.h"
#include "app/push_disk.h"
#include "app/push_target.h"
#include "app/push_upload.h"
#include "app/push_version.h"
#include "app/report.h"
#include "base/text.h"
#include "store/store.h"

namespace pinaco::app {
namespace {

constexpr std::size_t disk_name_max = 80;

class Push {
 public:
  Push(const PushOptions& options, Connection& connection, Console& console)
      : options_(options),
        connection_(connection),
        console_(console),
        started_(connection.patience().clock.steady()) {}

  Result<> run();

 private:
  Result<> open();
  Result<> fill_disk();
  Result<> upload(DiskFound found);
  Result<> import();
  Result<> compare_disk();
  Result<> finish(bool was_there);
  Result<> note_digest();
  Result<> remove_upload();
  UploadDisk upload_disk() const;
  Error explain(Error error) const;
  void report(const Json& contents, bool was_there);

  const PushOptions& options_;
  Connection& connection_;
  Console& console_;
  const SteadyTime started_;
  format::Opened image_;
  std::unique_ptr<PaddedDisk> disk_;
  PushTarget target_;
  UploadDisk upload_;
  std::string digest_;      // of the padded disk, once known
  bool disk_open_ = false;  // the upload disk is there and keeps what arrived
  bool version_begun_ = false;
  UploadPlan plan_;
  Uploaded uploaded_;
};

Result<> Push::open() {
  auto source = TRY(format::open_file(options_.image));
  image_ = TRY(format::open_image(std::move(source), options_.format));
  for (const auto& warning : image_.warnings) console_.note("Note: " + warning);
  disk_ = std::make_unique<PaddedDisk>(*image_.disk);
  const auto before = image_.disk->size_bytes();
  if (disk_->size_bytes() != before) {
    console_.note(
        fmt::format("The disk of {} bytes is made {} MiB with zeros at its end: disks "
                    "are whole MiB, and at least 20.",
                    before, disk_->size_bytes() >> 20));
  }
  return {};
}

UploadDisk Push::upload_disk() const {
  const std::string end = fmt::format("-{}-upload", options_.version);
  const auto name = options_.definition.substr(0, disk_name_max - end.size()) + end;
  return {.id = disk_id(connection_, options_.group, name),
          .location = target_.location,
          .size_bytes = disk_->size_bytes(),
          .os_type = target_.os_type,
          .generation = target_.generation};
}

// Reads the whole disk, with a bar.
Result<> Push::note_digest() {
  if (!digest_.empty()) return {};
  auto& waiting = connection_.patience().waiting;
  const auto progress = [&](std::uint64_t done, std::uint64_t total) {
    console_.show({{.label = "reading", .done = done, .total = total}});
    return waiting.check().has_value();
  };
  const auto digest = TRY(store::image_digest(*disk_, options_.lanes, progress));
  console_.settle();
  digest_ = digest.hex();
  return {};
}

Result<> Push::upload(DiskFound found) {
  const auto blob = TRY(open_for_writing(connection_, upload_));
  disk_open_ = true;
  PageList pages;
  if (found == DiskFound::resumed) pages = TRY(blob->list_pages());
  plan_ = TRY(plan_upload(*disk_, pages.data));
  if (plan_.arrived_bytes > 0) {
    console_.note(fmt::format("{} of {} arrived in an earlier push and are not sent again.",
                              human_size(plan_.arrived_bytes), human_size(plan_.total_bytes)));
  }
  // The digest is computed beside the upload: the disk is read twice, from the page cache.
  std::atomic<bool> failed = false;
  Result<Digest> digest = fail(Kind::cancelled, "Stopped.");
  std::thread reader([&] {
    digest = store::image_digest(*disk_, 1, [&](std::uint64_t, std::uint64_t) { return !failed; });
  });
  auto& waiting = connection_.patience().waiting;
  const UploadOptions how{.lanes = options_.lanes, .progress = [&](std::uint64_t done) -> Result<> {
                            console_.show({{.label = "uploading",
                                            .done = done,
                                            .total = plan_.total_bytes,
                                            .start = plan_.arrived_bytes}});
                            return waiting.check();
                          }};
  auto uploaded = upload_chunks(*disk_, *blob, plan_, how);
  if (!uploaded) failed = true;
  reader.join();
  console_.settle();
  uploaded_ = TRY(std::move(uploaded));
  digest_ = TRY(std::move(digest))
  .hex();
  const auto unique = Digest::of(as_bytes(target_.version.key()));
  const auto footer =
      format::fixed_vhd_footer(disk_->size_bytes(), ByteView(unique.bytes).first(16));
  return blob->put(disk_->size_bytes(), footer);
}

Result<> Push::import() {
  const auto on_poll = [&](const Json& status) -> Result<> {
    const bool done = string_at(status, "status") == "Succeeded";
    const auto percent =
        std::clamp<std::int64_t>(int_at(status, "percentComplete", done ? 100 : 0), 0, 100);
    console_.show({{.label = "importing",
                    .done = static_cast<std::uint64_t>(percent),
                    .total = 100,
                    .state = std::string(string_at(status, "status"))}});
    return {};
  };
  auto imported = import_disk(connection_, upload_, on_poll);
  console_.settle();
  if (!imported && imported.error().kind != Kind::cancelled) {
    auto& error = imported.error();
    error.message = "The server did not take the uploaded disk: " + error.message;
    add_sentence(
        error, fmt::format("Delete it with `{}` before pushing again.", how_to_delete(upload_.id)));
  }
  return imported;
}

// Before the version is made, because a version never changes.
Result<> Push::compare_disk() {
  const auto contents = TRY(get_contents(connection_, upload_.id));
  auto same = check_contents(contents, digest_, fmt::format("The disk {}", upload_.id.name()));
  if (same) return {};
  if (!options_.keep_disk) TRY(remove_disk(connection_, upload_.id));
  same.error().message +=
      fmt::format(" Perhaps an earlier push of another file left parts of it there. {} Push again.",
                  options_.keep_disk ? "Delete the disk with `" + how_to_delete(upload_.id) + "`."
                                     : "The disk was deleted.");
  return same;
}

Result<> Push::fill_disk() {
  upload_ = upload_disk();
  const auto found = TRY(prepare_disk(connection_, upload_));
  if (found == DiskFound::imported) {
    console_.note(fmt::format("The disk {} was uploaded earlier.", upload_.id.name()));
    TRY(note_digest());
  } else {
    TRY(upload(found));
    TRY(import());
  }
  return compare_disk();
}

void Push::report(const Json& contents, bool was_there) {
  const auto took =
      std::chrono::duration_cast<Milliseconds>(connection_.patience().clock.steady() - started_);
  const auto name = target_.version.nested_name();
  if (was_there) {
    console_.print(fmt::format("{} holds this image already: nothing was pushed.\n", name));
  } else {
    console_.print(fmt::format("{} is there, bit for bit, after {}.\n", name, time_text(took)));
  }
  console_.print(contents_text(contents));
  if (!was_there) {
    console_.print(fmt::format("  uploaded      {}\n", human_size(uploaded_.sent_bytes)));
  }
  console_.print("\n");
  console_.print_table(regions_table(contents));
  console_.print_json(JsonObject{{"id", target_.version.text()},
                                 {"alreadyThere", was_there},
                                 {"imageDigest", digest_},
                                 {"uploadedBytes", uploaded_.sent_bytes},
                                 {"resumedBytes", plan_.arrived_bytes},
                                 {"seconds", static_cast<double>(took.count()) / 1000},
                                 {"contents", contents}});
}

Result<> Push::remove_upload() {
  const auto id = upload_disk().id;
  const auto disk = TRY(connection_.find(path_of(id)));
  if (!disk || string_at(*disk, "properties.creationData.createOption") != "Upload") return {};
  return remove_disk(connection_, id);
}

Result<> Push::finish(bool was_there) {
  const auto contents = TRY(get_contents(connection_, target_.version));
  auto same = check_contents(contents, digest_,
                             fmt::format("The version {}", target_.version.nested_name()));
  if (!same) {
    same.error().message +=
        was_there ? " A version never changes: push the image under another version number."
                  : " This must not happen: keep the image, and do not use this version.";
    if (was_there) same.error().kind = Kind::conflict;
    return same;
  }
  // Also when the version was there: an earlier push may have been stopped before this.
  if (!options_.keep_disk) TRY(remove_upload());
  report(contents, was_there);
  return {};
}

Error Push::explain(Error error) const {
  if (error.kind == Kind::unavailable && disk_open_) {
    add_sentence(error, "What the server has taken stays there: run the same command to go on.");
  }
  if (error.kind != Kind::cancelled) return error;
  if (version_begun_) {
    error.message = fmt::format(
        "Stopped. The server goes on making {}; run the same command to "
        "see it to its end.",
        target_.version.nested_name());
  } else if (disk_open_) {
    error.message = fmt::format(
        "Stopped. What has arrived stays in the disk {}: run the same "
        "command to go on from there, or `{}` to give up.",
        upload_.id.name(), how_to_delete(upload_.id));
  }
  return error;
}

Result<> Push::run() {
  const auto steps = [&]() -> Result<> {
    TRY(open());
    target_ = TRY(prepare_target(options_, connection_, console_));
    if (TRY(find_made_version(connection_, target_, console_))) {
      TRY(note_digest());
      return finish(true);
    }
    TRY(fill_disk());
    version_begun_ = true;
    const auto body = version_body(options_, target_, upload_.id);
    TRY(make_version(connection_, target_, body, console_));
    return finish(false);
  };
  auto done = steps();
  console_.settle();
  if (!done) return std::unexpected(explain(std::move(done.error())));
  return {};
}

}  // namespace

Result<> push(const PushOptions& options, Connection& connection, Console& console) {
  return Push(options, connection, console).run();
}

Result<> push(const PushOptions& options, Console& console) {
  const auto waiting = wait_until_stopped();
  const auto connection = TRY(connect(
      {.clock = system_clock(), .waiting = *waiting, .retry_for = options.retry_for}, console));
  return push(options, *connection, console);
}

}  // namespace pinaco::app
