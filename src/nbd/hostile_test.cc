// Clients that break the protocol, stall, flood or vanish: each is answered or dropped as the
// text says, and the next honest client is served.
#include <thread>

#include "nbd/nbd_fixture.h"

namespace pinaco::nbd {
namespace {

Bytes option_head(std::uint32_t type, std::uint32_t length) {
  Bytes head;
  append_be(head, option_magic);
  append_be(head, type);
  append_be(head, length);
  return head;
}

// So that a client is dropped for what it did and not because its time was over.
constexpr Limits patient = {.handshake = std::chrono::hours(1)};

OptionReply answer_to(const BareClient& client, Option type, ByteView data) {
  const auto answer = client.ask(type, data);
  EXPECT_TRUE(answer) << answer.error().message;
  return answer ? answer->type : OptionReply::ack;
}

// Sends a request on a connection with structured replies and returns the error it gets.
WireError error_of(const BareClient& client, ByteView request) {
  EXPECT_TRUE(client.send(request));
  const auto chunk = client.chunk();
  EXPECT_TRUE(chunk) << chunk.error().message;
  EXPECT_TRUE(!chunk || chunk->done);
  return chunk ? chunk->error() : WireError::none;
}

TEST(NbdHandshake, DropsAnOptionOfFourGibibytes) {
  const Served served(false, {}, patient);
  for (const auto option : {3u, 7u, 10u, 12345u}) {
    const auto client = served.connect();
    ASSERT_TRUE(client.greet());
    ASSERT_TRUE(client.send(option_head(option, 0xffffffff)));
    EXPECT_EQ(client.is_closed(), true);
  }
  served.expect_still_serving();
}

TEST(NbdHandshake, DropsAClientThatSendsOptionsForEver) {
  const Served served(false, {}, patient);
  const auto client = served.connect();
  ASSERT_TRUE(client.greet());
  for (std::uint32_t i = 0; i < options_max; ++i) {
    EXPECT_EQ(answer_to(client, Option::list, {}), OptionReply::error_policy);
  }
  EXPECT_EQ(client.is_closed(), true);
  served.expect_still_serving();
}

TEST(NbdHandshake, SkipsAnUnknownOption) {
  const Served served;
  const auto client = served.connect();
  ASSERT_TRUE(client.greet());
  const Bytes data(60'000);
  EXPECT_EQ(answer_to(client, static_cast<Option>(4711), data), OptionReply::error_unsupported);
  EXPECT_EQ(answer_to(client, Option::starttls, {}), OptionReply::error_unsupported);
  EXPECT_EQ(answer_to(client, Option::go, BareClient::go_data("disk")), OptionReply::ack);
}

TEST(NbdHandshake, RefusesNamesOver4096Bytes) {
  const Served served(false, {}, patient);
  const auto client = served.connect();
  ASSERT_TRUE(client.greet());
  EXPECT_EQ(answer_to(client, Option::go, BareClient::go_data(std::string(4096, 'a'))),
            OptionReply::error_unknown);
  EXPECT_EQ(answer_to(client, Option::go, BareClient::go_data(std::string(4097, 'a'))),
            OptionReply::error_invalid);
  ASSERT_TRUE(client.send(option_head(1, 4097)));
  ASSERT_TRUE(client.send(Bytes(4097, 'a')));
  EXPECT_EQ(client.is_closed(), true);
  served.expect_still_serving();
}

TEST(NbdHandshake, RefusesOptionsWhoseLengthsDoNotAddUp) {
  const Served served;
  const auto client = served.connect();
  ASSERT_TRUE(client.greet());
  ASSERT_EQ(answer_to(client, Option::structured_reply, {}), OptionReply::ack);
  Bytes go = BareClient::go_data("disk");
  Bytes context = BareClient::context_data("disk", base_allocation);
  for (std::size_t cut = 0; cut < 8; ++cut) {
    EXPECT_EQ(answer_to(client, Option::go, ByteView(go).first(cut)), OptionReply::error_invalid);
    EXPECT_EQ(answer_to(client, Option::set_meta_context,
                        ByteView(context).first(context.size() - 1 - cut)),
              OptionReply::error_invalid);
  }
  go.push_back(0);
  context.push_back(0);
  EXPECT_EQ(answer_to(client, Option::go, go), OptionReply::error_invalid);
  EXPECT_EQ(answer_to(client, Option::set_meta_context, context), OptionReply::error_invalid);
  context.pop_back();
  store_be<std::uint32_t>(context, 8, 0xffffffff);  // four thousand million queries
  EXPECT_EQ(answer_to(client, Option::set_meta_context, context), OptionReply::error_invalid);
  EXPECT_EQ(answer_to(client, Option::structured_reply, Bytes(1)), OptionReply::error_invalid);
}

TEST(NbdHandshake, RefusesAContextBeforeStructuredReplies) {
  const Served served;
  const auto client = served.connect();
  ASSERT_TRUE(client.greet());
  EXPECT_EQ(answer_to(client, Option::set_meta_context,
                      BareClient::context_data("disk", base_allocation)),
            OptionReply::error_invalid);
}

TEST(NbdHandshake, ForgetsAContextThatWasChosenForAnotherExport) {
  const Served served;
  served.server->add("other", {.disk = served.disk});
  const auto client = served.connect();
  ASSERT_TRUE(client.greet());
  ASSERT_EQ(answer_to(client, Option::structured_reply, {}), OptionReply::ack);
  ASSERT_EQ(answer_to(client, Option::set_meta_context,
                      BareClient::context_data("other", base_allocation)),
            OptionReply::ack);
  ASSERT_EQ(answer_to(client, Option::go, BareClient::go_data("disk")), OptionReply::ack);
  EXPECT_EQ(error_of(client, BareClient::request(Command::block_status, 1, 0, 4096)),
            WireError::invalid);
}

TEST(NbdHandshake, DropsUnknownClientFlagsAndWrongMagic) {
  const Served served(false, {}, patient);
  const auto flags = served.connect();
  ASSERT_TRUE(flags.greet(0x80000001));
  EXPECT_EQ(flags.is_closed(), true);
  const auto magic = served.connect();
  ASSERT_TRUE(magic.greet());
  ASSERT_TRUE(magic.send(Bytes(16, 'x')));
  EXPECT_EQ(magic.is_closed(), true);
}

TEST(NbdHandshake, GivesTheOldReplyWith124ZeroesToExportName) {
  const Served served;
  const auto client = served.connect();
  ASSERT_TRUE(client.greet(flag_fixed_newstyle));
  ASSERT_TRUE(client.send(BareClient::option(Option::export_name, as_bytes("disk"))));
  const auto reply = client.receive(8 + 2 + 124);
  ASSERT_TRUE(reply);
  EXPECT_EQ(load_be<std::uint64_t>(*reply), served.disk->size_bytes());
  ASSERT_TRUE(client.send(BareClient::request(Command::read, 9, 0, 10)));
  const auto head = client.simple_reply();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->cookie, 9u);
}

TEST(NbdHandshake, EndsAtItsDeadlineHoweverTheClientDribbles) {
  const Served served(false, {}, {.handshake = Milliseconds(50)});
  const auto silent = served.connect();
  const auto dribbling = served.connect();
  ASSERT_TRUE(dribbling.greet());
  ASSERT_TRUE(dribbling.send(Bytes(3)));
  EXPECT_EQ(silent.is_closed(), true);
  EXPECT_EQ(dribbling.is_closed(), true);
}

TEST(NbdHandshake, HalfOpenConnectionsKeepNobodyOut) {
  const Served served(false, {.connections_max = 50});
  std::vector<BareClient> half_open;
  for (int i = 0; i < 200; ++i) half_open.push_back(served.connect());
  served.expect_still_serving();
}

TEST(NbdServer, RefusesConnectionsOverItsLimit) {
  const Served served(false, {.connections_max = 2});
  const auto first = served.open(true);
  auto second = std::make_unique<BareClient>(served.open(true));
  const auto third = served.connect();
  EXPECT_EQ(third.is_closed(), true);
  EXPECT_EQ(error_of(*second, BareClient::request(Command::read, 1, 0, 0)), WireError::invalid);
  second->socket().shut_down();
  EXPECT_EQ(second->is_closed(), true);
}

TEST(NbdServer, KeepsServingWhenClientsVanishAtAnyByte) {
  const Served served;
  Bytes talk;
  append_be<std::uint32_t>(talk, flag_fixed_newstyle | flag_no_zeroes);
  append(talk, BareClient::option(Option::structured_reply, {}));
  append(talk, BareClient::option(Option::set_meta_context,
                                  BareClient::context_data("disk", base_allocation)));
  append(talk, BareClient::option(Option::go, BareClient::go_data("disk")));
  append(talk, BareClient::request(Command::read, 1, 0, 1 << 20));
  append(talk, BareClient::request(Command::block_status, 2, 0, 1 << 20));
  append(talk, BareClient::request(Command::write, 3, 0, 40));
  append(talk, Bytes(40, 'w'));
  append(talk, BareClient::request(Command::disconnect, 4, 0, 0));
  for (std::size_t cut = 0; cut <= talk.size(); ++cut) {
    const auto client = served.connect();
    (void)client.send(ByteView(talk).first(cut));
    if (cut % 3 == 0) (void)client.receive(18);
    if (cut % 2 == 0) client.socket().shut_down();
  }
  served.expect_still_serving();
}

TEST(NbdSession, RefusesReadsOutsideTheDiskOrItsLimits) {
  const Served served;
  const auto client = served.open(true);
  const auto size = served.disk->size_bytes();
  auto read = [&](std::uint64_t offset, std::uint32_t length, std::uint16_t flags = 0) {
    return error_of(client, BareClient::request(Command::read, 1, offset, length, flags));
  };
  EXPECT_EQ(read(0, 0), WireError::invalid);
  EXPECT_EQ(read(0, (32u << 20) + 1), WireError::invalid);
  EXPECT_EQ(read(0, 0xffffffff), WireError::invalid);
  EXPECT_EQ(read(size, 1), WireError::invalid);
  EXPECT_EQ(read(size - 1, 2), WireError::invalid);
  EXPECT_EQ(read(~std::uint64_t{0}, 2), WireError::invalid);
  EXPECT_EQ(read(~std::uint64_t{0} - 4095, 4096), WireError::invalid);
  EXPECT_EQ(read(0, 4096, 1), WireError::invalid);       // FUA was not offered
  EXPECT_EQ(read(0, 4096, 0x8000), WireError::invalid);  // no such flag
  EXPECT_EQ(read(size - 1, 1), WireError::none);
}

TEST(NbdSession, RefusesBlockStatusOutsideTheDisk) {
  const Served served;
  const auto client = served.open(true);
  auto status = [&](std::uint64_t offset, std::uint32_t length) {
    return error_of(client, BareClient::request(Command::block_status, 1, offset, length));
  };
  EXPECT_EQ(status(0, 0), WireError::invalid);
  EXPECT_EQ(status(0, 0xffffffff), WireError::invalid);
  EXPECT_EQ(status(~std::uint64_t{0}, 0xffffffff), WireError::invalid);
  EXPECT_EQ(status(4096, 4096), WireError::none);
}

TEST(NbdSession, RefusesUnknownCommandsAndGoesOn) {
  const Served served;
  const auto client = served.open(false);
  for (const std::uint16_t command : std::initializer_list<std::uint16_t>{3, 5, 9, 77, 0xffff}) {
    ASSERT_TRUE(client.send(BareClient::request(static_cast<Command>(command), command, 0, 512)));
    const auto reply = client.simple_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->error, WireError::invalid);
    EXPECT_EQ(reply->cookie, command);
  }
}

TEST(NbdSession, RefusesAWriteAndReadsOnBehindItsPayload) {
  const Served served;
  for (const std::uint32_t length : {0u, 1u, 4096u, 5'000'000u}) {
    const auto client = served.open(true);
    Bytes message = BareClient::request(Command::write, 5, 0, length);
    message.resize(message.size() + length, 0x25);  // looks like the start of requests
    append(message, BareClient::request(Command::read, 6, 0, 512));
    ASSERT_TRUE(client.send(message));
    const auto refused = client.chunk();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->error(), WireError::not_permitted);
    const auto read = client.chunk();
    ASSERT_TRUE(read);
    EXPECT_EQ(read->cookie, 6u);
    EXPECT_EQ(read->payload.size(), 8u + 512u);
  }
}

