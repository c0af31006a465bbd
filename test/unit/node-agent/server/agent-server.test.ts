import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import type { Client } from "../../../../engine/client/client.ts";
import { AgentAccess } from "../../../../node-agent/server/agent-access.ts";
import { closedPath, writeParts } from "../../../../node-agent/server/agent-server.ts";
import { missingLogs } from "../../../../node-agent/logs/missing-logs.ts";
import { aPod } from "../../../kit/objects.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

test.each([
  [undefined, "/logs/", undefined],
  [{ containers: true, machineLogs: true }, "/containerLogs/a/b/c", undefined],
  [{ containers: true, machineLogs: false }, "/logs/syslog", "logs endpoint is disabled."],
  [{ containers: true, machineLogs: false }, "/containerLogs/a/b/c", undefined],
  [{ containers: false, machineLogs: true }, "/containerLogs/a/b/c", "Debug endpoints are disabled."],
  [{ containers: false, machineLogs: true }, "/logs", "Debug endpoints are disabled."],
  [{ containers: false, machineLogs: false }, "/runningpods", "Debug endpoints are disabled."],
  [{ containers: false, machineLogs: false }, "/metrics", undefined],
])("an endpoint that serves %j is closed at %s: %s", (serves, path, expected) => {
  expect(closedPath(serves === undefined ? {} : { serves }, path)).toBe(expected);
});

test.each([
  [true, 5_000],
  [false, 2_000],
])("what the API server says of a token and a right (allowed: %s) is believed as long as was told", async (allowed, believedMs) => {
  const clock = new VirtualClock();
  const asked: string[] = [];
  const user = { username: "u", groups: ["g"], uid: "1", extra: { "example.com/scope": ["logs"] } };
  const create = async ({ kind, spec }: { readonly kind: string; readonly spec: object }) => {
    asked.push(kind);
    if (kind !== "TokenReview") expect(spec).toMatchObject({ user: "u", groups: ["g"], uid: "1", extra: user.extra });
    return { status: kind === "TokenReview" ? { authenticated: true, user } : { allowed } };
  };
  const access = new AgentAccess({ client: { for: () => ({ create }) } as unknown as Client, clock, nodeName: "n1", memory: { tokenMs: 10_000, allowedMs: 5_000, deniedMs: 2_000 } });
  const request = { method: "GET", url: "/metrics", headers: { authorization: "Bearer t" }, socket: { getPeerCertificate: () => ({}), authorized: false } } as unknown as IncomingMessage; // what of it is looked at
  const judge = async () => {
    asked.length = 0;
    await access.judge(request);
    return [...new Set(asked)];
  };
  expect(await judge()).toEqual(["TokenReview", "SubjectAccessReview"]);
  await clock.advance(believedMs - 1);
  expect(await judge()).toEqual([]);
  await clock.advance(2);
  expect(await judge()).toEqual(["SubjectAccessReview"]);
  await clock.advance(10_000);
  expect(await judge()).toEqual(["TokenReview", "SubjectAccessReview"]);
});

test.each([
  ["ContainerCreating", false, 'container "c" in pod "web" is waiting to start: ContainerCreating'],
  ["ErrImagePull", false, 'container "c" in pod "web" is waiting to start: image can\'t be pulled'],
  ["ImagePullBackOff", false, 'container "c" in pod "web" is waiting to start: trying and failing to pull image'],
  [undefined, false, 'container "c" in pod "web" is waiting to start - no logs yet'],
  ["CrashLoopBackOff", true, 'previous terminated container "c" in pod "web" not found'],
])("who asks for logs that are not there is told why: %s, of the one before: %s", (reason, previous, expected) => {
  const status = { containerStatuses: [{ name: "c", image: "i", imageID: "", ready: false, restartCount: 0, state: reason === undefined ? {} : { waiting: { reason } } }] };
  expect(missingLogs({ ...aPod("web"), status }, "c", previous)).toBe(expected);
});

test.each([
  ["takes them no more", () => {}],
  ["has taken all", (_chunk: unknown, _encoding: string, done: () => void) => setImmediate(done)],
])("parts of a log are given up when their reader is gone, also one that %s", async (_how, write) => {
  const response = new Writable({ highWaterMark: 10, write });
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  let isGivenUp = false;
  let given = 0;
  async function* endless() {
    try {
      for (; ; given++) {
        // A runtime or a disk takes its time: the reader goes meanwhile.
        if (given === 30) {
          response.destroy();
          await once(response, "close");
        }
        yield "a line of it";
      }
    } finally {
      isGivenUp = true;
    }
  }
  const written = writeParts(response, endless(), closed.signal);
  if (given < 30) setTimeout(() => response.destroy(), 50);
  await written;
  expect([isGivenUp, given <= 30, response.listenerCount("close")]).toEqual([true, true, 1]);
});
