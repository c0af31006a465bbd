import { expect, test } from "vitest";
import { Limiter } from "../../../../../node-agent/pods/start/limiter.ts";
import { VirtualClock } from "../../../../kit/virtual-clock.ts";

/** Works that end when they are told to. */
function begin(limiter: Limiter) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, signal?: AbortSignal, does?: "begins" | "completes") =>
    limiter.run(
      () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      },
      signal,
      does,
    );
  return { begun, run, end: (name: string) => ends.get(name)?.() };
}

test("so many works run at once, the others in their order", async () => {
  const { begun, run, end } = begin(new Limiter(2));
  const [first] = ["a", "b", "c", "d"].map((name) => run(name));
  expect(begun).toEqual(["a", "b"]);
  end("a");
  await first;
  await expect.poll(() => begun).toEqual(["a", "b", "c"]);
});

test("what completes something goes before what begins something, each in its order", async () => {
  const { begun, run, end } = begin(new Limiter(1));
  const first = run("a");
  void run("b");
  const second = run("c", undefined, "completes");
  void run("d", undefined, "completes");
  end("a");
  await first;
  await expect.poll(() => begun).toEqual(["a", "c"]);
  end("c");
  await second;
  await expect.poll(() => begun).toEqual(["a", "c", "d"]);
  end("d");
  await expect.poll(() => begun).toEqual(["a", "c", "d", "b"]);
});

test("one that takes too long counts no more, goes on, and gives its place up once", async () => {
  const clock = new VirtualClock();
  const { begun, run, end } = begin(new Limiter(2, { clock, ms: 15_000 }));
  const [hanging] = ["a", "b", "c", "d", "e"].map((name) => run(name));
  await clock.advance(14_999);
  expect(begun).toEqual(["a", "b"]);
  await clock.advance(1);
  expect(begun).toEqual(["a", "b", "c", "d"]);
  end("a");
  await hanging;
  await clock.advance(1);
  expect(begun).toEqual(["a", "b", "c", "d"]);
  end("c");
  await expect.poll(() => begun).toEqual(["a", "b", "c", "d", "e"]);
});

test("who gives up before his turn waits no more, and takes nobody's place", async () => {
  const { begun, run, end } = begin(new Limiter(1));
  const leaving = new AbortController();
  const first = run("a");
  const left = run("b", leaving.signal);
  void run("c");
  leaving.abort();
  await expect(left).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  await expect(run("d", leaving.signal)).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  end("a");
  await first;
  await expect.poll(() => begun).toEqual(["a", "c"]);
});
