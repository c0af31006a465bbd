import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { exportJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CertificateVerifier } from "../../engine/auth/authentication/client-certificate.ts";
import { OidcAuthenticator } from "../../engine/auth/authentication/oidc.ts";
import { TokenWebhook } from "../../engine/auth/authentication/token-webhook.ts";
import { parseAuthorizationConfig } from "../../engine/auth/authorization-config.ts";
import { AuthorizationWebhookMetrics } from "../../engine/auth/authorization-webhook-metrics.ts";
import { webhookMode } from "../../engine/auth/authorization-webhook.ts";
import { createAuthority, createSigningRequest, issueCertificate, isFor, readCertificate } from "../../engine/auth/certificates.ts";
import { formatNodeToken } from "../../engine/auth/node-token.ts";
import { fetchRemoteJsonRetried } from "../../engine/auth/remote-json.ts";
import { readKubeconfig } from "../../engine/client/kubeconfig.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { resolveServerConfig } from "../../engine/options/config.ts";
import { setUpProviders } from "../../engine/setup/providers-setup.ts";
import { resolveAgentConfig } from "../../node-agent/config.ts";
import { joinCluster } from "../../node-agent/join-cluster.ts";
import { findKubectls, runKubectl, type KubectlResult } from "../kit/kubectl.ts";
import { OtherServer } from "../kit/other-server.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

const kubectls = await findKubectls();
if (kubectls.length === 0) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped in part: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

