import { describe, expect, test } from "vitest";
import type { Probe, Wire } from "../kit/wire.ts";

/** A test for each probe, in their order: what one makes the next may ask for. */
export function askProbes(probes: readonly Probe[], wire: () => Wire): void {
  describe("every probe is answered as upstream answers it", () => {
    for (const probe of probes) {
      test(probe.name, async () => {
        const answer = await wire().send(probe.request, probe.body, probe.headers);
        expect({ code: answer.code, text: answer.code === probe.code ? "" : answer.text }).toEqual({ code: probe.code, text: "" });
        if (probe.text !== undefined) expect(answer.text).toBe(probe.text);
        if (probe.answer !== undefined) expect(JSON.parse(answer.text)).toMatchObject(probe.answer);
        expect(answer.headers["audit-id"]).toMatch(/^[0-9a-f-]{36}$/);
      });
    }
  });
}
