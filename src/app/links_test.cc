// Templates on other hosts, over real TLS: what a whole server asks there, and what it does not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>

#include "app/certificates.h"
#include "app/server_testing.h"

namespace pinaco::app {
namespace {

constexpr const char* gallery_template = R"({"$schema": "x", "contentVersion": "1.0.0.0",
  "resources": [{"type": "Microsoft.Compute/galleries", "apiVersion": "2021-10-01",
    "name": "outside", "location": "westeurope", "properties": {}}]})";

constexpr const char* nested_template = R"({"$schema": "x", "contentVersion": "1.0.0.0",
  "resources": [{"type": "Microsoft.Resources/deployments", "apiVersion": "2021-04-01",
    "name": "inner", "properties": {"mode": "Incremental",
      "templateLink": {"relativePath": "../good.json"}}}]})";

// A host with templates, and a certificate of an authority of its own.
class Outside {
 public:
  Outside() {
    folder_ = testing::TempDir() + "pinaco-outside-XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    const auto random = seeded_random(3);
    ManualClock clock{system_clock().now()};
    paths_ = ensure_certificates(folder_, {"localhost", "127.0.0.1"}, clock, *random).value();
    server_ =
        http::serve({.certificate_file = paths_.certificate_file, .key_file = paths_.key_file},
                    [this](http::Request& request) { return answer(request); })
            .value();
  }
  ~Outside() {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  const std::string& ca_file() const { return paths_.ca_file; }
  int port() const { return server_->port(); }
  std::string place(std::string_view host = "localhost") const {
    return fmt::format("{}:{}", host, port());
  }
  int asked() const { return asked_; }
  std::string headers() const { return headers_; }
  std::string target() const { return target_; }  // of the last request; when none is under way

 private:
  http::Reply answer(http::Request& request) {
    asked_++;
    target_ = request.target;
    for (const auto& [name, value] : request.headers.all()) {
      headers_ += fmt::format("{}: {}\n", name, value);
    }
    http::Reply reply;
    const auto path = request.target.substr(0, request.target.find('?'));
    if (path == "/good.json") reply.body = std::string("\xEF\xBB\xBF") + gallery_template;
    if (path == "/nested/main.json") reply.body = nested_template;
    if (path == "/large.json") reply.body = std::string((4 << 20) + 1, ' ');
    if (path == "/full.json") {
      reply.body = gallery_template;
      reply.body.resize(4 << 20, ' ');
    }
    if (path == "/moved.json") {
      reply.status = 302;
      reply.headers.add("Location", fmt::format("https://{}/good.json", place()));
    }
    if (path == "/gone.json") reply.status = 404;
    return reply;
  }

  std::string folder_, headers_, target_;
  CertificatePaths paths_;
  std::atomic<int> asked_ = 0;
  std::unique_ptr<http::Server> server_;
};

class OutsideLinks : public testing::Test {
 protected:
  // A server whose operator listed these.
  void start(std::vector<std::string> hosts, bool trusts = true) {
    server_ = std::make_unique<WholeServer>([&](Config& config) {
      config.links.hosts = std::move(hosts);
      if (trusts) config.links.ca_file = outside_.ca_file();
    });
    server_->must("PUT", server_->scope() + "/resourceGroups/rg?api-version=2021-04-01",
                  Json{{"location", "westeurope"}});
  }
  // "201", or the status and the error.
  std::string deploy(const std::string& uri) {
    const auto path = server_->scope() +
                      "/resourceGroups/rg/providers/Microsoft.Resources/deployments/d"
                      "?api-version=2021-04-01";
    const auto told = server_->send(
        "PUT", path,
        Json{{"properties", {{"mode", "Incremental"}, {"templateLink", {{"uri", uri}}}}}});
    server_->drain();
    EXPECT_FALSE(to_text(told.body).contains("secret")) << to_text(told.body);
    return told.outcome();
  }
  std::string state() {
    return std::string(server_
                           ->send("GET", server_->scope() +
                                             "/resourceGroups/rg/providers/Microsoft.Resources/"
                                             "deployments/d?api-version=2021-04-01")
                           .text("properties.provisioningState"));
  }

