// What only shows while reads are under way: order, limits in flight, revoking, stopping.
#include <thread>

#include "nbd/nbd_fixture.h"
#include "nbd/session.h"
#include "os/process.h"

namespace pinaco::nbd {
namespace {

// A served disk on which every read at `offset` waits for the gate.
struct Gated {
  explicit Gated(ServerOptions options = {}, Result<> then = {}, Limits limits = {})
      : served(false, std::move(options), limits) {
    served.disk->set_before_read([this, then](std::uint64_t offset, std::size_t) -> Result<> {
      if (offset != gated_offset) return {};
      gate.pass();
      return then;
    });
  }
  ~Gated() { gate.open(); }
  static constexpr std::uint64_t gated_offset = 512u << 10;
  Gate gate;
  Served served;
};

TEST(NbdSession, AnswersAQuickReadBeforeASlowOne) {
  Gated gated;
  const auto client = gated.served.open(true);
  Bytes both = BareClient::request(Command::read, 1, Gated::gated_offset, 4096);
  append(both, BareClient::request(Command::read, 2, 0, 4096));
  ASSERT_TRUE(client.send(both));
  const auto first = client.chunk();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->cookie, 2u);
  gated.gate.open();
  const auto second = client.chunk();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->cookie, 1u);
}

TEST(NbdSession, WhatIsInMemoryWaitsForNoLane) {
  Gated gated({.lanes = 1});
  gated.served.disk->set_now_before(Gated::gated_offset);
  const auto slow = gated.served.open(false);
  ASSERT_TRUE(slow.send(BareClient::request(Command::read, 1, Gated::gated_offset, 4096)));
  ASSERT_TRUE(gated.gate.wait_for(1));
  for (const bool structured : {false, true}) {
    const auto quick = gated.served.open(structured);
    ASSERT_TRUE(quick.send(BareClient::request(Command::read, 2, 8192, 100'000)));
    if (structured) {
      const auto chunk = quick.chunk();
      ASSERT_TRUE(chunk);
      EXPECT_EQ(chunk->cookie, 2u);
    } else {
      ASSERT_TRUE(quick.simple_reply());
      const auto bytes = quick.receive(100'000);
      ASSERT_TRUE(bytes);
      EXPECT_EQ(std::memcmp(bytes->data(), gated.served.disk->bytes().data() + 8192, 100'000), 0);
    }
  }
  gated.gate.open();
  EXPECT_TRUE(slow.simple_reply());
}

// Without structured replies a long read is one reply, which cannot take back its "no error".
TEST(NbdSession, ALongReadFailsAtItsBeginningOrEndsTheConnection) {
  const Served served;
  std::atomic<std::uint64_t> bad = 0;
  served.disk->set_before_read([&](std::uint64_t offset, std::size_t) -> Result<> {
    if (offset == bad) return fail(Kind::corrupt, "rotten");
    return {};
  });
  const auto client = served.open(false);
  const auto request = BareClient::request(Command::read, 1, 0, 1u << 20);
  ASSERT_TRUE(client.send(request));
  const auto failed = client.simple_reply();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error, WireError::io);
  bad = ~std::uint64_t{0};
  ASSERT_TRUE(client.send(request));
  ASSERT_EQ(client.simple_reply().value().error, WireError::none);
  const auto bytes = client.receive(1u << 20);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(std::memcmp(bytes->data(), served.disk->bytes().data(), 1u << 20), 0);
  bad = 512u << 10;
  ASSERT_TRUE(client.send(request));
  ASSERT_EQ(client.simple_reply().value().error, WireError::none);
  EXPECT_FALSE(client.receive(1u << 20));
  served.expect_still_serving();
}

TEST(NbdSession, HasAtMost16RequestsInFlight) {
  Gated gated({.lanes = 40});
  const auto client = gated.served.open(false);
  Bytes many;
  for (std::uint64_t i = 0; i < 100; ++i) {
    append(many, BareClient::request(Command::read, i, Gated::gated_offset, 4096));
  }
  ASSERT_TRUE(client.send(many));
  ASSERT_TRUE(gated.gate.wait_for(requests_in_flight_max));
  gated.gate.open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.simple_reply());
    ASSERT_TRUE(client.receive(4096));
  }
  EXPECT_EQ(gated.gate.waiting_max(), static_cast<int>(requests_in_flight_max));
}

TEST(NbdSession, SendsBigReadsInPiecesWithHoles) {
  const Served served;
  const auto client = served.open(true);
  ASSERT_TRUE(client.send(BareClient::request(Command::read, 1, 0, 1u << 20)));
  Bytes got(1u << 20, 0xff);
  std::uint64_t holes = 0;
  std::uint64_t covered = 0;
  for (bool done = false; !done;) {
    const auto chunk = client.chunk();
    ASSERT_TRUE(chunk) << chunk.error().message;
    done = chunk->done;
    const auto offset = load_be<std::uint64_t>(chunk->payload);
    if (chunk->type == Chunk::offset_hole) {
      const auto length = load_be<std::uint32_t>(chunk->payload, 8);
      std::memset(got.data() + offset, 0, length);
      holes += length;
      covered += length;
    } else {
      ASSERT_EQ(chunk->type, Chunk::offset_data);
      ASSERT_LE(chunk->payload.size(), 8 + piece_bytes_max);
      std::memcpy(got.data() + offset, chunk->payload.data() + 8, chunk->payload.size() - 8);
      covered += chunk->payload.size() - 8;
    }
  }
  EXPECT_EQ(covered, got.size());
  EXPECT_EQ(holes, got.size() / 2);
  EXPECT_EQ(std::memcmp(got.data(), served.disk->bytes().data(), got.size()), 0);
}

TEST(NbdSession, ReadsWhereExtentsFailOrLie) {
  class Liar final : public DiskReader {
   public:
    explicit Liar(bool lies) : lies_(lies) {}
    std::uint64_t size_bytes() const override { return 1 << 20; }
    Result<> read(std::uint64_t, MutableBytes into) const override {
      std::memset(into.data(), 5, into.size());
      return {};
    }
    Result<std::vector<Extent>> extents(std::uint64_t offset, std::uint64_t length) const override {
      if (!lies_) return fail(Kind::unavailable, "no extents today");
      return std::vector<Extent>{{.offset = offset, .length = 2 * length, .zero = true}};
    }

   private:
    bool lies_;
  };
  const Served served;
  for (const bool lies : {false, true}) {
    served.server->add("liar", {.disk = std::make_shared<Liar>(lies)});
    const auto client = served.open(true, "liar");
    ASSERT_TRUE(client.send(BareClient::request(Command::read, 1, 0, 64 << 10)));
    const auto chunk = client.chunk();
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->payload.size(), 8u + (64u << 10));
    EXPECT_EQ(chunk->payload.back(), 5);
    ASSERT_TRUE(client.send(BareClient::request(Command::block_status, 2, 0, 64 << 10)));
    const auto status = client.chunk();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->error(), WireError::io);
  }
}

TEST(NbdSession, DropsAClientThatTakesNothing) {
  const Served served(false, {.connections_max = 1}, {.write_stall = Milliseconds(50)});
  const auto greedy = served.open(true);
  Bytes many;
  for (std::uint64_t i = 0; i < 64; ++i) {
    append(many, BareClient::request(Command::read, i, 0, 4u << 20));
  }
  ASSERT_TRUE(greedy.send(many));
  // There is room for another client only once the greedy one is gone.
  const auto give_up = system_clock().steady() + BareClient::patience;
  bool served_again = false;
  while (!served_again && system_clock().steady() < give_up) {
    served_again = served.connect().open("disk", false).has_value();
  }
  EXPECT_TRUE(served_again);
}

TEST(NbdRevoke, EndsAnOpenConnectionAndTheName) {
  const Served served;
  const auto client = served.open(true);
  served.server->add("other", {.disk = served.disk});
  const auto bystander = served.open(true, "other");
  served.server->revoke("disk");
  EXPECT_EQ(client.is_closed(), true);
  const auto again = served.connect();
  EXPECT_FALSE(again.open("disk", true));
  ASSERT_TRUE(bystander.send(BareClient::request(Command::read, 1, 0, 512)));
  EXPECT_TRUE(bystander.chunk());
}

TEST(NbdRevoke, AnExportThatMayNoLongerBeOpenedServesNoNewConnection) {
  const Served served;
  std::atomic<bool> may = true;
  served.server->add("asked", {.disk = served.disk, .may_open = [&] { return may.load(); }});
  const auto before = served.open(true, "asked");
  ASSERT_TRUE(before.send(BareClient::request(Command::read, 1, 0, 512)));
  EXPECT_TRUE(before.chunk());
  may = false;
  const auto after = served.open(true, "asked");
  EXPECT_EQ(after.is_closed(), true);
}

TEST(NbdRevoke, DropsAReadInFlightWithoutAnAnswer) {
  for (const bool stop : {false, true}) {
    Gated gated({}, fail(Kind::cancelled, "the reader was closed"));
    const auto client = gated.served.open(true);
    ASSERT_TRUE(client.send(BareClient::request(Command::read, 1, Gated::gated_offset, 4096)));
    ASSERT_TRUE(gated.gate.wait_for(1));
    std::thread ending([&] {
      if (stop) return gated.served.server->stop();
      gated.served.server->revoke("disk");
    });
    Bytes byte(1);
    const auto got = client.socket().read_some(byte, BareClient::patience);
    gated.gate.open();
    ending.join();
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, 0u);
    EXPECT_EQ(client.is_closed(), true);
  }
}

