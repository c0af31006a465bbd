import { describe, expect, test } from "vitest";
import { aborted } from "../../../engine/lib/abort.ts";
import { describeError } from "../../../engine/lib/log.ts";
import { service } from "../../../engine/lib/service.ts";
import { ServiceScope } from "../../../engine/lib/service-scope.ts";

function scene() {
  const told: string[] = [];
  const until = (name: string) =>
    service(name, async (signal) => {
      await aborted(signal);
      await Promise.resolve();
      told.push(name);
    });
  return { told, until };
}

describe("a service scope", () => {
  test("ends what was begun last first", async () => {
    const { told, until } = scene();
    const abort = new AbortController();
    const scope = new ServiceScope(abort.signal);
    scope.defer(() => void told.push("lock"));
    scope.start(until("store"));
    scope.defer(async () => void told.push("listener"));
    scope.start(until("controllers"));
    abort.abort();
    await scope.ended;
    expect(told).toEqual(["controllers", "listener", "store", "lock"]);
  });

  test("ends everything when one service fails, and tells which", async () => {
    const { told, until } = scene();
    const scope = new ServiceScope(new AbortController().signal);
    scope.start(until("store"));
    scope.start(
      service("git", () => Promise.reject(new Error("disk is full"))),
      until("api"),
    );
    expect(describeError(await scope.ended.catch((error: unknown) => error))).toBe("service git: disk is full");
    expect(scope.signal.aborted).toBe(true);
    expect(told).toEqual(["api", "store"]);
  });

  test("goes on ending when closing one thing fails, and tells that", async () => {
    const { told } = scene();
    const scope = new ServiceScope(new AbortController().signal);
    scope.defer(() => void told.push("first"));
    scope.defer(() => Promise.reject(new Error("cannot close")));
    await scope.end();
    await expect(scope.ended).rejects.toThrow("cannot close");
    expect(told).toEqual(["first"]);
  });

  test("closes what was still being opened when it ended", async () => {
    const { told } = scene();
    const scope = new ServiceScope(new AbortController().signal);
    await scope.end();
    scope.defer(async () => void told.push("store"));
    await scope.end();
    expect(told).toEqual(["store"]);
  });

  test("begins nothing any more when it is ending", async () => {
    const scope = new ServiceScope(AbortSignal.abort());
    await scope.end();
    expect(() => scope.start()).toThrow("aborted");
  });
});
