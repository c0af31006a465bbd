import { describe, expect, test } from "vitest";
import { isAbort } from "../../../engine/lib/abort.ts";
import { Mailbox } from "../../../engine/lib/mailbox.ts";

describe("a mailbox", () => {
  test("hands items over in order, whether they or the taker come first", async () => {
    const mailbox = new Mailbox<number>(10);
    mailbox.push(1);
    expect(await mailbox.take()).toBe(1);
    const waiting = mailbox.take();
    mailbox.push(2);
    mailbox.push(3);
    expect([await waiting, await mailbox.take(), mailbox.size]).toEqual([2, 3, 0]);
  });

  test("refuses what is beyond its bound, until something is taken", async () => {
    const mailbox = new Mailbox<number>(2);
    expect([mailbox.push(1), mailbox.push(2), mailbox.push(3)]).toEqual([true, true, false]);
    await mailbox.take();
    expect([mailbox.push(4), await mailbox.take(), await mailbox.take()]).toEqual([true, 2, 4]);
  });

  test("gives what it holds before it ends", async () => {
    const mailbox = new Mailbox<number>(10);
    mailbox.push(1);
    mailbox.close();
    expect(mailbox.push(2)).toBe(false);
    const items: number[] = [];
    for await (const item of mailbox) items.push(item);
    expect(items).toEqual([1]);
  });

  test("gives what it holds before it fails", async () => {
    const mailbox = new Mailbox<number>(10);
    mailbox.push(1);
    mailbox.close(new Error("too slow"));
    mailbox.close();
    expect(await mailbox.take()).toBe(1);
    await expect(mailbox.take()).rejects.toThrow("too slow");
  });

  test("lets go of a taker that is aborted, and keeps the item for the next one", async () => {
    const mailbox = new Mailbox<number>(10);
    const abort = new AbortController();
    const waiting = mailbox.take(abort.signal);
    abort.abort();
    await expect(waiting).rejects.toSatisfy(isAbort);
    mailbox.push(1);
    expect(await mailbox.take()).toBe(1);
  });

  test("forgets what was taken, however much passes through", async () => {
    const mailbox = new Mailbox<number>(3000);
    for (let i = 0; i < 10_000; i++) {
      expect(mailbox.push(i)).toBe(true);
      if (i >= 2000) expect(await mailbox.take()).toBe(i - 2000);
    }
    expect(mailbox.size).toBe(2000);
  });

  test("serves who does not wait: what is there at once, and a call when there is more", () => {
    const mailbox = new Mailbox<number>(10);
    const calls: string[] = [];
    expect(mailbox.poll()).toBeUndefined();
    mailbox.whenReady(() => calls.push("first"));
    mailbox.push(1);
    mailbox.push(2);
    expect(calls).toEqual(["first"]);
    expect([mailbox.poll(), mailbox.poll(), mailbox.poll()]).toEqual([1, 2, undefined]);
    mailbox.whenReady(() => calls.push("end"));
    mailbox.close();
    mailbox.whenReady(() => calls.push("at once"));
    expect([calls, mailbox.isDone]).toEqual([["first", "end", "at once"], true]);
  });

  test("is done when all of it was taken, not before; then its failure is told", () => {
    const mailbox = new Mailbox<number>(10);
    mailbox.push(1);
    mailbox.close(new Error("too slow"));
    expect([mailbox.isDone, mailbox.poll(), mailbox.isDone]).toEqual([false, 1, true]);
    expect(() => mailbox.poll()).toThrow("too slow");
  });
});
