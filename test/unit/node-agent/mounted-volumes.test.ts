import { describe, expect, test } from "vitest";
import { chooseFileSystem, parseProbe, planFormat } from "../../../node-agent/volumes/device-volume.ts";
import { planNfsMount } from "../../../node-agent/volumes/nfs-volume.ts";

describe("a device as a folder", () => {
  test.each([
    ["", {}],
    ["DEVNAME=/dev/x\nTYPE=ext4\n", { type: "ext4" }],
    ["DEVNAME=/dev/x\nPTTYPE=gpt\n", { partitions: "gpt" }],
  ])("is looked at before anything is written to it: %j", (text, content) => {
    expect(parseProbe(text)).toEqual(content);
  });

  test("gets a file system when it is empty, and only then", () => {
    expect(planFormat("/dev/x", {}, "ext4")).toEqual({ program: "mkfs.ext4", args: ["-F", "-m0", "/dev/x"] });
    expect(planFormat("/dev/x", {}, "xfs")).toEqual({ program: "mkfs.xfs", args: ["-f", "/dev/x"] });
    expect(planFormat("/dev/x", {}, "btrfs")).toEqual({ program: "mkfs.btrfs", args: ["/dev/x"] });
    expect(planFormat("/dev/x", { type: "ext4" }, "ext4")).toBeUndefined();
    expect(() => planFormat("/dev/x", { type: "LVM2_member" }, "ext4")).toThrow('device "/dev/x" holds LVM2_member and not ext4');
    expect(() => planFormat("/dev/x", { partitions: "gpt" }, "ext4")).toThrow("has a partition table (gpt) and no file system");
  });

  test("gets ext4 when its volume names no file system, or an empty one", () => {
    expect([undefined, "", "xfs"].map(chooseFileSystem)).toEqual(["ext4", "ext4", "xfs"]);
  });
});

describe("a folder of an NFS server", () => {
  test.each([
    [{ server: "nfs.example", path: "/export" }, [], ["-t", "nfs", "nfs.example:/export", "/p"]],
    [{ server: "2001:db8::1", path: "/", readOnly: true }, ["hard", "nfsvers=4.1"], ["-t", "nfs", "-o", "ro,hard,nfsvers=4.1", "[2001:db8::1]:/", "/p"]],
  ])("is mounted with what the volume says: %j %j", (source, options, args) => {
    expect(planNfsMount(source, "/p", options)).toEqual(args);
  });
});
