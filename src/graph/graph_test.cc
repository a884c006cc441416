// Applications, service principals, users and groups, by those who may change them.
#include "graph/graph.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "graph/graph_testing.h"

namespace pinaco::graph {
namespace {

// A certificate of its own making, in DER.
Bytes make_certificate(WallTime now, Seconds life, std::string* thumbprint) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), X509_free);
  const auto start = std::chrono::duration_cast<Seconds>(now.time_since_epoch()).count() - 60;
  ASN1_TIME_set(X509_getm_notBefore(x509.get()), start);
  ASN1_TIME_set(X509_getm_notAfter(x509.get()), start + 60 + life.count());
  X509_set_pubkey(x509.get(), key.get());
  X509_sign(x509.get(), key.get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509(x509.get(), &der);
  const Bytes bytes(der, der + size);
  OPENSSL_free(der);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  X509_digest(x509.get(), EVP_sha1(), digest, &length);
  *thumbprint = to_upper(to_hex(ByteView(digest, length)));
  return bytes;
}

JsonObject keys_body(const std::string& key) {
  return {{"keyCredentials", JsonArray{JsonObject{{"type", "AsymmetricX509Cert"},
                                                  {"usage", "Verify"},
                                                  {"displayName", "c"},
                                                  {"key", key}}}}};
}

TEST_F(GraphTest, AnApplicationIsMadeFoundChangedAndDeleted) {
  const auto made =
      ask(admin_, "POST", "/applications",
          JsonObject{{"displayName", "builder"},
                     {"signInAudience", "AzureADMultipleOrgs"},
                     {"web", JsonObject{{"redirectUris", {"https://b.example/x"}}}},
                     {"publicClient", JsonObject{{"redirectUris", {"http://localhost"}}}}});
  ASSERT_EQ(made.status, 201) << to_text(made.body);
  const auto id = made.text("id");
  const auto app = made.text("appId");
  EXPECT_NE(id, app);
  EXPECT_EQ(made.text("signInAudience"), "AzureADMultipleOrgs");
  EXPECT_EQ(made.body.at("web").at("redirectUris"), JsonArray{"https://b.example/x"});
  EXPECT_EQ(made.body.at("publicClient").at("redirectUris"), JsonArray{"http://localhost"});
  EXPECT_EQ(application(app).redirect_uris.size(), 2U);
  EXPECT_EQ(ask(admin_, "GET", "/applications/" + id).text("appId"), app);
  EXPECT_EQ(ask(admin_, "GET", "/applications(appId='" + app + "')").text("id"), id);
  for (const auto& filter :
       {"appId eq '" + app + "'", "id eq '" + id + "'", std::string("displayName eq 'BUILDER'"),
        std::string("startswith(displayName,'buil')"),
        "appId eq '" + app + "' and startswith(displayName,'b')"}) {
    const auto found = ask(admin_, "GET", "/applications?$filter=" + percent_encode(filter));
    ASSERT_EQ(found.status, 200) << filter << to_text(found.body);
    EXPECT_EQ(found.value().size(), 1U) << filter;
  }
  EXPECT_EQ(ask(admin_, "PATCH", "/applications/" + id, JsonObject{{"displayName", "b2"}}).status,
            204);
  const auto changed = ask(admin_, "GET", "/applications/" + id);
  EXPECT_EQ(changed.text("displayName"), "b2");
  EXPECT_EQ(changed.body.at("web").at("redirectUris"), JsonArray{"https://b.example/x"});
  EXPECT_EQ(ask(admin_, "DELETE", "/applications/" + id).status, 204);
  EXPECT_EQ(ask(admin_, "GET", "/applications/" + id).code(), "Request_ResourceNotFound");
  EXPECT_EQ(ask(admin_, "DELETE", "/applications/" + id).status, 404);
}

TEST_F(GraphTest, AnIssuersGroupIsThereOnce) {
  make_group("corp/admins");
  make_group("plain");
  const auto plain = make_group("plain");
  const auto body = [](const char* name) {
    return JsonObject{{"displayName", name}, {"mailNickname", "x"}, {"securityEnabled", true}};
  };
  EXPECT_EQ(ask(admin_, "POST", "/groups", body("corp/admins")).status, 400);
  EXPECT_EQ(
      ask(admin_, "PATCH", "/groups/" + plain, JsonObject{{"displayName", "corp/admins"}}).status,
      400);
  EXPECT_EQ(ask(admin_, "POST", "/groups", body("corp/others")).status, 201);
}

