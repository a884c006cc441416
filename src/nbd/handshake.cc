// The negotiation ("Newstyle negotiation" and "Option types" of NBD's doc/proto.md). Every length
// is checked before a byte of it is read; what is too long to skip ends the connection.
#include "nbd/handshake.h"

#include <fmt/format.h>

#include <algorithm>

#include "nbd/protocol.h"

namespace pinaco::nbd {
namespace {

// Reads the data of one option without ever passing its end.
class Cursor {
 public:
  explicit Cursor(ByteView data) : left_(data) {}

  template <typename T>
  Result<T> number() {
    if (left_.size() < sizeof(T)) return too_short();
    const T value = load_be<T>(left_);
    left_ = left_.subspan(sizeof(T));
    return value;
  }
  // A length and that many bytes.
  Result<std::string> text() {
    const auto length = TRY(number<std::uint32_t>());
    if (length > left_.size()) return too_short();
    if (length > name_bytes_max) return fail(Kind::invalid, "a name has more than 4096 bytes");
    std::string value(as_text(left_.first(length)));
    left_ = left_.subspan(length);
    return value;
  }
  Result<> end() const {
    if (!left_.empty()) return fail(Kind::invalid, "the option has bytes after its end");
    return {};
  }

 private:
  static std::unexpected<Error> too_short() {
    return fail(Kind::invalid, "the option is shorter than its parts");
  }
  ByteView left_;
};

class Negotiation {
 public:
  Negotiation(const os::Socket& socket, const Directory& directory, const NegotiationRules& rules)
      : socket_(socket),
        directory_(directory),
        rules_(rules),
        end_(system_clock().steady() + rules.limit) {}

  Result<Negotiated> run() {
    TRY(greet());
    for (std::uint32_t count = 0; count < options_max; ++count) {
      const auto [option, data] = TRY(read_option());
      TRY(answer(option, data));
      if (done_) return std::move(chosen_);
    }
    return fail(Kind::invalid,
                fmt::format("The client sent {} options and chose no export.", options_max));
  }

 private:
  struct Received {
    Option option;
    Bytes data;
  };

  Milliseconds left() const {
    return std::max(Milliseconds(0),
                    std::chrono::ceil<Milliseconds>(end_ - system_clock().steady()));
  }

  Result<> greet() {
    Bytes greeting;
    append_be(greeting, init_magic);
    append_be(greeting, option_magic);
    append_be<std::uint16_t>(greeting, flag_fixed_newstyle | flag_no_zeroes);
    TRY(socket_.write_all(greeting, left()));
    Bytes flags(4);
    TRY(socket_.read_exact(flags, left()));
    const auto client = load_be<std::uint32_t>(flags);
    if ((client & ~std::uint32_t{flag_fixed_newstyle | flag_no_zeroes}) != 0) {
      return fail(Kind::invalid, fmt::format("The client set unknown flags {:#x}.", client));
    }
    no_zeroes_ = (client & flag_no_zeroes) != 0;
    return {};
  }

  Result<Received> read_option() {
    Bytes head(16);
    TRY(socket_.read_exact(head, left()));
    if (load_be<std::uint64_t>(head) != option_magic) {
      return fail(Kind::invalid, "An option does not start with its magic.");
    }
    const auto length = load_be<std::uint32_t>(head, 12);
    if (length > option_bytes_max) {
      return fail(Kind::invalid, fmt::format("An option of {} bytes is over the limit of {}.",
                                             length, option_bytes_max));
    }
    Received received = {.option = static_cast<Option>(load_be<std::uint32_t>(head, 8)),
                         .data = Bytes(length)};
    TRY(socket_.read_exact(received.data, left()));
    return received;
  }

  Result<> reply(Option option, OptionReply type, ByteView data = {}) {
    Bytes message;
    append_be(message, option_reply_magic);
    append_be(message, static_cast<std::uint32_t>(option));
    append_be(message, static_cast<std::uint32_t>(type));
    append_be(message, static_cast<std::uint32_t>(data.size()));
    append(message, data);
    return socket_.write_all(message, left());
  }
  Result<> refuse(Option option, OptionReply type, std::string_view why) {
    return reply(option, type, as_bytes(why));
  }

  Result<> answer(Option option, ByteView data) {
    switch (option) {
      case Option::export_name:
        return choose_by_name(data);
      case Option::abort:
        TRY(reply(option, OptionReply::ack));
        return fail(Kind::cancelled, "The client ended the negotiation.");
      case Option::list:
        return list(data);
      case Option::info:
      case Option::go:
        return inform(option, data);
      case Option::structured_reply:
        if (!data.empty()) return refuse(option, OptionReply::error_invalid, "data not expected");
        chosen_.structured = true;
        return reply(option, OptionReply::ack);
      case Option::list_meta_context:
      case Option::set_meta_context:
        return meta_context(option, data);
      case Option::starttls:
        break;  // not offered: a TLS front belongs before this server
    }
    return refuse(option, OptionReply::error_unsupported, "option not supported");
  }

  static std::uint16_t transmission_flags(bool structured) {
    return static_cast<std::uint16_t>(transmission_has_flags | transmission_read_only |
                                      transmission_can_multi_conn |
                                      (structured ? transmission_send_df : 0));
  }