describe.each(kubectls)("kubectl $version", (kubectl) => {
  let api: TestListener;
  let folder: string;
  beforeAll(async () => {
    api = await startTestListener();
    folder = await mkdtemp(path.join(os.tmpdir(), "who-"));
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const raw = (args: string): Promise<KubectlResult> => runKubectl(kubectl, api.kubeconfig, args.split(" "));
  const k = async (args: string): Promise<string> => {
    const { code, stdout, stderr } = await raw(args);
    expect(code, `kubectl ${args}: ${stderr}${stdout}`).toBe(0);
    return stdout;
  };
  const file = async (name: string, text: string): Promise<string> => {
    const full = path.join(folder, name);
    await writeFile(full, text);
    return full;
  };

  test("asks what somebody may do, and grants it", async () => {
    expect(await k("auth can-i delete nodes")).toBe("yes\n");
    expect(await raw("auth can-i list pods --as jane")).toMatchObject({ code: 1, stdout: "no\n" });
    await k("create role reader --verb=get,list --resource=pods,pods/log");
    await k("create rolebinding readers --role=reader --user=jane --group=dev --serviceaccount=default:default");
    expect(await k("auth can-i list pods --as jane")).toBe("yes\n");
    expect(await k("auth can-i get pods/log --as anybody --as-group dev --as-group system:authenticated")).toBe("yes\n");
    expect(await k("auth can-i list pods --as system:serviceaccount:default:default")).toBe("yes\n");
    expect(await raw("auth can-i list pods --as jane -A")).toMatchObject({ code: 1, stdout: "no\n" });
    expect(await k("auth can-i get /healthz --as jane")).toBe("yes\n");
    const list = await k("auth can-i --list --as jane");
    expect(list).toMatch(/^pods +\[\] +\[\] +\[get list\]$/m);
    expect(list).toMatch(/^selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m);
    expect(list).toMatch(/^ +\[\/healthz\] +\[\] +\[get\]$/m);
    expect(await k("get rolebindings -o wide")).toMatch(/readers +Role\/reader +\S+ +jane +dev +default\/default/);
    expect(await k("describe role reader")).toMatch(/pods\/log +\[\] +\[\] +\[get list\]/);
    expect(await k("describe rolebinding readers")).toMatch(/User +jane/);
  });

  test("is told who it is", async () => {
    expect(await k("auth whoami")).toMatch(/Username +kubernetes-admin/);
    expect(await k("auth whoami --as system:serviceaccount:shop:robot")).toMatch(/Groups +\[system:serviceaccounts system:serviceaccounts:shop system:authenticated\]/);
  });

  test("is refused in upstream's words", async () => {
    expect((await raw("get secrets --as joe -n default")).stderr).toBe(
      'Error from server (Forbidden): secrets is forbidden: User "joe" cannot list resource "secrets" in API group "" in the namespace "default"\n',
    );
    expect((await raw("get nodes --as system:node:n1 --as-group system:nodes --as-group system:authenticated -o name")).stderr).toBe("");
    expect((await raw("get secret x --as system:node:n1 --as-group system:nodes")).stderr).toContain("no relationship found between node 'n1' and this object");
  });

  test("reconciles roles", async () => {
    const roles = await file(
      "roles.yaml",
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: made, namespace: default}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: made, namespace: default}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: made}\nsubjects: [{kind: User, name: joe}]\n",
    );
    expect(await k(`auth reconcile -f ${roles}`)).toMatch(/role.rbac.authorization.k8s.io\/made reconciled/);
    await k('patch role made --type=merge -p {"rules":[]}');
    expect(await raw("auth can-i get pods --as joe")).toMatchObject({ code: 1 });
    await k(`auth reconcile -f ${roles}`);
    expect(await k("auth can-i get pods --as joe")).toBe("yes\n");
  });

  test("approves and denies signing requests", async () => {
    const { request } = await createSigningRequest("joe", ["dev"]);
    const csr = (name: string) =>
      `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: ${name}}\nspec: {signerName: kubernetes.io/kube-apiserver-client, usages: [client auth], request: ${Buffer.from(request).toString("base64")}}\n`;
    await k(`create -f ${await file("a.yaml", csr("good"))} -f ${await file("b.yaml", csr("bad"))}`);
    expect(await k("get csr good")).toMatch(/good +\S+ +kubernetes.io\/kube-apiserver-client +kubernetes-admin +<none> +Pending/);
    expect(await k("certificate approve good")).toContain("approved");
    expect(await k("certificate deny bad")).toContain("denied");
    expect(await k("get csr --no-headers")).toMatch(/bad .* Denied\ngood .* Approved/);
    expect((await raw("certificate approve bad")).stderr).toContain("Denied");
    expect((await raw("certificate approve good --as joe")).stderr).toContain("is forbidden");
  });

  test("makes tokens of service accounts, good for whom they are made", async () => {
    const token = (await k("create token default --duration=15m")).trim();
    expect(await k(`auth whoami --kubeconfig=${await file("sa.yaml", kubeconfigOf(api, { token }))}`)).toMatch(/Username +system:serviceaccount:default:default/);
    const foreign = (await k("create token default --audience=somebody")).trim();
    expect((await raw(`auth whoami --kubeconfig=${await file("foreign.yaml", kubeconfigOf(api, { token: foreign }))}`)).stderr).toContain("Unauthorized");
    expect((await raw("create token default --duration=1m")).stderr).toContain("may not specify a duration less than 10 minutes");
    expect((await raw("create token default --bound-object-kind=Pod --bound-object-name=none")).stderr).toContain('pods "none" not found');
  });
});

function kubeconfigOf({ url, pki }: TestListener, user: object): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: url, "certificate-authority-data": Buffer.from(pki.ca).toString("base64") } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    "current-context": "c",
  });
}

/** Asks the API who it takes the sender for: username and groups, or the code of the refusal. */
async function whoami(api: TestListener, headers: Readonly<Record<string, string>>, certificate?: Parameters<typeof rawClient>[2]): Promise<unknown> {
  const client = await rawClient(api.url, api.pki, certificate);
  try {
    const { code, text } = await client.send("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
    });
    const { userInfo } = (JSON.parse(text) as { readonly status: { readonly userInfo?: { readonly username: string; readonly groups: readonly string[] } } }).status; // a review or a Status
    return userInfo === undefined ? code : [userInfo.username, ...userInfo.groups];
  } finally {
    client.close();
  }
}

