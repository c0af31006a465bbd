import { describe, expect, it } from "vitest";
import { deadlineMs, within } from "../../../../engine/server/http/deadline.ts";
import { parseRequestPath } from "../../../../engine/server/http/request-info.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const deadline = (url: string) => {
  const { pathname, searchParams } = new URL(url, "https://unused");
  return deadlineMs({ query: searchParams }, parseRequestPath(pathname), 60_000);
};

describe("a request", () => {
  it.each([
    ["/api/v1/pods", 60_000],
    ["/api/v1/pods?timeout=5s", 5_000],
    ["/api/v1/pods?timeout=1m30s", 60_000],
    ["/api/v1/pods?timeout=0", 60_000],
    ["/api/v1/pods?timeout=.5s", 500],
    ["/api/v1/pods?watch=true", undefined],
    ["/api/v1/pods?watch=false", 60_000],
    ["/api/v1/namespaces/a/pods/b/log?follow=true", undefined],
    ["/api/v1/namespaces/a/pods/b/exec", undefined],
    ["/healthz?timeout=3s", 3_000],
  ])("%s may take %s ms", (url, expected) => {
    expect(deadline(url)).toBe(expected);
  });

  it("that says no duration is refused", () => {
    expect(() => deadline("/api/v1/pods?timeout=soon")).toThrow('invalid timeout specified in the request URL - time: invalid duration "soon"');
  });

  it("is answered in time, or told that it is too late", async () => {
    const clock = new VirtualClock();
    expect(await within(clock, 1_000, Promise.resolve("here"))).toBe("here");
    expect(clock.pending).toBe(0);
    const late = within(clock, 1_000, new Promise(() => {}));
    late.catch(() => {});
    await clock.advance(1_000);
    await expect(late).rejects.toMatchObject({ status: { code: 504, reason: "Timeout", message: "Timeout: request did not complete within the allotted timeout" } });
  });
});
