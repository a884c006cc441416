#include "app/command_directory.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "base/text.h"

namespace pinaco::app {
namespace {

class Builder {
 public:
  Builder(CLI::App& root, DirectoryOptions& options,
          const std::function<void(CLI::App&, const std::string&)>& add_leaf)
      : root_(root), options_(options), add_leaf_(add_leaf) {}

  void add_tenants();
  void add_subscriptions();
  void add_apps();
  void add_app_credentials(CLI::App& app);
  void add_users();
  void add_groups();
  void add_roles();
  void add_sharing();

 private:
  static CLI::App& group(CLI::App& above, const std::string& name, const std::string& about) {
    auto* made = above.add_subcommand(name, about);
    made->require_subcommand(1);
    made->footer("A command's own --help explains it, with examples.");
    return *made;
  }
  CLI::App& leaf(CLI::App& above, const std::string& name, const std::string& about,
                 const std::string& examples) {
    auto* made = above.add_subcommand(name, about);
    made->footer("Examples:\n" + examples);
    std::string command = name;
    for (const auto* up = &above; up != &root_; up = up->get_parent()) {
      command = up->get_name() + " " + command;
    }
    add_leaf_(*made, command);
    return *made;
  }
  void name(CLI::App& app, const std::string& what) {
    app.add_option("name", options_.name, what)->required();
  }
  void yes(CLI::App& app) { app.add_flag("--yes", options_.yes, "Really delete"); }
  void password(CLI::App& app) {
    app.add_option("--password-file", options_.password_file,
                   "File with the password, - for standard input (one is made and shown once)");
  }

