// The configuration file, read strictly.
#include "app/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pinaco::app {
namespace {

constexpr const char* issuer =
    "[[issuers]]\nname = \"corp\"\nissuer = \"https://id.example\"\n"
    "audience = \"pinaco\"\n";

TEST(Config, ReadsTrustedIssuers) {
  const auto config = parse_config(std::string(issuer) +
                                       "groups_claim = \"roles\"\n"
                                       "auto_create = true\n",
                                   "/data");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->issuers.size(), 1U);
  const auto& read = config->issuers[0];
  EXPECT_EQ(read.name, "corp");
  EXPECT_EQ(read.issuer, "https://id.example");
  EXPECT_EQ(read.audience, "pinaco");
  EXPECT_EQ(read.tenant, "");
  EXPECT_EQ(read.subject_claim, "sub");
  EXPECT_EQ(read.groups_claim, "roles");
  EXPECT_TRUE(read.auto_create);
  EXPECT_FALSE(parse_config(issuer, "/data")->issuers[0].auto_create);
  EXPECT_TRUE(parse_config("", "/data")->issuers.empty());
}

TEST(Config, RefusesAnIssuerThatIsNotWhole) {
  for (const std::string& bad :
       {std::string("[[issuers]]\nname = \"corp\"\n"), std::string("[issuers]\nname = \"corp\"\n"),
        std::string("issuers = [1]\n"), issuer + std::string("auto_create = \"yes\"\n"),
        issuer + std::string("audiences = \"x\"\n"), issuer + std::string("tenant = 1\n")}) {
    EXPECT_FALSE(parse_config(bad, "/data")) << bad;
  }
}

TEST(Config, HasNoProxyUnlessOneIsWanted) {
  EXPECT_FALSE(parse_config("", "/data")->proxy.on);
  const auto usual = parse_config("[proxy]\n", "/data");
  ASSERT_TRUE(usual) << usual.error().message;
  EXPECT_TRUE(usual->proxy.on);
  EXPECT_EQ(usual->proxy.address, "127.0.0.1");
  EXPECT_EQ(usual->proxy.port, 8480);
  EXPECT_EQ(usual->proxy.hosts.front(), "management.microsoftazure.de");
  const auto both = parse_config(
      "[proxy]\nport = 0\nclouds = [\"public\"]\nhosts = [\"*.x.example\"]\n", "/data");
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->proxy.hosts.front(), "management.azure.com");
  EXPECT_EQ(both->proxy.hosts.back(), "*.x.example");
  EXPECT_EQ(parse_config("[proxy]\nhosts = [\"a.b\"]\n", "/data")->proxy.hosts,
            std::vector<std::string>{"a.b"});
  for (const char* bad : {"proxy = 8480", "[proxy]\nclouds = [\"Mars\"]", "[proxy]\nclouds = []",
                          "[proxy]\nport = 65536", "[proxy]\nhost = \"x\""}) {
    EXPECT_FALSE(parse_config(bad, "/data")) << bad;
  }
}

TEST(Config, FetchesTemplatesFromNoHostUnlessItIsListed) {
  EXPECT_TRUE(parse_config("", "/data")->links.hosts.empty());
  const auto config = parse_config(
      "[deployments]\nlink_hosts = [\"a.example\", \"lan:8443\", \"*.b.example\", \"*\", "
      "\"*:8443\"]\nlink_ca = \"corp.pem\"\n",
      "/data");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->links.hosts.size(), 5U);
  EXPECT_EQ(config->links.ca_file, "/data/corp.pem");
  for (const char* bad : {"https://a.example", "a.example/templates", "a b", "", "*a.example",
                          "a.example:https", "*.", "a@b.example"}) {
    const auto text = std::string("[deployments]\nlink_hosts = [\"") + bad + "\"]\n";
    EXPECT_FALSE(parse_config(text, "/data")) << bad;
  }
  EXPECT_FALSE(parse_config("deployments = 1", "/data"));
  EXPECT_FALSE(parse_config("[deployments]\nhosts = []", "/data"));
}