// What the whole silence is for: QEMU repeats a read that was cut off, on the next server.
TEST(NbdRevoke, QemuRepeatsItsReadOnTheServerThatComesAfter) {
  NEEDS_TOOL("qemu-io");
  Gated gated({}, fail(Kind::cancelled, "the reader was closed"));
  const auto path = gated.served.unix_path;
  auto qemu = os::Process::start(
      {"qemu-io", "-r", "--image-opts",
       "driver=nbd,server.type=unix,server.path=" + path + ",export=disk,reconnect-delay=60", "-c",
       fmt::format("read {} 4096", Gated::gated_offset)});
  ASSERT_TRUE(qemu) << qemu.error().message;
  ASSERT_TRUE(gated.gate.wait_for(1));
  std::thread stopping([&] { gated.served.server->stop(); });
  gated.gate.open();
  stopping.join();
  EXPECT_EQ(qemu->wait(Milliseconds(0)).value(), std::nullopt);
  const auto next = serve({.unix_path = path});
  ASSERT_TRUE(next) << next.error().message;
  (*next)->add("disk", {.disk = std::make_shared<MemoryDisk>(sample_disk())});
  EXPECT_EQ(qemu->wait(std::chrono::seconds(30)).value(), 0);
  Bytes said(1000);
  const auto got = qemu->output().read_some(said, Milliseconds(0));
  ASSERT_TRUE(got);
  EXPECT_EQ(as_text(ByteView(said).first(*got)).substr(0, 20), "read 4096/4096 bytes");
}