TEST_F(GraphTest, RefusesWhatAnApplicationCannotHave) {
  for (const auto& body :
       {JsonObject{}, JsonObject{{"displayName", ""}}, JsonObject{{"displayName", 3}},
        JsonObject{{"displayName", std::string(257, 'x')}},
        JsonObject{{"displayName", "x"}, {"signInAudience", "Everybody"}},
        JsonObject{{"displayName", "x"}, {"identifierUris", {"api://x"}}},
        JsonObject{{"displayName", "x"}, {"web", JsonObject{{"redirectUris", {"nonsense"}}}}}}) {
    const auto said = ask(admin_, "POST", "/applications", body);
    EXPECT_EQ(said.status, 400) << to_text(body);
    EXPECT_EQ(said.code(), "Request_BadRequest") << to_text(body);
  }
}

TEST_F(GraphTest, APasswordIsShownOnceAndKeptAsAHash) {
  const auto made = make_application(admin_, "app");
  const auto path = "/applications/" + made.text("id");
  const auto secret = ask(admin_, "POST", path + "/addPassword",
                          JsonObject{{"passwordCredential", JsonObject{{"displayName", "p"}}}});
  ASSERT_EQ(secret.status, 200);
  const auto text = secret.text("secretText");
  EXPECT_GE(text.size(), 30U);
  const auto shown = to_text(ask(admin_, "GET", path).body);
  EXPECT_EQ(shown.find(text), std::string::npos);
  EXPECT_EQ(shown.find("scrypt"), std::string::npos);
  const auto kept = application(made.text("appId"));
  ASSERT_EQ(kept.secrets.size(), 1U);
  EXPECT_TRUE(kept.secrets[0].hash.starts_with("$scrypt$"));
  EXPECT_GT(kept.secrets[0].end, clock_.now());
  EXPECT_EQ(ask(admin_, "POST", path + "/removePassword", JsonObject{{"keyId", random_id}}).status,
            400);
  EXPECT_EQ(
      ask(admin_, "POST", path + "/removePassword", JsonObject{{"keyId", secret.text("keyId")}})
          .status,
      204);
  EXPECT_TRUE(application(made.text("appId")).secrets.empty());
}

TEST_F(GraphTest, APasswordThatWouldHaveEndedIsRefused) {
  const auto path = "/applications/" + make_application(admin_, "app").text("id");
  EXPECT_EQ(
      ask(admin_, "POST", path + "/addPassword",
          JsonObject{{"passwordCredential", JsonObject{{"endDateTime", "2001-01-01T00:00:00Z"}}}})
          .status,
      400);
}

