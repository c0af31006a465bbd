import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ContainerState, Runtime, SandboxConfig } from "../../node-agent/cri/runtime.ts";
import { RuntimeLabel } from "../../node-agent/cri/runtime.ts";
import { NamespaceMode } from "../../node-agent/cri/runtime_pb.ts";

export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** An image with a shell that is on the machine. */
  readonly image: string;
  /** Another one, that is not needed. */
  readonly spareImage: string;
  /** Lets time pass until the condition holds: virtual time in the fake, real time in the real one. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

/** Each container has its own process numbers, as Kubernetes has it: its first process is number 1, which ignores what it does not handle. */
const LINUX = { securityContext: { namespaceOptions: { pid: NamespaceMode.CONTAINER } } };

/** What the node agent relies on in a runtime. The fake and containerd pass it, so that what is found with the fake is true of the other. */
export function describeRuntime(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`the runtime contract, ${name}`, () => {
    let under: RuntimeUnderTest;
    let runtime: Runtime;
    let serial = 0;
    beforeAll(async () => {
      under = await open();
      ({ runtime } = under);
    }, 120_000);
    afterAll(async () => under?.stop(), 60_000);

    const sandboxConfig = (): SandboxConfig => {
      const uid = `contract-${++serial}`;
      return {
        metadata: { name: uid, namespace: "contract", uid, attempt: 0 },
        hostname: uid,
        logDirectory: "",
        labels: { [RuntimeLabel.podUid]: uid, [RuntimeLabel.podName]: uid, [RuntimeLabel.podNamespace]: "contract" },
        linux: LINUX,
      };
    };
    /** Latencies are virtual in the fake: whatever takes time goes on while time passes. */
    const eventually = async <T>(work: Promise<T>): Promise<T> => {
      let isDone = false;
      const settled = work.finally(() => (isDone = true));
      settled.catch(() => {});
      await under.until("the operation to end", async () => isDone);
      return settled;
    };
    async function withPod<T>(
      use: (pod: { config: SandboxConfig; sandbox: string; uid: string; run: (...command: string[]) => Promise<string>; create: (...command: string[]) => Promise<string> }) => Promise<T>,
    ): Promise<T> {
      const config = sandboxConfig();
      const uid = config.metadata?.uid ?? "";
      const sandbox = await eventually(runtime.runSandbox(config));
      let attempt = 0;
      const create = (...command: string[]) =>
        eventually(
          runtime.createContainer(
            sandbox,
            {
              metadata: { name: "main", attempt: attempt++ },
              image: { image: under.image },
              command,
              labels: { [RuntimeLabel.podUid]: uid, [RuntimeLabel.podName]: uid, [RuntimeLabel.podNamespace]: "contract", [RuntimeLabel.containerName]: "main" },
              linux: LINUX,
            },
            config,
          ),
        );
      const run = async (...command: string[]) => {
        const id = await create(...command);
        await eventually(runtime.startContainer(id));
        return id;
      };
      try {
        return await use({ config, sandbox, uid, run, create });
      } finally {
        await eventually(runtime.stopSandbox(sandbox));
        await eventually(runtime.removeSandbox(sandbox));
      }
    }
    const look = async (uid: string, id: string): Promise<ContainerState | undefined> => (await runtime.listContainers(uid)).find((container) => container.id === id);
    const ended = async (uid: string, id: string): Promise<ContainerState> => {
      await under.until(`container ${id} to end`, async () => (await look(uid, id))?.state === "exited");
      return (await look(uid, id))!;
    };

    test("what a running container may use can be changed, and is told from then on", () =>
      withPod(async ({ uid, run }) => {
        const id = await run("sleep", "1000");
        await runtime.updateResources(id, { cpuPeriod: 100_000n, cpuQuota: 50_000n, memoryLimitInBytes: 64n << 20n });
        expect((await runtime.listContainers(uid))[0]?.resources).toMatchObject({ cpuQuota: 50_000, memoryLimitBytes: 64 << 20 });
        await expect(runtime.updateResources("absent", { cpuQuota: 50_000n })).rejects.toThrow("not found");
      }));

    test("tells at a glance what there is and whether it runs", () =>
      withPod(async ({ uid, sandbox, run }) => {
        const [long, short] = [await run("sleep", "1000"), await run("true")];
        await ended(uid, short);
        const { sandboxes, containers } = await runtime.glance();
        expect(sandboxes.filter((seen) => seen.uid === uid)).toEqual([{ id: sandbox, uid, isReady: true }]);
        expect(
          containers
            .filter(({ podUid }) => podUid === uid)
            .map(({ id, state }) => [id, state])
            .sort(),
        ).toEqual(
          [
            [long, "running"],
            [short, "exited"],
          ].sort(),
        );
        const images = new Map((await runtime.listContainers(uid)).map(({ id, imageId }) => [id, imageId]));
        expect(containers.filter(({ podUid }) => podUid === uid).every(({ id, imageId }) => imageId !== "" && imageId === images.get(id))).toBe(true);
      }));

    test("says what it is, and that it is ready", async () => {
      expect((await runtime.describe()).version).toMatch(/^v?\d+\.\d+/);
      expect(await runtime.problem()).toBeUndefined();
    });

    test("gives each sandbox an address of its own, and finds it by its pod", async () => {
      await withPod(async (first) => {
        await withPod(async (second) => {
          const [[one], [two]] = await Promise.all([runtime.listSandboxes(first.uid), runtime.listSandboxes(second.uid)]);
          expect(one).toMatchObject({ id: first.sandbox, uid: first.uid, namespace: "contract", attempt: 0, isReady: true });
          expect(one?.ips).toEqual([expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/)]);
          expect(two?.ips).not.toEqual(one?.ips);
          expect((await runtime.listSandboxes()).map(({ id }) => id)).toEqual(expect.arrayContaining([first.sandbox, second.sandbox]));
        });
      });
    });

    test("refuses a second sandbox of the same name and attempt", async () => {
      await withPod(async ({ config }) => {
        await expect(eventually(runtime.runSandbox(config))).rejects.toThrow(/reserve|already/);
      });
    });

    test("takes no other call along with one that fails, however much there is to be said of it", async () => {
      const config = sandboxConfig();
      const starting = runtime.runSandbox(config);
      // The runtime repeats the name, as it does a command or what a network's plugin has printed.
      await expect(eventually(runtime.startContainer("x".repeat(300_000)))).rejects.toThrow();
      const id = await eventually(starting);
      await eventually(runtime.stopSandbox(id));
      await eventually(runtime.removeSandbox(id));
    });

    test("gives up what nobody waits for any more, a sandbox or a container's start, and keeps nothing of it that runs", async () => {
      const giveUp = async (begin: (signal: AbortSignal) => Promise<unknown>) => {
        const leaving = new AbortController();
        const begun = begin(leaving.signal);
        setImmediate(() => leaving.abort());
        await expect(begun).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
      };
      const config = sandboxConfig();
      await giveUp((signal) => runtime.runSandbox(config, "", signal));
      await under.until("no sandbox", async () => (await runtime.listSandboxes(config.metadata?.uid)).every(({ isReady }) => !isReady));
      await withPod(async ({ uid, create }) => {
        const id = await create("sleep", "1000");
        await giveUp((signal) => runtime.startContainer(id, signal));
        await under.until("no container", async () => (await runtime.listContainers(uid)).every(({ state }) => state !== "running"));
        // A start that is being given up may still be on its way, and what starts cannot be removed.
        await under.until("the end of its start", () =>
          eventually(runtime.removeContainer(id)).then(
            () => true,
            (error: unknown) => {
              if (!String(error).includes("starting state")) throw error;
              return false;
            },
          ),
        );
      });
    });

    test("runs a sandbox by a handler that it knows, and refuses others by their name", async () => {
      const config = sandboxConfig();
      await expect(eventually(runtime.runSandbox(config, "no-such-handler"))).rejects.toThrow('no runtime for "no-such-handler" is configured');
      const id = await eventually(runtime.runSandbox(config, "runc"));
      await eventually(runtime.stopSandbox(id));
      await eventually(runtime.removeSandbox(id));
    });

    test("keeps a stopped sandbox, not ready, until it is removed", async () => {
      await withPod(async ({ sandbox, uid }) => {
        await eventually(runtime.stopSandbox(sandbox));
        expect(await runtime.listSandboxes(uid)).toMatchObject([{ isReady: false }]);
        await eventually(runtime.removeSandbox(sandbox));
        expect(await runtime.listSandboxes(uid)).toEqual([]);
      });
    });

    test("finds it no failure to stop or remove what is gone", async () => {
      await withPod(async ({ sandbox, run }) => {
        const id = await run("sleep", "1000");
        await eventually(runtime.stopContainer(id, 0));
        await eventually(runtime.stopContainer(id, 0));
        await eventually(runtime.removeContainer(id));
        await eventually(runtime.removeContainer(id));
        await eventually(runtime.stopContainer(id, 1));
        await eventually(runtime.stopSandbox(sandbox));
        await eventually(runtime.stopSandbox(sandbox));
        await eventually(runtime.removeSandbox(sandbox));
        await eventually(runtime.stopSandbox(sandbox));
      });
    });

    test("tells a container's life: created, running, ended with its code and times", async () => {
      await withPod(async ({ uid, create }) => {
        const id = await create("sh", "-c", "sleep 0.2; exit 3");
        expect(await look(uid, id)).toMatchObject({ state: "created", name: "main", attempt: 0, podUid: uid, startedAtMs: 0 });
        await eventually(runtime.startContainer(id));
        const state = await ended(uid, id);
        expect(state).toMatchObject({ exitCode: 3, reason: "Error" });
        expect(state.startedAtMs).toBeGreaterThanOrEqual(state.createdAtMs);
        expect(state.finishedAtMs).toBeGreaterThan(state.startedAtMs);
      });
    });

    test("calls success Completed", async () => {
      await withPod(async ({ uid, run }) => expect(await ended(uid, await run("true"))).toMatchObject({ exitCode: 0, reason: "Completed" }));
    });

    test("keeps earlier attempts beside the newest", async () => {
      await withPod(async ({ uid, run }) => {
        await ended(uid, await run("true"));
        await run("sleep", "1000");
        const attempts = (await runtime.listContainers(uid)).map(({ attempt, state }) => `${attempt} ${state}`).sort();
        expect(attempts).toEqual(["0 exited", "1 running"]);
      });
    });

    test("does not start a command that does not exist, and names it", async () => {
      await withPod(async ({ create }) => {
        const id = await create("no-such-command");
        await expect(eventually(runtime.startContainer(id))).rejects.toThrow(/no-such-command.*not found/s);
      });
    });

    test("asks a program to end, and kills the one that does not listen when its time is up", async () => {
      await withPod(async ({ uid, run }) => {
        const polite = await run("sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.1; done");
        // The shell needs a moment to set its trap, which the fake does not.
        await under.until("the trap to be set", async () => (await look(uid, polite))?.state === "running");
        await eventually(runtime.execSync(polite, ["sleep", "0.3"], 5));
        await eventually(runtime.stopContainer(polite, 10));
        expect(await ended(uid, polite)).toMatchObject({ exitCode: 7 });
        const deaf = await run("sleep", "1000");
        await eventually(runtime.stopContainer(deaf, 1));
        expect(await ended(uid, deaf)).toMatchObject({ exitCode: 137, reason: "Error" });
      });
    });

    test("ends the containers of a sandbox with it", async () => {
      await withPod(async ({ sandbox, uid, run }) => {
        const id = await run("sleep", "1000");
        await eventually(runtime.stopSandbox(sandbox));
        expect(await ended(uid, id)).toMatchObject({ exitCode: 137 });
      });
    });

    test("runs commands inside of a container, with their code and output, and bounds their time", async () => {
      await withPod(async ({ run }) => {
        const id = await run("sleep", "1000");
        expect(await eventually(runtime.execSync(id, ["echo", "hello"], 5))).toMatchObject({ exitCode: 0, output: "hello\n" });
        expect(await eventually(runtime.execSync(id, ["sh", "-c", "exit 4"], 5))).toMatchObject({ exitCode: 4 });
        await expect(eventually(runtime.execSync(id, ["no-such-command"], 5))).rejects.toThrow("no-such-command");
        await expect(eventually(runtime.execSync(id, ["sleep", "100"], 1))).rejects.toThrow(/timeout|deadline/i);
      });
    });

    test("knows which images are there, and cannot pull what does not exist", async () => {
      expect((await runtime.imageStatus(under.image))?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await runtime.imageStatus("mainstay.local/none:1")).toBeUndefined();
      expect((await runtime.listImages()).flatMap(({ names }) => names)).toContain(under.image);
      await expect(eventually(runtime.pullImage("127.0.0.1:1/none:1"))).rejects.toThrow();
    });

    test("forgets an image that is removed, and only that one; once more is no failure", async () => {
      const id = (await runtime.imageStatus(under.spareImage))?.id ?? "";
      await runtime.removeImage(id);
      expect([await runtime.imageStatus(under.spareImage), (await runtime.imageStatus(under.image))?.id]).toEqual([undefined, expect.stringMatching(/^sha256:/)]);
      await runtime.removeImage(id);
    });

    test("announces what starts and what ends", async () => {
      const stop = new AbortController();
      const told: string[] = [];
      const following = (async () => {
        for await (const { containerId } of runtime.events(stop.signal)) told.push(containerId);
      })();
      try {
        await withPod(async ({ uid, run }) => {
          const id = await run("sh", "-c", "sleep 0.2; exit 0");
          await ended(uid, id);
          await under.until("two announcements", async () => told.filter((told) => told === id).length >= 2);
        });
      } finally {
        stop.abort();
        await following.catch(() => {});
      }
    });
  });
}
