/** A socket in the registry; `identity` changes when another socket takes its path. */
export interface FoundSocket {
  readonly path: string;
  readonly identity: string;
}

/** What became of a socket that was seen before. */
export interface KnownSocket extends FoundSocket {
  readonly state: { readonly is: "registering" } | { readonly is: "registered" } | { readonly is: "refused"; readonly retryAtMs: number };
}

export type RegistrationAction =
  | { readonly do: "forget"; readonly socket: KnownSocket }
  | { readonly do: "register"; readonly socket: FoundSocket }
  | { readonly do: "wait"; readonly untilMs: number };

/** What to do about the sockets of the registry. What is replaced is let go before its successor is asked: both may have one name. Pure. */
export function planRegistrations(found: readonly FoundSocket[], known: readonly KnownSocket[], nowMs: number): readonly RegistrationAction[] {
  const foundByPath = new Map(found.map((socket) => [socket.path, socket]));
  // One that is being asked is let go when it has answered.
  const gone = known.filter(({ path, identity, state }) => state.is !== "registering" && foundByPath.get(path)?.identity !== identity);
  const kept = new Map(known.filter((socket) => !gone.includes(socket)).map((socket) => [socket.path, socket.state]));
  return [
    ...gone.map((socket): RegistrationAction => ({ do: "forget", socket })),
    ...found.flatMap((socket): RegistrationAction[] => {
      const before = kept.get(socket.path);
      if (before?.is === "registering" || before?.is === "registered") return [];
      return before === undefined || before.retryAtMs <= nowMs ? [{ do: "register", socket }] : [{ do: "wait", untilMs: before.retryAtMs }];
    }),
  ];
}
