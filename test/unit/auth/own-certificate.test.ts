import { expect, test } from "vitest";
import type { KeyPair } from "../../../engine/auth/certificates.ts";
import { openOwnCertificate } from "../../../engine/auth/own-certificate.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

test("a certificate of the cluster's own is asked for again; where that fails the old one goes on until it works", async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const pairs: (KeyPair | Error)[] = [{ certificate: "first", key: "k" }, { certificate: "first", key: "k" }, new Error("the disk is full"), { certificate: "second", key: "k" }];
  const issue = async () => {
    const next = pairs.shift();
    if (next === undefined || next instanceof Error) throw next;
    return next;
  };
  const { shown, service } = await openOwnCertificate("api", issue, clock, silentLogger);
  const running = runServices([service], stop.signal);
  const seen: string[] = [];
  for (let look = 0; look < 3; look++) {
    await clock.advance(6 * 3_600_000);
    seen.push(shown.current.certificate);
  }
  expect(seen).toEqual(["first", "first", "second"]);
  stop.abort();
  await running;
});
