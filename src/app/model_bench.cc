// What many versions cost: how fast they are made, listed, looked up as the latest and counted, in
// a gallery that already has a few and then ten thousand; and how fast a thousand go with theirs. A
// whole server on SQLite, asked over HTTPS by clients in the same process, which share its
// processors.
//
//   bench_model [VERSIONS]
//
// The versions are metadata only: Shallow ones of one snapshot of an empty disk, so that no region
// copies anything. Each is a PUT with a token, checked like any other, with its row, its long
// operation and its line in the activity log, and a worker that finds the snapshot's bytes at home
// and ends the operation. A version counts as made when that operation has succeeded.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "app/region.h"
#include "app/remove.h"
#include "base/log.h"
#include "base/text.h"

namespace pinaco::app {
namespace {

constexpr int few = 100;
constexpr int clients = 16;  // making versions at once
constexpr int rounds = 200;  // of each reading
constexpr double created_bar = 300;
constexpr double page_bar_ms = 20;
constexpr double latest_bar_ms = 2;
constexpr int gone = 1000;  // deleted with their gallery
constexpr double cascade_bar_s = 5;

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// One client with its token.
class Asker {
 public:
  Asker(const Pinaco& pinaco, std::string base, std::string token)
      : client_(http::make_client({.ca_file = pinaco.ca_file})),
        base_(std::move(base)),
        token_(std::move(token)) {}

  Result<Json> ask(const std::string& method, const std::string& path, const std::string& body,
                   int wanted) {
    http::Ask ask{.method = method, .url = base_ + path, .body = as_bytes(body)};
    ask.headers.add("Authorization", "Bearer " + token_);
    if (!body.empty()) ask.headers.add("Content-Type", "application/json");
    const auto start = Clock::now();
    const auto answer = TRY(client_->send(ask));
    took_ms_ = ms_since(start);
    if (answer.status != wanted) {
      return fail(Kind::invalid,
                  fmt::format("{} {}: {} {}", method, path, answer.status, answer.body));
    }
    if (answer.body.empty()) return Json(nullptr);
    return parse_json(answer.body);
  }

  // From the request to the last byte of the answer.
  double took_ms() const { return took_ms_; }

 private:
  std::unique_ptr<http::Client> client_;
  const std::string base_;
  const std::string token_;
  double took_ms_ = 0;
};

class Bench {
 public:
  Bench(Pinaco& pinaco, std::string token)
      : pinaco_(pinaco),
        token_(std::move(token)),
        base_("https://localhost:" + std::to_string(pinaco.http->port())),
        subscription_("/subscriptions/" +
                      pinaco.identity->directory().first_credentials()->subscription),
        group_(subscription_ + "/resourceGroups/bench"),
        gallery_(group_ + "/providers/Microsoft.Compute/galleries/g"),
        one_(asker()) {}