TEST(Config, ReadsHowManyAGalleryIsSharedWith) {
  const auto usual = parse_config("", "/data");
  EXPECT_EQ(usual->shared_subscriptions_max, 30);
  EXPECT_EQ(usual->shared_tenants_max, 5);
  EXPECT_EQ(usual->frame_cache_mib, 256);
  const auto config = parse_config(
      "[server]\nshared_subscriptions_max = 100\nshared_tenants_max = 0\n"
      "image_disk_gb_max = 32767\n",
      "/data");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->image_disk_gb_max, 32767);
  EXPECT_EQ(config->shared_subscriptions_max, 100);
  EXPECT_EQ(config->shared_tenants_max, 0);
  EXPECT_FALSE(parse_config("[server]\nshared_tenants_max = -1\n", "/data"));
  EXPECT_EQ(parse_config("[server]\nframe_cache_mib = 16\n", "/data")->frame_cache_mib, 16);
  EXPECT_FALSE(parse_config("[server]\nframe_cache_mib = 15\n", "/data"));
}

TEST(Config, ReadsWhatDeploymentsMayDo) {
  const auto usual = parse_config("", "/data");
  EXPECT_EQ(usual->life.end_of_life, provider::EndOfLife::off);
  EXPECT_FALSE(usual->eager);
  EXPECT_EQ(usual->image_disk_gb_max, 1024);
  const auto config = parse_config("[server]\neager = true\n", "/data");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->eager);
  EXPECT_FALSE(parse_config("[server]\neager = \"yes\"\n", "/data"));
}

TEST(Config, ReadsWhatGoesByItself) {
  EXPECT_EQ(parse_config("", "/data")->life.grace_days, 7);
  const auto config = parse_config(
      "[lifecycle]\nend_of_life = \"delete\"\ngrace_days = 0\nin_use = true\nkeep_newest = 3\n"
      "keep_tagged = [\"env=prod\", \"golden\"]\n",
      "/data");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->life.end_of_life, provider::EndOfLife::erase);
  EXPECT_EQ(config->life.grace_days, 0);
  EXPECT_TRUE(config->life.in_use);
  EXPECT_EQ(config->life.keep_newest, 3);
  EXPECT_EQ(config->life.keep_tagged, "env=prod,golden");
  for (const char* bad : {"end_of_life = \"never\"", "grace_days = -1", "keep_newest = \"3\"",
                          "keep_tagged = [\"=prod\"]", "keep_oldest = 1"}) {
    EXPECT_FALSE(parse_config(fmt::format("[lifecycle]\n{}\n", bad), "/data")) << bad;
  }
}

constexpr const char* libvirt =
    "[machines]\ndriver = \"libvirt\"\naddress = \"10.0.0.1\"\n[[machines.host]]\nname = \"east\"\n"
    "uri = \"qemu+ssh://root@east.lan/system\"\nmemory_mib = 1000\n";

TEST(Config, ReadsHostsOfMachines) {
  const auto config = parse_config(
      std::string(libvirt) + "pool = \"guests\"\naccelerator = \"tcg\"\n" +
          "[[machines.host]]\nname = \"west\"\nuri = \"qemu:///system\"\nmemory_mib = 32\n",
      "/data");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->machines.driver, "libvirt");
  EXPECT_EQ(config->machines.address, "10.0.0.1");
  EXPECT_EQ(config->machines.disks_port, 10810);
  ASSERT_EQ(config->machines.hosts.size(), 2U);
  const auto& east = config->machines.hosts[0];
  EXPECT_EQ(east.name, "east");
  EXPECT_EQ(east.uri, "qemu+ssh://root@east.lan/system");
  EXPECT_EQ(east.pool, "guests");
  EXPECT_EQ(east.memory_mib, 1000U);
  EXPECT_EQ(east.accelerator, "tcg");
  EXPECT_EQ(config->machines.hosts[1].pool, "default");
  EXPECT_EQ(config->machines.hosts[1].accelerator, "auto");
}

