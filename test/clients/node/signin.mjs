// Sign-ins by @azure/identity, as programs and as people: each ends in a call of ARM, and what is
// taken away ends it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SubscriptionClient } from "@azure/arm-subscriptions";
import {
  AuthorizationCodeCredential, ClientAssertionCredential, ClientCertificateCredential,
  ClientSecretCredential, DeviceCodeCredential, UsernamePasswordCredential,
} from "@azure/identity";
import { admin, collect, endpoint, makeApp, refused, send, step } from "./lib.mjs";

const authority = { authorityHost: endpoint, disableInstanceDiscovery: true };
const scope = `${endpoint}/.default`;
const certificates = mkdtempSync(join(tmpdir(), "pinaco-signin-"));

// The credential reaches ARM: Reader on the subscription sees it, and nobody else's.
async function reachesArm(credential) {
  const client = new SubscriptionClient(credential, { endpoint, $host: endpoint });
  const all = await collect(client.subscriptions.list());
  assert.deepEqual(all.map((each) => each.subscriptionId), [admin.subscription]);
}

async function makeReader(objectId, principalType) {
  const at = `/subscriptions/${admin.subscription}/providers/Microsoft.Authorization`;
  const reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
  const name = crypto.randomUUID();
  await send(admin, "PUT", `${at}/roleAssignments/${name}?api-version=2022-04-01`, {
    properties: {
      roleDefinitionId: `${at}/roleDefinitions/${reader}`,
      principalId: objectId,
      principalType,
    },
  });
}

// A request with a token as it is; the status.
async function statusWith(token) {
  const reply = await fetch(`${endpoint}/subscriptions?api-version=2022-12-01`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  await reply.text();
  return reply.status;
}

const app = await step("an application", async () => {
  const made = await makeApp(admin, "signs-in");
  await makeReader(made.objectId, "ServicePrincipal");
  return made;
});
const application = `/v1.0/applications/${app.applicationId}`;

await step("ClientSecretCredential", () =>
  reachesArm(new ClientSecretCredential(app.tenant, app.clientId, app.clientSecret, authority)));

await step("a removed secret ends its tokens and gets no others", async () => {
  const secret = await send(admin, "POST", `${application}/addPassword`, {});
  const credential = new ClientSecretCredential(app.tenant, app.clientId, secret.secretText,
                                                authority);
  const { token } = await credential.getToken(scope);
  assert.equal(await statusWith(token), 200);
  await send(admin, "POST", `${application}/removePassword`, { keyId: secret.keyId });
  assert.equal(await statusWith(token), 401);
  await refused(
    new ClientSecretCredential(app.tenant, app.clientId, secret.secretText, authority)
      .getToken(scope),
    "AADSTS7000215");
});

await step("ClientCertificateCredential", async () => {
  const [key, pem] = ["key.pem", "certificate.pem"].map((name) => join(certificates, name));
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                           "/CN=signs-in", "-keyout", key, "-out", pem], { stdio: "ignore" });
  const certificate = readFileSync(pem, "utf8");
  await send(admin, "PATCH", application, {
    keyCredentials: [{
      type: "AsymmetricX509Cert", usage: "Verify", displayName: "own",
      key: Buffer.from(certificate).toString("base64"),
    }],
  });
  const both = { certificate: certificate + readFileSync(key, "utf8") };
  const make = () => new ClientCertificateCredential(app.tenant, app.clientId, both, authority);
  await reachesArm(make());
  const { token } = await make().getToken(scope);
  await send(admin, "PATCH", application, { keyCredentials: [] });
  assert.equal(await statusWith(token), 401);
  await refused(make().getToken(scope), "AADSTS700027");
});

