#include "guest/metadata.h"

#include "guest/guest_testing.h"

namespace pinaco::guest {
namespace {

http::Reply get(const std::string& target) {
  return answer_metadata(test_facts(), ask(target));
}

Json json_of(const http::Reply& reply) {
  return parse_json(reply.body).value_or(nullptr);
}

TEST(Metadata, TellsCloudInitWhoTheGuestIs) {
  const auto reply = get("/metadata/instance?api-version=2021-08-01&extended=true");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto json = json_of(reply);
  EXPECT_EQ(string_at(json, "compute.vmId"), test_facts().id);
  EXPECT_EQ(string_at(json, "compute.osProfile.adminUsername"), "ada");
  EXPECT_EQ(string_at(json, "compute.osProfile.disablePasswordAuthentication"), "false");
  EXPECT_EQ(string_at(json, "compute.userData"), test_facts().user_data);
  EXPECT_EQ(string_at(json, "compute.tags"), "env:test;team:a");
  EXPECT_EQ(string_at(json, "compute.storageProfile.imageReference.publisher"), "Debian");
  EXPECT_EQ(find_path(json, "compute.publicKeys")->at(0).at("keyData").as_string(),
            test_facts().keys[0].key);
  const auto& card = find_path(json, "network.interface")->at(0);
  EXPECT_EQ(string_at(card, "macAddress"), "000D3A010203");
  EXPECT_EQ(card.at("ipv4").at("ipAddress").at(0).at("privateIpAddress").as_string(), "10.0.0.4");
  EXPECT_EQ(card.at("ipv4").at("subnet").at(0).at("prefix").as_string(), "24");
}

TEST(Metadata, NeverTellsThePasswordOrCustomData) {
  const auto body = get("/metadata/instance?api-version=2021-08-01").body;
  EXPECT_EQ(body.find("Horse"), body.npos);
  EXPECT_EQ(body.find(test_facts().custom_data), body.npos);
}

TEST(Metadata, IsRefusedWithoutItsHeaderAndThroughProxies) {
  http::Request bare{.method = "GET", .target = "/metadata/instance?api-version=2021-08-01"};
  EXPECT_EQ(answer_metadata(test_facts(), bare).status, 400);
  auto forwarded = ask(bare.target);
  forwarded.headers.add("X-Forwarded-For", "1.2.3.4");
  EXPECT_EQ(answer_metadata(test_facts(), forwarded).status, 400);
  EXPECT_EQ(answer_metadata(test_facts(), ask(bare.target, "PUT")).status, 405);
}

TEST(Metadata, AsksForAKnownVersion) {
  const auto missing = get("/metadata/instance");
  EXPECT_EQ(missing.status, 400);
  EXPECT_EQ(json_of(missing).at("newest-versions").as_array().size(), 3);
  EXPECT_EQ(get("/metadata/instance?api-version=2099-01-01").status, 400);
  EXPECT_EQ(json_of(get("/metadata/versions")).at("apiVersions").as_array().size(), 30);
}

TEST(Metadata, TellsPartsAndLeaves) {
  const std::string version = "?api-version=2019-06-01";
  EXPECT_EQ(string_at(json_of(get("/metadata/instance/compute" + version)), "name"), "web");
  const auto leaf = get("/metadata/instance/compute/name" + version + "&format=text");
  EXPECT_EQ(leaf.body, "web");
  EXPECT_EQ(leaf.headers.get("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(get("/metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress" +
                version + "&format=text")
                .body,
            "10.0.0.4");
  EXPECT_EQ(get("/metadata/instance" + version + "&format=text").body, "compute/\nnetwork/");
  EXPECT_EQ(get("/metadata/instance/compute/name" + version).status, 400);
  EXPECT_EQ(get("/metadata/instance/compute/none" + version).status, 404);
  EXPECT_EQ(get("/metadata/instance/network/interface/1" + version).status, 404);
  EXPECT_EQ(get("/metadata/instancex" + version).status, 404);
}

TEST(Metadata, HasNoIdentityNoAttestationAndNoEvents) {
  const auto token = get("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x");
  EXPECT_EQ(token.status, 400);
  EXPECT_EQ(string_at(json_of(token), "error_description"), "Identity not found");
  EXPECT_EQ(get("/metadata/attested/document?api-version=2021-02-01").status, 404);
  const auto events = get("/metadata/scheduledevents?api-version=2020-07-01");
  EXPECT_EQ(events.body, R"({"DocumentIncarnation":1,"Events":[]})");
}

TEST(Metadata, OfASpecializedGuestHasNoProfile) {
  Facts facts = test_facts();
  facts.generalized = false;
  const auto reply = answer_metadata(facts, ask("/metadata/instance?api-version=2021-08-01"));
  EXPECT_EQ(find_path(json_of(reply), "compute.osProfile"), nullptr);
}

}  // namespace
}  // namespace pinaco::guest
