import type { ClientRequest } from "node:http";

/** Makes an answer that changes the protocol, which nobody asked for, an error of its request: Node closes the connection by itself, and tells nobody. */
export function refuseUpgrade(outgoing: ClientRequest): void {
  outgoing.on("upgrade", ({ statusCode = 0 }, socket) => {
    socket.destroy();
    outgoing.emit("error", new Error(`the answer is a change of protocol (${statusCode}), which was not asked for`));
  });
}