TEST(Config, RefusesAnAddressOfLoopbackForHostsElsewhere) {
  const auto with = [](const std::string& uri) {
    return parse_config(
        "[machines]\ndriver = \"libvirt\"\n[[machines.host]]\nname = \"east\"\nuri = \"" + uri +
            "\"\nmemory_mib = 32\n",
        "/data");
  };
  for (const auto* here : {"qemu:///system", "qemu+unix:///system?socket=/s",
                           "qemu+tls://127.0.0.1:1/system", "qemu+ssh://root@localhost/system"}) {
    EXPECT_TRUE(with(here)) << here;
  }
  for (const auto* there : {"qemu+ssh://root@east.lan:22/system", "qemu+tls://10.0.0.2/system"}) {
    const auto config = with(there);
    ASSERT_FALSE(config) << there;
    EXPECT_NE(config.error().message.find("the host 'east'"), std::string::npos);
  }
}

TEST(Config, RefusesHostsOfMachinesThatAreNotWhole) {
  for (const std::string& bad :
       {std::string("[machines]\ndriver = \"libvirt\"\n"), std::string("[machines]\nhost = 1\n"),
        std::string("[[machines.host]]\nname = \"a\"\nuri = \"b\"\nmemory_mib = 32\n"),
        libvirt + std::string("accelerator = \"fast\"\n"), libvirt + std::string("ram = 1\n"),
        libvirt + std::string("[[machines.host]]\nname = \"west\"\nmemory_mib = 32\n"),
        libvirt + std::string("[[machines.host]]\nname = \"east\"\nuri = \"b\"\n"
                              "memory_mib = 32\n")}) {
    EXPECT_FALSE(parse_config(bad, "/data")) << bad;
  }
}

constexpr const char* some_subscription = "0B1F6471-1bf0-4dda-aec3-cb9272f09590";

TEST(Config, ReadsLimitsOfAllAndOfOneSubscription) {
  const auto usual = parse_config("", "/data");
  EXPECT_EQ(usual->limits.galleries, 100U);
  EXPECT_EQ(usual->limits.definitions, 1000U);
  EXPECT_EQ(usual->limits.versions, 10'000U);
  EXPECT_TRUE(usual->own_limits.empty());
  const auto config = parse_config(
      std::string("[limits]\ngalleries = 5\nimage_versions = 70\n[[limits.subscription]]\nid = "
                  "\"") +
          some_subscription + "\"\nimage_versions = 90\nscale_sets = 1\n",
      "/data");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->limits.galleries, 5U);
  EXPECT_EQ(config->limits.definitions, 1000U);
  EXPECT_EQ(config->limits.versions, 70U);
  const auto& own = config->own_limits.at("0b1f6471-1bf0-4dda-aec3-cb9272f09590");
  EXPECT_EQ(own.galleries, 5U);
  EXPECT_EQ(own.versions, 90U);
  EXPECT_EQ(own.sets, 1U);
}

TEST(Config, RefusesLimitsThatAreNone) {
  const std::string one =
      std::string("[[limits.subscription]]\nid = \"") + some_subscription + "\"\n";
  for (const std::string& bad :
       {std::string("limits = 3"), std::string("[limits]\ngalleries = 0"),
        std::string("[limits]\ngalleries = -1"), std::string("[limits]\ngalleries = 1000001"),
        std::string("[limits]\ngalleries = \"5\""), std::string("[limits]\ngalleries = 1.5"),
        std::string("[limits]\ngalleries_max = 5"), std::string("[limits]\nsubscription = 1"),
        std::string("[limits]\nsubscription = [1]"),
        std::string("[[limits.subscription]]\ngalleries = 1"),
        std::string("[[limits.subscription]]\nid = \"me\"\ngalleries = 1"), one + "galleries = 0",
        one + "versions = 1", one + one}) {
    EXPECT_FALSE(parse_config(bad, "/data")) << bad;
  }
  const auto refused = parse_config("[limits]\n\ngalleries = 0", "/data");
  EXPECT_NE(refused.error().message.find("line 3"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("from 1 to 1000000"), std::string::npos);
}

}  // namespace
}  // namespace pinaco::app
