import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { resolveServerConfig, UsageError } from "../../../engine/options/config.ts";
import { setUpProviders } from "../../../engine/setup/providers-setup.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const config = (anonymous: object | undefined, ...jwt: readonly object[]) => JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "AuthenticationConfiguration", anonymous, jwt });
const parts = () => ({ clock: new VirtualClock(), logger: silentLogger, metrics: new MetricsRegistry(), serverName: "m1" });

describe("the switches of identity providers", () => {
  test.each([
    [{}, true],
    [{ anonymousAuth: "false" }, false],
    [{ authorizationMode: "AlwaysAllow" }, false],
    [{ authorizationMode: "RBAC,AlwaysAllow" }, false],
    [{ authorizationMode: "RBAC,AlwaysDeny" }, true],
  ])("let those come without credentials who are not allowed everything: %j", (flags, isEnabled) => {
    expect(setUpProviders(resolveServerConfig(flags, {}), parts()).anonymous).toEqual({ isEnabled });
  });

  test.each([
    ["http://id.example", "URL scheme must be https"],
    ["https://id.example?a=b", "URL must not contain a query"],
    ["https://kubernetes.default.svc.cluster.local", "URL must not overlap with disallowed issuers: [https://kubernetes.default.svc.cluster.local]"],
  ])("name no issuer that none can be: %s", (oidcIssuerUrl, why) => {
    const setUp = () => setUpProviders(resolveServerConfig({ oidcIssuerUrl, oidcClientId: "us" }, {}), parts());
    expect(setUp).toThrow(UsageError);
    expect(setUp).toThrow(`--oidc-issuer-url "${oidcIssuerUrl}": ${why}`);
  });

  test("let a configuration be changed while the server runs, but not who comes without credentials", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "authn-"));
    const file = path.join(folder, "authn.json");
    /** At once: nobody reads half of it. */
    const write = (text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    const [all, stop, said] = [parts(), new AbortController(), [] as string[]];
    write(config({ enabled: true, conditions: [{ path: "/livez" }] }));
    const setup = setUpProviders(resolveServerConfig({ authenticationConfig: file, anonymousAuth: "false" }, {}), {
      ...all,
      logger: { ...silentLogger, warn: (_message, fields) => void said.push(String(fields?.["error"])) },
    });
    const running = setup.services.map((one) => one.run(stop.signal));
    /** Files are read on the machine's time, not on the clock's. */
    const until = async (line: RegExp) => {
      while (!line.test(all.metrics.render())) await all.clock.advance(5_000);
    };
    const reloads = (status: string, count: number) => new RegExp(`apiserver_authentication_config_controller_automatic_reloads_total\\{[^}]*status="${status}"\\} ${count}\\n`);
    try {
      expect(setup.anonymous).toEqual({ isEnabled: true, paths: ["/livez"] });
      write(config({ enabled: true }));
      await until(reloads("failure", 1));
      write(config({ enabled: true, conditions: [{ path: "/livez" }] }, { issuer: {} }));
      await until(reloads("failure", 2));
      for (let looks = 0; looks < 3; looks++) await all.clock.advance(5_000); // what can never be used is looked at once
      write(config({ conditions: [{ path: "/livez" }], enabled: true }));
      await until(reloads("success", 1));
      expect(said).toEqual(["anonymous: changed from initial configuration file", expect.stringContaining("jwt[0].")]);
      expect(all.metrics.render()).toMatch(/apiserver_authentication_config_controller_last_config_info\{apiserver_id_hash="sha256:[0-9a-f]{64}",hash="sha256:[0-9a-f]{64}"\} 1/);
    } finally {
      stop.abort();
      await Promise.all(running);
      rmSync(folder, { recursive: true });
    }
  });
});
