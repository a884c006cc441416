// What the scripts share: clients of the SDK for somebody, Microsoft Graph by hand, small checks.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ComputeManagementClient } from "@azure/arm-compute";
import { ResourceManagementClient } from "@azure/arm-resources";
import { SubscriptionClient } from "@azure/arm-subscriptions";
import { ClientSecretCredential } from "@azure/identity";

export const admin = JSON.parse(readFileSync(process.env.CREDENTIALS, "utf8"));
export const endpoint = admin.endpoint;
const options = { endpoint, $host: endpoint };
const scope = `${endpoint}/.default`;

export function credential(who) {
  return new ClientSecretCredential(who.tenant, who.clientId, who.clientSecret, {
    authorityHost: endpoint,
    disableInstanceDiscovery: true,
  });
}

// Compute is the class of another version of its package.
export function clients(who, subscription = who.subscription, Compute = ComputeManagementClient) {
  const own = credential(who);
  return {
    authorization: new AuthorizationManagementClient(own, subscription, options),
    compute: new Compute(own, subscription, options),
    resources: new ResourceManagementClient(own, subscription, options),
    subscriptions: new SubscriptionClient(own, options),
  };
}

export async function token(who) {
  return (await credential(who).getToken(scope)).token;
}

// Microsoft Graph and our own interface have no package here: a request, its status as expected.
export async function send(who, method, path, body, wanted = [200, 201, 204]) {
  const reply = await fetch(endpoint + path, {
    method,
    headers: {
      Authorization: `Bearer ${await token(who)}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  assert.ok([wanted].flat().includes(reply.status), `${method} ${path}: ${reply.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

// An application with a secret and its service principal in its own tenant.
export async function makeApp(who, displayName, more = {}) {
  const app = await send(who, "POST", "/v1.0/applications", { displayName, ...more });
  const secret = await send(who, "POST", `/v1.0/applications/${app.id}/addPassword`, {});
  const principal = await send(who, "POST", "/v1.0/servicePrincipals", { appId: app.appId });
  return {
    tenant: who.tenant,
    subscription: who.subscription,
    clientId: app.appId,
    clientSecret: secret.secretText,
    applicationId: app.id,
    objectId: principal.id,
  };
}

export async function collect(pages) {
  const all = [];
  for await (const each of pages) all.push(each);
  return all;
}

// The promise fails with this code; how the SDK says it, be it at once or by a long operation.
export async function refused(promise, code) {
  try {
    await promise;
  } catch (error) {
    const text = `${error.code} ${error.message} ${JSON.stringify(error.details ?? {})}`;
    assert.ok(text.includes(code), `wanted ${code}, got ${text}`);
    return error;
  }
  assert.fail(`${code} was expected, but it worked`);
}

export async function step(what, work) {
  const begin = Date.now();
  const result = await work();
  console.log(`ok: node ${what} (${Date.now() - begin} ms)`);
  return result;
}
