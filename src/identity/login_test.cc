// The login surface as clients use it: the requests below are what they send.
#include "identity/login.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/text.h"
#include "identity/folder_testing.h"
#include "identity/tokens.h"

namespace pinaco::identity {
namespace {

constexpr const char* base_url = "https://localhost:18443";

class LoginTest : public testing::Test {
 protected:
  LoginTest() {
    copy_keys_into(folder_.path());
    keys_ = KeyRing::open(folder_.path(), clock_).value();
    directory_ = Directory::open(model_, {}).value();
    login_.emplace(model_, *keys_, *directory_);
    first_ = *directory_->first_credentials();
  }

  http::Reply send(const std::string& method, const std::string& target,
                   const std::string& body = "", const http::Headers& more = {}) {
    http::Request request{.method = method, .target = target, .headers = more, .body = body};
    if (method == "POST" && !more.has("Content-Type")) {
      request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    }
    const auto reply = login_->answer(request, base_url);
    EXPECT_TRUE(reply) << target;
    return reply.value_or(http::Reply{.status = 0});
  }
  Json get(const std::string& target, int status = 200) {
    const auto reply = send("GET", target);
    EXPECT_EQ(reply.status, status) << target << reply.body;
    return parse_json(reply.body).value_or(nullptr);
  }
  Json post(const std::string& target, const std::string& body, int status = 200) {
    const auto reply = send("POST", target, body);
    EXPECT_EQ(reply.status, status) << target << reply.body;
    return parse_json(reply.body).value_or(nullptr);
  }
  std::string who() const {
    return "client_id=" + first_.client_id + "&client_secret=" + first_.client_secret;
  }
  // The refusal of a body, as "error number".
  std::string refusal(const std::string& body, const std::string& target = "/adfs/oauth2/token") {
    const auto reply = send("POST", target, body);
    const auto json = *parse_json(reply.body);
    EXPECT_GE(reply.status, 400) << body;
    EXPECT_TRUE(string_at(json, "error_description")
                    .starts_with("AADSTS" + to_text(json.at("error_codes").at(0)) + ": "));
    return std::to_string(reply.status) + " " + std::string(string_at(json, "error")) + " " +
           to_text(json.at("error_codes").at(0));
  }
  Claims claims_of(const Json& answer) {
    const auto claims = verify_token(*keys_, clock_.now(), string_at(answer, "access_token"));
    EXPECT_TRUE(claims) << to_text(answer);
    return claims.value_or(Claims());
  }

