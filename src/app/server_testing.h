// A whole server in memory for tests: requests as different callers, over HTTPS, with the driver
// that runs nothing. Its bytes are in a folder that goes with it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "app/region.h"
#include "base/text.h"
#include "format/format.h"
#include "http/http.h"

namespace pinaco::app {

// The system's clock, which can be put forward.
class LaterClock final : public Clock {
 public:
  WallTime now() const override { return system_clock().now() + Seconds(later_.load()); }
  SteadyTime steady() const override { return system_clock().steady(); }
  void put_forward(std::int64_t seconds) { later_ += seconds; }

 private:
  std::atomic<std::int64_t> later_ = 0;
};

struct Told {
  int status = 0;
  Json body = nullptr;
  http::Headers headers = {};

  std::string_view text(std::string_view path) const { return string_at(body, path); }
  // "400 InvalidParameter: Parameter 'osProfile' is not allowed.", or the status alone.
  std::string outcome() const {
    if (text("error.code").empty()) return std::to_string(status);
    return fmt::format("{} {}: {}", status, text("error.code"), text("error.message"));
  }
};

// A region that is only for subscriptions that were allowed there.
inline RegionConfig restricted_region(const std::string& folder) {
  return {.name = "australiacentral",
          .display_name = "Australia Central",
          .stores = {{.path = folder + "/regions/australiacentral/a", .premium = true}},
          .restricted = true};
}

class WholeServer {
 public:
  explicit WholeServer(const std::function<void(Config&)>& adjust = nullptr,
                       deploy::Options deployments = {}) {
    folder_ = testing::TempDir() + "pinaco-server-XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    Config config = default_config(folder_);
    config.port = 0;
    config.nbd_port = 0;
    config.machines.driver = "none";
    if (adjust != nullptr) adjust(config);
    auto started = app::start(config,
                              {.data_folder = folder_,
                               .work = {.pause = Milliseconds(20), .purge_after = Seconds(0)},
                               .deployments = deployments,
                               .in_memory = true},
                              clock_, system_random());
    CHECK(started);
    pinaco_ = std::move(*started);
    client_ = http::make_client({.ca_file = pinaco_->ca_file});
    base_ = "https://localhost:" + std::to_string(pinaco_->http->port());
    first_ = *pinaco_->identity->directory().first_credentials();
    token_ = log_in(first_.tenant, first_.client_id, first_.client_secret);
  }

  ~WholeServer() {
    pinaco_.reset();
    std::filesystem::remove_all(folder_);
  }

  LaterClock& clock() { return clock_; }
  Pinaco& parts() { return *pinaco_; }
  const identity::FirstCredentials& first() const { return first_; }
  const std::string& base() const { return base_; }
  std::string scope() const { return "/subscriptions/" + first_.subscription; }

  std::string log_in(const std::string& tenant, const std::string& client,
                     const std::string& secret) {
    const auto form =
        fmt::format("grant_type=client_credentials&client_id={}&client_secret={}&scope={}", client,
                    percent_encode(secret), percent_encode(base_ + "/.default"));
    http::Ask ask{.method = "POST",
                  .url = fmt::format("{}/{}/oauth2/v2.0/token", base_, tenant),
                  .body = as_bytes(form)};
    ask.headers.add("Content-Type", "application/x-www-form-urlencoded");
    const auto answer = client_->send(ask);
    EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : "no answer");
    return std::string(string_at(parse_json(answer->body).value_or(nullptr), "access_token"));
  }

  // Whose requests the next ones are, and what else they bring along.
  void use(std::string token, std::string auxiliary = {}) {
    token_ = std::move(token);
    auxiliary_ = std::move(auxiliary);
  }
  const std::string& token() const { return token_; }

  // path: "/subscriptions/…?api-version=…".
  Told send(const std::string& method, const std::string& path, const Json& body = nullptr) {
    const auto text = body.is_null() ? std::string() : to_text(body);
    http::Ask ask{.method = method, .url = base_ + path, .body = as_bytes(text)};
    if (!path.starts_with("/blob/")) ask.headers.add("Authorization", "Bearer " + token_);
    if (!auxiliary_.empty()) {
      ask.headers.add("x-ms-authorization-auxiliary", "Bearer " + auxiliary_);
    }
    if (!text.empty()) ask.headers.add("Content-Type", "application/json");
    auto answer = client_->send(ask);
    EXPECT_TRUE(answer) << method << " " << path << ": " << answer.error().message;
    if (!answer) return {};
    Told told{
        .status = answer->status,
        .body = answer->body.empty() ? Json(nullptr) : parse_json(answer->body).value_or(nullptr),
        .headers = std::move(answer->headers)};
    return told;
  }

  // The same for what must succeed.
  Told must(const std::string& method, const std::string& path, const Json& body = nullptr) {
    auto told = send(method, path, body);
    EXPECT_LT(told.status, 300) << method << " " << path << "\n" << to_text(told.body);
    return told;
  }

  void drain() {
    pinaco_->deployments->drain();
    pinaco_->workers->drain();
  }

  // What became of the operation that an answer named; it has ended.
  Told end_of(const Told& told) {
    const auto url = std::string(told.headers.get("Azure-AsyncOperation"));
    EXPECT_TRUE(url.starts_with(base_)) << url;
    return url.starts_with(base_) ? send("GET", url.substr(base_.size())) : Told{};
  }

  // A managed disk of `mib` MiB that starts with these bytes; imported after the next drain().
  void upload_disk(const std::string& disk, const Json& properties, ByteView start,
                   std::size_t mib = 20) {
    const std::size_t size = mib << 20;
    Json body{{"location", "westeurope"}, {"properties", properties}};
    set_path(body, "properties.creationData",
             JsonObject{{"createOption", "Upload"}, {"uploadSizeBytes", size + 512}});
    must("PUT", disk + disks_api, body);
    const auto granted = must("POST", disk + "/beginGetAccess" + disks_api,
                              Json{{"access", "Write"}, {"durationInSeconds", 3600}});
    const auto link = std::string(end_of(granted).text("properties.output.accessSAS"));
    const Bytes unique(16, 7);
    put_pages(link, 0, start);
    put_pages(link, size, format::fixed_vhd_footer(size, unique));
    must("POST", disk + "/endGetAccess" + disks_api);
  }

  static constexpr const char* disks_api = "?api-version=2022-07-02";

 private:
  void put_pages(const std::string& link, std::size_t at, ByteView pages) {
    http::Ask ask{.method = "PUT", .url = link + "&comp=page", .body = pages};
    ask.headers.add("x-ms-page-write", "update");
    ask.headers.add("x-ms-range", fmt::format("bytes={}-{}", at, at + pages.size() - 1));
    const auto answer = client_->send(ask);
    EXPECT_TRUE(answer && answer->status == 201) << (answer ? answer->body : "no answer");
  }

  std::string folder_, base_, token_, auxiliary_;
  LaterClock clock_;
  std::unique_ptr<Pinaco> pinaco_;
  std::unique_ptr<http::Client> client_;
  identity::FirstCredentials first_;
};

}  // namespace pinaco::app
