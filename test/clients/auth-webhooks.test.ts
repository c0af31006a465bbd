import { createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { TokenWebhook } from "../../engine/auth/authentication/token-webhook.ts";
import { parseAuthorizationConfig } from "../../engine/auth/authorization-config.ts";
import { AuthorizationWebhookMetrics } from "../../engine/auth/authorization-webhook-metrics.ts";
import { webhookMode } from "../../engine/auth/authorization-webhook.ts";
import { fetchRemoteJsonRetried } from "../../engine/auth/remote-json.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { OtherServer } from "../kit/other-server.ts";
import { rawClient } from "../kit/raw-https.ts";
import { startTestListener } from "../kit/test-listener.ts";
import { whoami } from "../kit/whoami.ts";

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

  test.each<[unknown, string, string]>([
    [{ status: { allowed: true } }, "allow", "allow"],
    [{ status: { allowed: false } }, "none", "none"],
    [{ status: null }, "none", "none"],
    [{}, "none", "none"],
    [{ status: { allowed: true, denied: true } }, "deny", "deny"],
    [{ status: { denied: "true" } }, "deny", "none"],
    [{ status: { allowed: "true" } }, "deny", "none"],
    [{ status: { allowed: true, denied: 1 } }, "deny", "none"],
    [{ status: { allowed: true, reason: {} } }, "deny", "none"],
    [{ status: "allowed" }, "deny", "none"],
    [{ status: [] }, "deny", "none"],
    [[], "deny", "none"],
    ["allowed", "deny", "none"],
  ])("say with %j what counts as %s where their failures refuse, and as %s where they do not", async (answer, refusing, passing) => {
    const other = await OtherServer.start(() => answer);
    const asked = { is: "resource", user: { username: "ann", groups: [] }, verb: "get", group: "", resource: "pods", namespace: "shop", name: "" } as const;
    const warned: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => void warned.push(message) };
    const common = { ...ASKED_AT_ONCE, target: { url: other.url, ca: other.authority.certificate }, clock: systemClock, random: systemRandom, logger };
    try {
      expect((await webhookMode({ ...common, deniesOnFailure: true }).decide(asked)).is).toBe(refusing);
      expect((await webhookMode(common).decide(asked)).is).toBe(passing);
      expect(warned).toHaveLength(refusing === passing ? 0 : 2);
    } finally {
      await other.stop();
    }
  });

  test("that do not answer in time are counted as that", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const registry = new MetricsRegistry();
    const metrics = new AuthorizationWebhookMetrics(registry, systemClock);
    const asked = { is: "path", user: { username: "ann", groups: [] }, verb: "get", path: "/x" } as const;
    const target = { url: `https://127.0.0.1:${(silent.address() as AddressInfo).port}` };
    try {
      const mode = webhookMode({ ...ASKED_AT_ONCE, timeoutMs: 300, target, clock: systemClock, random: systemRandom, logger: silentLogger, metrics });
      expect((await mode.decide(asked)).is).toBe("none");
      expect(registry.render()).toContain('apiserver_authorization_webhook_evaluations_total{name="webhook",result="timeout"} 1\n');
    } finally {
      silent.close();
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
    ["says in no words that it is good", [good({ authenticated: "true" })], [OURS], [undefined, 1]],
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
    expect(await review([{ status: { authenticated: "false" } }], [OURS], 3)).toEqual([undefined, 3]);
    expect(await review([{ status: { authenticated: false, error: "ask later" } }], [OURS], 3)).toEqual([undefined, 3]);
  });
});
