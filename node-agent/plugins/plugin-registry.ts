import { mkdirSync, readdirSync, statSync, watch } from "node:fs";
import path from "node:path";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { Bell } from "../../engine/lib/bell.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { openGrpcChannel, type GrpcChannel } from "../../engine/lib/grpc.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { planRegistrations, type FoundSocket, type KnownSocket } from "./plan-registrations.ts";
import type { PluginHandler, PluginInfo } from "./plugin-handler.ts";
import { Registration } from "./registration_pb.ts";

export interface PluginRegistryOptions {
  /** Drivers put their sockets into it, or into folders of it. */
  readonly folder: string;
  readonly handlers: readonly PluginHandler[];
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Registered {
  readonly handler: PluginHandler;
  readonly plugin: PluginInfo;
}

interface KnownPlugin extends KnownSocket {
  readonly failures: number;
  readonly registered?: Registered;
}

/** The kernel tells of changes; this is for those that it does not, as in folders of the registry. */
const LOOK_MS = 5_000;
const CALL_MS = 10_000;
const RETRY = { initialMs: 500, maxMs: 120_000 };

/**
 * Finds drivers by the sockets that they put into a folder, as a kubelet does, and gives them to the handler of their type: when a socket
 * comes, again when another takes its place, and away when it goes.
 */
export function createPluginRegistry({ folder, handlers, clock, logger }: PluginRegistryOptions): Service {
  const known = new Map<string, KnownPlugin>();

  const forget = ({ path: socket }: KnownSocket) => {
    const { registered } = known.get(socket) ?? {};
    known.delete(socket);
    if (registered === undefined) return;
    registered.handler.deregister(registered.plugin);
    logger.info("plugin gone", { type: registered.handler.type, name: registered.plugin.name });
  };

  const register = async (socket: FoundSocket, signal: AbortSignal) => {
    const failures = known.get(socket.path)?.failures ?? 0;
    known.set(socket.path, { ...socket, state: { is: "registering" }, failures });
    try {
      const registered = await introduce(socket.path, handlers, signal);
      known.set(socket.path, { ...socket, state: { is: "registered" }, failures: 0, registered });
      logger.info("plugin registered", { type: registered.handler.type, name: registered.plugin.name, endpoint: registered.plugin.endpoint });
    } catch (error) {
      if (signal.aborted) return;
      known.set(socket.path, { ...socket, state: { is: "refused", retryAtMs: clock.monotonic() + backoffMs(RETRY, failures + 1) }, failures: failures + 1 });
      logger.warn("plugin not registered, will retry", { socket: path.basename(socket.path), error: describeError(error), failures: failures + 1 });
    }
  };

  /** A folder that cannot be read for a moment holds what it held. */
  const look = (): readonly FoundSocket[] => {
    try {
      return findSockets(folder);
    } catch (error) {
      logger.warn("registry of plugins not read, will retry", { error: describeError(error) });
      return [...known.values()];
    }
  };

  return service("plugin-registry", async (signal) => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const bell = new Bell(clock);
    const watcher = watch(folder, () => bell.ring());
    // A folder that can no longer be watched is still looked at.
    watcher.on("error", (error) => logger.warn("registry of plugins not watched", { error: describeError(error) }));
    // One that takes its time holds up no other.
    const registering = new Set<Promise<void>>();
    try {
      while (!signal.aborted) {
        bell.take();
        let againMs = LOOK_MS;
        for (const action of planRegistrations(look(), [...known.values()], clock.monotonic())) {
          if (action.do === "forget") forget(action.socket);
          else if (action.do === "wait") againMs = Math.min(againMs, action.untilMs - clock.monotonic());
          else {
            const work = register(action.socket, signal).finally(() => {
              registering.delete(work);
              bell.ring();
            });
            registering.add(work);
          }
        }
        await bell.wait(Math.max(0, againMs), signal);
      }
    } finally {
      watcher.close();
      await Promise.all(registering);
    }
  });
}

/** Asks who is behind a socket, gives it to the handler of its type, and tells it what came of it. */
async function introduce(socket: string, handlers: readonly PluginHandler[], signal: AbortSignal): Promise<Registered> {
  const channel = openGrpcChannel(`unix:${socket}`);
  try {
    const { type, name, endpoint, supportedVersions } = await channel.unary(Registration.method.getInfo, {}, { timeoutMs: CALL_MS, signal });
    const plugin = { name, endpoint: endpoint || socket, versions: supportedVersions };
    const handler = handlers.find((candidate) => candidate.type === type);
    try {
      if (handler === undefined) throw new Error(`no handler registered for plugin type: ${type} at socket ${socket}`);
      handler.validate(plugin);
      await handler.register(plugin, signal);
    } catch (error) {
      await notify(channel, `plugin registration failed with err: ${describeError(error)}`, signal);
      throw error;
    }
    try {
      await notify(channel, "", signal);
    } catch (error) {
      handler.deregister(plugin);
      throw error;
    }
    return { handler, plugin };
  } finally {
    channel.close();
  }
}

async function notify(channel: GrpcChannel, error: string, signal: AbortSignal): Promise<void> {
  await channel.unary(Registration.method.notifyRegistrationStatus, { pluginRegistered: error === "", error }, { timeoutMs: CALL_MS, signal });
}

/** Sockets below a folder; those with a dot before their name are still being made. */
export function findSockets(folder: string): readonly FoundSocket[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): readonly FoundSocket[] => {
    const place = path.join(folder, entry.name);
    if (entry.name.startsWith(".")) return [];
    try {
      if (entry.isDirectory()) return findSockets(place);
      if (!entry.isSocket()) return [];
      const { ino, birthtimeNs } = statSync(place, { bigint: true });
      return [{ path: place, identity: `${ino}:${birthtimeNs}` }];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return []; // gone meanwhile
      throw error;
    }
  });
}
