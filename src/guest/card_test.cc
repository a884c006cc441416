// A card whose guest is this test: frames over a socket pair, as QEMU sends them.
#include <condition_variable>
#include <filesystem>

#include "guest/guest_testing.h"
#include "os/sockets.h"

namespace pinaco::guest {
namespace {

constexpr std::uint8_t fin = 1;
constexpr std::uint8_t syn = 2;
constexpr std::uint8_t push = 8;
constexpr std::uint8_t ack = 16;
constexpr auto patience = Seconds(20);

class Reports {
 public:
  void take(const Report& report) {
    const std::lock_guard lock(mutex_);
    last_ = report;
    changed_.notify_all();
  }
  bool wait_for(Health health) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return last_.health == health; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Report last_;
};

class CardTest : public testing::Test {
 protected:
  void attach(Facts facts = test_facts()) {
    auto pair = os::socket_pair();
    ASSERT_TRUE(pair);
    guest_ = std::move(pair->far);
    auto card = Card::attach(std::move(pair->near), std::move(facts),
                             [this](const Report& report) { reports_.take(report); });
    ASSERT_TRUE(card) << card.error().message;
    card_ = std::move(*card);
  }

  void send(ByteView frame) {
    std::uint8_t length[4];
    store_be(length, 0, static_cast<std::uint32_t>(frame.size()));
    ASSERT_TRUE(guest_.write_all(length, patience));
    ASSERT_TRUE(guest_.write_all(frame, patience));
  }

  Bytes receive() {
    Bytes length(4);
    if (!guest_.read_exact(length, patience)) return {};
    Bytes frame(load_be<std::uint32_t>(length));
    if (!guest_.read_exact(frame, patience)) return {};
    return frame;
  }

  void send_arp(std::uint8_t operation, std::uint32_t target) {
    Bytes frame = ip_frame(0, 0, {});
    frame.resize(14 + 28);
    const auto mac = test_layout().mac;
    const std::uint8_t head[] = {0, 1, 8, 0, 6, 4, 0, operation};
    store_be(frame, 12, std::uint16_t{0x0806});
    std::copy(std::begin(head), std::end(head), frame.begin() + 14);
    std::copy(mac.begin(), mac.end(), frame.begin() + 14 + 8);
    store_be(frame, 14 + 14, std::uint32_t{0x0a000004});
    store_be(frame, 14 + 24, target);
    send(frame);
  }

  // The next frame of TCP; questions for the guest's hardware address are answered on the way.
  Bytes receive_tcp() {
    while (true) {
      Bytes frame = receive();
      if (frame.empty()) return frame;
      if (load_be<std::uint16_t>(frame, 12) == 0x0806) {
        if (frame[14 + 7] == 1) send_arp(2, load_be<std::uint32_t>(frame, 14 + 14));
      } else if (frame[14 + 9] == 6) {
        return frame;
      }
    }
  }

  // A whole exchange, as a guest's own TCP would do it: what comes back until the other side ends.
  std::string exchange(std::uint32_t address, int port, const std::string& text) {
    const int own = next_port_++;
    std::uint32_t mine = 100;
    send(tcp_frame(address, own, port, syn, mine++));
    std::uint32_t theirs = 0;
    std::string got;
    bool asked = false;
    while (true) {
      const Bytes frame = receive_tcp();
      if (frame.empty()) return got + "<no frame>";
      // The last words of an exchange before this one.
      if (load_be<std::uint16_t>(frame, 14 + 20 + 2) != own) continue;
      EXPECT_EQ(load_be<std::uint32_t>(frame, 14 + 12), address);
      EXPECT_EQ(transport_checksum(frame), 0);
      const auto ip = ByteView(frame).subspan(14, load_be<std::uint16_t>(frame, 14 + 2));
      const auto tcp = ip.subspan(20);
      const auto flags = tcp[13];
      if ((flags & 4) != 0) return got + "<reset>";
      const auto sequence = load_be<std::uint32_t>(tcp, 4);
      if ((flags & syn) != 0) theirs = sequence + 1;
      const auto data = tcp.subspan(std::size_t{4} * (tcp[12] >> 4));
      if (sequence == theirs && !data.empty()) {
        got += as_text(data);
        theirs += static_cast<std::uint32_t>(data.size());
      }
      const bool ends = (flags & fin) != 0 && sequence + data.size() == theirs;
      if (ends) ++theirs;
      if (!asked) {
        send(tcp_frame(address, own, port, push | ack, mine, theirs, text));
        mine += static_cast<std::uint32_t>(text.size());
        asked = true;
      } else if (ends) {
        send(tcp_frame(address, own, port, fin | ack, mine, theirs));
        return got;
      } else if (!data.empty()) {
        send(tcp_frame(address, own, port, ack, mine, theirs));
      }
    }
  }

