// `pinaco tenant`, `subscription`, `app`, `user` and `group`: who there is, over Pinaco's own
// interface and Microsoft Graph's. `pinaco role` and `share`: who may see what.
//
// Secrets are printed once, when they are made, and kept nowhere. Errors: what the server said, and
// for names that mean nothing or several things, what to do.
#pragma once

#include <string>
#include <vector>

#include "app/client.h"
#include "app/console.h"

namespace pinaco::app {

struct DirectoryOptions {
  std::string command;  // "app secret add"
  std::string name;     // of what it is about: a name or an id
  std::string other;    // the second word: a new name, a member, a key's id, a file
  std::string display_name;
  std::string subscription;  // of a new tenant
  std::string description;
  std::string mail;
  std::string password_file;  // "-": standard input; empty: one is made
  std::string credentials_file;
  std::string issuer;
  std::string subject;
  std::string audience = "api://AzureADTokenExchange";
  std::vector<std::string> redirect_uris;
  std::string scope;  // GALLERY[/DEFINITION[/VERSION]] or an id; empty: the subscription
  std::string group;  // of the gallery
  std::vector<std::string> subscriptions;  // to share with
  std::vector<std::string> tenants;
  int days = 365;
  bool multi_tenant = false;
  bool yes = false;
};

Result<> directory(const DirectoryOptions& options, Console& console);
Result<> directory(const DirectoryOptions& options, Connection& connection, Console& console);

// --- for the files of these commands -------------------------------------------------------------

struct DirectoryCall {
  const DirectoryOptions& options;
  Connection& connection;
  Console& console;
};
using DirectoryCommand = Result<> (*)(const DirectoryCall& call);
struct NamedCommand {
  std::string_view name;
  DirectoryCommand run;
};
std::vector<NamedCommand> app_commands();
std::vector<NamedCommand> people_commands();
std::vector<NamedCommand> role_commands();

// "/v1.0/users?$filter=displayName eq 'x'", percent-encoded.
std::string filter_path(std::string_view collection, std::string_view property,
                        std::string_view value);
// The one object of a collection that has this display name.
Result<Json> find_by_name(Connection& connection, std::string_view collection,
                          std::string_view what, std::string_view name);
// The object id of whom a name means: an object id or client id, a user name, or the name of a
// group, an app or a user.
Result<std::string> find_principal(Connection& connection, const std::string& name);
// Refuses a name that one of the present ones has, with its id.
Result<> check_new(const std::vector<Json>& present, std::string_view member, std::string_view id,
                   std::string_view what, std::string_view name);
// Refuses without --yes, and says what would be deleted.
Result<> check_yes(const DirectoryCall& call, std::string_view what);
// The file, or standard input for "-", without the line's end.
Result<std::string> read_secret(const std::string& file);
// Prints a table with the members of a list of objects.
void print_list(Console& console, const std::vector<Json>& rows,
                const std::vector<std::pair<std::string, std::string>>& columns);
// Prints "Name  value" lines of one object, leaving out what is empty.
void print_one(Console& console, const Json& object,
               const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace pinaco::app