  // The oldest way to choose: it knows no errors, so an unknown name ends the connection.
  Result<> choose_by_name(ByteView data) {
    if (data.size() > name_bytes_max) return fail(Kind::invalid, "a name over 4096 bytes");
    auto entry = directory_.find(std::string(as_text(data)));
    if (!entry) return fail(Kind::not_found, "There is no export of the name asked for.");
    Bytes message;
    append_be(message, entry->export_.disk->size_bytes());
    append_be(message, transmission_flags(chosen_.structured));
    if (!no_zeroes_) message.resize(message.size() + 124);
    choose(std::move(entry), std::string(as_text(data)));
    return socket_.write_all(message, left());
  }

  void choose(std::shared_ptr<Entry> entry, const std::string& name) {
    chosen_.entry = std::move(entry);
    // A context that was chosen for another export is void ("NBD_OPT_SET_META_CONTEXT").
    if (context_name_ != name) chosen_.allocation = false;
    rules_.chosen(chosen_.entry);
    done_ = true;
  }

  Result<> list(ByteView data) {
    if (!data.empty()) {
      return refuse(Option::list, OptionReply::error_invalid, "data not expected");
    }
    if (!rules_.may_list) {
      return refuse(Option::list, OptionReply::error_policy, "this server does not tell names");
    }
    for (const auto& name : directory_.names()) {
      Bytes server;
      append_be(server, static_cast<std::uint32_t>(name.size()));
      append(server, as_bytes(name));
      TRY(reply(Option::list, OptionReply::server, server));
    }
    return reply(Option::list, OptionReply::ack);
  }

  struct Wanted {
    std::string name;
    std::vector<std::uint16_t> infos;
  };

  static Result<Wanted> parse_wanted(ByteView data) {
    Cursor cursor(data);
    Wanted wanted;
    wanted.name = TRY(cursor.text());
    const auto count = TRY(cursor.number<std::uint16_t>());
    for (std::uint16_t i = 0; i < count; ++i) {
      wanted.infos.push_back(TRY(cursor.number<std::uint16_t>()));
    }
    TRY(cursor.end());
    return wanted;
  }

  Result<> inform(Option option, ByteView data) {
    const auto wanted = parse_wanted(data);
    if (!wanted) return refuse(option, OptionReply::error_invalid, wanted.error().message);
    auto entry = directory_.find(wanted->name);
    if (!entry) return refuse(option, OptionReply::error_unknown, "no such export");

    Bytes info;
    append_be(info, info_export);
    append_be(info, entry->export_.disk->size_bytes());
    append_be(info, transmission_flags(chosen_.structured));
    TRY(reply(option, OptionReply::info, info));
    auto asked = [&](std::uint16_t type) {
      return std::find(wanted->infos.begin(), wanted->infos.end(), type) != wanted->infos.end();
    };
    if (asked(info_name)) TRY(inform_text(option, info_name, wanted->name));
    if (asked(info_description) && !entry->export_.description.empty()) {
      std::string_view description = entry->export_.description;
      TRY(inform_text(option, info_description, description.substr(0, name_bytes_max)));
    }
    if (asked(info_block_size)) {
      Bytes sizes;
      append_be(sizes, info_block_size);
      append_be(sizes, block_minimum_bytes);
      append_be(sizes, block_preferred_bytes);
      append_be(sizes, read_bytes_max);
      TRY(reply(option, OptionReply::info, sizes));
    }
    if (option == Option::go) choose(std::move(entry), wanted->name);
    return reply(option, OptionReply::ack);
  }

  Result<> inform_text(Option option, std::uint16_t type, std::string_view text) {
    Bytes info;
    append_be(info, type);
    append(info, as_bytes(text));
    return reply(option, OptionReply::info, info);
  }

  struct Queries {
    std::string name;
    std::vector<std::string> queries;
  };

  static Result<Queries> parse_queries(ByteView data) {
    Cursor cursor(data);
    Queries parsed;
    parsed.name = TRY(cursor.text());
    const auto count = TRY(cursor.number<std::uint32_t>());
    for (std::uint32_t i = 0; i < count; ++i) {  // ends with the data: each query takes 4 bytes
      parsed.queries.push_back(TRY(cursor.text()));
    }
    TRY(cursor.end());
    return parsed;
  }

  Result<> meta_context(Option option, ByteView data) {
    const bool set = option == Option::set_meta_context;
    if (set) chosen_.allocation = false;
    if (!chosen_.structured) {
      return refuse(option, OptionReply::error_invalid, "structured replies come first");
    }
    const auto asked = parse_queries(data);
    if (!asked) return refuse(option, OptionReply::error_invalid, asked.error().message);
    if (!directory_.find(asked->name)) {
      return refuse(option, OptionReply::error_unknown, "no such export");
    }
    const bool all = !set && asked->queries.empty();
    const bool found = std::any_of(asked->queries.begin(), asked->queries.end(), [&](auto& query) {
      return query == base_allocation || (!set && query == "base:");
    });
    if (all || found) {
      Bytes context;
      append_be(context, base_allocation_id);
      append(context, as_bytes(base_allocation));
      TRY(reply(option, OptionReply::meta_context, context));
      if (set) {
        chosen_.allocation = true;
        context_name_ = asked->name;
      }
    }
    return reply(option, OptionReply::ack);
  }

  const os::Socket& socket_;
  const Directory& directory_;
  const NegotiationRules& rules_;
  const SteadyTime end_;
  bool no_zeroes_ = false;
  bool done_ = false;
  std::string context_name_;
  Negotiated chosen_;
};

}  // namespace

Result<Negotiated> negotiate(const os::Socket& socket, const Directory& directory,
                             const NegotiationRules& rules) {
  return Negotiation(socket, directory, rules).run();
}

}  // namespace pinaco::nbd
