// Plays the request/answer files of test/conformance, and of test/replay, which hold what real
// clients were seen to send, against a whole server in memory.
//
//   # a comment
//   PUT {S}/resourceGroups/rg?api-version=2021-04-01     {S} is /subscriptions/<id>
//   {"location": "westeurope"}                           a body of any number of lines
//   => 201                                               the status
//   name = "rg"                                          a member of the answer by its path
//   error.message ~ not found                            a part of a text
//   tags absent
//   header Retry-After = 1
//
//   FOLLOW            waits as WAIT does, then GET of the last Azure-AsyncOperation;
//                     FOLLOW Location the other one
//   WAIT              until no operation is in progress
//   ANONYMOUS         the next request goes without a token
//   UPLOAD MIB SEED   a fixed VHD of random bytes, as pages to the last accessSAS that came;
//                     UPLOAD MIB SEED /a/c/b to a blob of a storage account
//   PAGES /a/c/b      the body as a page blob of a storage account, spaces at its end
//   COMPARE           what the last accessSAS reads is what was uploaded last
//   SIGN acct {key}   the next requests to /acct are signed with this key
//   SAS x acct c/b rw {x} is the query of a shared access signature, for ten minutes
//   SWEEP             the janitor, now
//   AS ann            the next requests are of this service principal without roles, made when
//                     it is first named; {oid:ann} is its object id; AS administrator goes back
//   TENANT other      another tenant with a subscription, {S:other}, {T:other}, and its
//                     administrator as AS other; {T} is the first tenant's id
//   KEEP x a.0.b      {x} is this member of the last answer; {s} is the id in {S}
//   LATER 60          the clock that people read goes on by 60 seconds; everybody logs in anew
//   RULES 1200 ID     as many role assignments on the scope
//   PUT LINK&comp=…   LINK is the last accessSAS; lines before the body that begin with x-ms-, If-,
//                     Content- or Accept- are headers
//                     {B} is "https://host:port", {client} and {secret} are the administrator's
//   text ~ <Name>     a part of an answer that is no JSON; text !~ what is not in it
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/blob_testing.h"
#include "app/manners_testing.h"
#include "app/people_testing.h"
#include "app/server_testing.h"
#include "base/text.h"
#include "http/http.h"

namespace pinaco::app {
namespace {

namespace fs = std::filesystem;

std::string make_folder() {
  std::string path = testing::TempDir() + "pinaco-conformance-XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path;
}

std::vector<std::string> scripts(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(PINACO_SOURCE_DIR "/test/" + folder)) {
    if (entry.path().extension() != ".txt") continue;
    names.push_back(folder + "/" + entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class Conformance : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = make_folder();
    Config config = default_config(folder_);
    config.port = 0;
    config.nbd_port = 0;
    config.machines.driver = "none";
    if (GetParam().ends_with("restricted_regions")) {
      config.regions.push_back(restricted_region(folder_));
    }
    auto started = start(config,
                         {.data_folder = folder_,
                          .work = {.pause = Milliseconds(20), .purge_after = Seconds(0)},
                          .in_memory = true},
                         clock_, system_random());
    ASSERT_TRUE(started) << started.error().message;
    pinaco_ = std::move(*started);
    client_ = http::make_client({.ca_file = pinaco_->ca_file});
    base_ = "https://localhost:" + std::to_string(pinaco_->http->port());
    const auto& first = *pinaco_->identity->directory().first_credentials();
    subscription_ = "/subscriptions/" + first.subscription;
    texts_["{B}"] = base_;
    texts_["{S}"] = subscription_;
    texts_["{s}"] = first.subscription;
    texts_["{T}"] = first.tenant;
    texts_["{client}"] = first.client_id;
    texts_["{secret}"] = percent_encode(first.client_secret);
    people_ = std::make_unique<People>(*pinaco_, *client_, base_, texts_);
  }

  void put_rules(std::int64_t count, const std::string& scope) {
    const auto& first = *pinaco_->identity->directory().first_credentials();
    while (count > 0) {
      const auto put = pinaco_->model->change(first.subscription, [&](model::Change& change) {
        Result<> done;
        for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 500) && done; i++) {
          done = access::put_rule(change, access::RoleAssignment{.id = change.random().uuid(),
                                                                 .tenant = first.tenant,
                                                                 .scope = scope,
                                                                 .role = {},
                                                                 .principal = first.object_id,
                                                                 .principal_type = "User"});
        }
        return done;
      });
      ASSERT_TRUE(put) << put.error().message;
      count -= 500;
    }
  }

