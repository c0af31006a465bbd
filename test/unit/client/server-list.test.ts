import { describe, expect, it } from "vitest";
import { ServerList } from "../../../engine/client/server-list.ts";

describe("a list of servers", () => {
  it("stays with the one that answers, and goes round when they do not", () => {
    const servers = new ServerList(["a", "b", "c"]);
    const asked = ["a", "b", "c", "a"].map((expected) => {
      const { url } = servers.pick();
      expect(servers.leave(url)).toBe(true);
      return [expected, url];
    });
    for (const [expected, url] of asked) expect(url).toBe(expected);
  });

  it("ends what waits for a server that is left, and leaves it once however many find it gone", () => {
    const servers = new ServerList(["a", "b", "c"]);
    const { left } = servers.pick();
    servers.leave("a");
    expect(left.aborted).toBe(true);
    expect(servers.leave("a")).toBe(true);
    expect(servers.pick().url).toBe("b");
    expect(servers.pick().left.aborted).toBe(false);
  });

  it("has nowhere to go from the only one", () => {
    const servers = new ServerList(["a"]);
    const { left } = servers.pick();
    expect(servers.leave("a")).toBe(false);
    expect(left.aborted).toBe(false);
    expect(servers.pick().url).toBe("a");
  });

  it("learns of others without leaving the one it is at, unless that one is no more", () => {
    const servers = new ServerList(["a"]);
    servers.follow(["b", "a", "b"]);
    expect([servers.pick().url, servers.size]).toEqual(["a", 2]);
    servers.follow(["b", "c"]);
    expect(servers.pick().url).toBe("b");
    servers.follow([]);
    expect(servers.size).toBe(2);
  });
});
