#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"

namespace pinaco {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(Kind::invalid, "odd");
  return value / 2;
}
Result<int> quarter(int value) {
  return half(TRY(half(value)));
}

TEST(Result, TryPassesTheErrorOn) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
}

TEST(Digest, IsSha256) {
  EXPECT_EQ(Digest::of(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(*Digest::parse(Digest::of(ByteView()).hex()), Digest::of(ByteView()));
  EXPECT_FALSE(Digest::parse("ba78"));
}

TEST(Text, Base64RoundTripsAndRefusesSloppyInput) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"}) {
    EXPECT_EQ(as_text(*from_base64(to_base64(as_bytes(text)))), text);
    EXPECT_EQ(as_text(*from_base64url(to_base64url(as_bytes(text)))), text);
  }
  EXPECT_EQ(to_base64(as_bytes("fooba")), "Zm9vYmE=");
  EXPECT_FALSE(from_base64url("Zm9vYmE="));
  EXPECT_FALSE(from_base64url("Zm9vYmF"));  // left-over bits are not zero
  EXPECT_FALSE(from_base64url("A"));
}

TEST(Text, PercentDecodingRefusesCutEscapes) {
  EXPECT_EQ(*percent_decode("%24expand=a+b"), "$expand=a+b");
  EXPECT_EQ(*percent_decode("a+b", true), "a b");
  EXPECT_FALSE(percent_decode("%2"));
  EXPECT_FALSE(percent_decode("%zz"));
}

TEST(Clock, ReadsAndWritesTheTimesOfArm) {
  const auto time = parse_iso8601("2021-09-02T03:28:31.0693976+00:00");
  ASSERT_TRUE(time);
  EXPECT_EQ(to_iso8601(*time), "2021-09-02T03:28:31.0693970+00:00");
  EXPECT_EQ(to_iso8601(*parse_iso8601("2030-01-01")), "2030-01-01T00:00:00.0000000+00:00");
  EXPECT_EQ(to_iso8601(*parse_iso8601("2030-01-01T12:00:00+02:00")),
            "2030-01-01T10:00:00.0000000+00:00");
  for (const char* bad : {"", "2030", "2030-13-01", "2030-02-30", "2030-01-01T", "2030-01-01T25:00",
                          "yesterday", "2030-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(parse_iso8601(bad)) << bad;
  }
}

TEST(Json, RefusesWhatIsAmbiguous) {
  EXPECT_TRUE(parse_json(R"({"a": [1, {"b": null}]})"));
  for (const char* bad :
       {"", "{", "{}x", R"({"a":1,"a":2})", R"([{"a":{"b":1,"\u0062":2}}])", "\"\xff\"", "nul"}) {
    EXPECT_FALSE(parse_json(bad)) << bad;
  }
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')));
}

TEST(Json, WritingAMemberThatIsThereMovesNoOther) {
  for (std::size_t size = 2; size < 20; size++) {
    JsonObject object;
    for (std::size_t i = 0; i < size; i++) object["m" + std::to_string(i)] = JsonObject{{"a", 1}};
    Json json = std::move(object);
    const Json* sibling = find_path(json, "m0");
    set_path(json, "m1.a", 2);
    set_path(json, "m1", 3);
    EXPECT_EQ(find_path(json, "m0"), sibling) << size;
  }
}

TEST(Json, PathsIgnoreCaseAndMissNothing) {
  Json json = *parse_json(R"({"Properties":{"x":{"y":7}}})");
  EXPECT_EQ(int_at(json, "properties.x.y"), 7);
  EXPECT_EQ(find_path(json, "properties.z.y"), nullptr);
  set_path(json, "a.b", "c");
  EXPECT_EQ(string_at(json, "a.b"), "c");
  EXPECT_EQ(*parse_json(to_pretty(json)), json);
}

TEST(Text, KnowsUtf8AndCutsItBetweenCharacters) {
  for (const char* good : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\x80", "a\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
  EXPECT_EQ(cut_text("a\xc3\xa9", 2), "a");
  EXPECT_EQ(cut_text("a\xc3\xa9", 3), "a\xc3\xa9");
}

}  // namespace
}  // namespace pinaco