  void TearDown() override {
    pinaco_.reset();
    fs::remove_all(folder_);
  }

  std::string expand(std::string text) const {
    for (const auto& [name, value] : texts_) {
      for (std::size_t at; (at = text.find(name)) != std::string::npos;) {
        text.replace(at, name.size(), value);
      }
    }
    return text;
  }

  void send(const std::string& method, const std::string& url, std::string body) {
    http::Ask ask{.method = method, .url = url};
    while (body.starts_with("x-ms-") || body.starts_with("If-") || body.starts_with("Content-") ||
           body.starts_with("Accept-")) {
      const auto line = body.substr(0, body.find('\n'));
      ask.headers.add(line.substr(0, line.find(':')),
                      std::string(trim(line.substr(line.find(':') + 1))));
      body.erase(0, line.size() + 1);
    }
    if (body.ends_with('\n')) body.pop_back();  // that of the file
    ask.body = as_bytes(body);
    const bool storage = keys_.knows(url, base_);
    if (!body.empty() && !ask.headers.has("Content-Type")) {
      ask.headers.add("Content-Type", "application/json");
    }
    if (storage && !anonymous_) keys_.sign(ask, clock_.now());
    if (!anonymous_ && !storage && !url.contains("/blob/")) {
      ask.headers.add("Authorization", "Bearer " + people_->token_of(name_));
    }
    anonymous_ = false;
    auto answer = client_->send(ask);
    ASSERT_TRUE(answer) << where_ << answer.error().message;
    answer_ = std::move(*answer);
    check_manners(answer_, base_, where_);
    for (const char* name : {"Azure-AsyncOperation", "Location"}) {
      if (answer_.headers.has(name)) follow_[name] = answer_.headers.get(name);
    }
    const auto json = parse_json(answer_.body);
    if (!json) return;
    for (const char* path : {"accessSAS", "properties.output.accessSAS"}) {
      if (!string_at(*json, path).empty()) link_ = string_at(*json, path);
    }
  }

  void upload(std::size_t mib, std::uint64_t seed, const std::string& path) {
    uploaded_ = make_vhd(mib, seed);
    const auto url = path.empty() ? link_ + "&" : base_ + path + "?";
    upload_pages(*client_, url, uploaded_, [&](http::Ask& ask) { keys_.sign(ask, clock_.now()); });
  }