describe("OpenID Connect", () => {
  test("lets people in by their provider's tokens, also after it has changed its keys", async () => {
    const makeKey = (kid: string) => ({ kid, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) });
    let current = makeKey("one");
    const provider: OtherServer = await OtherServer.start((where) =>
      where === "/.well-known/openid-configuration" ? { issuer: provider.url, jwks_uri: `${provider.url}/keys` } : where === "/keys" ? { keys } : undefined,
    );
    let keys: readonly object[] = [{ ...(await exportJWK(current.publicKey)), kid: current.kid, alg: "RS256", use: "sig" }];
    let nowMs = systemClock.monotonic();
    const clock = { ...systemClock, monotonic: () => nowMs };
    const oidc = new OidcAuthenticator(
      {
        issuer: provider.url,
        audiences: ["mainstay"],
        ca: provider.authority.certificate,
        username: { claim: "email", prefix: "id:" },
        groups: { claim: "roles", prefix: "id:" },
        requiredClaims: { hd: "example.com" },
        algorithms: ["RS256"],
      },
      clock,
      silentLogger,
    );
    const api = await startTestListener({ authentication: { tokenAuthenticators: [oidc] } });
    const token = (claims: object = {}, audience = "mainstay", lifetime = "10m") =>
      new SignJWT({ email: "jane@example.com", roles: ["dev"], hd: "example.com", ...claims })
        .setProtectedHeader({ alg: "RS256", kid: current.kid })
        .setIssuer(provider.url)
        .setAudience(audience)
        .setExpirationTime(lifetime)
        .sign(current.privateKey);
    const as = async (bearer: string) => whoami(api, { authorization: `Bearer ${bearer}` });
    try {
      expect(await as(await token())).toEqual(["id:jane@example.com", "id:dev", "system:authenticated"]);
      expect(await as(await token({}, "somebody"))).toBe(401);
      expect(await as(await token({ hd: "example.org" }))).toBe(401);
      expect(await as(await token({ email_verified: false }))).toBe(401);
      expect(await as(await token({}, "mainstay", "-1m"))).toBe(401);
      const begins = (inSeconds: number) => token({ nbf: Math.floor(systemClock.now() / 1000) + inSeconds });
      expect([await as(await begins(40)), await as(await begins(90))]).toEqual([["id:jane@example.com", "id:dev", "system:authenticated"], 401]); // clocks differ
      current = makeKey("two");
      expect(await as(await token())).toBe(401);
      keys = [{ ...(await exportJWK(current.publicKey)), kid: current.kid, alg: "RS256", use: "sig" }];
      nowMs += 11_000; // a key that nobody knows makes it ask again, but not all the time
      expect(await as(await token())).toEqual(["id:jane@example.com", "id:dev", "system:authenticated"]);
    } finally {
      await api.stop();
      await provider.stop();
    }
  });

  test("tries each key that a token may be signed with, and asks for new ones when it was none of them", async () => {
    const pairs = [0, 1, 2].map(() => generateKeyPairSync("rsa", { modulusLength: 2048 }));
    const published = await Promise.all(pairs.map(async ({ publicKey }) => ({ ...(await exportJWK(publicKey)), alg: "RS256", use: "sig" })));
    let keys = published.slice(0, 2);
    const provider: OtherServer = await OtherServer.start((where) => (where === "/keys" ? { keys } : { issuer: provider.url, jwks_uri: `${provider.url}/keys` }));
    let nowMs = systemClock.monotonic();
    const shape = { issuer: provider.url, audiences: ["us"], ca: provider.authority.certificate, username: { claim: "sub", prefix: "" }, requiredClaims: {}, algorithms: ["RS256"] };
    const oidc = new OidcAuthenticator(shape, { ...systemClock, monotonic: () => nowMs }, silentLogger);
    const userOf = async (pair: (typeof pairs)[number] | undefined, lifetime = "5m") => {
      const token = new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256" }).setIssuer(provider.url).setAudience("us").setExpirationTime(lifetime);
      return oidc.authenticate(await token.sign(pair!.privateKey)); // one of those above
    };
    try {
      expect([await userOf(pairs[0]), await userOf(pairs[1]), await userOf(pairs[2]), await userOf(pairs[1], "-1m")]).toEqual([
        { username: "jane", groups: [] },
        { username: "jane", groups: [] },
        undefined,
        undefined,
      ]);
      keys = published;
      nowMs += 11_000;
      expect(await userOf(pairs[2])).toEqual({ username: "jane", groups: [] });
    } finally {
      await provider.stop();
    }
  });

  test("takes Google by both names that it gives itself, and nobody else without a scheme", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" };
    const userOf = async (issuer: string, written: string) => {
      const provider: OtherServer = await OtherServer.start((where) => (where === "/keys" ? { keys: [jwk] } : { issuer, jwks_uri: `${provider.url}/keys` }));
      const token = await new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256", kid: "one" }).setIssuer(written).setAudience("us").setExpirationTime("5m").sign(privateKey);
      try {
        return await new OidcAuthenticator(
          {
            issuer,
            discoveryUrl: `${provider.url}/discovery`,
            audiences: ["us"],
            ca: provider.authority.certificate,
            username: { claim: "sub", prefix: "" },
            requiredClaims: {},
            algorithms: ["RS256"],
          },
          systemClock,
          silentLogger,
        ).authenticate(token);
      } finally {
        await provider.stop();
      }
    };
    expect(await userOf("https://accounts.google.com", "https://accounts.google.com")).toEqual({ username: "jane", groups: [] });
    expect(await userOf("https://accounts.google.com", "accounts.google.com")).toEqual({ username: "jane", groups: [] });
    expect(await userOf("https://id.example.com", "id.example.com")).toBeUndefined();
  });

  test("takes a provider that its configuration names while the server runs, once that can be asked", async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "authn-"));
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256", use: "sig" };
    let isAway = true;
    const provider: OtherServer = await OtherServer.start((where) => (isAway ? undefined : where === "/keys" ? { keys: [jwk] } : { issuer: provider.url, jwks_uri: `${provider.url}/keys` }));
    const file = path.join(folder, "authn.json");
    /** At once: nobody reads half of it. */
    const write = async (...jwt: readonly object[]) => {
      await writeFile(`${file}.new`, JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "AuthenticationConfiguration", jwt }));
      await rename(`${file}.new`, file);
    };
    await write();
    const [clock, metrics, stop] = [new VirtualClock(systemClock.now()), new MetricsRegistry(), new AbortController()];
    const { authenticator, services } = setUpProviders(resolveServerConfig({ authenticationConfig: file }, {}), { clock, metrics, logger: silentLogger, serverName: "m1" });
    const running = services.map((one) => one.run(stop.signal));
    const reloads = (status: string) => Number(new RegExp(`authentication_config_controller_automatic_reloads_total\\{[^}]*status="${status}"\\} (\\d+)`).exec(metrics.render())?.[1] ?? 0);
    /** Files and servers are asked on the machine's time, not on the clock's. */
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await clock.advance(5_000);
    };
    const token = await new SignJWT({ sub: "jane" }).setProtectedHeader({ alg: "RS256", kid: "one" }).setIssuer(provider.url).setAudience("us").setExpirationTime("30d").sign(privateKey);
    try {
      await write({ issuer: { url: provider.url, audiences: ["us"], certificateAuthority: provider.authority.certificate }, claimMappings: { username: { claim: "sub", prefix: "id:" } } });
      await until(() => reloads("failure") >= 2);
      expect(await authenticator.authenticate(token)).toBeUndefined();
      isAway = false;
      await until(() => reloads("success") === 1);
      expect(await authenticator.authenticate(token)).toEqual({ username: "id:jane", groups: [] });
      const sha = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
      const of = `jwt_issuer_hash="${sha(provider.url)}"`;
      const ours = () =>
        metrics
          .render()
          .split("\n")
          .filter((line) => line.startsWith("apiserver_authentication_jwt_authenticator_") && !line.includes("_bucket"));
      expect(ours()).toEqual(
        expect.arrayContaining([
          expect.stringMatching(new RegExp(`_latency_seconds_count\\{.*${of}.*\\} 1$`)),
          expect.stringMatching(new RegExp(`_jwks_fetch_last_timestamp_seconds\\{.*result="success".*\\} \\d`)),
          ...[of, `apiserver_id_hash="${sha("m1")}"`, `hash="${sha(JSON.stringify({ keys: [jwk] }))}"`].map((label) =>
            expect.stringMatching(new RegExp(`_jwks_fetch_last_key_set_info\\{.*${label}.*\\} 1$`)),
          ),
        ]),
      );
      await write();
      await until(() => reloads("success") === 2);
      expect(await authenticator.authenticate(token)).toBeUndefined();
      expect(ours().filter((line) => line.includes("jwks_fetch"))).toEqual([]);
    } finally {
      stop.abort();
      await Promise.all(running);
      await provider.stop();
      await rm(folder, { recursive: true });
    }
  });
});

