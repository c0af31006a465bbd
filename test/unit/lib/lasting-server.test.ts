import net from "node:net";
import { expect, test } from "vitest";
import { outliveAcceptErrors } from "../../../engine/lib/net/lasting-server.ts";
import { silentLogger } from "../../../engine/lib/log.ts";

test("a server outlives each connection that it cannot take, and tells of it", () => {
  const server = net.createServer();
  const told: unknown[] = [];
  outliveAcceptErrors(server, { ...silentLogger, warn: (message, fields) => void told.push([message, fields?.["error"]]) });
  for (const code of ["EMFILE", "ENFILE"]) server.emit("error", new Error(`accept ${code}`));
  expect(told).toEqual([
    ["a connection could not be taken", "accept EMFILE"],
    ["a connection could not be taken", "accept ENFILE"],
  ]);
});
