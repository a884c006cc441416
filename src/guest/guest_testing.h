// What the tests of this room share: a guest's facts, and requests as text.
#pragma once

#include <gtest/gtest.h>

#include "base/text.h"
#include "guest/ethernet.h"
#include "guest/guest.h"
#include "http/http.h"

namespace pinaco::guest {

inline Facts test_facts() {
  return {.id = "11111111-2222-3333-4444-555555555555",
          .name = "web",
          .resource_id =
              "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/"
              "virtualMachines/web",
          .resource_group = "rg",
          .subscription = "99999999-2222-3333-4444-555555555555",
          .location = "westeurope",
          .size = "Standard_B2s",
          .tags = {{"env", "test"}, {"team", "a"}},
          .image = {{"publisher", "Debian"}, {"sku", "12"}},
          .computer_name = "web-1",
          .user = "ada",
          .password = "Corr<ect> & \"Horse'",
          .password_login = true,
          .keys = {{.path = "/home/ada/.ssh/authorized_keys", .key = "ssh-ed25519 AAAAB3 ada@x"}},
          .custom_data = to_base64(as_bytes("#!/bin/sh\necho hello\n")),
          .user_data = to_base64(as_bytes("user data")),
          .mac = "00:0d:3a:01:02:03",
          .public_address = "127.42.0.7"};
}

inline http::Request ask(std::string target, std::string method = "GET", std::string body = "") {
  http::Request request{
      .method = std::move(method), .target = std::move(target), .body = std::move(body)};
  request.headers.add("Metadata", "true");
  return request;
}

inline Layout test_layout() {
  return {.subnet = {.first = 0x0a000000, .prefix = 24},
          .guest = 0x0a000004,
          .mac = {0x00, 0x0d, 0x3a, 0x01, 0x02, 0x03}};
}

// Frames as a guest sends them.
inline Bytes ip_frame(std::uint32_t destination, std::uint8_t protocol, ByteView payload,
                      std::uint32_t source = 0x0a000004) {
  Bytes frame(ethernet_bytes + 20);
  append(frame, payload);
  const MutableBytes all = frame;
  const auto mac = test_layout().mac;
  std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  std::copy(mac.begin(), mac.end(), frame.begin() + 6);
  store_be(all, 12, std::uint16_t{0x0800});
  const auto ip = all.subspan(ethernet_bytes);
  ip[0] = 0x45;
  store_be(ip, 2, static_cast<std::uint16_t>(ip.size()));
  ip[8] = 64;
  ip[9] = protocol;
  store_be(ip, 12, source);
  store_be(ip, 16, destination);
  store_be(ip, 10, internet_checksum(ip.first(20)));
  return frame;
}

// Of TCP or UDP, with the pseudo-header; 0 when the checksum inside is right.
inline std::uint16_t transport_checksum(ByteView frame) {
  const auto ip = frame.subspan(ethernet_bytes);
  const auto payload = ip.subspan(20, load_be<std::uint16_t>(ip, 2) - 20u);
  Bytes pseudo(ip.begin() + 12, ip.begin() + 20);
  pseudo.push_back(0);
  pseudo.push_back(ip[9]);
  pseudo.resize(12);
  store_be(pseudo, 10, static_cast<std::uint16_t>(payload.size()));
  append(pseudo, payload);
  return internet_checksum(pseudo);
}

inline Bytes tcp_frame(std::uint32_t destination, int source_port, int port, std::uint8_t flags,
                       std::uint32_t sequence = 1, std::uint32_t acknowledged = 0,
                       std::string_view data = "") {
  Bytes tcp(20);
  append(tcp, as_bytes(data));
  store_be(tcp, 0, static_cast<std::uint16_t>(source_port));
  store_be(tcp, 2, static_cast<std::uint16_t>(port));
  store_be(tcp, 4, sequence);
  store_be(tcp, 8, acknowledged);
  tcp[12] = 5 << 4;
  tcp[13] = flags;
  store_be(tcp, 14, std::uint16_t{60'000});
  Bytes frame = ip_frame(destination, 6, tcp);
  store_be(frame, ethernet_bytes + 20 + 16, transport_checksum(frame));
  return frame;
}

inline Bytes udp_frame(std::uint32_t destination, int source_port, int port, ByteView data,
                       std::uint32_t source = 0x0a000004) {
  Bytes udp(8);
  append(udp, data);
  store_be(udp, 0, static_cast<std::uint16_t>(source_port));
  store_be(udp, 2, static_cast<std::uint16_t>(port));
  store_be(udp, 4, static_cast<std::uint16_t>(udp.size()));
  Bytes frame = ip_frame(destination, 17, udp, source);
  store_be(frame, ethernet_bytes + 20 + 6, transport_checksum(frame));
  return frame;
}

inline Bytes dhcp_frame(std::uint8_t type, std::uint32_t wanted = 0, std::uint32_t client = 0) {
  Bytes bootp(240);
  bootp[0] = 1;
  bootp[1] = 1;
  bootp[2] = 6;
  store_be(bootp, 4, std::uint32_t{0x12345678});
  store_be(bootp, 12, client);
  const auto mac = test_layout().mac;
  std::copy(mac.begin(), mac.end(), bootp.begin() + 28);
  store_be(bootp, 236, std::uint32_t{0x63825363});
  append(bootp, Bytes{53, 1, type});
  if (wanted != 0) {
    bootp.insert(bootp.end(), {50, 4, 0, 0, 0, 0});
    store_be(bootp, bootp.size() - 4, wanted);
  }
  bootp.push_back(255);
  return udp_frame(0xffffffff, 68, 67, bootp, client);
}

}  // namespace pinaco::guest