// An issuer of somebody else's tokens, on this machine.
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
let issuer;
const issuing = createServer((request, response) => {
  const documents = {
    "/.well-known/openid-configuration": { issuer, jwks_uri: `${issuer}/keys` },
    "/keys": { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", use: "sig" }] },
  };
  response.writeHead(request.url in documents ? 200 : 404, { Connection: "close" });
  response.end(JSON.stringify(documents[request.url] ?? {}));
});
await new Promise((resolve) => issuing.listen(0, "127.0.0.1", resolve));
issuer = `http://127.0.0.1:${issuing.address().port}`;

function outsideToken(subject) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
  const signed = encode({ alg: "RS256", kid: "k" }) + "." + encode({
    iss: issuer, sub: subject, aud: "api://AzureADTokenExchange", iat: now, exp: now + 600,
  });
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`;
}

await step("ClientAssertionCredential with an outside issuer's token", async () => {
  const federated = await send(admin, "POST", `${application}/federatedIdentityCredentials`, {
    name: "pipeline", issuer, subject: "repo:a/b", audiences: ["api://AzureADTokenExchange"],
  });
  const by = (subject) => new ClientAssertionCredential(
    app.tenant, app.clientId, async () => outsideToken(subject), authority);
  await reachesArm(by("repo:a/b"));
  await refused(by("repo:a/other").getToken(scope), "AADSTS700213");
  const { token } = await by("repo:a/b").getToken(scope);
  await send(admin, "DELETE", `${application}/federatedIdentityCredentials/${federated.id}`);
  assert.equal(await statusWith(token), 401);
  await refused(by("repo:a/b").getToken(scope), "AADSTS700211");
});
issuing.close();

// --- people --------------------------------------------------------------------------------------

const password = "correct horse battery";
const redirect = "http://localhost:8400/back";
const person = await step("a user, and an application without a secret", async () => {
  const domain = (await send(admin, "GET", "/v1.0/domains")).value[0].id;
  const user = await send(admin, "POST", "/v1.0/users", {
    accountEnabled: true, displayName: "Ann", mailNickname: "ann",
    userPrincipalName: `ann@${domain}`, passwordProfile: { password },
  });
  await makeReader(user.id, "User");
  const made = await send(admin, "POST", "/v1.0/applications", {
    displayName: "desktop", publicClient: { redirectUris: [redirect] },
  });
  await send(admin, "POST", "/v1.0/servicePrincipals", { appId: made.appId });
  return { name: user.userPrincipalName, id: user.id, clientId: made.appId };
});

// The browser: fills in the form that it is shown, and keeps the cookie.
class Browser {
  cookie = "";
  async load(url, form) {
    const reply = await fetch(new URL(url, endpoint), {
      method: form ? "POST" : "GET",
      redirect: "manual",
      headers: { Cookie: this.cookie, ...(form ? { Origin: endpoint } : {}) },
      body: form && new URLSearchParams(form),
    });
    const set = reply.headers.get("set-cookie");
    if (set) this.cookie = set.split(";")[0];
    this.html = await reply.text();
    return reply;
  }
  submit(filled) {
    const plain = (text) => text.replace(/&#39;/g, "'").replace(/&quot;/g, '"')
      .replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
    const form = Object.fromEntries(
      [...this.html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)]
        .map(([, name, value]) => [plain(name), plain(value)]));
    const action = plain(this.html.match(/<form method="post" action="([^"]*)"/)[1]);
    return this.load(action, { ...form, ...filled });
  }
}

await step("DeviceCodeCredential", async () => {
  const browser = new Browser();
  const credential = new DeviceCodeCredential({
    ...authority, tenantId: app.tenant, clientId: person.clientId,
    userPromptCallback: async ({ userCode, verificationUri }) => {
      await browser.load(verificationUri);
      await browser.submit({ user_code: userCode });
      assert.match(browser.html, /desktop/);
      const wrong = await browser.submit({ username: person.name, password: "wrong horse" });
      assert.equal(wrong.status, 400);
      const done = await browser.submit({ username: person.name, password });
      assert.equal(done.status, 200, browser.html);
    },
  });
  await reachesArm(credential);
});

function pkce() {
  const verifier = randomBytes(32).toString("base64url");
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}

async function authorize(clientId, challenge) {
  const browser = new Browser();
  const query = new URLSearchParams({
    client_id: clientId, response_type: "code", redirect_uri: redirect, state: "s",
    scope: `${scope} openid offline_access`, code_challenge: challenge,
    code_challenge_method: "S256",
  });
  await browser.load(`/${app.tenant}/oauth2/v2.0/authorize?${query}`);
  const reply = await browser.submit({ username: person.name, password });
  assert.equal(reply.status, 302, browser.html);
  const back = new URL(reply.headers.get("location"));
  assert.equal(back.searchParams.get("state"), "s");
  return back.searchParams.get("code");
}

async function tokens(form) {
  const reply = await fetch(`${endpoint}/${app.tenant}/oauth2/v2.0/token`, {
    method: "POST", body: new URLSearchParams({ client_id: person.clientId, ...form }),
  });
  return { status: reply.status, ...(await reply.json()) };
}

await step("the authorization code flow with PKCE, refreshed", async () => {
  const { verifier, challenge } = pkce();
  const code = await authorize(person.clientId, challenge);
  const exchange = { grant_type: "authorization_code", redirect_uri: redirect, code };
  const first = await tokens({ ...exchange, code_verifier: verifier, scope });
  assert.equal(first.status, 200, JSON.stringify(first));
  assert.equal(await statusWith(first.access_token), 200);
  const second = await tokens({ grant_type: "refresh_token", scope,
                                refresh_token: first.refresh_token });
  assert.equal(second.status, 200, JSON.stringify(second));
  assert.equal(await statusWith(second.access_token), 200);
  const again = await tokens({ ...exchange, code_verifier: verifier, scope });
  assert.equal(again.error, "invalid_grant");
});

await step("a code is nothing without its verifier", async () => {
  const code = await authorize(person.clientId, pkce().challenge);
  const stolen = await tokens({ grant_type: "authorization_code", redirect_uri: redirect, code,
                                code_verifier: pkce().verifier, scope });
  assert.equal(stolen.error, "invalid_grant");
  // The SDK's own credential sends no verifier, so it gets nothing here.
  const fresh = await authorize(person.clientId, pkce().challenge);
  await refused(
    new AuthorizationCodeCredential(app.tenant, person.clientId, fresh, redirect, authority)
      .getToken(scope),
    "AADSTS");
});

await step("UsernamePasswordCredential, until the user is disabled", async () => {
  const make = () => new UsernamePasswordCredential(app.tenant, person.clientId, person.name,
                                                    password, authority);
  await reachesArm(make());
  const { token } = await make().getToken(scope);
  assert.equal(await statusWith(token), 200);
  await send(admin, "PATCH", `/v1.0/users/${person.id}`, { accountEnabled: false });
  assert.equal(await statusWith(token), 401);
  await refused(make().getToken(scope), "AADSTS50057");
});

rmSync(certificates, { recursive: true });