TEST(NbdRevoke, OfANameAddedAgainEndsTheOldConnections) {
  const Served served;
  const auto old = served.open(true);
  served.server->add("disk", {.disk = std::make_shared<MemoryDisk>(Bytes(512))});
  EXPECT_EQ(old.is_closed(), true);
  EXPECT_EQ(served.server->bytes_read("disk"), 0u);
  const auto renewed = served.open(true);
}

TEST(NbdServer, CountsTheBytesItSent) {
  const Served served;
  const auto client = served.open(true);
  ASSERT_TRUE(client.send(BareClient::request(Command::read, 1, 0, 128u << 10)));
  ASSERT_TRUE(client.chunk());
  // The count follows the bytes: a request later it is certain.
  ASSERT_TRUE(client.send(BareClient::request(Command::read, 2, 0, 0)));
  ASSERT_TRUE(client.chunk());
  EXPECT_EQ(served.server->bytes_read("disk"), 128u << 10);
  EXPECT_EQ(served.server->bytes_read("nobody"), 0u);
}

TEST(NbdServer, StopsWithConnectionsOpenAndTwice) {
  const Served served(true);
  const auto idle = served.open(true);
  const auto negotiating = served.connect();
  served.server->stop();
  EXPECT_EQ(idle.is_closed(), true);
  EXPECT_EQ(negotiating.is_closed(), true);
  served.server->stop();
}

TEST(NbdServer, RefusesAnAddressThatIsTaken) {
  const Served served(true);
  const auto second = serve({.port = served.server->port()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, Kind::conflict);
}

}  // namespace
}  // namespace pinaco::nbd