  Result<> prepare() {
    const std::string here = R"({"location": "westeurope"})";
    TRY(one_.ask("PUT", group_ + "?api-version=2021-04-01", here, 201));
    TRY(one_.ask("PUT", gallery_ + galleries_, here, 201));
    const auto compute = group_ + "/providers/Microsoft.Compute/";
    TRY(one_.ask("PUT", compute + "disks/d?api-version=2022-07-02",
                 R"({"location": "westeurope", "properties": {"diskSizeGB": 1,
                     "creationData": {"createOption": "Empty"}}})",
                 202));
    pinaco_.workers->drain();
    snapshot_ = compute + "snapshots/s";
    TRY(one_.ask("PUT", snapshot_ + "?api-version=2022-07-02",
                 fmt::format(R"({{"location": "westeurope", "properties": {{"creationData":
                        {{"createOption": "Copy", "sourceResourceId": "{}disks/d"}}}}}})",
                             compute),
                 202));
    pinaco_.workers->drain();
    return {};
  }

  // A gallery of their own goes, with its definition and all of them: the whole command, from its
  // question what would go to the last look at the operation.
  Result<bool> cascade(int versions) {
    const auto gallery = group_ + "/providers/Microsoft.Compute/galleries/gone";
    TRY(one_.ask("PUT", gallery + galleries_, R"({"location": "westeurope"})", 201));
    TRY(make_definition(gallery + "/images/all", "all"));
    TRY(make(gallery + "/images/all", versions));
    const auto& first = *pinaco_.identity->directory().first_credentials();
    const auto waiting = wait_regardless();
    Connection connection(Login{.endpoint = base_,
                                .ca_file = pinaco_.ca_file,
                                .tenant = first.tenant,
                                .subscription = first.subscription,
                                .client_id = first.client_id,
                                .client_secret = first.client_secret},
                          Patience{.clock = system_clock(), .waiting = *waiting});
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> said(std::tmpfile(), std::fclose);
    if (said == nullptr) return fail(Kind::unavailable, "There is no temporary file.");
    Console console({.out = said.get(), .error = said.get()}, system_clock());
    const auto start = Clock::now();
    TRY(remove({.name = gallery, .group = {}, .yes = true, .cascade = true}, connection, {},
               console));
    const double seconds = ms_since(start) / 1000;
    TRY(one_.ask("GET", gallery + galleries_, "", 404));
    fmt::print(
        "a gallery with {} versions\n  deleted in               {:8.2f} s         bar {} s"
        "    {}\n",
        versions, seconds, cascade_bar_s, seconds <= cascade_bar_s ? "held" : "MISSED");
    return seconds <= cascade_bar_s;
  }

  // Makes versions of a new definition and reads them; true when all bars are held.
  Result<bool> run(const std::string& name, int versions) {
    const auto definition = gallery_ + "/images/" + name;
    TRY(make_definition(definition, name));
    const double made = TRY(make(definition, versions));
    const auto latest = fmt::format("{}/versions/{}", definition, name_of(versions - 1));
    const double page = TRY(read_pages(definition));
    const double found = TRY(find_latest(definition, latest));
    const bool held = made >= created_bar && page <= page_bar_ms && found <= latest_bar_ms;
    const auto verdict = [](bool good) { return good ? "held" : "MISSED"; };
    fmt::print("{} versions\n", versions);
    fmt::print("  made, operations ended   {:8.0f} a second  bar {}     {}\n", made, created_bar,
               verdict(made >= created_bar));
    fmt::print("  a list page of 100       {:8.2f} ms        bar {} ms   {}\n", page, page_bar_ms,
               verdict(page <= page_bar_ms));
    fmt::print("  the latest of them       {:8.2f} ms        bar {} ms    {}\n", found,
               latest_bar_ms, verdict(found <= latest_bar_ms));
    std::fflush(stdout);
    return held;
  }

  // What is shown is what there is, and the limit holds.
  Result<bool> check_usage(std::size_t wanted) {
    const auto usages = TRY(one_.ask(
        "GET",
        subscription_ +
            "/providers/Microsoft.Compute/locations/westeurope/usages?api-version=2022-08-01",
        "", 200));
    std::int64_t shown = -1;
    for (const Json& each : find_path(usages, "value")->get_array()) {
      if (string_at(each, "name.value") == "GalleryImageVersions") {
        shown = int_at(each, "currentValue");
      }
    }
    bool agrees = false;
    TRY(pinaco_.model->read(subscription_.substr(15), [&](const model::View& view) -> Result<> {
      agrees = TRY(view.counts())
      == TRY(view.recount());
      return {};
    }));
    TRY(one_.ask("PUT", gallery_ + "/images/many/versions/9999.0.0" + galleries_, body(), 409));
    const bool exact = agrees && shown == static_cast<std::int64_t>(wanted);
    fmt::print("usage: {} of {}, one more is refused; a recount {}  {}\n", shown, wanted,
               agrees ? "agrees" : "differs", exact ? "held" : "MISSED");
    return exact;
  }

 private:
  Result<> make_definition(const std::string& definition, const std::string& name) {
    TRY(one_.ask("PUT", definition + galleries_,
                 fmt::format(R"({{"location": "westeurope", "properties": {{"osType": "Linux",
                                 "osState": "Generalized", "identifier": {{"publisher": "p",
                                 "offer": "o", "sku": "{}"}}}}}})",
                             name),
                 201));
    return {};
  }

  Asker asker() const { return {pinaco_, base_, token_}; }
  static std::string name_of(int number) {
    return fmt::format("{}.{}.{}", number / 100, number / 10 % 10, number % 10);
  }
  std::string body() const {
    return fmt::format(R"({{"location": "westeurope", "properties": {{"publishingProfile":
                           {{"replicationMode": "Shallow"}}, "storageProfile": {{"osDiskImage":
                           {{"source": {{"id": "{}"}}}}}}}}}})",
                       snapshot_);
  }

  Result<double> make(const std::string& definition, int versions) {
    const auto start = Clock::now();
    std::atomic<int> next = 0;
    std::mutex mutex;
    Result<> all;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < clients; i++) {
        threads.emplace_back([&] {
          auto mine = asker();
          for (int number = next++; number < versions; number = next++) {
            const auto path =
                fmt::format("{}/versions/{}{}", definition, name_of(number), galleries_);
            const auto done = mine.ask("PUT", path, body(), 201);
            if (done) continue;
            const std::lock_guard lock(mutex);
            all = fail(done.error());
            return;
          }
        });
      }
    }
    TRY(all);
    const double answered = ms_since(start);
    pinaco_.workers->drain();
    const double ended = ms_since(start);
    fmt::print("{} PUTs answered in {:.2f} s, ended in {:.2f} s\n", versions, answered / 1000,
               ended / 1000);
    return versions / ended * 1000;
  }

  // Pages from the first to the last and again.
  Result<double> read_pages(const std::string& definition) {
    std::vector<double> times;
    const auto first = definition + "/versions" + galleries_;
    std::string path = first;
    for (int i = 0; i < rounds; i++) {
      const auto page = TRY(one_.ask("GET", path, "", 200));
      times.push_back(one_.took_ms());
      if (find_path(page, "value")->get_array().size() != 100) {
        return fail(Kind::invalid, "A page has not 100 rows.");
      }
      for (const Json& row : find_path(page, "value")->get_array()) {
        if (string_at(row, "properties.provisioningState") == "Succeeded") continue;
        return fail(Kind::invalid, to_text(row));
      }
      const auto link = string_at(page, "nextLink");
      path = link.empty() ? first : std::string(link.substr(base_.size()));
    }
    return median(std::move(times));
  }

  Result<double> find_latest(const std::string& definition, const std::string& wanted) {
    std::vector<double> times;
    for (int i = 0; i < rounds; i++) {
      const auto found = TRY(one_.ask(
          "GET", fmt::format("/pinaco/v1/contents?id={}/versions/latest", definition), "", 200));
      times.push_back(one_.took_ms());
      if (!iequals(string_at(found, "id"), wanted)) {
        return fail(Kind::invalid,
                    fmt::format("The latest is {}, not {}.", string_at(found, "id"), wanted));
      }
    }
    return median(std::move(times));
  }

  static constexpr const char* galleries_ = "?api-version=2022-03-03";
  Pinaco& pinaco_;
  const std::string token_;
  const std::string base_;
  const std::string subscription_;
  const std::string group_;
  const std::string gallery_;
  std::string snapshot_;
  Asker one_;
};

