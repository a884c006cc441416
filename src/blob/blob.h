// Storage accounts, as far as page blobs go: what is remembered of accounts by name, containers
// and blobs, and whether a request is signed by an account.
//
// What it is: rows in the shard of the account's subscription, and pure functions over requests.
//
//   storage/<account name>             in the shard "": which resource has the name
//   container/<account>/<name>         <account> is the unique id of an account, so that a new one
//   blob/<container>/<name>            of the same name does not find what the old one held
//   account/<account>                  how many containers and blobs it has
//
// The bytes of a blob are a file that is named by the blob's id (work::Uploads). An account or a
// container is deleted with its own row; what was below is named by nothing then, and the janitor
// takes it.
// Threads: everything from any thread. Lifetime: nothing is kept. Limits: containers_max and
// account_blobs_max of an account, blobs_max of a container, sizes up to 32 TiB and a footer,
// metadata 8 KiB, names of blobs 900 bytes. Errors: the blob service's codes (AuthenticationFailed,
// ContainerNotFound, …).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/http.h"
#include "model/model.h"

namespace pinaco::blob {

inline constexpr std::size_t containers_max = 1000;
inline constexpr std::size_t blobs_max = 1000;
inline constexpr std::size_t account_blobs_max = 10'000;
inline constexpr std::size_t name_bytes_max = 900;
inline constexpr std::size_t metadata_bytes_max = 8 << 10;
inline constexpr std::uint64_t size_bytes_max = (std::uint64_t{32} << 40) + 512;

// --- accounts: rows.cc ---------------------------------------------------------------------------

inline constexpr std::string_view account_type = "Microsoft.Storage/storageAccounts";

// 3 to 24 lower-case letters and digits. Some of those are the first words of other paths of this
// server, and so can be no account's: an account's blobs are at /<account>/<container>/<blob>.
bool is_account_name(std::string_view name);
bool is_reserved_name(std::string_view name);
// Which resource has the name, be it there or gone; the fact "storage/<name>" of the shard "".
std::string name_fact(std::string_view name);
Result<std::optional<model::Resource>> find_account(const model::Model& model,
                                                    std::string_view name);
std::string unique_of(const model::Resource& account);

// --- containers and blobs: rows.cc ---------------------------------------------------------------

struct Container {
  std::string name;
  std::string id;
  std::string etag;  // "0x1F…", a new one with each change
  WallTime modified = {};
  Json metadata = JsonObject();
  std::uint64_t blobs = 0;  // in it
};

struct Blob {
  std::string name;
  std::string id;  // of its file as well; a blob that is written over gets another
  std::uint64_t size_bytes = 0;
  std::string etag;
  WallTime created = {};
  WallTime modified = {};
  Json metadata = JsonObject();
  Json content = JsonObject();  // header names, as "Content-Type", and values
};

std::string new_etag(Random& random);
// 3 to 63 lower-case letters, digits and single hyphens inside; not those that are the second words
// of the sign-in's paths.
bool is_container_name(std::string_view name);

Result<std::optional<Container>> find_container(const model::View& view, std::string_view account,
                                                std::string_view name);
Result<> put_container(model::Change& change, std::string_view account, const Container& row);
// From a name on, in order, the first of them.
Result<std::vector<Container>> list_containers(const model::View& view, std::string_view account,
                                               std::string_view from, std::size_t rows_max);

Result<std::optional<Blob>> find_blob(const model::View& view, std::string_view container,
                                      std::string_view name);
Result<> put_blob(model::Change& change, std::string_view container, const Blob& row);
Result<std::vector<Blob>> list_blobs(const model::View& view, std::string_view container,
                                     std::string_view from, std::size_t rows_max);

// --- how many there are: counts.cc ---------------------------------------------------------------

// New rows and rows that go are counted where they are, so that nobody lists them to know how many
// there are. ContainerQuotaExceeded, BlobQuotaExceeded. One who adds a container, or adds or takes
// a blob, has found that it is new or there, and the container's row, in the same transaction.
Result<> add_container(model::Change& change, std::string_view account, const Container& row);
Result<> take_container(model::Change& change, std::string_view account, const Container& row);
Result<> add_blob(model::Change& change, std::string_view account, Container container,
                  const Blob& row);
Result<> take_blob(model::Change& change, std::string_view account, Container container,
                   std::string_view name);

// --- URIs, and what is left: rows.cc -------------------------------------------------------------

// Where a URI of this server points: "https://host:port/<account>/<container>/<blob>".
struct Place {
  std::string account;
  std::string container;
  std::string name;
};
// Refused, with why, when it is of another server or signed. base_url is "https://host:port".
Result<Place> parse_uri(std::string_view uri, std::string_view base_url);

// Facts of containers and counts whose account is gone and of blobs whose container is, in order,
// from a name on, up to rows_max. Ids do not come again, so that one who is an orphan stays one.
Result<std::vector<std::string>> orphans(const model::View& view, std::string_view from,
                                         std::size_t rows_max);
// The ids of all blobs of the subscription.
Result<std::set<std::string>> all_ids(const model::View& view);

// --- signatures: signature.cc, sas.cc ------------------------------------------------------------

// A key is 64 random bytes in base64.
std::string new_key(Random& random);
// base64(HMAC-SHA256(key, text)); "" for a key that is no base64.
std::string sign(std::string_view key, std::string_view text);

// What an account's key signs of a request: method, some headers, the path as sent, the query.
std::string string_to_sign(const http::Request& request, std::string_view account);
// What a key signs of a shared access signature's parameters (names in lower case, values decoded):
// of an account's, or of a service's for a container or one blob in it.
using Query = std::map<std::string, std::string>;
Result<std::string> account_sas_text(const Query& query, std::string_view account);
Result<std::string> service_sas_text(const Query& query, std::string_view account,
                                     std::string_view container, std::string_view blob);

// "Fri, 26 Jun 2015 23:39:12 GMT"
std::optional<WallTime> parse_http_date(std::string_view text);
std::string to_http_date(WallTime time);

enum class Level { service, container, listing, blob };  // listing: of what is in a container

// What a request may do, given how it is signed.
struct Rights {
  bool everything = false;
  std::string key = {};          // that signed it: the rights end with the key
  std::string permissions = {};  // "rwdlc"
  std::string levels = {};       // "sco", and "l" for listing alone
  // Whether one of the permissions is there, for something of that level.
  Result<> check(Level level, std::string_view permissions) const;
};

struct Asked {
  const http::Request& request;
  const Query& query;
  std::string account;
  std::string container;
  std::string blob;
};
// AuthenticationFailed, and why; KeyBasedAuthenticationNotPermitted where the account wants no
// keys.
Result<Rights> authenticate(const Asked& asked, const model::Resource& account, WallTime now);
// Whether the account still has the key, and wants keys.
bool has_key(const model::Resource& account, std::string_view key);

}  // namespace pinaco::blob
