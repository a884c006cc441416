// The server against libnbd, the client library that the protocol's authors keep.
#if __has_include(<libnbd.h>)
#include <libnbd.h>

#include <deque>

#include "nbd/nbd_fixture.h"

namespace pinaco::nbd {
namespace {

class Handle {
 public:
  explicit Handle(const std::string& uri, bool structured = true) : handle_(nbd_create()) {
    nbd_set_request_structured_replies(handle_, structured);
    nbd_add_meta_context(handle_, LIBNBD_CONTEXT_BASE_ALLOCATION);
    // Ask the server even for what the client could refuse by itself.
    nbd_set_strict_mode(handle_, 0);
    EXPECT_EQ(nbd_connect_uri(handle_, uri.c_str()), 0) << nbd_get_error();
  }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (handle_ != nullptr) nbd_close(handle_);
  }
  operator nbd_handle*() const { return handle_; }  // NOLINT(google-explicit-constructor)

 private:
  nbd_handle* handle_;
};

// Random reads with 32 in flight on each of several connections.
void read_at_random(const Served& served, bool structured, int connections, int reads) {
  std::vector<Handle> handles;
  for (int i = 0; i < connections; ++i) handles.emplace_back(served.uri, structured);
  struct Flight {
    std::int64_t cookie;
    std::uint64_t offset;
    Bytes bytes;
  };
  std::vector<std::deque<Flight>> flights(handles.size());
  auto random = seeded_random(3);
  auto finish = [&](std::size_t of) {
    auto flight = std::move(flights[of].front());
    flights[of].pop_front();
    int done = 0;
    while ((done = nbd_aio_command_completed(handles[of],
                                             static_cast<std::uint64_t>(flight.cookie))) == 0) {
      ASSERT_GE(nbd_poll(handles[of], 10'000), 1);
    }
    ASSERT_EQ(done, 1) << nbd_get_error();
    ASSERT_EQ(std::memcmp(flight.bytes.data(), served.disk->bytes().data() + flight.offset,
                          flight.bytes.size()),
              0);
  };
  for (int i = 0; i < reads; ++i) {
    const auto of = static_cast<std::size_t>(i) % handles.size();
    if (flights[of].size() == 32) finish(of);
    const auto length = 1 + random->below(i % 10 == 0 ? 1u << 20 : 20'000);
    Flight flight = {.cookie = -1,
                     .offset = random->below(served.disk->size_bytes() - length + 1),
                     .bytes = Bytes(length)};
    flight.cookie = nbd_aio_pread(handles[of], flight.bytes.data(), length, flight.offset,
                                  NBD_NULL_COMPLETION, 0);
    ASSERT_GE(flight.cookie, 0) << nbd_get_error();
    flights[of].push_back(std::move(flight));
  }
  for (std::size_t of = 0; of < handles.size(); ++of) {
    while (!flights[of].empty()) finish(of);
  }
}

TEST(Libnbd, ReadsAtRandomWithManyInFlight) {
  read_at_random(Served(), true, 1, 2000);
}
TEST(Libnbd, ReadsAtRandomOnManyConnections) {
  read_at_random(Served(true), true, 8, 2000);
}
TEST(Libnbd, ReadsAtRandomWithoutStructuredReplies) {
  read_at_random(Served(), false, 2, 1000);
}

TEST(Libnbd, ReadsTheWholeDiskInOneRequest) {
  for (const bool structured : {true, false}) {
    const Served served;
    const Handle handle(served.uri, structured);
    Bytes bytes(served.disk->size_bytes());
    ASSERT_EQ(nbd_pread(handle, bytes.data(), bytes.size(), 0, 0), 0) << nbd_get_error();
    EXPECT_TRUE(bytes == served.disk->bytes());
  }
}

TEST(Libnbd, ReadsOneChunkWithDf) {
  const Served served;
  const Handle handle(served.uri);
  Bytes bytes(256u << 10);  // half data, half a hole: two chunks without the flag
  ASSERT_EQ(nbd_pread(handle, bytes.data(), bytes.size(), 0, LIBNBD_CMD_FLAG_DF), 0)
      << nbd_get_error();
  EXPECT_EQ(std::memcmp(bytes.data(), served.disk->bytes().data(), bytes.size()), 0);
  bytes.resize(bytes.size() + 1);
  EXPECT_EQ(nbd_pread(handle, bytes.data(), bytes.size(), 0, LIBNBD_CMD_FLAG_DF), -1);
  EXPECT_EQ(nbd_get_errno(), EOVERFLOW);
}

TEST(Libnbd, BlockStatusTellsOneExtentWhenOneIsWanted) {
  const Served served;
  const Handle handle(served.uri);
  std::vector<std::uint32_t> entries;
  auto collect = [](void* user, const char*, std::uint64_t, std::uint32_t* from, std::size_t count,
                    int*) {
    static_cast<std::vector<std::uint32_t>*>(user)->assign(from, from + count);
    return 0;
  };
  const nbd_extent_callback callback = {.callback = collect, .user_data = &entries, .free = {}};
  ASSERT_EQ(nbd_block_status(handle, 1000, 1 << 20, callback, LIBNBD_CMD_FLAG_REQ_ONE), 0);
  EXPECT_EQ(entries, (std::vector<std::uint32_t>{1000, 0}));
  ASSERT_EQ(nbd_block_status(handle, 256 << 10, 128 << 10, callback, 0), 0);
  EXPECT_EQ(entries, (std::vector<std::uint32_t>{128 << 10, 3, 128 << 10, 0}));
}

TEST(Libnbd, RefusesEveryChangeWithEperm) {
  const Served served;
  const Handle handle(served.uri);
  Bytes bytes(100'000, 1);
  EXPECT_EQ(nbd_pwrite(handle, bytes.data(), bytes.size(), 0, 0), -1);
  EXPECT_EQ(nbd_get_errno(), EPERM);
  EXPECT_EQ(nbd_trim(handle, 4096, 0, 0), -1);
  EXPECT_EQ(nbd_get_errno(), EPERM);
  EXPECT_EQ(nbd_zero(handle, 4096, 0, 0), -1);
  EXPECT_EQ(nbd_get_errno(), EPERM);
  EXPECT_EQ(nbd_cache(handle, 4096, 0, 0), -1);
  EXPECT_EQ(nbd_get_errno(), EINVAL);
  ASSERT_EQ(nbd_pread(handle, bytes.data(), bytes.size(), 0, 0), 0) << nbd_get_error();
  EXPECT_EQ(std::memcmp(bytes.data(), served.disk->bytes().data(), bytes.size()), 0);
}

TEST(Libnbd, AReadThatFailsFailsAlone) {
  for (const bool structured : {true, false}) {
    const Served served;
    served.disk->set_before_read([](std::uint64_t offset, std::size_t length) -> Result<> {
      const bool hit = offset <= 1'900'000 && 1'900'000 < offset + length;
      if (hit) return fail(Kind::corrupt, "a block fails its check");
      return {};
    });
    const Handle handle(served.uri, structured);
    Bytes bytes(1u << 20);
    EXPECT_EQ(nbd_pread(handle, bytes.data(), 4096, 1'900'000, 0), -1);
    EXPECT_EQ(nbd_get_errno(), EIO);
    ASSERT_EQ(nbd_pread(handle, bytes.data(), 4096, 1'904'096, 0), 0) << nbd_get_error();
    if (structured) {  // a piece in the middle fails, the connection lives on
      EXPECT_EQ(nbd_pread(handle, bytes.data(), bytes.size(), 1'500'000, 0), -1);
      EXPECT_EQ(nbd_get_errno(), EIO);
    }
    ASSERT_EQ(nbd_pread(handle, bytes.data(), bytes.size(), 3'000'000, 0), 0) << nbd_get_error();
    EXPECT_EQ(std::memcmp(bytes.data(), served.disk->bytes().data() + 3'000'000, bytes.size()), 0);
  }
}

}  // namespace
}  // namespace pinaco::nbd
#endif
