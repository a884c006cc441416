// A bare NBD client for tests and the bench: sends exactly the bytes it is told to, checks
// nothing by itself, and so can misbehave.
#pragma once

#include <fmt/format.h>

#include "nbd/protocol.h"
#include "os/sockets.h"

namespace pinaco::nbd {

class BareClient {
 public:
  static constexpr Milliseconds patience = std::chrono::seconds(20);

  explicit BareClient(os::Socket socket) : socket_(std::move(socket)) {}

  const os::Socket& socket() const { return socket_; }
  Result<> send(ByteView bytes) const { return socket_.write_all(bytes, patience); }
  Result<Bytes> receive(std::size_t count) const {
    Bytes bytes(count);
    TRY(socket_.read_exact(bytes, patience));
    return bytes;
  }
  // True once the server has closed the connection; what it still sends is thrown away.
  Result<bool> is_closed(Milliseconds within = patience) const {
    Bytes rest(64 << 10);
    while (true) {
      const auto got = socket_.read_some(rest, within);
      if (!got) return got.error().message.find("timed out") == std::string::npos;
      if (*got == 0) return true;
    }
  }

  Result<> greet(std::uint32_t flags = flag_fixed_newstyle | flag_no_zeroes) const {
    TRY(receive(18));
    Bytes answer;
    append_be(answer, flags);
    return send(answer);
  }

  static Bytes option(Option type, ByteView data) {
    Bytes message;
    append_be(message, option_magic);
    append_be(message, static_cast<std::uint32_t>(type));
    append_be(message, static_cast<std::uint32_t>(data.size()));
    append(message, data);
    return message;
  }
  struct Answer {
    OptionReply type;
    Bytes data;
  };
  Result<Answer> option_answer() const {
    const auto head = TRY(receive(20));
    Answer answer = {.type = static_cast<OptionReply>(load_be<std::uint32_t>(head, 12)),
                     .data = {}};
    answer.data = TRY(receive(load_be<std::uint32_t>(head, 16)));
    return answer;
  }
  // Sends an option and returns the last of its answers.
  Result<Answer> ask(Option type, ByteView data = {}) const {
    TRY(send(option(type, data)));
    while (true) {
      auto answer = TRY(option_answer());
      const auto number = static_cast<std::uint32_t>(answer.type);
      if (answer.type == OptionReply::ack || (number & reply_error_bit) != 0) return answer;
    }
  }

  static Bytes go_data(std::string_view name) {
    Bytes data;
    append_be(data, static_cast<std::uint32_t>(name.size()));
    append(data, as_bytes(name));
    append_be<std::uint16_t>(data, 0);
    return data;
  }
  static Bytes context_data(std::string_view name, std::string_view context) {
    Bytes data;
    append_be(data, static_cast<std::uint32_t>(name.size()));
    append(data, as_bytes(name));
    append_be<std::uint32_t>(data, 1);
    append_be(data, static_cast<std::uint32_t>(context.size()));
    append(data, as_bytes(context));
    return data;
  }
  // The whole negotiation; invalid when the server refuses.
  Result<> open(std::string_view name, bool structured) const {
    TRY(greet());
    if (structured) {
      TRY(ask(Option::structured_reply));
      TRY(ask(Option::set_meta_context, context_data(name, base_allocation)));
    }
    const auto answer = TRY(ask(Option::go, go_data(name)));
    if (answer.type == OptionReply::ack) return {};
    return fail(Kind::invalid, fmt::format("refused: {}", as_text(answer.data)));
  }

  static Bytes request(Command command, std::uint64_t cookie, std::uint64_t offset,
                       std::uint32_t length, std::uint16_t flags = 0) {
    Bytes message;
    append_be(message, request_magic);
    append_be(message, flags);
    append_be(message, static_cast<std::uint16_t>(command));
    append_be(message, cookie);
    append_be(message, offset);
    append_be(message, length);
    return message;
  }

  struct SimpleReply {
    WireError error;
    std::uint64_t cookie;
  };
  Result<SimpleReply> simple_reply() const {
    const auto head = TRY(receive(simple_reply_size_bytes));
    if (load_be<std::uint32_t>(head) != simple_reply_magic) {
      return fail(Kind::corrupt, "not a simple reply");
    }
    return SimpleReply{.error = static_cast<WireError>(load_be<std::uint32_t>(head, 4)),
                       .cookie = load_be<std::uint64_t>(head, 8)};
  }

  struct ReceivedChunk {
    bool done;
    Chunk type;
    std::uint64_t cookie;
    Bytes payload;
    WireError error() const {
      return type == Chunk::error ? static_cast<WireError>(load_be<std::uint32_t>(payload))
                                  : WireError::none;
    }
  };
  Result<ReceivedChunk> chunk() const {
    const auto head = TRY(receive(structured_reply_size_bytes));
    if (load_be<std::uint32_t>(head) != structured_reply_magic) {
      return fail(Kind::corrupt, "not a structured reply");
    }
    ReceivedChunk chunk = {.done = (load_be<std::uint16_t>(head, 4) & chunk_flag_done) != 0,
                           .type = static_cast<Chunk>(load_be<std::uint16_t>(head, 6)),
                           .cookie = load_be<std::uint64_t>(head, 8),
                           .payload = {}};
    chunk.payload = TRY(receive(load_be<std::uint32_t>(head, 16)));
    return chunk;
  }

 private:
  os::Socket socket_;
};

}  // namespace pinaco::nbd
