// Disks that misbehave on demand and a served one, for the tests of this room.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>

#include "nbd/bare_client.h"
#include "nbd/server.h"

namespace pinaco::nbd {

class TestFolder {
 public:
  TestFolder() {
    std::string pattern = testing::TempDir() + "pinaco-nbd-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Random data with the second half of each 256 KiB empty, of an odd length.
inline Bytes sample_disk(std::size_t size_bytes = (5u << 20) + 12'345) {
  Bytes bytes(size_bytes);
  seeded_random(7)->fill(bytes);
  constexpr std::size_t half = 128u << 10;
  for (std::size_t at = half; at < size_bytes; at += 2 * half) {
    std::memset(bytes.data() + at, 0, std::min(half, size_bytes - at));
  }
  return bytes;
}

class MemoryDisk : public DiskReader {
 public:
  explicit MemoryDisk(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size_bytes() const override { return bytes_.size(); }
  Result<> read(std::uint64_t offset, MutableBytes into) const override {
    CHECK(offset + into.size() <= bytes_.size());
    BeforeRead before_read;
    {
      std::lock_guard lock(mutex_);
      before_read = before_read_;
    }
    if (before_read) {
      if (auto result = before_read(offset, into.size()); !result) return result;
    }
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return {};
  }
  Result<bool> read_now(std::uint64_t offset, MutableBytes into) const override {
    if (offset >= now_before_) return false;
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return true;
  }
  // Reads that begin below are answered at once, whatever happens to the others.
  void set_now_before(std::uint64_t offset) { now_before_ = offset; }
  Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
    CHECK(offset + length <= bytes_.size());
    std::vector<Extent> extents;
    const auto end = offset + length;
    for (auto at = offset; at < end;) {
      const auto bytes = std::min<std::uint64_t>(4096 - at % 4096, end - at);
      extents.push_back(
          {.offset = at, .length = bytes, .zero = is_zero(ByteView(bytes_).subspan(at, bytes))});
      at += bytes;
    }
    return extents;
  }
  const Bytes& bytes() const { return bytes_; }
  // For reads from now on; the disk may be served already.
  using BeforeRead = std::function<Result<>(std::uint64_t offset, std::size_t length)>;
  void set_before_read(BeforeRead before_read) {
    std::lock_guard lock(mutex_);
    before_read_ = std::move(before_read);
  }

 private:
  const Bytes bytes_;
  std::atomic<std::uint64_t> now_before_ = 0;
  mutable std::mutex mutex_;
  BeforeRead before_read_;
};

// Holds back everybody who passes until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    waiting_max_ = std::max(waiting_max_, waiting_);
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait_for(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, BareClient::patience, [&] { return waiting_ >= count; });
  }
  int waiting_max() {
    std::lock_guard lock(mutex_);
    return waiting_max_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
  int waiting_max_ = 0;
};

// A server of one disk named "disk", on TCP or on a socket in its own folder.
struct Served {
  explicit Served(bool tcp = false, ServerOptions options = {}, Limits limits = {},
                  Bytes content = sample_disk())
      : disk(std::make_shared<MemoryDisk>(std::move(content))) {
    if (!tcp) options.unix_path = folder / "socket";
    auto started = serve_within(options, limits);
    CHECK(started.has_value());
    server = std::move(*started);
    server->add("disk", {.disk = disk, .description = "a sample"});
    uri = tcp ? fmt::format("nbd://127.0.0.1:{}/disk", server->port())
              : fmt::format("nbd+unix:///disk?socket={}", options.unix_path);
    unix_path = options.unix_path;
  }
  BareClient connect() const {
    auto socket = unix_path.empty()
                      ? os::Socket::connect("127.0.0.1", server->port(), BareClient::patience)
                      : os::Socket::connect_unix(unix_path);
    CHECK(socket.has_value());
    return BareClient(std::move(*socket));
  }
  BareClient open(bool structured, std::string_view name = "disk") const {
    auto client = connect();
    const auto opened = client.open(name, structured);
    EXPECT_TRUE(opened) << opened.error().message;
    return client;
  }
  // A whole small conversation with right bytes at its end.
  void expect_still_serving() const {
    const auto client = open(false);
    ASSERT_TRUE(client.send(BareClient::request(Command::read, 77, 4000, 1000)));
    const auto reply = client.simple_reply();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->cookie, 77u);
    EXPECT_EQ(reply->error, WireError::none);
    const auto bytes = client.receive(1000);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(std::memcmp(bytes->data(), disk->bytes().data() + 4000, 1000), 0);
  }

  TestFolder folder;
  std::shared_ptr<MemoryDisk> disk;
  std::unique_ptr<Server> server;
  std::string uri;
  std::string unix_path;
};

struct ToolResult {
  int status = -1;
  std::string output;
};

inline ToolResult run_tool(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  CHECK(pipe != nullptr);
  ToolResult result;
  char buffer[4096];
  while (const auto got = std::fread(buffer, 1, sizeof buffer, pipe)) {
    result.output.append(buffer, got);
  }
  result.status = ::pclose(pipe);
  return result;
}

inline bool has_tool(const std::string& name) {
  return run_tool("command -v " + name).status == 0;
}

inline void write_bytes(const std::string& path, ByteView bytes) {
  std::ofstream(path, std::ios::binary) << as_text(bytes);
}

}  // namespace pinaco::nbd

// A test without its tool must be seen; where everything has to be there, it fails.
#define NEEDS_TOOL(name)                                                  \
  if (!::pinaco::nbd::has_tool(name)) {                                   \
    if (std::getenv("CI") != nullptr) FAIL() << "missing tool: " << name; \
    GTEST_SKIP() << "missing tool: " << name;                             \
  }