  void compare() {
    const auto answer = client_->send({.url = link_});
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->status, 200) << answer->body;
    // The footers differ in their identifier: the disk is what counts.
    ASSERT_EQ(answer->body.size(), uploaded_.size());
    const std::size_t disk = uploaded_.size() - 512;
    EXPECT_TRUE(
        std::ranges::equal(as_bytes(answer->body).first(disk), ByteView(uploaded_).first(disk)))
        << "the bytes are not those that were uploaded";
  }

  std::string url_of(const std::string& path) const {
    std::string encoded;
    if (path.starts_with("LINK")) return link_ + path.substr(4);
    for (const char c : expand(path)) encoded += c == ' ' ? std::string("%20") : std::string(1, c);
    return base_ + encoded;
  }

  // One line after "=>".
  void expect_line(const std::string& line) {
    const bool header = line.starts_with("header ");
    const std::string text = header ? line.substr(7) : line;
    const auto space = text.find(' ');
    ASSERT_NE(space, std::string::npos) << where_ << "cannot read: " << line;
    const std::string name = text.substr(0, space);
    const std::string rest = text.substr(space + 1);
    if (name == "text") {
      const bool there = answer_.body.contains(expand(rest.substr(rest.find(' ') + 1)));
      EXPECT_EQ(there, rest.starts_with("~")) << where_ << line << "\n" << answer_.body;
      return;
    }
    const auto json = parse_json(answer_.body);
    const Json* found = header || !json ? nullptr : find_indexed(*json, name);
    std::string value(header ? answer_.headers.get(name) : std::string_view());
    if (found != nullptr)
      value = found->is_string() ? std::string(found->get_string()) : to_text(*found);
    const bool there = header ? answer_.headers.has(name) : found != nullptr;
    if (rest == "absent") {
      EXPECT_FALSE(there) << where_ << line << "\n" << answer_.body;
      return;
    }
    EXPECT_TRUE(there) << where_ << line << "\n" << answer_.body;
    if (!there) return;
    const std::string wanted = expand(rest.substr(rest.find(' ') + 1));
    if (rest.starts_with("~")) {
      EXPECT_NE(value.find(wanted), std::string::npos) << where_ << line << "\ngot: " << value;
    } else if (header) {
      EXPECT_EQ(value, wanted) << where_ << line;
    } else {
      const auto json_wanted = parse_json(wanted);
      ASSERT_TRUE(json_wanted) << where_ << "not JSON: " << wanted;
      EXPECT_EQ(to_text(*found), to_text(*json_wanted)) << where_ << line << "\n" << answer_.body;
    }
  }

  // As find_path, with numbers for elements of lists: "value.0.name".
  static const Json* find_indexed(const Json& json, std::string_view path) {
    const Json* at = &json;
    for (const auto part : split(path, '.')) {
      if (at->is_array()) {
        const auto index = parse_int(part, 0, 10000);
        if (part == "length" || !index) return nullptr;
        if (static_cast<std::size_t>(*index) >= at->get_array().size()) return nullptr;
        at = &at->get_array()[static_cast<std::size_t>(*index)];
      } else {
        at = at->is_object() ? find_member(at->get_object(), part) : nullptr;
      }
      if (at == nullptr) return nullptr;
    }
    return at;
  }

  void play(const std::string& path);
  void drain() {
    pinaco_->deployments->drain();
    pinaco_->workers->drain();
  }

  std::string folder_, base_, subscription_, where_, link_;
  std::string name_ = "administrator";  // whose requests these are
  Bytes uploaded_;
  LaterClock clock_;
  std::unique_ptr<Pinaco> pinaco_;
  std::unique_ptr<http::Client> client_;
  http::Answer answer_;
  std::map<std::string, std::string, std::less<>> follow_;
  std::map<std::string, std::string> texts_;  // what stands for "{S}"
  std::unique_ptr<People> people_;
  AccountKeys keys_;
  bool anonymous_ = false;
};

