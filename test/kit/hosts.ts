import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { IpFamily } from "../../engine/lib/net/ip-address.ts";

const run = promisify(execFile);

/** A simulated machine: a network namespace of its own on a shared network. Processes enter it with `nsenter`. */
export interface Host {
  readonly name: string;
  /** Its address of the fabric's first family. */
  readonly address: string;
  /** Its address of IPv6, on a fabric of both families. */
  readonly address6?: string;
  /** Words to put before a command so that it runs on this host. */
  readonly enter: readonly string[];
  /** Runs a command on the host and gives its standard output. */
  exec(command: string, ...args: string[]): Promise<string>;
  /** Pulls or plugs the host's network cable. */
  setLink(state: "up" | "down"): Promise<void>;
}

export interface Fabric {
  readonly hosts: readonly Host[];
  /** Removes all namespaces; their links, rules and routes go with them. Processes must have ended. */
  destroy(): Promise<void>;
}

/** The machine that runs the tests: enough for a control plane, which listens on loopback only. */
export const thisMachine: Host = {
  name: "here",
  address: "127.0.0.1",
  enter: ["env"],
  exec: async (command, ...args) => (await run(command, args, { maxBuffer: 64 << 20 })).stdout,
  setLink: () => Promise.reject(new Error("the network of this machine is not the test's to cut")),
};

/**
 * Builds `count` hosts attached to one switch, each with its own loopback, routes, rules and conntrack.
 * `ip netns exec` would hide the cgroup file systems, so commands are run through `nsenter --net`.
 * Needs root. `tag` keeps parallel fabrics apart and must be short: it becomes part of interface names.
 * Every host has an address of each of the families, and the loopback of both.
 */
export async function createFabric(tag: string, count: number, families: readonly IpFamily[] = ["IPv4"]): Promise<Fabric> {
  const fabric = `ms-${tag}-fab`;
  const names = Array.from({ length: count }, (_, index) => `ms-${tag}-${index}`);
  const all = [fabric, ...names];
  await Promise.all(all.map((name) => run("ip", ["netns", "del", name]).catch(() => {}))); // leftovers of a killed run
  const destroy = async () => {
    for (const name of all) await run("ip", ["netns", "del", name]).catch(() => {});
  };
  try {
    await run("ip", ["netns", "add", fabric]);
    await ip(fabric, "link", "set", "lo", "up");
    await ip(fabric, "link", "add", "br0", "type", "bridge");
    await ip(fabric, "link", "set", "br0", "up");
    for (const family of families) await addAddress(fabric, "br0", family, ROUTER);
    const hosts: Host[] = [];
    for (const [index, name] of names.entries()) hosts.push(await addHost(fabric, name, index, families));
    return { hosts, destroy };
  } catch (error) {
    await destroy();
    throw error;
  }
}

async function addHost(fabric: string, name: string, index: number, families: readonly IpFamily[]): Promise<Host> {
  const port = `v${index}`;
  await run("ip", ["netns", "add", name]);
  await run("ip", ["link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", port, "netns", fabric]);
  await ip(fabric, "link", "set", port, "master", "br0", "up");
  await ip(name, "link", "set", "lo", "up");
  await ip(name, "link", "set", "eth0", "up");
  for (const family of families) {
    await addAddress(name, "eth0", family, index + 1);
    await ip(name, "route", "add", "default", "via", addressOf(family, ROUTER));
  }
  const [address = "", address6] = families.map((family) => addressOf(family, index + 1));
  const enter = ["nsenter", `--net=/run/netns/${name}`];
  return {
    name,
    address,
    ...(address6 === undefined ? {} : { address6 }),
    enter,
    exec: async (command, ...args) => (await run("nsenter", [`--net=/run/netns/${name}`, command, ...args], { maxBuffer: 64 << 20 })).stdout,
    setLink: async (state) => void (await ip(fabric, "link", "set", port, state)),
  };
}

const ROUTER = 254;

function addressOf(family: IpFamily, number: number): string {
  return family === "IPv4" ? `10.88.0.${number}` : `fd00:88::${number.toString(16)}`;
}

/** Addresses of IPv6 are used at once: nobody else has them. */
async function addAddress(namespace: string, device: string, family: IpFamily, number: number): Promise<void> {
  await ip(namespace, "addr", "add", `${addressOf(family, number)}/${family === "IPv4" ? 24 : 64}`, "dev", device, ...(family === "IPv4" ? [] : ["nodad"]));
}

async function ip(namespace: string, ...args: string[]): Promise<void> {
  await run("ip", ["-n", namespace, ...args]);
}
