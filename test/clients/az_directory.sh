#!/bin/bash
# The Azure command line, unmodified, on the directory: applications, service principals, groups and
# users, and a login as what was made.
. "$(dirname "$0")/../server.sh"
start_server
. "$(dirname "$0")/az_client.sh"
tenant=$(credential tenant)
az_login azure "$(credential clientId)" "$(credential clientSecret)"

# Applications and their passwords.
step ad app create --display-name builder --web-redirect-uris https://builder.example/back
is .displayName builder
is '.web.redirectUris[0]' https://builder.example/back
app=$(get .appId) object=$(get .id)
step ad app create --display-name builder
is .id "$object"
step ad app show --id "$app"
is .id "$object"
step ad app show --id "$object"
is .appId "$app"
step ad app list --display-name build
is 'length' 1
step ad app list --all
is 'map(select(.displayName == "administrator")) | length' 1
step ad app update --id "$app" --display-name builder-2
step ad app show --id "$app"
is .displayName builder-2
step ad app credential reset --id "$app" --display-name first
first=$(get .password)
step ad app credential reset --id "$app" --append --display-name second
second=$(get .password)
step ad app credential list --id "$app"
is 'map(.displayName) | sort | join(" ")' 'first second'
cat >"$work/federated.json" <<'END'
{"name": "pipeline", "issuer": "https://ci.example", "subject": "repo:a/b:ref:main",
 "audiences": ["api://AzureADTokenExchange"]}
END
step ad app federated-credential create --id "$app" --parameters "@$work/federated.json"
step ad app federated-credential show --id "$app" --federated-credential-id pipeline
is .subject repo:a/b:ref:main
jq '.subject = "repo:a/b:ref:next"' "$work/federated.json" >"$work/changed.json"
step ad app federated-credential update --id "$app" --federated-credential-id pipeline \
  --parameters "@$work/changed.json"
step ad app federated-credential delete --id "$app" --federated-credential-id pipeline
step ad app federated-credential list --id "$app"
is length 0

# Service principals.
step ad sp create --id "$app"
sp=$(get .id)
step ad sp show --id "$app"
is .id "$sp"
step ad sp list --display-name builder
is '.[0].appId' "$app"
step ad sp list --spn "$app"
is '.[0].id' "$sp"
step ad sp update --id "$app" --set tags='["x"]'
step ad sp owner list --id "$app"
is length 0
step ad app owner list --id "$app"
is length 0
refused 'keeps no owners' ad app owner add --id "$app" --owner-object-id "$sp"
step ad app permission list --id "$app"
step ad sp create-for-rbac --name robot
robot=$(get .appId) robot_secret=$(get .password)
step ad sp credential reset --id "$robot"
robot_secret=$(get .password)
step ad app credential reset --id "$app" --create-cert --append
certificate=$(get .fileWithCertAndPrivateKey)
step ad app credential list --id "$app" --cert
is '.[0].type' AsymmetricX509Cert
rm -f "$certificate"

# Groups and users.
step ad group create --display-name builders --mail-nickname builders
group=$(get .id)
step ad group create --display-name builders --mail-nickname builders
is .id "$group"
step ad group show --group builders
is .id "$group"
step rest --url "$(credential endpoint)/v1.0/domains" --resource "$(credential endpoint)/"
domain=$(get '.value[0].id')
step ad user create --display-name Ann --password 'correct horse battery' \
  --user-principal-name "ann@$domain"
ann=$(get .id)
step ad user show --id "ann@$domain"
is .id "$ann"
step ad user list --display-name An
is '.[0].id' "$ann"
step ad user update --id "$ann" --display-name 'Ann B.'
step ad user show --id "$ann"
is .displayName 'Ann B.'
step ad group member add -g builders --member-id "$ann"
step ad group member add -g builders --member-id "$sp"
refused 'already exist' ad group member add -g builders --member-id "$sp"
step ad group member list -g builders
is 'map(.id) | sort | join(" ")' "$(printf '%s\n' "$ann" "$sp" | sort | xargs)"
step ad group member check -g builders --member-id "$ann"
is .value true
step ad group list --display-name build
is '.[0].id' "$group"
step ad group get-member-groups -g builders
step ad group owner list -g builders
is length 0
step ad user get-member-groups --id "$ann"
is '.[0].displayName' builders
step ad group member remove -g builders --member-id "$ann"
step ad group member check -g builders --member-id "$ann"
is .value false
step account list --refresh
is '.[0].tenantId' "$tenant"
# What `az account tenant list` of the extension "account" sends.
step rest --method get --resource "$(credential endpoint)/" \
  --url "$(credential endpoint)/tenants?api-version=2016-06-01"
is '.value | map(.tenantId) | join(" ")' "$tenant"
refused 'without anybody' ad sp delete --id "$(credential clientId)"

# What was made logs in: with both passwords, but not with one that is gone; and has no rights.
sign_in "$app" "$first"
sign_in "$app" "$second"
sign_in "$robot" "$robot_secret"
refused 'Insufficient privileges' ad app create --display-name more
refused 'Insufficient privileges' ad app delete --id "$app"
step ad app show --id "$app"
sign_in "$(credential clientId)" "$(credential clientSecret)"
step ad app credential delete --id "$app" --key-id "$(az ad app credential list --id "$app" |
  jq -er '.[] | select(.displayName == "first").keyId')"
refused AADSTS login --service-principal -u "$app" -p "$first" --tenant "$tenant" \
  --allow-no-subscriptions
sign_in "$(credential clientId)" "$(credential clientSecret)"

step ad user delete --id "ann@$domain"
step ad group delete --group builders
step ad sp delete --id "$robot"
step ad app delete --id "$app"
refused "does not exist\|doesn't exist\|not found" ad app show --id "$app"
refused "does not exist\|doesn't exist\|not found" ad sp show --id "$app"
step ad sp list --all
is 'map(.displayName) | join(" ")' administrator