TEST(NbdSession, DropsAWriteTooLongToSkip) {
  const Served served;
  const auto client = served.open(true);
  ASSERT_TRUE(client.send(BareClient::request(Command::write, 5, 0, 0xffffffff)));
  EXPECT_EQ(client.is_closed(), true);
}

TEST(NbdSession, DropsARequestWithoutItsMagic) {
  const Served served;
  const auto client = served.open(true);
  ASSERT_TRUE(client.send(Bytes(28, 'x')));
  EXPECT_EQ(client.is_closed(), true);
  served.expect_still_serving();
}

TEST(NbdSession, AnswersWhatIsInFlightBeforeItLeaves) {
  const Served served;
  const auto client = served.open(true);
  Bytes message;
  for (std::uint64_t i = 0; i < 10; ++i) {
    append(message, BareClient::request(Command::read, i, 0, 4096));
  }
  append(message, BareClient::request(Command::disconnect, 99, 0, 0));
  ASSERT_TRUE(client.send(message));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.chunk());
  EXPECT_EQ(client.is_closed(), true);
}

TEST(NbdSession, TreatsEqualCookiesAsTwoRequests) {
  const Served served;
  const auto client = served.open(true);
  Bytes message = BareClient::request(Command::read, 1, 0, 512);
  append(message, BareClient::request(Command::read, 1, 512, 512));
  ASSERT_TRUE(client.send(message));
  EXPECT_TRUE(client.chunk());
  EXPECT_TRUE(client.chunk());
}

}  // namespace
}  // namespace pinaco::nbd