const ASKED_AT_ONCE = { name: "webhook", version: "v1", timeoutMs: 10_000, allowedTtlMs: 0, refusedTtlMs: 0, deniesOnFailure: false, conditions: [] } as const;

describe("other servers", () => {
  test("are asked where their conditions hold, in their version of the API, and refuse for their failures if so configured", async () => {
    const other = await OtherServer.start((where) => (where === "/review" ? { status: { allowed: true } } : undefined));
    const authority = other.authority.certificate;
    const [user, clock, logger] = [{ username: "ann", groups: ["ops"] }, systemClock, silentLogger];
    const registry = new MetricsRegistry();
    const metrics = new AuthorizationWebhookMetrics(registry, clock);
    const [configured] = parseAuthorizationConfig(
      JSON.stringify({
        apiVersion: "apiserver.config.k8s.io/v1",
        kind: "AuthorizationConfiguration",
        authorizers: [
          {
            type: "Webhook",
            name: "other",
            webhook: {
              timeout: "10s",
              subjectAccessReviewVersion: "v1beta1",
              matchConditionSubjectAccessReviewVersion: "v1",
              failurePolicy: "Deny",
              connectionInfo: { type: "KubeConfigFile", kubeConfigFile: "/hook" },
              matchConditions: [{ expression: "request.resourceAttributes.namespace != 'free'" }],
            },
          },
        ],
      }),
    );
    const settings = configured?.type === "Webhook" ? configured.settings : { ...ASKED_AT_ONCE };
    const asks = (namespace: string) => ({ is: "resource" as const, user, verb: "get", group: "", resource: "pods", namespace, name: "" });
    try {
      const mode = webhookMode({ ...settings, target: { url: `${other.url}/review`, ca: authority }, clock, random: systemRandom, logger, metrics });
      expect(await mode.decide(asks("shop"))).toEqual({ is: "allow", reason: "" });
      expect(other.asked).toEqual([
        expect.objectContaining({ apiVersion: "authorization.k8s.io/v1beta1", spec: { user: "ann", group: ["ops"], resourceAttributes: { namespace: "shop", verb: "get", resource: "pods" } } }),
      ]);
      expect(await mode.decide(asks("free"))).toEqual({ is: "none", reason: "" });
      // A condition about a resource fails for a path, which has none.
      expect(await mode.decide({ is: "path", user, verb: "get", path: "/x" })).toEqual({ is: "deny", reason: "" });
      expect(await webhookMode({ ...settings, target: { url: `${other.url}/none`, ca: authority }, clock, random: systemRandom, logger }).decide(asks("shop"))).toEqual({ is: "deny", reason: "" });
      expect(await webhookMode({ ...ASKED_AT_ONCE, target: { url: `${other.url}/none`, ca: authority }, clock, random: systemRandom, logger }).decide(asks("shop"))).toEqual({
        is: "none",
        reason: "",
      });
      expect(other.asked).toHaveLength(3);
      expect(registry.render()).toContain('apiserver_authorization_webhook_evaluations_total{name="other",result="success"} 1\n');
      let failures = 2;
      const busy = await OtherServer.start(() => (failures-- > 0 ? 500 : { status: { allowed: true } }));
      const soon = { ...systemClock, after: (_delayMs: number, callback: () => void) => systemClock.after(0, callback) };
      const impatient = webhookMode({
        ...ASKED_AT_ONCE,
        name: "busy",
        allowedTtlMs: 60_000,
        target: { url: busy.url, ca: busy.authority.certificate },
        clock: soon,
        random: systemRandom,
        logger,
        metrics,
      });
      expect(await impatient.decide(asks("shop"))).toEqual({ is: "allow", reason: "" });
      failures = 5;
      expect(await impatient.decide(asks("other"))).toEqual({ is: "none", reason: "" });
      for (const namespace of ["shop", "x".repeat(10_000), "x".repeat(10_000)]) expect(await impatient.decide(asks(namespace))).toEqual({ is: "allow", reason: "" });
      expect(busy.asked).toHaveLength(3 + 5 + 2); // what is too long is not remembered
      await busy.stop();
      expect(registry.render()).toContain('apiserver_authorization_webhook_evaluations_total{name="busy",result="error"} 7\n');
      expect(registry.render()).toContain('apiserver_authorization_webhook_evaluations_fail_open_total{name="busy",result="error"} 1\n');
      expect(registry.render()).toContain('apiserver_authorization_match_condition_exclusions_total{name="other",type="Webhook"} 1\n');
      expect(registry.render()).toContain('apiserver_authorization_match_condition_evaluation_errors_total{name="other",type="Webhook"} 1\n');
    } finally {
      await other.stop();
    }
  });

  test("are asked again when they failed for the moment, and not when they refused", async () => {
    let failures = 2;
    const other = await OtherServer.start((where) => (where === "/busy" && failures-- > 0 ? 500 : where === "/busy" ? { status: { allowed: true } } : undefined));
    const ask = (where: string) =>
      fetchRemoteJsonRetried(
        { url: `${other.url}${where}`, ca: other.authority.certificate, method: "POST", body: {}, timeoutMs: 10_000 },
        { firstMs: 1, triesMax: 3, clock: systemClock, random: systemRandom },
      );
    try {
      expect(await ask("/busy")).toMatchObject({ status: { allowed: true } });
      expect(other.asked).toHaveLength(3);
      failures = 3;
      await expect(ask("/busy")).rejects.toMatchObject({ cause: { message: "the answer was 500" } });
      expect(other.asked).toHaveLength(6);
      await expect(ask("/none")).rejects.toMatchObject({ cause: { message: "the answer was 404" } });
      expect(other.asked).toHaveLength(7);
    } finally {
      await other.stop();
    }
  });

  test("are asked whose token it is and who may, and their answers remembered", async () => {
    const other = await OtherServer.start((_where, body) => {
      const { kind, spec } = body as { readonly kind: string; readonly spec: { readonly token?: string; readonly user?: string; readonly resourceAttributes?: { readonly resource?: string } } };
      if (kind === "TokenReview") return { status: spec.token === "good" ? { authenticated: true, user: { username: "hook", groups: ["hooked"] } } : { authenticated: false } };
      return { status: { allowed: spec.user === "hook" && spec.resourceAttributes?.resource === "pods", denied: spec.resourceAttributes?.resource === "secrets", reason: "said so" } };
    });
    const target = { url: `${other.url}/review`, ca: other.authority.certificate };
    const clock = systemClock;
    const webhook = new TokenWebhook({ version: "v1", target, audiences: ["https://kubernetes.default.svc.cluster.local"], cacheTtlMs: 60_000, clock, random: systemRandom, logger: silentLogger });
    const api = await startTestListener({
      authentication: { tokenAuthenticators: [webhook] },
      authorization: [webhookMode({ ...ASKED_AT_ONCE, target, allowedTtlMs: 60_000, refusedTtlMs: 60_000, clock, random: systemRandom, logger: silentLogger }), "RBAC"],
    });
    try {
      expect(await whoami(api, { authorization: "Bearer good" })).toEqual(["hook", "hooked", "system:authenticated"]);
      expect(await whoami(api, { authorization: "Bearer bad" })).toBe(401);
      const client = await rawClient(api.url, api.pki, undefined);
      const get = async (where: string) => client.send(where, { headers: { authorization: "Bearer good" } });
      expect((await get("/api/v1/namespaces/default/pods")).code).toBe(200);
      const before = other.asked.length;
      expect((await get("/api/v1/namespaces/default/pods")).code).toBe(200);
      expect(other.asked.length).toBe(before);
      const denied = await get("/api/v1/namespaces/default/secrets");
      expect([denied.code, JSON.parse(denied.text)]).toMatchObject([
        403,
        { message: 'secrets is forbidden: User "hook" cannot list resource "secrets" in API group "" in the namespace "default": said so' },
      ]);
      client.close();
    } finally {
      await api.stop();
      await other.stop();
    }
  });
});

