// People at the pages: the authorization code flow with PKCE, and device codes.
#include "identity/sign_in.h"

#include <cstring>

#include "identity/page.h"
#include "identity/sign_in_testing.h"

namespace pinaco::identity {
namespace {

// The browser of one person: keeps the cookie and fills in forms.
class Browser {
 public:
  explicit Browser(std::function<http::Reply(const std::string&, const std::string&,
                                             const std::string&, const http::Headers&)>
                       send)
      : send_(std::move(send)) {}
  const http::Reply& get(const std::string& target) {
    return keep(send_("GET", target, "", with()));
  }
  // Submits the form of the last page.
  const http::Reply& submit(const std::map<std::string, std::string>& typed) {
    std::string body;
    auto all = hidden();
    for (const auto& [name, value] : typed) all[name] = value;
    for (const auto& [name, value] : all) {
      body += (body.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(value);
    }
    return keep(send_("POST", between(page.body, "action=\"", "\""), body, with()));
  }
  std::map<std::string, std::string> hidden() const {
    std::map<std::string, std::string> fields;
    std::string_view rest = page.body;
    constexpr std::string_view start = "<input type=\"hidden\" name=\"";
    for (auto at = rest.find(start); at != rest.npos; at = rest.find(start)) {
      rest = rest.substr(at + start.size());
      fields[std::string(rest.substr(0, rest.find('"')))] =
          unescape(between(rest, "value=\"", "\""));
    }
    return fields;
  }
  static std::string unescape(std::string text) {
    for (const auto& [from, to] : {std::pair{"&lt;", "<"}, std::pair{"&quot;", "\""},
                                   std::pair{"&#39;", "'"}, std::pair{"&amp;", "&"}}) {
      for (auto at = text.find(from); at != text.npos; at = text.find(from, at + 1)) {
        text.replace(at, std::strlen(from), to);
      }
    }
    return text;
  }
  static std::string between(std::string_view text, std::string_view from, std::string_view to) {
    const auto start = text.find(from);
    if (start == text.npos) return {};
    text = text.substr(start + from.size());
    return std::string(text.substr(0, text.find(to)));
  }

  http::Reply page;
  std::string cookie;

 private:
  http::Headers with() const {
    http::Headers headers;
    if (!cookie.empty()) headers.add("Cookie", "a=b; " + cookie);
    return headers;
  }
  const http::Reply& keep(http::Reply reply) {
    const auto set = reply.headers.get("Set-Cookie");
    if (!set.empty()) cookie = set.substr(0, set.find(';'));
    page = std::move(reply);
    return page;
  }
  std::function<http::Reply(const std::string&, const std::string&, const std::string&,
                            const http::Headers&)>
      send_;
};

class SignInPagesTest : public SignInTest {
 protected:
  Browser browser() {
    return Browser(
        [this](const std::string& method, const std::string& target, const std::string& body,
               const http::Headers& headers) { return send(method, target, body, headers); });
  }
  static std::string challenge() { return to_base64url(Digest::of(as_bytes(verifier)).bytes); }
  std::string authorize(const std::string& redirect = "http://localhost:8400",
                        const std::string& client = std::string(azure_cli)) const {
    return "/" + tenant_ + "/oauth2/v2.0/authorize?client_id=" + client +
           "&response_type=code&redirect_uri=" + percent_encode(redirect) + "&scope=" + scope +
           "+openid+profile+offline_access&state=a%26b%22%3C&nonce=n&code_challenge=" +
           challenge() + "&code_challenge_method=S256";
  }
  // The code that a sign-in ends with.
  std::string code_of(const std::string& target) {
    auto one = browser();
    one.get(target);
    const auto& done = one.submit(typed_);
    EXPECT_EQ(done.status, 302) << done.body;
    return Browser::between(std::string(done.headers.get("Location")) + "&", "code=", "&");
  }
  std::string redeem(const std::string& code, const std::string& shown = verifier,
                     const std::string& redirect = "http://localhost:8400",
                     const std::string& client = std::string(azure_cli)) {
    return "grant_type=authorization_code&client_id=" + client + "&code=" + code +
           "&redirect_uri=" + percent_encode(redirect) + "&code_verifier=" + shown;
  }