  Outside outside_;
  std::unique_ptr<WholeServer> server_;
};

TEST_F(OutsideLinks, OfAListedHostAreDeployedAndToldNothingOfUs) {
  start({outside_.place()});
  EXPECT_EQ(deploy(fmt::format("https://{}/good.json?token=secret", outside_.place())), "201");
  EXPECT_EQ(state(), "Succeeded");
  EXPECT_EQ(outside_.asked(), 1);
  for (const char* ours : {"Authorization", "Cookie", "x-ms-"}) {
    EXPECT_FALSE(outside_.headers().contains(ours)) << outside_.headers();
  }
  EXPECT_EQ(deploy(fmt::format("HTTPS://LOCALHOST:{}/full.json", outside_.port())), "200");
}

TEST_F(OutsideLinks, OfNestedTemplatesAreRelativeAndSignedTheSame) {
  start({outside_.place()});
  EXPECT_EQ(deploy(fmt::format("https://{}/nested/main.json?token=secret", outside_.place())),
            "201");
  EXPECT_EQ(state(), "Succeeded");
  EXPECT_EQ(outside_.asked(), 2);
  EXPECT_EQ(outside_.target(), "/good.json?token=secret");
}

TEST_F(OutsideLinks, LeaveNothingBehindOfWhatSignedThem) {
  start({outside_.place()});
  EXPECT_EQ(deploy(fmt::format("https://{}/good.json?token=secret", outside_.place())), "201");
  EXPECT_EQ(state(), "Succeeded");
  std::size_t facts = 0;
  const auto read = server_->parts().model->read(
      server_->first().subscription, [&](const model::View& view) -> Result<> {
        for (const auto& [name, json] : TRY(view.facts(""))) {
          facts++;
          EXPECT_FALSE(to_text(json).contains("secret")) << name;
        }
        return {};
      });
  EXPECT_TRUE(read);
  EXPECT_GT(facts, 2U);
}

TEST_F(OutsideLinks, OfAnyOtherHostOrPortAreNotAskedFor) {
  start({"localhost", "example.org", "*.example.org", outside_.place("other.example")});
  const auto port = outside_.port();
  for (const auto& uri :
       {fmt::format("https://localhost:{}/good.json", port),
        fmt::format("https://127.0.0.1:{}/good.json", port),
        fmt::format("https://example.org:{}/good.json", port),
        fmt::format("https://example.org@localhost:{}/good.json", port),
        fmt::format("https://x:y@localhost:{}/good.json", port),
        fmt::format("https://localhost:{}\\@example.org/good.json", port),
        fmt::format("https://localhost:{}#@example.org/good.json", port),
        fmt::format("https://badexample.org:{}/good.json", port),
        fmt::format("https://[::1]:{}/good.json", port), fmt::format("//localhost:{}/", port),
        std::string("https:///good.json"), std::string("ftp://example.org/good.json"),
        std::string("file:///etc/passwd"), std::string("gopher://example.org/")}) {
    EXPECT_TRUE(deploy(uri).starts_with("400 InvalidContentLink: ")) << uri << " " << deploy(uri);
  }
  EXPECT_EQ(outside_.asked(), 0);
}

TEST_F(OutsideLinks, OverPlainHttpAreNotAskedFor) {
  std::atomic<int> asked = 0;
  const auto plain = http::serve({}, [&](http::Request&) {
                       ++asked;
                       return http::Reply{.body = gallery_template};
                     }).value();
  start({fmt::format("localhost:{}", plain->port())});
  EXPECT_TRUE(deploy(fmt::format("http://localhost:{}/t.json", plain->port()))
                  .starts_with("400 InvalidContentLink"));
  EXPECT_EQ(asked, 0);
}

TEST_F(OutsideLinks, OfAPatternNeverLeadToPrivateAddresses) {
  start({fmt::format("*:{}", outside_.port()), fmt::format("*.0.0.1:{}", outside_.port())});
  for (const char* host : {"localhost", "127.0.0.1", "2130706433", "0.0.0.0", "127.1"}) {
    EXPECT_TRUE(deploy(fmt::format("https://{}/good.json", outside_.place(host)))
                    .starts_with("400 InvalidContentLink"))
        << host;
  }
  EXPECT_EQ(outside_.asked(), 0);
}

TEST_F(OutsideLinks, AreNotFollowedElsewhereNorReadBeyondTheLimit) {
  start({outside_.place()});
  const auto at = [&](std::string_view file) {
    return deploy(fmt::format("https://{}/{}", outside_.place(), file));
  };
  EXPECT_TRUE(at("moved.json").contains("It was answered 302.")) << at("moved.json");
  EXPECT_TRUE(at("gone.json").contains("It was answered 404.")) << at("gone.json");
  EXPECT_TRUE(at("large.json").contains("larger than 4 MiB")) << at("large.json");
  EXPECT_TRUE(at("empty.json").starts_with("400 InvalidTemplate")) << at("empty.json");
}

TEST_F(OutsideLinks, NeedACertificateThatIsTrusted) {
  start({outside_.place()}, false);
  EXPECT_TRUE(deploy(fmt::format("https://{}/good.json", outside_.place()))
                  .starts_with("400 InvalidContentLink"));
  EXPECT_EQ(outside_.asked(), 0);
}

}  // namespace
}  // namespace pinaco::app