describe("another server's word about a token", () => {
  const OURS = "https://kubernetes.default.svc.cluster.local";
  /** Asks about the token `asked`, of which the other server says this; how often it was asked in the end. */
  const review = async (answers: readonly unknown[], audiences: readonly string[], times = 1) => {
    let count = 0;
    const other = await OtherServer.start(() => answers[Math.min(count++, answers.length - 1)]);
    const clock = { ...systemClock, after: (_delayMs: number, callback: () => void) => systemClock.after(0, callback) };
    const webhook = new TokenWebhook({
      version: "v1",
      target: { url: other.url, ca: other.authority.certificate },
      audiences: [OURS],
      cacheTtlMs: 60_000,
      clock,
      random: systemRandom,
      logger: silentLogger,
    });
    try {
      let found: unknown;
      for (let time = 0; time < times; time++) found = await webhook.authenticateFor("asked", audiences);
      expect(other.asked[0]).toMatchObject({ spec: { token: "asked", audiences } });
      return [found, count];
    } finally {
      await other.stop();
    }
  };
  const user = { username: "ann", uid: "7", groups: ["dev"], extra: { a: ["b"] } };
  const good = (more: object = {}) => ({ status: { authenticated: true, user, ...more } });

  test.each<[string, readonly unknown[], readonly string[], unknown]>([
    ["says for whom it is", [good({ audiences: ["vault", "bank"] })], ["bank", OURS], [{ user, audiences: ["bank"] }, 1]],
    ["says that it is for nobody in question", [good({ audiences: ["vault"] })], [OURS], [undefined, 1]],
    ["says nothing of that: it is for this server", [good()], [OURS, "vault"], [{ user, audiences: [OURS] }, 1]],
    ["says nothing of that to somebody else", [good()], ["vault"], [undefined, 1]],
    ["is no user", [good({ user: { ...user, extra: { a: "b" } } })], [OURS], [undefined, 1]],
    ["has a list that is none", [good({ user: { ...user, groups: "dev" } })], [OURS], [undefined, 1]],
    ["comes at the third time", [500, 429, good()], [OURS], [{ user, audiences: [OURS] }, 3]],
    ["does not come", [500], [OURS], [undefined, 5]],
    ["is that it must not ask", [403], [OURS], [undefined, 1]],
  ])("%s", async (_what, answers, audiences, expected) => {
    expect(await review(answers, audiences)).toEqual(expected);
  });

  test("is remembered, a refusal as well, but not that something went wrong", async () => {
    expect(await review([good()], [OURS], 3)).toEqual([{ user, audiences: [OURS] }, 1]);
    expect(await review([{ status: { authenticated: false } }], [OURS], 3)).toEqual([undefined, 1]);
    expect(await review([{ status: { authenticated: false, error: "ask later" } }], [OURS], 3)).toEqual([undefined, 3]);
  });
});

