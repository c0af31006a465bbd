import { mkdirSync, readdirSync, statSync, watch, type FSWatcher } from "node:fs";
import path from "node:path";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { Bell } from "../../engine/lib/bell.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import type { GrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { planRegistrations, type FoundSocket, type KnownSocket } from "./plan-registrations.ts";
import { openPluginChannel } from "./plugin-channel.ts";
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
/** Who says more than this of itself is none; what it says stands in the log. */
const ANSWER_BYTES_MAX = 64 << 10;
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

  /** What could not be looked at the last time, and why. */
  let troubles: ReadonlyMap<string, string> = new Map();
  const look = (): readonly FoundSocket[] => {
    const now = new Map<string, string>();
    const found = findSockets(folder, [...known.values()], (place, error) => {
      now.set(place, describeError(error));
      if (troubles.get(place) !== now.get(place)) logger.warn("registry of plugins not read, will retry", { place, error: now.get(place) });
    });
    troubles = now;
    return found;
  };

  /** Does what is to be done now, where `begin` lets a registration run beside it; gives the milliseconds until the next look. */
  const step = (begin: (socket: FoundSocket) => void): number => {
    let againMs = LOOK_MS;
    for (const action of planRegistrations(look(), [...known.values()], clock.monotonic())) {
      if (action.do === "forget") forget(action.socket);
      else if (action.do === "wait") againMs = Math.min(againMs, action.untilMs - clock.monotonic());
      else begin(action.socket);
    }
    return Math.max(0, againMs);
  };

  return service("plugin-registry", async (signal) => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const bell = new Bell(clock);
    const watcher = follow(folder, () => bell.ring(), logger);
    // One that takes its time holds up no other.
    const registering = new Set<Promise<void>>();
    const begin = (socket: FoundSocket) => {
      const work = register(socket, signal).finally(() => {
        registering.delete(work);
        bell.ring();
      });
      registering.add(work);
    };
    try {
      while (!signal.aborted) {
        bell.take();
        await bell.wait(step(begin), signal);
      }
    } finally {
      watcher?.close();
      await Promise.all(registering);
    }
  });
}

/** Asks who is behind a socket, gives it to the handler of its type, and tells it what came of it. */
async function introduce(socket: string, handlers: readonly PluginHandler[], signal: AbortSignal): Promise<Registered> {
  const channel = openPluginChannel(socket, ANSWER_BYTES_MAX);
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

/** Tells of changes. A folder that cannot be watched, as when the machine watches too many, is still looked at. */
function follow(folder: string, changed: () => void, logger: Logger): FSWatcher | undefined {
  const unwatched = (error: unknown) => logger.warn("registry of plugins not watched", { error: describeError(error) });
  try {
    return watch(folder, changed).on("error", unwatched);
  } catch (error) {
    unwatched(error);
    return undefined;
  }
}

/**
 * Sockets below a folder; those with a dot before their name are still being made. What cannot be looked at is told of, holds what it held,
 * and hides nothing beside it.
 */
export function findSockets(folder: string, known: readonly FoundSocket[] = [], unread: (place: string, error: unknown) => void = () => {}) {
  const held = (place: string, error: unknown): readonly FoundSocket[] => {
    unread(place, error);
    return known.filter((socket) => socket.path === place || socket.path.startsWith(`${place}/`));
  };
  const below = (place: string): readonly FoundSocket[] =>
    readdirSync(place, { withFileTypes: true }).flatMap((entry): readonly FoundSocket[] => {
      const at = path.join(place, entry.name);
      if (entry.name.startsWith(".")) return [];
      try {
        if (entry.isDirectory()) return below(at);
        if (!entry.isSocket()) return [];
        const { ino, birthtimeNs } = statSync(at, { bigint: true });
        return [{ path: at, identity: `${ino}:${birthtimeNs}` }];
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === "ENOENT" ? [] : held(at, error); // gone meanwhile, or not
      }
    });
  try {
    return below(folder);
  } catch (error) {
    return held(folder, error);
  }
}