void Conformance::play(const std::string& path) {
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::string line, request, body;
  bool expecting = false;
  int number = 0, requests = 0;
  while (std::getline(file, line)) {
    number++;
    if (line.starts_with('#')) continue;
    if (line.empty()) {
      expecting = false;
      continue;
    }
    if (line == "WAIT") {
      drain();
      continue;
    }
    if (line == "SWEEP") {
      const auto swept = pinaco_->workers->sweep();
      ASSERT_TRUE(swept) << swept.error().message;
      continue;
    }
    if (line.starts_with("LATER ")) {
      clock_.put_forward(parse_int(line.substr(6), 0, 400 * 86'400).value_or(0));
      people_->log_in_anew();
      continue;
    }
    if (line.starts_with("RULES ")) {
      const auto words = split(line, ' ');
      ASSERT_EQ(words.size(), 3U) << line;
      put_rules(parse_int(words[1], 1, 4000).value_or(1), expand(std::string(words[2])));
      if (HasFatalFailure()) return;
      continue;
    }
    if (line.starts_with("UPLOAD ")) {
      const auto words = split(line, ' ');
      ASSERT_GE(words.size(), 3U) << line;
      upload(static_cast<std::size_t>(*parse_int(words[1], 1, 100)),
             static_cast<std::uint64_t>(*parse_int(words[2], 0, 1000)),
             words.size() > 3 ? std::string(words[3]) : "");
      if (HasFatalFailure()) return;
      continue;
    }
    if (line.starts_with("SIGN ") || line.starts_with("SAS ")) {
      const auto words = split(line, ' ');
      ASSERT_EQ(words.size(), line.starts_with("SIGN") ? 3U : 5U) << line;
      const auto word = [&](std::size_t i) { return std::string(words[i]); };
      if (words.size() == 3) {
        keys_.add(word(1), expand(word(2)));
      } else {
        texts_["{" + word(1) + "}"] = keys_.sas(word(2), word(3), word(4), clock_.now());
      }
      continue;
    }
    if (line == "COMPARE") {
      compare();
      if (HasFatalFailure()) return;
      continue;
    }
    if (line.starts_with("AS ") || line.starts_with("TENANT ")) {
      if (line.starts_with("AS ")) {
        name_ = line.substr(3);
        people_->token_of(name_);
      } else {
        people_->make_tenant(line.substr(7));
      }
      if (HasFatalFailure()) return;
      continue;
    }
    if (line.starts_with("KEEP ")) {
      const auto words = split(line, ' ');
      ASSERT_EQ(words.size(), 3U) << line;
      const auto json = parse_json(answer_.body);
      const Json* found = json ? find_indexed(*json, words[2]) : nullptr;
      ASSERT_TRUE(found != nullptr && found->is_string()) << line << "\n" << answer_.body;
      texts_["{" + std::string(words[1]) + "}"] = std::string(found->get_string());
      continue;
    }
    if (line == "ANONYMOUS") {
      anonymous_ = true;
      continue;
    }
    if (line.starts_with("=>")) {
      where_ = fmt::format("{}:{}: {}\n", path, number, request);
      if (request.starts_with("FOLLOW")) {
        const bool location = request == "FOLLOW Location";
        drain();
        send("GET", follow_[location ? "Location" : "Azure-AsyncOperation"], "");
      } else if (request.starts_with("PAGES ")) {
        auto put = put_text(*client_, url_of(request.substr(6)), expand(body),
                            [&](http::Ask& ask) { keys_.sign(ask, clock_.now()); });
        ASSERT_TRUE(put) << where_ << put.error().message;
        answer_ = std::move(*put);
      } else {
        const auto space = request.find(' ');
        ASSERT_NE(space, std::string::npos) << where_;
        // Clients look again until it is done; a replay looks once, when it is.
        if (path.contains("/replay/") && request.starts_with("GET ")) drain();
        send(request.substr(0, space), url_of(request.substr(space + 1)), expand(body));
      }
      if (HasFatalFailure()) return;
      EXPECT_EQ(std::to_string(answer_.status), std::string(trim(line.substr(2))))
          << where_ << answer_.body;
      requests++;
      request.clear();
      expecting = true;
    } else if (expecting) {
      expect_line(line);
    } else if (request.empty()) {
      request = line;
      body.clear();
    } else {
      body += line + "\n";
    }
  }
  EXPECT_TRUE(request.empty()) << path << ": no answer for " << request;
  EXPECT_GT(requests, 0);
}

TEST_P(Conformance, AnswersAsWritten) {
  play(PINACO_SOURCE_DIR "/test/" + GetParam() + ".txt");
}

std::string name_of(const testing::TestParamInfo<std::string>& script) {
  return fs::path(script.param).filename();
}

INSTANTIATE_TEST_SUITE_P(Scripts, Conformance, testing::ValuesIn(scripts("conformance")), name_of);
INSTANTIATE_TEST_SUITE_P(Replay, Conformance, testing::ValuesIn(scripts("replay")), name_of);

}  // namespace
}  // namespace pinaco::app