  CLI::App& root_;
  DirectoryOptions& options_;
  const std::function<void(CLI::App&, const std::string&)>& add_leaf_;
};

void Builder::add_tenants() {
  auto& tenant = group(root_, "tenant", "Tenants: parties that share a server and nothing else.");
  auto& create = leaf(tenant, "create",
                      "Make a tenant with an administrator of its own. Only administrators of the "
                      "server's first tenant may.",
                      "  pinaco tenant create Contoso --subscription Production \\\n"
                      "      --credentials-file contoso.json\n"
                      "  PINACO_LOGIN_FILE=contoso-login.json pinaco login --credentials "
                      "contoso.json");
  name(create, "Name of the tenant");
  create.add_option("--subscription", options_.subscription,
                    "Name of a first subscription in it (none)");
  create.add_option("--credentials-file", options_.credentials_file,
                    "Where to write its administrator's credentials, for `pinaco login` (shown "
                    "once)");
  leaf(tenant, "list", "List the tenants that you may see.", "  pinaco tenant list");
}

void Builder::add_subscriptions() {
  auto& subscription =
      group(root_, "subscription", "Subscriptions of your tenant: what galleries are in.");
  auto& create = leaf(subscription, "create",
                      "Make a subscription. It takes the role Owner or Contributor at the scope / "
                      "of the tenant.",
                      "  pinaco subscription create Testing\n"
                      "  pinaco login --credentials admin.json --subscription Testing");
  name(create, "Name of the subscription");
  leaf(subscription, "list", "List the subscriptions that you may see.",
       "  pinaco subscription list -o json");
  auto& rename = leaf(subscription, "rename", "Give a subscription another name; its id stays.",
                      "  pinaco subscription rename Testing Staging");
  name(rename, "Its name or id");
  rename.add_option("new-name", options_.other, "Its new name")->required();
}

void Builder::add_apps() {
  auto& app = group(root_, "app", "Apps: programs that log in by themselves, and what they show.");
  auto& create = leaf(app, "create",
                      "Register an app and make its service principal, to which roles are given.",
                      "  pinaco app create pipeline\n  pinaco app secret add pipeline --days 90");
  name(create, "Name of the app");
  create.add_flag("--multi-tenant", options_.multi_tenant,
                  "Other tenants may have service principals of it");
  create.add_option("--redirect-uri", options_.redirect_uris,
                    "Where logins of users may return to; may be repeated");
  leaf(app, "list", "List the apps of your tenant.", "  pinaco app list");
  auto& show = leaf(app, "show", "Show an app and its credentials, without any secret.",
                    "  pinaco app show pipeline");
  name(show, "Its name, client id or object id");
  auto& erase =
      leaf(app, "delete", "Delete an app, its service principals in all tenants and their roles.",
           "  pinaco app delete pipeline --yes");
  name(erase, "Its name, client id or object id");
  yes(erase);
  add_app_credentials(app);
}

void Builder::add_app_credentials(CLI::App& app) {
  auto& secret = group(app, "secret", "Secrets: passwords of an app.");
  auto& add = leaf(secret, "add", "Make a secret. It is shown once; the server keeps its hash.",
                   "  pinaco app secret add pipeline --name laptop --days 30\n"
                   "  pinaco app secret add pipeline -o json | jq -r .secretText");
  add.add_option("app", options_.name, "The app's name, client id or object id")->required();
  add.add_option("--name", options_.display_name, "What you call the secret");
  add.add_option("--days", options_.days, "How long it works")
      ->capture_default_str()
      ->check(CLI::Range(1, 36'500));
  auto& remove =
      leaf(secret, "remove", "Remove a secret. Tokens that were got with it are refused at once.",
           "  pinaco app show pipeline          shows the key ids\n"
           "  pinaco app secret remove pipeline 0f7c...");
  remove.add_option("app", options_.name, "The app's name, client id or object id")->required();
  remove.add_option("key-id", options_.other, "The secret's key id")->required();

  auto& certificate = group(app, "certificate", "Certificates: an app's public keys.");
  auto& accept =
      leaf(certificate, "add",
           "Accept logins that are signed with a certificate's key. Only the public "
           "certificate is sent, also of a file that has the private key.",
           "  openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=pipeline \\\n"
           "      -keyout key.pem -out certificate.pem\n"
           "  pinaco app certificate add pipeline certificate.pem");
  accept.add_option("app", options_.name, "The app's name, client id or object id")->required();
  accept.add_option("file", options_.other, "X.509 certificate, PEM or DER")->required();
  accept.add_option("--name", options_.display_name, "What you call the certificate");

  auto& federated = group(app, "federated", "Federated credentials: tokens of other issuers.");
  auto& trust =
      leaf(federated, "add", "Let a workload log in with the token that its own platform gives it.",
           "  pinaco app federated add pipeline --name main \\\n"
           "      --issuer https://token.actions.githubusercontent.com \\\n"
           "      --subject repo:contoso/images:ref:refs/heads/main");
  trust.add_option("app", options_.name, "The app's name, client id or object id")->required();
  trust.add_option("--name", options_.display_name, "Name: 3 to 120 letters, digits, - and _")
      ->required();
  trust.add_option("--issuer", options_.issuer, "The tokens' issuer, an https URL")->required();
  trust.add_option("--subject", options_.subject, "The tokens' subject, exactly")->required();
  trust.add_option("--audience", options_.audience, "The tokens' audience")->capture_default_str();
  trust.add_option("--description", options_.description, "A sentence about it");
}

void Builder::add_users() {
  auto& user = group(root_, "user", "Users: people of your tenant.");
  auto& create = leaf(user, "create", "Make a user. Without --password-file a password is made.",
                      "  pinaco user create ann --display-name 'Ann Example'\n"
                      "  pinaco user create ann --password-file - < password.txt");
  name(create, "User name: ann, or ann@ and the tenant's domain");
  create.add_option("--display-name", options_.display_name, "Name for people (the user name)");
  create.add_option("--mail", options_.mail, "Mail address");
  password(create);
  leaf(user, "list", "List the users of your tenant.", "  pinaco user list");
  auto& show = leaf(user, "show", "Show a user and the groups he is in.", "  pinaco user show ann");
  name(show, "User name or object id");
  auto& erase =
      leaf(user, "delete", "Delete a user with his roles.", "  pinaco user delete ann --yes");
  name(erase, "User name or object id");
  yes(erase);
  auto& change = leaf(user, "password",
                      "Give a user a new password. His tokens from before are refused at once.",
                      "  pinaco user password ann\n"
                      "  pinaco user password ann --password-file new.txt");
  name(change, "User name or object id");
  password(change);
}

void Builder::add_groups() {
  auto& all = group(root_, "group", "Groups: their members have their roles.");
  auto& create = leaf(all, "create", "Make a group.",
                      "  pinaco group create builders --description 'may publish'\n"
                      "  pinaco group add-member builders ann@contoso.pinaco");
  name(create, "Name of the group");
  create.add_option("--description", options_.description, "A sentence about it");
  leaf(all, "list", "List the groups of your tenant.", "  pinaco group list");
  auto& show = leaf(all, "show", "Show a group and its members.", "  pinaco group show builders");
  name(show, "Name or object id");
  auto& erase = leaf(all, "delete", "Delete a group with its roles; its members stay.",
                     "  pinaco group delete builders --yes");
  name(erase, "Name or object id");
  yes(erase);
  for (const bool adding : {true, false}) {
    auto& member = leaf(all, adding ? "add-member" : "remove-member",
                        adding ? "Put a user, an app or a group into a group."
                               : "Take a user, an app or a group out of a group.",
                        adding ? "  pinaco group add-member builders pipeline"
                               : "  pinaco group remove-member builders pipeline");
    member.add_option("group", options_.name, "Name or object id of the group")->required();
    member
        .add_option("member", options_.other,
                    "User name with its domain, object id, client id, or a name")
        ->required();
  }
}

void Builder::add_roles() {
  auto& role = group(root_, "role", "Roles: who may do what, on a scope and all below it.");
  const auto add_scope = [&](CLI::App& app, const std::string& otherwise) {
    app.add_option("--on", options_.scope,
                   "GALLERY[/DEFINITION[/VERSION]], or the id of a resource, group or "
                   "subscription (" +
                       otherwise + ")");
    app.add_option("-g,--group", options_.group, "Resource group of the gallery (looked for)");
  };
  for (const bool giving : {true, false}) {
    auto& change = leaf(
        role, giving ? "assign" : "remove",
        giving ? "Give somebody a role. It holds at once." : "Take a role away. It ends at once.",
        giving ? "  pinaco role assign Reader --to ann --on linux/debian-12\n"
                 "  pinaco role assign Contributor --to builders"
               : "  pinaco role remove Reader --to ann --on linux/debian-12");
    change.add_option("role", options_.name, "Name of a role; `pinaco role names` lists them")
        ->required();
    change
        .add_option("--to", options_.other,
                    "User, group or app: a name, user name, client id or object id")
        ->required();
    add_scope(change, "your subscription");
  }
  auto& list = leaf(role, "list", "List who has which role on a scope, and from where.",
                    "  pinaco role list --on linux/debian-12");
  add_scope(list, "your subscription");
  leaf(role, "names", "List the roles that can be given.", "  pinaco role names");
}

void Builder::add_sharing() {
  auto& share = group(root_, "share",
                      "Share a gallery, to be read, with whole subscriptions and "
                      "tenants.");
  for (const bool adding : {true, false}) {
    auto& change = leaf(
        share, adding ? "add" : "remove",
        adding ? "Share a gallery with subscriptions or tenants." : "End that for some of them.",
        adding ? "  pinaco share add linux --subscription ID\n"
                 "  pinaco share add linux --tenant ID"
               : "  pinaco share remove linux --subscription ID");
    name(change, "Gallery");
    change.add_option("--subscription", options_.subscriptions, "Subscription's id; may repeat");
    change.add_option("--tenant", options_.tenants, "Tenant's id; may repeat");
    change.add_option("-g,--group", options_.group, "Resource group (looked for)");
  }
  for (const bool showing : {true, false}) {
    auto& other = leaf(
        share, showing ? "show" : "reset",
        showing ? "Show with whom a gallery is shared." : "Share a gallery with nobody any more.",
        showing ? "  pinaco share show linux" : "  pinaco share reset linux");
    name(other, "Gallery");
    other.add_option("-g,--group", options_.group, "Resource group (looked for)");
  }
}

}  // namespace

void add_directory_commands(CLI::App& root, DirectoryOptions& options,
                            const std::function<void(CLI::App&, const std::string&)>& add_leaf) {
  Builder builder(root, options, add_leaf);
  builder.add_tenants();
  builder.add_subscriptions();
  builder.add_apps();
  builder.add_users();
  builder.add_groups();
  builder.add_roles();
  builder.add_sharing();
}

}  // namespace pinaco::app