std::string log_in(const Pinaco& pinaco) {
  const auto& first = *pinaco.identity->directory().first_credentials();
  http::Request login{.method = "POST", .target = "/adfs/oauth2/token"};
  login.headers.add("Content-Type", "application/x-www-form-urlencoded");
  login.body = "grant_type=client_credentials&scope=https://localhost/.default&client_id=" +
               first.client_id + "&client_secret=" + first.client_secret;
  const auto reply = pinaco.identity->answer(login, "https://localhost");
  return std::string(string_at(*parse_json(reply->body), "access_token"));
}

Result<bool> run(const std::string& folder, int many) {
  set_log_level(Level::error);
  auto config = default_config(folder);
  config.port = 0;
  config.nbd_port = 0;
  config.machines.driver = "off";
  config.limits.versions = static_cast<std::size_t>(few + many);
  const auto pinaco = TRY(start(config, {.data_folder = folder}, system_clock(), system_random()));
  Bench bench(*pinaco, log_in(*pinaco));
  TRY(bench.prepare());
  bool held = TRY(bench.cascade(std::min(gone, few + many)));
  held = TRY(bench.run("few", few))
  &&held;
  held = TRY(bench.run("many", many))
  &&held;
  return TRY(bench.check_usage(static_cast<std::size_t>(few + many)))
  &&held;
}

}  // namespace
}  // namespace pinaco::app

int main(int count, char** arguments) {
  const auto many = count > 1 ? pinaco::parse_int(arguments[1], 100, 100'000) : 10'000;
  std::string folder = (std::filesystem::temp_directory_path() / "bench-model-XXXXXX").string();
  if (!many || mkdtemp(folder.data()) == nullptr) return 2;
  const auto done = pinaco::app::run(folder, static_cast<int>(*many));
  std::filesystem::remove_all(folder);
  if (!done) {
    fmt::print(stderr, "bench_model: {}\n", done.error().message);
    return 1;
  }
  return *done ? 0 : 1;
}
