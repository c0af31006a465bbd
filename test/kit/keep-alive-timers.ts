import { readFileSync } from "node:fs";

/** How the kernel counts the time until it asks who is silent. */
const KEEP_ALIVE_TIMER = "02";
const ESTABLISHED = "01";
const TICKS_OF_SECOND = 100;

/** Of each connection to or from this port of 127.0.0.1 (its end there): the seconds until the kernel asks the other end whether it is still there; undefined where it never does. */
export function secondsUntilAsked(end: "local" | "remote", port: number): readonly (number | undefined)[] {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[end === "local" ? 1 : 2] === address && fields[3] === ESTABLISHED)
    .map(([, , , , , timer = ""]) => timer.split(":"))
    .map(([kind, ticks = ""]) => (kind === KEEP_ALIVE_TIMER ? parseInt(ticks, 16) / TICKS_OF_SECOND : undefined));
}