  os::Socket guest_;
  Reports reports_;
  int next_port_ = 40'000;
  std::unique_ptr<Card> card_;
};

int free_port(const std::string& address) {
  const auto listener = os::Listener::tcp(address, 0);
  return listener ? listener->port() : 0;
}

TEST_F(CardTest, AnswersDhcpAndArp) {
  attach();
  send(dhcp_frame(1));
  const auto offer = receive();
  ASSERT_GT(offer.size(), 14u + 20 + 8 + 240);
  EXPECT_EQ(load_be<std::uint32_t>(offer, 14 + 20 + 8 + 16), 0x0a000004u);
  send_arp(1, 0x0a000001);
  const auto answer = receive();
  ASSERT_GE(answer.size(), 14u + 28);
  EXPECT_EQ(load_be<std::uint16_t>(answer, 12), 0x0806);
  EXPECT_EQ(load_be<std::uint32_t>(answer, 14 + 14), 0x0a000001u);
}

TEST_F(CardTest, ServesMetadataToItsGuest) {
  attach();
  const auto text =
      exchange(metadata_address, 80,
               "GET /metadata/instance/compute/name?api-version=2021-08-01&format=text"
               " HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n"
               "Connection: close\r\n\r\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200")) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\nweb")) << text;
}

TEST_F(CardTest, ReportsWhatTheGuestSaysToTheWireServer) {
  attach();
  const std::string body = "<Health><State>Ready</State></Health>";
  const auto text =
      exchange(wire_address, 80,
               fmt::format("POST /machine?comp=health HTTP/1.1\r\nHost: 168.63.129.16\r\n"
                           "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                           body.size(), body));
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200")) << text;
  EXPECT_TRUE(reports_.wait_for(Health::ready));
  const auto other = exchange(wire_address, 32526,
                              "GET /vmSettings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(other.starts_with("HTTP/1.1 404")) << other;
}

TEST_F(CardTest, TellsChangedFacts) {
  attach();
  Facts facts = test_facts();
  facts.tags = {{"env", "prod"}};
  ASSERT_TRUE(card_->change(facts));
  const auto text =
      exchange(metadata_address, 80,
               "GET /metadata/instance/compute/tags?api-version=2021-08-01&format=text"
               " HTTP/1.1\r\nHost: x\r\nMetadata: true\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(text.ends_with("env:prod")) << text;
  facts.id[0] = '2';
  EXPECT_FALSE(card_->change(facts));
}

TEST_F(CardTest, WorksInTheSmallestSubnet) {
  Facts facts = test_facts();
  facts.subnet = "10.0.0.0/29";
  attach(facts);
  const auto text = exchange(metadata_address, 80,
                             "GET /metadata/versions HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n"
                             "Connection: close\r\n\r\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200")) << text;
}

TEST_F(CardTest, LetsOthersInThroughAForwardUntilItIsTakenAway) {
  Facts facts = test_facts();
  const int port = free_port("127.0.0.1");
  facts.forwards = {{.address = "127.0.0.1", .port = port, .guest_port = 22}};
  attach(facts);
  const auto client = os::Socket::connect("127.0.0.1", static_cast<std::uint16_t>(port), patience);
  ASSERT_TRUE(client) << client.error().message;
  const auto first = receive_tcp();
  ASSERT_GE(first.size(), 14u + 40);
  EXPECT_EQ(load_be<std::uint32_t>(first, 14 + 16), 0x0a000004u);
  EXPECT_EQ(load_be<std::uint16_t>(first, 14 + 20 + 2), 22);
  const int from = load_be<std::uint16_t>(first, 14 + 20);
  const auto sequence = load_be<std::uint32_t>(first, 14 + 20 + 4);
  send(tcp_frame(0x0a000001, 22, from, syn | ack, 500, sequence + 1));
  send(tcp_frame(0x0a000001, 22, from, push | ack, 501, sequence + 1, "SSH-2.0-test"));
  Bytes banner(12);
  ASSERT_TRUE(client->read_exact(banner, patience));
  EXPECT_EQ(as_text(banner), "SSH-2.0-test");

  facts.forwards.clear();
  ASSERT_TRUE(card_->change(facts));
  // The connection that is open holds the port against another listener, but nobody comes in.
  EXPECT_FALSE(os::Socket::connect("127.0.0.1", static_cast<std::uint16_t>(port), patience));
}

TEST_F(CardTest, SaysWhichForwardIsTakenAndKeepsTheRest) {
  const auto taken = os::Listener::tcp("127.0.0.1", 0);
  ASSERT_TRUE(taken);
  attach();
  Facts facts = test_facts();
  const int port = free_port("127.0.0.1");
  facts.forwards = {{.address = "127.0.0.1", .port = taken->port(), .guest_port = 22},
                    {.address = "127.0.0.1", .port = port, .guest_port = 80}};
  const auto changed = card_->change(facts);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().kind, Kind::unavailable);
  EXPECT_THAT(changed.error().message, testing::HasSubstr(std::to_string(taken->port())));
  EXPECT_THAT(changed.error().message, testing::HasSubstr("another program"));
  EXPECT_TRUE(os::Socket::connect("127.0.0.1", static_cast<std::uint16_t>(port), patience));
}

TEST_F(CardTest, EndsAtAFrameThatIsTooLong) {
  attach();
  ASSERT_TRUE(guest_.write_all(Bytes{0, 1, 0, 1}, patience));
  // The card lets go of what it listened on, and takes no changes any more.
  card_.reset();
  Bytes byte(1);
  const auto got = guest_.read_some(byte, patience);
  EXPECT_TRUE(!got || *got == 0);
}

TEST_F(CardTest, TakesItsTimeWithNoiseAndServesOn) {
  attach();
  const auto noise = seeded_random(7);
  for (int i = 0; i < 500; ++i) {
    Bytes frame(noise->below(200));
    noise->fill(frame);
    const auto mac = test_layout().mac;
    if (frame.size() >= 12 && i % 2 == 0) std::copy(mac.begin(), mac.end(), frame.begin() + 6);
    send(frame);
  }
  send(dhcp_frame(1));
  EXPECT_GT(receive().size(), 300u);
}

}  // namespace
}  // namespace pinaco::guest
