// Forged tokens: each is refused, whatever the forger got hold of short of a private key.
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "identity/tokens_testing.h"

namespace pinaco::identity {
namespace {

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
  std::uint8_t out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EXPECT_NE(HMAC(digest, key.data(), static_cast<int>(key.size()), as_bytes(text).data(),
                 text.size(), out, &size),
            nullptr);
  return {reinterpret_cast<char*>(out), size};
}

// A signature of some other kind with a key made for it.
std::string other_signature(EVP_PKEY* key, const EVP_MD* digest, bool pss, std::string_view text) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  EVP_PKEY_CTX* parameters = nullptr;
  EXPECT_EQ(EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key), 1);
  if (pss) {
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
  }
  std::size_t size = 0;
  const auto bytes = as_bytes(text);
  EXPECT_EQ(EVP_DigestSign(context.get(), nullptr, &size, bytes.data(), bytes.size()), 1);
  std::string out(size, '\0');
  EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<std::uint8_t*>(out.data()), &size,
                           bytes.data(), bytes.size()),
            1);
  out.resize(size);
  return out;
}

class Forgery : public TokensTest {
 protected:
  static std::string with_alg(std::string_view alg, const std::string& signature) {
    auto bent = header();
    bent["alg"] = alg;
    return b64(to_text(bent)) + "." + b64(payload()) + "." + b64(signature);
  }
  static std::string hs(std::string_view alg, const EVP_MD* digest, std::string_view key) {
    auto bent = header();
    bent["alg"] = alg;
    const std::string part = b64(to_text(bent)) + "." + b64(payload());
    return part + "." + b64(hmac(digest, key, part));
  }
};

// The bending tools above must yield good tokens when nothing is bent, or the table below would
// prove nothing.
TEST_F(Forgery, TheUnbentTokenIsAccepted) {
  EXPECT_EQ(code(sign(to_text(header()), payload())), "accepted");
  EXPECT_EQ(code(sign_claim("ver", "1.0")), "accepted");
  EXPECT_EQ(code(sign_header("alg", "RS256")), "accepted");
}