TEST_F(GraphTest, ACertificateIsKnownByItsThumbprintInDerAndPem) {
  const auto made = make_application(admin_, "app");
  const auto path = "/applications/" + made.text("id");
  std::string thumbprint;
  const auto der = make_certificate(clock_.now(), Seconds(86'400), &thumbprint);
  ASSERT_EQ(ask(admin_, "PATCH", path, keys_body(to_base64(der))).status, 204);
  auto kept = application(made.text("appId"));
  ASSERT_EQ(kept.certificates.size(), 1U);
  EXPECT_EQ(kept.certificates[0].thumbprint, thumbprint);
  EXPECT_TRUE(kept.certificates[0].pem.starts_with("-----BEGIN CERTIFICATE-----"));
  // As PEM, and the one that is there by its id only.
  auto both = keys_body(to_base64(as_bytes(kept.certificates[0].pem)));
  both["keyCredentials"].as_array().push_back(
      JsonObject{{"keyId", kept.certificates[0].key_id}, {"key", nullptr}});
  ASSERT_EQ(ask(admin_, "PATCH", path, both).status, 204);
  kept = application(made.text("appId"));
  ASSERT_EQ(kept.certificates.size(), 2U);
  EXPECT_EQ(kept.certificates[0].thumbprint, thumbprint);
  ASSERT_EQ(ask(admin_, "PATCH", path, JsonObject{{"keyCredentials", JsonArray()}}).status, 204);
  EXPECT_TRUE(application(made.text("appId")).certificates.empty());
}

TEST_F(GraphTest, RefusesKeysThatAreNoCertificatesOrHaveEnded) {
  const auto path = "/applications/" + make_application(admin_, "app").text("id");
  std::string thumbprint;
  auto der = make_certificate(clock_.now(), Seconds(60), &thumbprint);
  der.push_back(0);
  for (const auto& key :
       {std::string("!"), to_base64(as_bytes("no certificate")), to_base64(der)}) {
    EXPECT_EQ(ask(admin_, "PATCH", path, keys_body(key)).status, 400);
  }
  der.pop_back();
  clock_.advance(Seconds(120));
  EXPECT_EQ(ask(admin_, "PATCH", path, keys_body(to_base64(der))).status, 400);
}

TEST_F(GraphTest, FederatedCredentialsAreUniqueByNameAndBySubject) {
  const auto path = "/applications/" + make_application(admin_, "app").text("id") +
                    "/federatedIdentityCredentials";
  JsonObject body{{"name", "pipe"},
                  {"issuer", "https://ci.example"},
                  {"subject", "repo:a"},
                  {"audiences", {"api://AzureADTokenExchange"}}};
  const auto made = ask(admin_, "POST", path, body);
  ASSERT_EQ(made.status, 201) << to_text(made.body);
  EXPECT_EQ(ask(admin_, "POST", path, body).status, 409);
  body["name"] = "other";
  EXPECT_EQ(ask(admin_, "POST", path, body).status, 400);
  body["subject"] = "repo:b";
  EXPECT_EQ(ask(admin_, "POST", path, body).status, 201);
  EXPECT_EQ(ask(admin_, "PATCH", path + "/pipe", JsonObject{{"subject", "repo:c"}}).status, 204);
  EXPECT_EQ(ask(admin_, "GET", path + "/" + made.text("id")).text("subject"), "repo:c");
  EXPECT_EQ(ask(admin_, "DELETE", path + "/pipe").status, 204);
  EXPECT_EQ(ask(admin_, "GET", path).value().size(), 1U);
}

TEST_F(GraphTest, AServicePrincipalIsMadeOncePerTenant) {
  const auto robot = make_robot("robot");
  const auto again =
      ask(admin_, "POST", "/servicePrincipals", JsonObject{{"appId", robot.client_id}});
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.code(), "Request_MultipleObjectsWithSameKeyValue");
  const auto found =
      ask(admin_, "GET",
          "/servicePrincipals?$filter=" +
              percent_encode("servicePrincipalNames/any(c:c eq '" + robot.client_id + "')"));
  ASSERT_EQ(found.value().size(), 1U);
  EXPECT_EQ(found.value().at(0).at("id").as_string(), robot.object_id);
  EXPECT_EQ(ask(admin_, "PATCH", "/servicePrincipals/" + robot.object_id,
                JsonObject{{"accountEnabled", false}})
                .status,
            204);
  EXPECT_FALSE((*directory_->roster())->find_principal(robot.object_id)->enabled);
}

TEST_F(GraphTest, DeletingAPrincipalTakesItsRolesAndMemberships) {
  const auto robot = make_robot("robot");
  const auto group = make_group("g");
  ASSERT_EQ(add_member(admin_, group, robot.object_id).status, 204);
  give_role(robot.object_id, contributor, "/");
  give_role(robot.object_id, contributor, "/subscriptions/" + subscription_);
  ASSERT_EQ(roles_of(robot.object_id), 2U);
  ASSERT_EQ(ask(admin_, "DELETE", "/servicePrincipals/" + robot.object_id).status, 204);
  EXPECT_EQ(roles_of(robot.object_id), 0U);
  EXPECT_EQ(roles_of(admin_.object_id), 1U);
  EXPECT_TRUE(ask(admin_, "GET", "/groups/" + group + "/members").value().empty());
}

TEST_F(GraphTest, TheLastOwnerCannotBeDeletedOrDisabled) {
  const auto path = "/servicePrincipals/" + admin_.object_id;
  EXPECT_EQ(ask(admin_, "DELETE", path).status, 400);
  EXPECT_EQ(ask(admin_, "PATCH", path, JsonObject{{"accountEnabled", false}}).status, 400);
  EXPECT_EQ(ask(admin_, "DELETE", "/applications(appId='" + admin_.client_id + "')").status, 400);
  // A group counts by who is in it.
  const auto group = make_group("owners");
  give_role(group, access::owner_role, "/");
  EXPECT_EQ(ask(admin_, "DELETE", path).status, 400);
  const auto robot = make_robot("robot");
  ASSERT_EQ(add_member(admin_, group, robot.object_id).status, 204);
  ASSERT_EQ(ask(admin_, "DELETE", path).status, 204);
  const auto member = "/groups/" + group + "/members/" + robot.object_id + "/$ref";
  EXPECT_EQ(ask(robot, "DELETE", member).status, 400);
  EXPECT_EQ(ask(robot, "DELETE", "/groups/" + group).status, 400);
}

TEST_F(GraphTest, AUserIsFoundByIdAndName) {
  const auto made = make_user(admin_, "ann");
  ASSERT_EQ(made.status, 201) << to_text(made.body);
  const auto name = made.text("userPrincipalName");
  EXPECT_EQ(to_text(made.body).find("correct horse"), std::string::npos);
  EXPECT_EQ(ask(admin_, "GET", "/users/" + name).text("id"), made.text("id"));
  EXPECT_EQ(make_user(admin_, "ann").status, 400);
  const auto before = *(*directory_->roster())->find_user(name);
  EXPECT_TRUE(before.password_hash.starts_with("$scrypt$"));
  ASSERT_EQ(ask(admin_, "PATCH", "/users/" + name,
                JsonObject{{"passwordProfile", JsonObject{{"password", "battery staple"}}}})
                .status,
            204);
  const auto after = *(*directory_->roster())->find_user(name);
  EXPECT_NE(after.password_hash, before.password_hash);
  EXPECT_NE(after.password_key, before.password_key);
  EXPECT_EQ(ask(admin_, "DELETE", "/users/" + name).status, 204);
  EXPECT_EQ(ask(admin_, "GET", "/users/" + name).status, 404);
}

TEST_F(GraphTest, RefusesUsersOfOtherDomainsAndShortPasswords) {
  JsonObject body{{"accountEnabled", true},
                  {"displayName", "x"},
                  {"mailNickname", "x"},
                  {"userPrincipalName", "x@" + domain()},
                  {"passwordProfile", JsonObject{{"password", "short"}}}};
  EXPECT_EQ(ask(admin_, "POST", "/users", body).status, 400);
  body["passwordProfile"] = JsonObject{{"password", "long enough"}};
  for (const auto& name :
       {std::string("x"), std::string("x@elsewhere.example"), "@" + domain(), "a b@" + domain()}) {
    body["userPrincipalName"] = name;
    EXPECT_EQ(ask(admin_, "POST", "/users", body).status, 400) << name;
  }
}

TEST_F(GraphTest, MeIsForUsers) {
  const auto ann = make_user(admin_, "ann");
  identity::Caller caller = admin_;
  caller.object_id = ann.text("id");
  caller.is_user = true;
  EXPECT_EQ(ask(caller, "GET", "/me").text("displayName"), "ann");
  EXPECT_EQ(ask(admin_, "GET", "/me").status, 400);
}

TEST_F(GraphTest, GroupsOfGroupsAreMembershipsAndNeverACircle) {
  const auto inner = make_group("inner");
  const auto outer = make_group("outer");
  const auto ann = make_user(admin_, "ann").text("id");
  ASSERT_EQ(add_member(admin_, inner, ann).status, 204);
  ASSERT_EQ(add_member(admin_, outer, inner).status, 204);
  EXPECT_EQ(add_member(admin_, inner, outer).status, 400);
  EXPECT_EQ(add_member(admin_, inner, inner).status, 400);
  EXPECT_EQ(add_member(admin_, inner, ann).status, 400);
  EXPECT_EQ(add_member(admin_, inner, random_id).status, 404);
  EXPECT_EQ(ask(admin_, "POST", "/users/" + ann + "/getMemberGroups",
                JsonObject{{"securityEnabledOnly", true}})
                .value()
                .size(),
            2U);
  const auto in = ask(admin_, "POST", "/directoryObjects/" + ann + "/checkMemberGroups",
                      JsonObject{{"groupIds", {outer, random_id}}});
  EXPECT_EQ(in.value(), JsonArray{Json(outer)});
  EXPECT_EQ(ask(admin_, "GET", "/groups/" + outer + "/members").value().size(), 1U);
  EXPECT_EQ(ask(admin_, "GET", "/groups/" + outer + "/transitiveMembers").value().size(), 2U);
  ASSERT_EQ(ask(admin_, "DELETE", "/groups/" + inner + "/members/" + ann + "/$ref").status, 204);
  EXPECT_TRUE(ask(admin_, "GET", "/groups/" + inner + "/members").value().empty());
}

TEST_F(GraphTest, ObjectsOfAllKindsAreFoundByTheirIds) {
  const auto robot = make_robot("robot");
  const auto group = make_group("g");
  const auto found = ask(admin_, "POST", "/directoryObjects/getByIds",
                         JsonObject{{"ids", {robot.object_id, group, random_id}}});
  ASSERT_EQ(found.value().size(), 2U);
  EXPECT_EQ(found.value().at(0).at("@odata.type").as_string(), "#microsoft.graph.servicePrincipal");
  const auto groups = ask(admin_, "POST", "/directoryObjects/getByIds",
                          JsonObject{{"ids", {robot.object_id, group}}, {"types", {"group"}}});
  EXPECT_EQ(groups.value().size(), 1U);
}

TEST_F(GraphTest, ErrorsAreInGraphsEnvelopeWithTheIdOfTheRequest) {
  const auto reply = graph_->answer(
      admin_, {.method = "GET", .path = {"beta", "users", random_id}, .base_url = "https://x"});
  EXPECT_EQ(reply.status, 404);
  const auto body = *parse_json(reply.body);
  EXPECT_EQ(string_at(body, "error.code"), "Request_ResourceNotFound");
  EXPECT_EQ(string_at(body, "error.innerError.request-id"), reply.headers.get("request-id"));
  EXPECT_NE(string_at(body, "error.innerError.date"), "");
  EXPECT_EQ(ask(admin_, "GET", "/nonsense").code(), "BadRequest");
  EXPECT_EQ(ask(admin_, "PUT", "/users/x/y/z").status, 404);
  EXPECT_EQ(graph_->answer(admin_, {.method = "GET", .path = {"v1.0"}}).status, 400);
}

TEST_F(GraphTest, PasswordsOfAnApplicationAreLimited) {
  const auto made = make_application(admin_, "app");
  auto full = application(made.text("appId"));
  full.secrets.resize(identity::credentials_max);
  ASSERT_TRUE(directory_->edit([&](identity::Edit& edit) { return edit.put(full); }));
  const auto path = "/applications/" + made.text("id") + "/addPassword";
  EXPECT_EQ(ask(admin_, "POST", path, JsonObject()).code(), "Directory_QuotaExceeded");
}

TEST_F(GraphTest, PagesLeadToEveryObjectOnce) {
  for (int i = 0; i < 7; i++) make_application(admin_, fmt::format("app{}", i));
  std::set<std::string> seen;
  std::string next = "/applications?$top=3&$filter=startswith(displayName,'app')";
  int pages = 0;
  for (; !next.empty() && pages < 10; pages++) {
    const auto page = ask(admin_, "GET", next);
    ASSERT_EQ(page.status, 200) << to_text(page.body);
    EXPECT_LE(page.value().size(), 3U);
    for (const auto& each : page.value()) {
      EXPECT_TRUE(seen.insert(std::string(string_at(each, "id"))).second);
    }
    const auto* link = page.body.as_object().if_contains("@odata.nextLink");
    next = link == nullptr ? "" : std::string(link->as_string()).substr(27);  // after ".../v1.0"
  }
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(ask(admin_, "GET", "/applications?$top=0").status, 400);
  EXPECT_EQ(ask(admin_, "GET", "/applications/$count").body, Json("8"));
}

TEST_F(GraphTest, SelectAndFilterTakeOnlyWhatTheyKnow) {
  make_application(admin_, "app");
  const auto some = ask(admin_, "GET", "/applications?$select=id,displayName");
  EXPECT_EQ(some.value().at(0).as_object().size(), 2U);
  for (const char* filter : {"nonsense eq 'x'", "displayName eq", "displayName eq 'x", "and",
                             "displayName eq 'x' or", "startswith(displayName)",
                             "(displayName eq 'x'", "displayName eq 'x' displayName eq 'y'"}) {
    const auto said =
        ask(admin_, "GET", std::string("/applications?$filter=") + percent_encode(filter));
    EXPECT_EQ(said.status, 400) << filter;
  }
  EXPECT_EQ(ask(admin_, "GET",
                "/applications?$filter=" + percent_encode(std::string(1000, '(') + "id eq 'x'"))
                .status,
            400);
  EXPECT_TRUE(ask(admin_, "GET",
                  "/applications?$filter=" + percent_encode("displayName eq 'o''x' or id eq 'y'"))
                  .value()
                  .empty());
}

}  // namespace
}  // namespace pinaco::graph