  static constexpr const char* verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  static constexpr const char* bad_code = "400 invalid_grant 70008";
  const std::map<std::string, std::string> typed_ = {{"username", "ann@contoso.pinaco"},
                                                     {"password", password}};
};

TEST_F(SignInPagesTest, SignsInAndRedirectsWithCodeAndState) {
  auto one = browser();
  EXPECT_EQ(one.get(authorize()).status, 200);
  const auto& done = one.submit(typed_);
  ASSERT_EQ(done.status, 302);
  const std::string location(done.headers.get("Location"));
  EXPECT_TRUE(location.starts_with("http://localhost:8400?code=")) << location;
  EXPECT_TRUE(location.ends_with("&state=a%26b%22%3C")) << location;
  const auto code = Browser::between(location, "code=", "&");
  const auto answer = post(redeem(code));
  ASSERT_EQ(status_, 200) << to_text(answer);
  const auto claims = verify_token(*keys_, clock_.now(), string_at(answer, "access_token"));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->object_id, ann_.object_id);
  EXPECT_EQ(claims->audience, "https://management.azure.com");
  const auto id_token = parse_jwt(string_at(answer, "id_token"));
  ASSERT_TRUE(id_token);
  EXPECT_EQ(text_claim(id_token->claims, "nonce"), "n");
  EXPECT_NE(text_at(answer, "refresh_token"), "");
}

TEST_F(SignInPagesTest, ThePageHasNoScriptAndCannotBeFramed) {
  auto one = browser();
  const auto& page = one.get(authorize());
  const std::string policy(page.headers.get("Content-Security-Policy"));
  EXPECT_TRUE(policy.starts_with("default-src 'none'; style-src 'sha256-")) << policy;
  EXPECT_NE(policy.find("form-action 'self' http://localhost:8400;"), std::string::npos) << policy;
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_NE(page.body.find("value=\"a&amp;b&quot;&lt;\""), std::string::npos);
  const std::string cookie(page.headers.get("Set-Cookie"));
  for (const char* word : {"__Host-", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"}) {
    EXPECT_NE(cookie.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(page.headers.get("Cache-Control"), "no-store");
}

TEST_F(SignInPagesTest, EscapesWhatOthersWrote) {
  EXPECT_EQ(markup_escape("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
  const auto page = send("GET", authorize("https://evil.example/<script>alert(1)</script>"));
  EXPECT_EQ(page.status, 400);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
}

TEST_F(SignInPagesTest, AnswersInFragmentsAndForms) {
  auto one = browser();
  one.get(authorize() + "&response_mode=fragment");
  EXPECT_TRUE(
      one.submit(typed_).headers.get("Location").starts_with("http://localhost:8400#code="));
  one.get(authorize() + "&response_mode=form_post");
  const auto& page = one.submit(typed_);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(Browser::between(page.body, "action=\"", "\""), "http://localhost:8400");
  EXPECT_EQ(outcome(redeem(one.hidden()["code"])), "200");
}

TEST_F(SignInPagesTest, AFormWithoutItsCookieOrForAnotherRequestIsRefused) {
  auto one = browser();
  one.get(authorize());
  const auto cookie = one.cookie;
  one.cookie.clear();
  EXPECT_EQ(one.submit(typed_).status, 400);  // no cookie
  one.get(authorize());
  one.cookie = cookie;
  EXPECT_EQ(one.submit(typed_).status, 400);  // another form's
  auto other = typed_;
  one.get(authorize());
  other["redirect_uri"] = "http://localhost:9999";
  EXPECT_EQ(one.submit(other).status, 400);
  one.get(authorize());
  other = typed_;
  other["csrf"] = "";
  EXPECT_EQ(one.submit(other).status, 400);
  one.get(authorize());
  clock_.advance(Seconds(901));
  EXPECT_EQ(one.submit(typed_).status, 400);
  EXPECT_EQ(one.submit(typed_).status, 302);  // the page that was shown again is good
}

TEST_F(SignInPagesTest, AWrongPasswordShowsThePageAgain) {
  auto one = browser();
  one.get(authorize());
  auto wrong = typed_;
  wrong["password"] = "wrong";
  EXPECT_EQ(one.submit(wrong).status, 400);
  EXPECT_EQ(one.page.body.find("wrong\""), std::string::npos);
  EXPECT_EQ(one.submit(typed_).status, 302);
  for (int i = 0; i < 10; i++) {
    one.get(authorize());
    one.submit(wrong);
  }
  EXPECT_EQ(one.submit(typed_).status, 400);
  EXPECT_NE(one.page.body.find("IdsLocked"), std::string::npos);
}

TEST_F(SignInPagesTest, OpenRedirectsAreRefusedWithoutRedirecting) {
  const auto app =
      make_application({.redirect_uris = {"https://app.example/done?x=1", "http://localhost/cb"}});
  for (const char* bad :
       {"https://evil.example", "https://app.example/done", "https://app.example/done?x=1&y=2",
        "https://app.example/done?x=1/../z", "http://app.example/done?x=1", "javascript:alert(1)",
        "https://app.example.evil/done?x=1", "http://localhost.evil/cb",
        "http://localhost:1@evil/cb", "http://localhost:x/cb", "http://localhost:99999/cb",
        "http://localhost:80/cb/x", "http://localhost:80/cb#f", "http://127.0.0.1:80/cb",
        "//localhost/cb", ""}) {
    const auto reply = send("GET", authorize(bad, app.app_id));
    EXPECT_EQ(reply.status, 400) << bad;
    EXPECT_FALSE(reply.headers.has("Location")) << bad;
  }
  EXPECT_EQ(send("GET", authorize("https://app.example/done?x=1", app.app_id)).status, 200);
  EXPECT_EQ(send("GET", authorize("http://localhost:1/cb", app.app_id)).status, 200);
  for (const char* bad : {"http://localhost:8400/x", "https://localhost:8400",
                          "urn:ietf:wg:oauth:2.0:oob", "http://evil.example"}) {
    EXPECT_EQ(send("GET", authorize(bad)).status, 400) << bad;
  }
  EXPECT_EQ(code_of(authorize("https://app.example/done?x=1", app.app_id)).size(), 43U);
}

TEST_F(SignInPagesTest, AClientWithASecretHasNoOtherPorts) {
  auto app = make_application({.redirect_uris = {"http://localhost:1/cb"},
                               .secrets = {{.key_id = "x", .hint = "x", .hash = "x"}}});
  EXPECT_EQ(send("GET", authorize("http://localhost:2/cb", app.app_id)).status, 400);
  const auto code = code_of(authorize("http://localhost:1/cb", app.app_id));
  EXPECT_EQ(outcome(redeem(code, verifier, "http://localhost:1/cb", app.app_id)),
            "401 invalid_client 7000218");
}

TEST_F(SignInPagesTest, WithoutS256ThereIsNoCode) {
  const auto base = authorize();
  const auto without = base.substr(0, base.find("&code_challenge="));
  for (const std::string& bad :
       {without, without + "&code_challenge=" + challenge(),
        without + "&code_challenge_method=plain&code_challenge=" + verifier,
        without + "&code_challenge_method=S256",
        without + "&code_challenge_method=S256"
                  "&code_challenge=short"}) {
    const auto reply = send("GET", bad);
    EXPECT_EQ(reply.status, 302) << bad;
    EXPECT_TRUE(
        reply.headers.get("Location").starts_with("http://localhost:8400?error=invalid_request"));
  }
}

TEST_F(SignInPagesTest, ACodeNeedsItsVerifier) {
  for (const char* bad : {"", "x", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"}) {
    const auto code = code_of(authorize());
    EXPECT_EQ(outcome(redeem(code, bad)), "400 invalid_grant 501481") << bad;
    EXPECT_EQ(outcome(redeem(code)), bad_code);  // and is gone after a wrong one
  }
  EXPECT_EQ(outcome(redeem(code_of(authorize()), challenge())), "400 invalid_grant 501481");
}

TEST_F(SignInPagesTest, ACodeIsGoodOnceAndItsSecondUseRevokesWhatItGave) {
  const auto code = code_of(authorize());
  const auto refresh = text_at(post(redeem(code)), "refresh_token");
  EXPECT_EQ(status_, 200);
  EXPECT_EQ(outcome(redeem(code)), bad_code);
  EXPECT_EQ(outcome("grant_type=refresh_token&client_id=" + std::string(azure_cli) +
                    "&refresh_token=" + refresh),
            "400 invalid_grant 70000");
}

TEST_F(SignInPagesTest, ACodeIsBoundToClientAddressAndTime) {
  const auto app = make_application({.redirect_uris = {"http://localhost"}});
  EXPECT_EQ(outcome(redeem(code_of(authorize()), verifier, "http://localhost:8400", app.app_id)),
            bad_code);
  EXPECT_EQ(outcome(redeem(code_of(authorize()), verifier, "http://localhost:8401")), bad_code);
  const auto code = code_of(authorize());
  clock_.advance(Seconds(300));
  EXPECT_EQ(outcome(redeem(code)), bad_code);
  EXPECT_EQ(outcome(redeem("unknown")), bad_code);
}

TEST_F(SignInPagesTest, PromptNoneFindsNobodySignedIn) {
  EXPECT_NE(send("GET", authorize() + "&prompt=none")
                .headers.get("Location")
                .find("error=login_required"),
            std::string_view::npos);
}

class DeviceTest : public SignInPagesTest {
 protected:
  Json begin(const std::string& path = "v2.0/") {
    const auto reply =
        send("POST", "/" + tenant_ + "/oauth2/" + path + "devicecode",
             "client_id=" + std::string(azure_cli) + "&scope=" + scope + "+openid+offline_access");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return *parse_json(reply.body);
  }
  std::string poll(const Json& begun, const std::string& client = std::string(azure_cli)) {
    return outcome("grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=" + client +
                   "&device_code=" + text_at(begun, "device_code"));
  }
  const http::Reply& enter(Browser& one, const std::string& code) {
    one.get("/devicelogin");
    return one.submit({{"user_code", code}});
  }

  static constexpr const char* pending = "400 authorization_pending 70016";
};

TEST_F(DeviceTest, APersonSignsInOnAnotherDevice) {
  const auto begun = begin();
  EXPECT_EQ(begun.at("expires_in"), Json(900));
  EXPECT_EQ(text_at(begun, "verification_uri"), "https://localhost:18443/devicelogin");
  const auto code = text_at(begun, "user_code");
  EXPECT_EQ(code.size(), 9U);
  EXPECT_EQ(code.find_first_of("AEIOU"), std::string::npos);
  EXPECT_EQ(poll(begun), pending);
  auto one = browser();
  EXPECT_NE(enter(one, to_lower(code)).body.find("Azure CLI"), std::string::npos);
  EXPECT_EQ(one.submit(typed_).status, 200) << one.page.body;
  clock_.advance(Seconds(5));
  const auto answer = post("grant_type=device_code&client_id=" + std::string(azure_cli) +
                           "&code=" + text_at(begun, "device_code"));
  ASSERT_EQ(status_, 200) << to_text(answer);
  const auto claims = verify_token(*keys_, clock_.now(), string_at(answer, "access_token"));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->object_id, ann_.object_id);
  EXPECT_NE(text_at(answer, "refresh_token"), "");
  EXPECT_NE(text_at(answer, "id_token"), "");
  EXPECT_EQ(poll(begun), "400 bad_verification_code 70019");  // once
}

TEST_F(DeviceTest, V1AnswersWithTexts) {
  const auto reply = send("POST", "/" + tenant_ + "/oauth2/devicecode",
                          "client_id=" + std::string(azure_cli) + "&resource=https://x/");
  const auto begun = *parse_json(reply.body);
  EXPECT_EQ(text_at(begun, "expires_in"), "900");
  EXPECT_NE(text_at(begun, "verification_url"), "");
}

TEST_F(DeviceTest, OneWhoPollsTooFastIsToldToSlowDown) {
  const auto begun = begin();
  EXPECT_EQ(poll(begun), pending);
  EXPECT_EQ(poll(begun), "400 slow_down 70016");
  clock_.advance(Seconds(5));
  EXPECT_EQ(poll(begun), "400 slow_down 70016");  // ten by now
  clock_.advance(Seconds(15));
  EXPECT_EQ(poll(begun), pending);
}

TEST_F(DeviceTest, ADeclinedAnExpiredAndAnothersCodeGiveNothing) {
  const auto declined = begin();
  auto one = browser();
  enter(one, text_at(declined, "user_code"));
  EXPECT_EQ(one.submit({{"cancel", "1"}}).status, 200);
  EXPECT_EQ(poll(declined), "400 access_denied 70018");
  const auto old = begin();
  clock_.advance(Seconds(900));
  EXPECT_EQ(poll(old), "400 expired_token 70020");
  EXPECT_EQ(enter(one, text_at(old, "user_code")).status, 400);
  const auto app = make_application({});
  EXPECT_EQ(poll(begin(), app.app_id), "400 bad_verification_code 70019");
}

TEST_F(DeviceTest, CodesCannotBeGuessedForLong) {
  const auto begun = begin();
  auto one = browser();
  for (int i = 0; i < 10; i++) EXPECT_EQ(enter(one, "BBBB-BBBB").status, 400);
  EXPECT_EQ(enter(one, text_at(begun, "user_code")).status, 400);
  peer_ = "192.0.2.9:1";
  EXPECT_EQ(enter(one, text_at(begun, "user_code")).status, 200);
}

TEST_F(DeviceTest, NobodyElsesPageCanEnterACode) {
  const auto begun = begin();
  const auto reply = send("POST", "/devicelogin",
                          "step=sign_in&username=ann@contoso.pinaco&password=correct+horse&"
                          "user_code=" +
                              text_at(begun, "user_code"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(poll(begun), pending);
}

}  // namespace
}  // namespace pinaco::identity