describe("a server that knows no strangers", () => {
  test("answers them with 401, but shows machines its authority; a proxy may speak for people", async () => {
    const now = systemClock.now();
    const proxies = await createAuthority("proxies", now - 60_000, now + 3_600_000);
    const front = await issueCertificate(proxies, { commonName: "front", usage: "client", notBeforeMs: now - 60_000, notAfterMs: now + 3_600_000 });
    const frontProxy = {
      verifier: new CertificateVerifier(proxies.certificate),
      allowedNames: ["front"],
      usernameHeaders: ["X-Remote-User"],
      uidHeaders: [],
      groupHeaders: ["X-Remote-Group"],
      extraHeaderPrefixes: ["X-Remote-Extra-"],
    };
    const api = await startTestListener({ authentication: { anonymous: { isEnabled: false }, frontProxy } });
    try {
      expect(await whoami(api, {})).toBe(401);
      expect(await whoami(api, { "x-remote-user": "jane", "x-remote-group": "dev" }, front)).toEqual(["jane", "dev", "system:authenticated"]);
      expect(await whoami(api, { "x-remote-user": "jane" })).toBe(401);
      expect(await whoami(api, {}, front)).toBe(401);
      const stranger = await rawClient(api.url, api.pki, undefined);
      expect((await stranger.send("/mainstay/v1/ca", {})).text).toBe(api.pki.ca);
      expect((await stranger.send("/version", {})).code).toBe(401);
      stranger.close();
    } finally {
      await api.stop();
    }
  });
});

