// Sockets: deadlines, early ends, both families, and the life of a socket file.
#include "os/sockets.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

namespace pinaco::os {
namespace {

constexpr Milliseconds patience = std::chrono::seconds(20);

class SocketFolder : public testing::Test {
 protected:
  SocketFolder() {
    std::string pattern = testing::TempDir() + "pinaco-sockets-XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~SocketFolder() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

// The two ends of a connection.
struct Pair {
  Pair() : listener(Listener::tcp("127.0.0.1", 0).value()) {
    near = Socket::connect("127.0.0.1", listener.port(), patience).value();
    far = listener.accept().value();
  }
  Listener listener;
  Socket near;
  Socket far;
};

TEST(Sockets, CarryBytesBothWays) {
  const Pair pair;
  Bytes sent(3'000'000, 7);
  std::thread writer([&] { EXPECT_TRUE(pair.near.write_all(sent, patience)); });
  Bytes got(sent.size());
  EXPECT_TRUE(pair.far.read_exact(got, patience));
  writer.join();
  EXPECT_EQ(got, sent);
  ASSERT_TRUE(pair.far.write_all(as_bytes("hello"), patience));
  const auto count = pair.near.read_some(got, patience);
  ASSERT_TRUE(count);
  EXPECT_EQ(as_text(ByteView(got).first(*count)), "hello");
  EXPECT_EQ(pair.far.peer().substr(0, 10), "127.0.0.1:");
}

TEST(Sockets, TimeOutAtTheDeadlineOfTheWholeCall) {
  const Pair pair;
  Bytes into(10);
  ASSERT_TRUE(pair.near.write_all(Bytes(9), patience));  // one byte short
  const auto read = pair.far.read_exact(into, Milliseconds(20));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, Kind::unavailable);
  EXPECT_NE(read.error().message.find("timed out"), std::string::npos);
  const auto some = pair.far.read_some(into, Milliseconds(1));
  ASSERT_FALSE(some);
  EXPECT_NE(some.error().message.find("timed out"), std::string::npos);
  const auto write = pair.near.write_all(Bytes(64u << 20), Milliseconds(20));
  ASSERT_FALSE(write);
  EXPECT_NE(write.error().message.find("timed out"), std::string::npos);
  EXPECT_EQ(pair.near.wait_readable(Milliseconds(1)), false);
}

TEST(Sockets, TellAnOrderlyEndFromAnEarlyOne) {
  Pair pair;
  ASSERT_TRUE(pair.near.write_all(Bytes(3), patience));
  {
    const Socket gone = std::move(pair.near);
  }
  Bytes into(10);
  const auto exact = pair.far.read_exact(into, patience);
  ASSERT_FALSE(exact);
  EXPECT_EQ(exact.error().kind, Kind::unavailable);
  EXPECT_EQ(pair.far.read_some(into, patience).value_or(99), 0u);
}

TEST(Sockets, ShutDownEndsAReadThatHasNoLimit) {
  const Pair pair;
  std::optional<std::size_t> got;
  std::thread reader([&] {
    Bytes into(10);
    got = pair.far.read_unlimited(into).value_or(99);
  });
  pair.far.shut_down();
  reader.join();
  EXPECT_EQ(got, 0u);
}

TEST(Sockets, AWriteToAClosedConnectionIsAnErrorAndNoSignal) {
  Pair pair;
  {
    const Socket gone = std::move(pair.far);
  }
  Result<> result;
  for (int i = 0; i < 1000 && result; ++i) {
    result = pair.near.write_all(Bytes(100'000), patience);
  }
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, Kind::unavailable);
}

TEST(Sockets, TryWriteNeverWaits) {
  const Pair pair;
  const Bytes block(1u << 20);
  const ByteView parts[] = {ByteView(block), ByteView(block)};
  std::size_t total = 0;
  for (std::size_t sent = 1; sent > 0; total += sent) {
    const auto result = pair.near.try_write(parts);
    ASSERT_TRUE(result);
    sent = *result;
  }
  EXPECT_GT(total, 0u);
}

TEST(Sockets, TryReadNeverWaits) {
  Pair pair;
  Bytes into(4);
  const auto nothing = pair.near.try_read(into);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  ASSERT_TRUE(pair.far.write_all(Bytes(3), patience));
  ASSERT_TRUE(pair.near.wait_readable(patience));
  const auto some = pair.near.try_read(into);
  ASSERT_TRUE(some && *some);
  EXPECT_EQ(**some, 3u);
  pair.far.shut_down();
  ASSERT_TRUE(pair.near.wait_readable(patience));
  const auto end = pair.near.try_read(into);
  ASSERT_TRUE(end && *end);
  EXPECT_EQ(**end, 0u);
}

TEST(Sockets, ConnectFailsWhereNobodyListens) {
  std::uint16_t port = 0;
  {
    const auto listener = Listener::tcp("127.0.0.1", 0);
    ASSERT_TRUE(listener);
    port = listener->port();
  }
  const auto socket = Socket::connect("127.0.0.1", port, patience);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().kind, Kind::unavailable);
}

TEST(Listener, RefusesAnAddressThatIsNotNumeric) {
  const auto listener = Listener::tcp("localhost", 0);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().kind, Kind::invalid);
}

TEST(Listener, CloseWakesAccept) {
  const auto listener = Listener::tcp("127.0.0.1", 0);
  ASSERT_TRUE(listener);
  std::optional<Kind> kind;
  std::thread accepting([&] {
    const auto socket = listener->accept();
    if (!socket) kind = socket.error().kind;
  });
  listener->close();
  accepting.join();
  EXPECT_EQ(kind, Kind::cancelled);
}

TEST(Listener, ServesIpv6) {
  const auto listener = Listener::tcp("::1", 0);
  if (!listener) GTEST_SKIP() << "no IPv6 here: " << listener.error().message;
  const auto socket = Socket::connect("::1", listener->port(), patience);
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->peer(), "[::1]:" + std::to_string(listener->port()));
}

TEST_F(SocketFolder, ASocketFileIsPrivateAndGoesWithItsListener) {
  const auto path = folder_ + "/socket";
  {
    const auto listener = Listener::unix_path(path);
    ASSERT_TRUE(listener) << listener.error().message;
    struct stat status = {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    const auto near = Socket::connect_unix(path);
    ASSERT_TRUE(near);
    EXPECT_EQ(listener->accept().value().peer(), "unix");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SocketFolder, ADeadSocketFileIsReplacedAndALiveOneIsNot) {
  const auto path = folder_ + "/socket";
  std::filesystem::path kept = folder_ + "/kept";
  {
    const auto dying = Listener::unix_path(path);
    ASSERT_TRUE(dying);
    std::filesystem::create_hard_link(path, kept);
  }
  std::filesystem::rename(kept, path);  // as a killed server leaves it
  const auto listener = Listener::unix_path(path);
  ASSERT_TRUE(listener) << listener.error().message;
  const auto second = Listener::unix_path(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, Kind::conflict);
}

TEST_F(SocketFolder, AnOrdinaryFileIsNeverReplaced) {
  const auto path = folder_ + "/file";
  std::ofstream(path) << "precious";
  const auto listener = Listener::unix_path(path);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().kind, Kind::conflict);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(SocketFolder, APathTooLongForASocketIsRefused) {
  const auto listener = Listener::unix_path(folder_ + "/" + std::string(200, 'a'));
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().kind, Kind::invalid);
}

}  // namespace
}  // namespace pinaco::os