  Folder folder_;
  ManualClock clock_;
  std::unique_ptr<kv::Kv> kv_ = kv::open_memory();
  model::Model model_{*kv_, clock_, system_random()};
  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<Directory> directory_;
  std::optional<Login> login_;
  FirstCredentials first_;
};

void expect_v2(const Json& answer) {
  EXPECT_EQ(string_at(answer, "token_type"), "Bearer");
  EXPECT_EQ(answer.at("expires_in"), Json(3599));
  EXPECT_EQ(answer.at("ext_expires_in"), Json(3599));
  EXPECT_NE(string_at(answer, "access_token"), "");
  EXPECT_EQ(answer.as_object().size(), 4U);
}

TEST_F(LoginTest, AnswersAz) {
  const auto answer = post(
      "/adfs/oauth2/token",
      "client_id=" + first_.client_id +
          "&grant_type=client_credentials&client_info=1&client_secret=" + first_.client_secret +
          "&claims=%7B%22access_token%22%3A+%7B%22xms_cc%22%3A+%7B%22values%22%3A+%5B%22CP1%22"
          "%5D%7D%7D%7D&scope=https%3A%2F%2Flocalhost%3A18443%2F%2F.default");
  expect_v2(answer);
  EXPECT_EQ(claims_of(answer).audience, "https://localhost:18443");
}

TEST_F(LoginTest, AnswersNodeAndPythonWithATenant) {
  for (const std::string& tenant :
       {first_.tenant, to_upper(first_.tenant), std::string("organizations")}) {
    const auto answer = post(
        "/" + tenant + "/oauth2/v2.0/token?client-request-id=0b1f6471-1bf0-4dda-aec3-cb9272f09590",
        who() +
            "&scope=https%3A%2F%2Fmanagement.azure.com%2F.default&grant_type=client_credentials"
            "&x-client-SKU=msal.js.node&x-client-VER=2.16.2&x-client-OS=linux&x-client-CPU=x64"
            "&x-ms-lib-capability=retry-after%2C+h429&x-client-current-telemetry=5%7C771%7C");
    expect_v2(answer);
    EXPECT_EQ(claims_of(answer).audience, "https://management.azure.com");
  }
}

TEST_F(LoginTest, AnswersPackerInTheShapeOfV1) {
  for (const std::string resource :
       {"https://management.microsoftazure.de/", "https://vault.microsoftazure.de"}) {
    const auto answer =
        post("/" + first_.tenant + "/oauth2/token?api-version=1.0",
             who() + "&grant_type=client_credentials&resource=" + percent_encode(resource));
    const auto now = std::chrono::floor<Seconds>(clock_.now()).time_since_epoch().count();
    EXPECT_EQ(string_at(answer, "token_type"), "Bearer");
    EXPECT_EQ(string_at(answer, "expires_in"), "3599");
    EXPECT_EQ(string_at(answer, "ext_expires_in"), "3599");
    EXPECT_EQ(string_at(answer, "expires_on"), std::to_string(now + 3600));
    EXPECT_EQ(string_at(answer, "not_before"), std::to_string(now));
    EXPECT_EQ(string_at(answer, "resource"), resource);
    EXPECT_TRUE(resource.starts_with(claims_of(answer).audience));
    // It reads the object id without checking the token.
    const std::string token(string_at(answer, "access_token"));
    const auto payload = *parse_json(as_text(*from_base64url(split(token, '.')[1])));
    EXPECT_TRUE(arm::is_guid(string_at(payload, "oid")));
  }
}

TEST_F(LoginTest, AnswersAnsibleOnTheAdfsPathInTheShapeOfV1) {
  const auto answer = post("/adfs/oauth2/token",
                           "grant_type=client_credentials&resource=https%3A%2F%2Flocalhost%3A18443"
                           "%2F&" +
                               who());
  EXPECT_EQ(string_at(answer, "expires_in"), "3599");
  EXPECT_EQ(string_at(answer, "resource"), "https://localhost:18443/");
}

TEST_F(LoginTest, TakesBasicCredentials) {
  http::Headers headers;
  headers.add("Authorization",
              "Basic " + to_base64(as_bytes(first_.client_id + ":" + first_.client_secret)));
  const std::string body = "grant_type=client_credentials&scope=x/.default";
  EXPECT_EQ(send("POST", "/adfs/oauth2/token", body, headers).status, 200);
  EXPECT_EQ(
      send("POST", "/adfs/oauth2/token", body + "&client_id=" + first_.client_id, headers).status,
      200);
  EXPECT_EQ(send("POST", "/adfs/oauth2/token", body + "&client_id=other", headers).status, 400);
  EXPECT_EQ(send("POST", "/adfs/oauth2/token", body + "&client_secret=x", headers).status, 400);
  headers.set("Authorization", "Basic " + to_base64(as_bytes(first_.client_id + ":wrong")));
  const auto wrong = send("POST", "/adfs/oauth2/token", body, headers);
  EXPECT_EQ(wrong.status, 401);
  EXPECT_TRUE(wrong.headers.get("WWW-Authenticate").starts_with("Basic"));
  for (const char* bad : {"Basic !", "Basic", "Basic eA=="}) {
    headers.set("Authorization", bad);
    EXPECT_GE(send("POST", "/adfs/oauth2/token", body, headers).status, 400) << bad;
  }
}

TEST_F(LoginTest, RefusesInTheWordsOfEntra) {
  const std::string grant = "grant_type=client_credentials";
  const std::string scope = "&scope=https://x/.default";
  const std::string id = "&client_id=" + first_.client_id;
  EXPECT_EQ(refusal(grant + scope + id + "&client_secret=wrong"), "401 invalid_client 7000215");
  EXPECT_EQ(refusal(grant + scope + id), "401 invalid_client 7000218");
  EXPECT_EQ(refusal(grant + scope + id + "&client_secret="), "401 invalid_client 7000218");
  EXPECT_EQ(refusal(grant + scope + id + "&client_assertion=a.b.c"), "400 invalid_request 90013");
  EXPECT_EQ(refusal(grant + scope + "&client_secret=x"), "400 invalid_request 900144");
  EXPECT_EQ(refusal(grant + "&" + who()), "400 invalid_request 900144");
  EXPECT_EQ(refusal(scope + "&" + who()), "400 invalid_request 900144");
  EXPECT_EQ(refusal(""), "400 invalid_request 900144");
  EXPECT_EQ(refusal(grant + scope + "&client_secret=x&client_id=" + system_random().uuid()),
            "400 unauthorized_client 700016");
  EXPECT_EQ(refusal(grant + scope + "&client_secret=x&client_id=" + std::string(5000, 'a')),
            "400 unauthorized_client 700016");
  for (const char* other :
       {"implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "Client_Credentials"}) {
    EXPECT_EQ(refusal("grant_type=" + std::string(other) + scope + "&" + who()),
              "400 unsupported_grant_type 70003");
  }
  EXPECT_EQ(refusal(grant + scope + "&" + who(), "/" + system_random().uuid() + "/oauth2/token"),
            "400 invalid_tenant 90002");
  EXPECT_EQ(refusal(grant + scope + "&" + who(), "/contoso.com/oauth2/v2.0/token"),
            "400 invalid_tenant 90002");
}

TEST_F(LoginTest, RefusesAFormThatTwoReadersCouldReadDifferently) {
  const std::string good = "grant_type=client_credentials&scope=x&" + who();
  EXPECT_EQ(post("/adfs/oauth2/token", good).at("token_type"), Json("Bearer"));
  for (const std::string& bad :
       {good + "&client_id=" + first_.client_id, good + "&scope=x", good + "&%73cope=y",
        good + "&unknown=1&unknown=1", good + "&x=%", good + "&x=%zz", good + "&=x",
        good + "&x=" + std::string(form_bytes_max, 'y')}) {
    EXPECT_EQ(refusal(bad), "400 invalid_request 90013");
  }
  std::string many = good;
  for (int i = 0; i < 100; i++) many += "&f" + std::to_string(i) + "=";
  EXPECT_EQ(refusal(many), "400 invalid_request 90013");
  http::Headers json;
  json.add("Content-Type", "application/json");
  EXPECT_EQ(send("POST", "/adfs/oauth2/token", good, json).status, 400);
  json.set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  EXPECT_EQ(send("POST", "/adfs/oauth2/token", good, json).status, 200);
}

TEST_F(LoginTest, TakesAnyOneResource) {
  const auto audience = [&](const std::string& scope) {
    return claims_of(post("/adfs/oauth2/token", "grant_type=client_credentials&" + who() +
                                                    "&scope=" + percent_encode(scope)))
        .audience;
  };
  EXPECT_EQ(audience("https://localhost:18443//.default"), "https://localhost:18443");
  EXPECT_EQ(audience("https://localhost:18443/.default"), "https://localhost:18443");
  EXPECT_EQ(audience("https://storage.azure.com/.default"), "https://storage.azure.com");
  EXPECT_EQ(audience("https://x/user_impersonation"), "https://x/user_impersonation");
  EXPECT_EQ(audience("openid profile https://x/.default offline_access"), "https://x");
  EXPECT_EQ(audience("api://b0000000-0000-4000-8000-000000000001/.default"),
            "api://b0000000-0000-4000-8000-000000000001");
  for (const std::string& bad : {std::string("https://x/.default https://y/.default"),
                                 std::string("/.default"), std::string("https://x\"y"),
                                 std::string("https://\xc3\xa4/.default"), std::string(600, 'x')}) {
    EXPECT_EQ(refusal("grant_type=client_credentials&" + who() + "&scope=" + percent_encode(bad)),
              "400 invalid_scope 70011")
        << bad;
  }
}

TEST_F(LoginTest, ARefusalHasEveryMemberThatClientsRead) {
  http::Headers headers;
  headers.add("client-request-id", "0B1F6471-1bf0-4dda-aec3-cb9272f09590");
  const auto reply = send("POST", "/adfs/oauth2/token", "", headers);
  const auto json = *parse_json(reply.body);
  EXPECT_EQ(string_at(json, "correlation_id"), "0b1f6471-1bf0-4dda-aec3-cb9272f09590");
  EXPECT_EQ(reply.headers.get("client-request-id"), "0b1f6471-1bf0-4dda-aec3-cb9272f09590");
  EXPECT_TRUE(arm::is_guid(string_at(json, "trace_id")));
  EXPECT_EQ(string_at(json, "timestamp").size(), std::string("2026-11-24 15:06:12Z").size());
  EXPECT_EQ(reply.headers.get("Content-Type"), "application/json; charset=utf-8");
  EXPECT_NE(reply.headers.get("Cache-Control").find("no-store"), std::string::npos);
}

TEST_F(LoginTest, TheDiscoveryDocumentsHaveWhatClientsRequireOnTheHostTheyAsked) {
  for (const std::string& path :
       {std::string("/adfs/.well-known/openid-configuration"),
        "/" + first_.tenant + "/v2.0/.well-known/openid-configuration",
        "/" + first_.tenant + "/.well-known/openid-configuration",
        std::string("/common/v2.0/.well-known/openid-configuration"),
        std::string("//adfs//.well-known/openid-configuration?x=1"),
        std::string("/organizations/v2.0/.well-known/openid-configuration/")}) {
    const auto document = get(path);
    for (const char* member : {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"}) {
      EXPECT_TRUE(string_at(document, member).starts_with("https://localhost:18443/"))
          << path << " " << member;
    }
    const std::string base(base_url);
    const std::string token(string_at(document, "token_endpoint"));
    EXPECT_EQ(post(token.substr(base.size()), "grant_type=client_credentials&scope=x&" + who())
                  .at("token_type"),
              Json("Bearer"));
    const std::string keys(string_at(document, "jwks_uri"));
    EXPECT_EQ(get(keys.substr(base.size())), keys_->key_set());
    const std::string authorize(string_at(document, "authorization_endpoint"));
    get(authorize.substr(base.size()) + "?client_id=x", 400);
  }
  EXPECT_EQ(string_at(get("/adfs/.well-known/openid-configuration"), "token_endpoint"),
            "https://localhost:18443/adfs/oauth2/token");
  EXPECT_EQ(string_at(get("/" + first_.tenant + "/v2.0/.well-known/openid-configuration"),
                      "token_endpoint"),
            "https://localhost:18443/" + first_.tenant + "/oauth2/v2.0/token");
  EXPECT_EQ(string_at(get("/x/v2.0/.well-known/openid-configuration", 400), "error"),
            "invalid_tenant");
}

TEST_F(LoginTest, TheDiscoveryDocumentTellsTheTruth) {
  const auto document = get("/" + first_.tenant + "/v2.0/.well-known/openid-configuration");
  for (const Json& grant : document.at("grant_types_supported").as_array()) {
    const std::string name(grant.as_string());
    EXPECT_NE(
        refusal("scope=x&client_id=" + first_.client_id + "&client_secret=" + first_.client_secret +
                "&code=x&refresh_token=x&username=x&password=x&device_code=x&grant_type=" +
                (name == "client_credentials" ? "password" : name)),
        "400 unsupported_grant_type 70003")
        << name;
  }
  EXPECT_EQ(document.at("response_types_supported"), Json(JsonArray{"code"}));
  EXPECT_EQ(document.at("code_challenge_methods_supported"), Json(JsonArray{"S256"}));
  EXPECT_EQ(string_at(document, "device_authorization_endpoint"),
            "https://localhost:18443/" + first_.tenant + "/oauth2/v2.0/devicecode");
}

TEST_F(LoginTest, TheRealmOfANameTellsNothing) {
  const auto ann = get("/common/userrealm/ann@contoso.pinaco?api-version=1.0");
  EXPECT_EQ(string_at(ann, "account_type"), "Managed");
  EXPECT_EQ(ann, get("/common/UserRealm/nobody@contoso.pinaco?api-version=1.0"));
}

TEST_F(LoginTest, InstanceDiscoveryPutsBackThePortThatMsalDrops) {
  const auto answer =
      get("/common/discovery/"
          "instance?api-version=1.1&authorization_endpoint=https%3A%2F%2Flocalhost%2F" +
          first_.tenant + "%2Foauth2%2Fv2.0%2Fauthorize");
  EXPECT_EQ(string_at(answer, "tenant_discovery_endpoint"),
            "https://localhost:18443/" + first_.tenant + "/v2.0/.well-known/openid-configuration");
  const auto& metadata = answer.at("metadata").at(0);
  EXPECT_EQ(string_at(metadata, "preferred_network"), "localhost:18443");
  EXPECT_EQ(string_at(metadata, "preferred_cache"), "localhost:18443");
  EXPECT_EQ(metadata.at("aliases").as_array().size(), 2U);
  EXPECT_EQ(string_at(get("/common/discovery/instance?authorization_endpoint=https://h/x/y", 400),
                      "error"),
            "invalid_tenant");
}

TEST_F(LoginTest, PathsOfOthersAreNotOurs) {
  for (const char* target :
       {"/", "", "/subscriptions", "/metadata/endpoints?api-version=2015-01-01", "/adfs",
        "/adfs/oauth2", "/adfs/oauth2/token/x", "/x/adfs/oauth2/token",
        "/subscriptions/s/resourceGroups/oauth2/token", "/adfs/oauth2/toke%6e"}) {
    EXPECT_FALSE(login_->answer({.method = "GET", .target = target}, base_url)) << target;
  }
}

TEST_F(LoginTest, WrongMethodsAreToldTheRightOne) {
  EXPECT_EQ(send("GET", "/adfs/oauth2/token").status, 405);
  EXPECT_EQ(send("GET", "/adfs/oauth2/token").headers.get("Allow"), "POST");
  EXPECT_EQ(send("DELETE", "/adfs/.well-known/openid-configuration").status, 405);
  EXPECT_EQ(send("HEAD", "/adfs/.well-known/openid-configuration").status, 200);
}

TEST_F(LoginTest, ManyLoginsAtOnceAllSucceedOrAreToldToWait) {
  std::atomic<int> good = 0, busy = 0, other = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 60; i++) {
      threads.emplace_back([&] {
        http::Request request{.method = "POST", .target = "/adfs/oauth2/token"};
        request.headers.add("Content-Type", "application/x-www-form-urlencoded");
        request.body = "grant_type=client_credentials&scope=x&" + who();
        const auto reply = login_->answer(request, base_url);
        if (reply->status == 200) {
          ++good;
        } else if (reply->status == 503 && reply->headers.get("Retry-After") == "1") {
          ++busy;
        } else {
          ++other;
        }
      });
    }
  }
  EXPECT_EQ(other, 0);
  EXPECT_EQ(good + busy, 60);
  EXPECT_GE(good, 4);
}

}  // namespace
}  // namespace pinaco::identity