describe("a machine", () => {
  test("joins a server of the authority that its token names, keeps its name, and renews its certificates", async () => {
    const api = await startTestListener();
    const folder = await mkdtemp(path.join(os.tmpdir(), "join-"));
    const now = systemClock.now();
    const config = (dataDir: string, token: string) => ({ ...resolveAgentConfig({ server: api.url, token, nodeName: "m1", dataDir: path.join(folder, dataDir) }, {}) });
    const read = (dataDir: string, name: string) => readFile(path.join(folder, dataDir, "pki", name), "utf8");
    try {
      const token = formatNodeToken(api.pki.ca, api.joinToken);
      const lured = joinCluster(config("lured", formatNodeToken("another authority", api.joinToken)), ["192.0.2.9"], now);
      await expect(lured).rejects.toThrow("belongs to another cluster than the token, or somebody is between");
      const file = await joinCluster(config("one", token), ["192.0.2.9"], now);
      const first = readKubeconfig(file);
      expect(readCertificate(first.certificate ?? "").commonName).toBe("system:node:m1");
      expect(isFor(await read("one", "serving.crt"), { dnsNames: ["m1"], ipAddresses: ["192.0.2.9"] })).toBe(true);
      await expect(joinCluster(config("two", token), ["192.0.2.10"], now)).rejects.toThrow('the name "m1" belongs to another machine');
      await joinCluster(config("one", token), ["192.0.2.9"], now);
      expect(readKubeconfig(file)).toEqual(first);
      await joinCluster(config("one", "no token any more"), ["192.0.2.9"], now + 300 * 86_400_000);
      expect(readKubeconfig(file).certificate).not.toBe(first.certificate);
      await api.stop();
      await joinCluster(config("one", token), ["192.0.2.9"], now + 300 * 86_400_000); // what it has is still good
      await expect(joinCluster(config("one", token), ["192.0.2.9"], now + 400 * 86_400_000)).rejects.toThrow("has ended");
    } finally {
      await api.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