TEST_F(Forgery, RefusesEveryForgedAlgorithm) {
  const auto key = ring_->newest();
  const std::string der(as_text(key->public_der()));
  const std::string pem = key->public_pem();
  const std::string modulus(as_text(*from_base64url(key->modulus())));
  const std::string jwk = to_text(ring_->key_set().at("keys").at(0));
  std::vector<std::pair<std::string, std::string>> forged;
  for (const char* alg : {"none", "None", "nOnE", "NONE", "", "RS256 ", "rs256", "HS256"}) {
    forged.emplace_back(std::string("unsigned ") + alg, with_alg(alg, ""));
    forged.emplace_back(std::string("junk signature ") + alg, with_alg(alg, "x"));
  }
  const std::pair<const char*, std::string> secrets[] = {
      {"empty", ""}, {"PEM", pem},   {"trimmed PEM", std::string(trim(pem))}, {"DER", der},
      {"JWK", jwk},  {"n", modulus}, {"n in base64url", key->modulus()}};
  for (const auto& [name, secret] : secrets) {
    forged.emplace_back(std::string("HS256 by ") + name, hs("HS256", EVP_sha256(), secret));
    forged.emplace_back(std::string("HS384 by ") + name, hs("HS384", EVP_sha384(), secret));
    forged.emplace_back(std::string("RS256 that is HS256 by ") + name,
                        hs("RS256", EVP_sha256(), secret));
  }
  // Rightly signed with our own key, but by a method that we do not use.
  const std::string real = key->private_pem();
  for (const auto& [alg, digest, pss] :
       {std::tuple("RS512", EVP_sha512(), false), std::tuple("RS384", EVP_sha384(), false),
        std::tuple("PS256", EVP_sha256(), true)}) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(real.data(), static_cast<int>(real.size())), BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> own(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    for (const char* said : {alg, "RS256"}) {
      auto bent = header();
      bent["alg"] = said;
      const std::string part = b64(to_text(bent)) + "." + b64(payload());
      forged.emplace_back(std::string(alg) + " that says " + said,
                          part + "." + b64(other_signature(own.get(), digest, pss, part)));
    }
  }
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> curve(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
  const std::string part = b64(to_text(header())) + "." + b64(payload());
  forged.emplace_back("ES256 of its own",
                      part + "." + b64(other_signature(curve.get(), EVP_sha256(), false, part)));
  forged.emplace_back("ES256 with r = s = 0", with_alg("ES256", std::string(64, '\0')));
  for (const auto& [name, token] : forged) {
    EXPECT_EQ(code(token), "InvalidAuthenticationToken") << name;
  }
}

TEST_F(Forgery, RefusesEveryForgedKeyAndHeader) {
  const auto stranger = SigningKey::make(clock_->now()).value();
  const std::string part = b64(to_text(header())) + "." + b64(payload());
  const Json stranger_jwk = {{"kty", "RSA"}, {"n", stranger.modulus()}, {"e", stranger.exponent()}};
  std::string kid = ring_->newest()->id();
  auto no_kid = header();
  no_kid.erase("kid");
  auto no_typ = header();
  no_typ.erase("typ");
  auto no_alg = header();
  no_alg.erase("alg");
  auto embedded = header();
  embedded["jwk"] = stranger_jwk;
  const std::string embedded_part = b64(to_text(embedded)) + "." + b64(payload());
  const std::string twice =
      "{\"typ\":\"JWT\",\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"" + kid + "\"}";
  const std::pair<const char*, std::string> forged[] = {
      {"another key under our kid", part + "." + b64(stranger.sign(part))},
      {"jwk, signed with it", embedded_part + "." + b64(stranger.sign(embedded_part))},
      {"a whole token of a stranger", sign_token(stranger, good())},
      {"no kid", sign(to_text(no_kid), payload())},
      {"no typ", sign(to_text(no_typ), payload())},
      {"no alg", sign(to_text(no_alg), payload())},
      {"empty kid", sign_header("kid", "")},
      {"unknown kid", sign_header("kid", "unknown")},
      {"kid in lower case", sign_header("kid", to_lower(kid))},
      {"kid that is a path", sign_header("kid", "../../../../dev/null")},
      {"kid that is SQL", sign_header("kid", "x' UNION SELECT 'AA")},
      {"kid that is a number", sign_header("kid", 0)},
      {"kid that is a list", sign_header("kid", JsonArray{kid})},
      {"jku", sign_header("jku", "https://127.0.0.1:1/keys")},
      {"x5u", sign_header("x5u", "https://127.0.0.1:1/cert")},
      {"x5c", sign_header("x5c", JsonArray{"AAAA"})},
      {"jwk with our signature", sign_header("jwk", stranger_jwk)},
      {"crit", sign_header("crit", JsonArray{"exp"})},
      {"empty crit", sign_header("crit", JsonArray{})},
      {"b64 false", sign_header("b64", false)},
      {"enc", sign_header("enc", "A128GCM")},
      {"zip", sign_header("zip", "DEF")},
      {"Alg beside alg", sign_header("Alg", "none")},
      {"typ at+jwt", sign_header("typ", "at+jwt")},
      {"alg that is a list", sign_header("alg", JsonArray{"RS256"})},
      {"alg null", sign_header("alg", nullptr)},
      {"alg twice", sign(twice, payload())},
      {"header that is a list", sign("[]", payload())},
      {"header that is text", sign("\"RS256\"", payload())},
      {"header that is no JSON", sign("{\"alg\"", payload())},
      {"header with text after it", sign(to_text(header()) + "x", payload())},
      {"empty header", sign("", payload())},
  };
  for (const auto& [name, token] : forged) {
    EXPECT_EQ(code(token), "InvalidAuthenticationToken") << name;
  }
}

TEST_F(Forgery, RefusesEveryOtherSpellingOfAGoodToken) {
  const std::string good_token = sign_token(*ring_->newest(), good());
  const auto parts = split(good_token, '.');
  const std::string h(parts[0]), p(parts[1]), s(parts[2]);
  // 256 bytes end in a digit with four unused bits: sixteen spellings of the same signature.
  std::string loose = s;
  loose.back() = loose.back() == 'A' ? 'B' : static_cast<char>(loose.back() + 1);
  std::string swapped = p;
  std::swap(swapped[10], swapped[11]);
  std::string standard = s;
  for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
  if (standard == s) standard[5] = '+';
  const std::pair<const char*, std::string> forged[] = {
      {"empty", ""},
      {"a word", "token"},
      {"only dots", ".."},
      {"two parts", h + "." + p},
      {"an empty signature", h + "." + p + "."},
      {"an empty payload", h + ".." + s},
      {"an empty header", "." + p + "." + s},
      {"four parts", good_token + "." + s},
      {"four parts, the last empty", good_token + "."},
      {"five parts, as of encryption", h + "." + p + "." + s + "." + s + "." + s},
      {"padding after the signature", good_token + "=="},
      {"padding after the header", h + "=." + p + "." + s},
      {"a space before", " " + good_token},
      {"a space after", good_token + " "},
      {"a line end", good_token + "\n"},
      {"a space inside", h + " ." + p + "." + s},
      {"a NUL at its end", good_token + std::string(1, '\0')},
      {"unused bits that are not zero", h + "." + p + "." + loose},
      {"standard base64", h + "." + p + "." + standard},
      {"a truncated signature", h + "." + p + "." + s.substr(0, s.size() - 4)},
      {"one byte of signature", h + "." + p + ".AA"},
      {"a longer signature", h + "." + p + "." + s.substr(0, s.size() - 2) + "AAAA"},
      {"a signature of zeros", h + "." + p + "." + to_base64url(Bytes(256))},
      {"a signature of ones", h + "." + p + "." + to_base64url(Bytes(256, 0xff))},
      {"parts exchanged", p + "." + h + "." + s},
      {"a payload changed by two letters", h + "." + swapped + "." + s},
      {"percent encoding", percent_encode(good_token + " ")},
      {"a megabyte of letters", std::string(1 << 20, 'A')},
      {"a megabyte of dots", std::string(1 << 20, '.')},
      {"a megabyte payload", h + "." + std::string(1 << 20, 'A') + "." + s},
      {"a signed token over the limit", sign_claim("pad", std::string(token_bytes_max, 'x'))},
  };
  for (const auto& [name, token] : forged) {
    EXPECT_EQ(code(token), "InvalidAuthenticationToken") << name;
  }
}

TEST_F(Forgery, RefusesSignedClaimsThatWeWouldNotWrite) {
  const auto now = std::chrono::floor<Seconds>(clock_->now()).time_since_epoch().count();
  const std::string text = payload();
  const std::string body = text.substr(0, text.size() - 1);
  const auto raw_exp = [&](std::string_view value) {
    auto bent = parse_json(text)->get_object();
    bent.erase("exp");
    const std::string rest = to_text(bent);
    return sign(to_text(header()),
                rest.substr(0, rest.size() - 1) + ",\"exp\":" + std::string(value) + "}");
  };
  ASSERT_EQ(code(raw_exp(std::to_string(now + 3600))), "accepted");
  std::vector<std::pair<std::string, std::string>> forged = {
      {"issuer of another host", sign_claim("iss", "https://evil.example/")},
      {"issuer without slash", sign_claim("iss", std::string("https://sts.windows.net/") + tenant)},
      {"issuer of another tenant", sign_claim("iss", issuer_of(other_tenant))},
      {"issuer that is a list", sign_claim("iss", JsonArray{issuer_of(tenant)})},
      {"tenant in upper case", sign_claim("tid", to_upper(tenant))},
      {"tenant of another, issuer ours", sign_claim("tid", other_tenant)},
      {"audience that is a list", sign_claim("aud", JsonArray{"https://localhost"})},
      {"empty audience", sign_claim("aud", "")},
      {"oid that is a number", sign_claim("oid", 7)},
      {"ver 2.0", sign_claim("ver", "2.0")},
      {"on behalf of another", sign_claim("actort", "x.y.z")},
      {"acting party", sign_claim("act", JsonObject{{"sub", "x"}})},
      {"nbf in the future", sign_claim("nbf", now + 1000)},
      {"nbf in the past of iat", sign_claim("nbf", 0)},
      {"exp before iat", sign_claim("exp", now - 1)},
      {"exp null", sign_claim("exp", nullptr)},
      {"exp true", sign_claim("exp", true)},
      {"exp as text", sign_claim("exp", std::to_string(now + 3600))},
      {"exp as fraction", raw_exp(std::to_string(now + 3600) + ".5")},
      {"exp as double", raw_exp(std::to_string(now + 3600) + ".0")},
      {"exp 1e400", raw_exp("1e400")},
      {"exp 1e10", raw_exp("1e10")},
      {"exp 2^63", raw_exp("9223372036854775808")},
      {"exp 2^64", raw_exp("18446744073709551616")},
      {"exp of the year 10000", raw_exp("253402300800")},
      {"exp negative", raw_exp("-1")},
      {"exp NaN", raw_exp("NaN")},
      {"exp hexadecimal", raw_exp("0x7fffffff")},
      {"exp twice", sign(to_text(header()), body + ",\"exp\":9999999999}")},
      {"tid twice", sign(to_text(header()), body + ",\"tid\":\"" + tenant + "\"}")},
      {"tid twice, once escaped",
       sign(to_text(header()), body + ",\"\\u0074id\":\"" + tenant + "\"}")},
      {"payload that is a list", sign(to_text(header()), "[]")},
      {"payload that is null", sign(to_text(header()), "null")},
      {"payload that is empty", sign(to_text(header()), "")},
      {"payload of ten thousand brackets", sign(to_text(header()), std::string(10000, '['))},
      {"payload that is not UTF-8", sign(to_text(header()), "{\"tid\":\"\xff\"}")},
  };
  for (const char* name :
       {"iss", "aud", "tid", "oid", "appid", "uti", "iat", "nbf", "exp", "ver"}) {
    forged.emplace_back(std::string("without ") + name, sign_without(name));
  }
  for (const auto& [name, token] : forged) {
    EXPECT_EQ(code(token), "InvalidAuthenticationToken") << name;
  }
}

}  // namespace
}  // namespace pinaco::identity
