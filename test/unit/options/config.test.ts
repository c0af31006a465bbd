import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { CONTROLLER_NAMES, USUAL_CONTROLLERS } from "../../../engine/controllers/choose-controllers.ts";
import { environmentName, resolveServerConfig, serverOptions, UsageError, type OptionRow } from "../../../engine/options/config.ts";
import { agentNetwork, podRangesOf } from "../../../engine/options/network-options.ts";

describe("server options", () => {
  it("have their defaults without flags and environment", () => {
    const config = resolveServerConfig({}, {});
    expect(config).toMatchObject({ dataDir: "/var/lib/mainstay", apiPort: 6443, gitPort: 6480, bindAddress: "127.0.0.1", clusterName: "local", agent: true, repo: undefined });
    expect(Object.keys(config).sort()).toEqual(serverOptions.map((row) => row.key).sort());
  });

  it("come from the environment, and flags win over it", () => {
    const environment = { MAINSTAY_API_PORT: "7443", MAINSTAY_CLUSTER_NAME: "home", MAINSTAY_NO_AGENT: "true" };
    expect(resolveServerConfig({}, environment)).toMatchObject({ apiPort: 7443, clusterName: "home", agent: false });
    expect(resolveServerConfig({ apiPort: "8443" }, environment).apiPort).toBe(8443);
  });

  it.each([
    ["apiPort", "70000", '--api-port "70000": must be a port number'],
    ["clusterName", "My Cluster", '--cluster-name "My Cluster": must consist of'],
    ["clusterCidr", "10.42.0.0", '--cluster-cidr "10.42.0.0": must be a range of addresses such as 10.42.0.0/16'],
    ["clusterDomain", "Not A Domain", '--cluster-domain "Not A Domain": a lowercase RFC 1123 subdomain must consist of'],
    ["controllers", "job", '--controllers "job": must be names such as job-controller'],
    ["controllers", "ttl-controller", '--controllers "ttl-controller": "ttl-controller" does not exist here'],
    ["strictTransportSecurityDirectives", "max-age=1,always", '--strict-transport-security-directives "max-age=1,always": must be some of max-age=SECONDS'],
    ["logLevel", "loud", '--log-level "loud": must be one of'],
  ])("refuse a bad %s by its flag's name", (key, value, message) => {
    expect(() => resolveServerConfig({ [key]: value }, {})).toThrow(UsageError);
    expect(() => resolveServerConfig({ [key]: value }, {})).toThrow(message);
  });

  it.each([
    ["*", [...USUAL_CONTROLLERS]],
    ["*,-job-controller,-ttl-controller", [...USUAL_CONTROLLERS].filter((name) => name !== "job-controller")],
    ["*,service-lb-controller", CONTROLLER_NAMES],
    ["job-controller,scheduler", ["job-controller", "scheduler"]],
    ["-*", []],
  ])("run the controllers that %s asks for", (controllers, wanted) => {
    expect([...resolveServerConfig({ controllers }, {}).controllers]).toEqual(wanted);
  });

  it("name the variable when the bad value came from the environment", () => {
    expect(() => resolveServerConfig({}, { [environmentName({ key: "gitPort", flags: "--git-port <port>" })]: "x" })).toThrow('MAINSTAY_GIT_PORT "x"');
  });
});

/** One of these is a value of any option without a default. */
const SAMPLES = ["127.0.0.1", "10.96.0.0/12", "1h", "17", "true", "name=value"];
/** What an option is of no use without. */
const RECIPIENT = "age1dzdr57t7jyz3emkshaa9t6qkrgdcap6pjrs4r5hgf9lnwhg7dq9q6747qj";
const COMPANIONS: Readonly<Partial<Record<OptionRow["key"], Readonly<Record<string, string>>>>> = {
  nodeCidrMaskSizeIpv6: { clusterCidr: "fd00::/16", serviceCidr: "fd01::/112" },
  server: { token: "secret" },
  backupRepo: { backupRecipient: RECIPIENT },
  tlsCertFile: { tlsPrivateKeyFile: "key" },
  tlsPrivateKeyFile: { tlsCertFile: "certificate" },
};
const isAccepted = (row: OptionRow, sample: string) => {
  try {
    row.parse?.(sample);
    return true;
  } catch {
    return false;
  }
};

describe("every option", () => {
  it.each(serverOptions.filter(({ flags }) => flags.includes("<")).map((row) => [row.flags, row] as const))("%s is read as the command line gives it", (flags, row) => {
    const command = new Command().option(flags).exitOverride();
    const value = row.default ?? SAMPLES.find((sample) => isAccepted(row, sample)) ?? "";
    command.parse([flags.split(" ")[0] ?? "", value], { from: "user" });
    expect(resolveServerConfig({ ...COMPANIONS[row.key], ...command.opts() }, {})[row.key]).toEqual(row.parse === undefined ? value : row.parse(value));
  });
});

describe("upstream's names of our options", () => {
  it("means the same option, and wins over its default", () => {
    expect(resolveServerConfig({}, {}).serviceCidr).toBe("10.43.0.0/16");
    expect(resolveServerConfig({ serviceClusterIpRange: "10.96.0.0/12" }, {}).serviceCidr).toBe("10.96.0.0/12");
    expect(resolveServerConfig({ securePort: "443" }, {}).apiPort).toBe(443);
    expect(resolveServerConfig({ etcdServers: "http://10.0.0.1:2379", etcdCafile: "ca" }, {})).toMatchObject({ datastoreEndpoint: "http://10.0.0.1:2379", datastoreCaFile: "ca" });
  });
});

describe("addresses", () => {
  it("may be of both families, in their canonical form", () => {
    const config = resolveServerConfig({ clusterCidr: "10.42.0.0/16, FD00:42:0::/56", serviceClusterIpRange: "10.43.0.0/16,fd00:43::/112", nodeIp: "192.0.2.1,2001:DB8::1" }, {});
    expect(config).toMatchObject({ clusterCidr: "10.42.0.0/16,fd00:42::/56", serviceCidr: "10.43.0.0/16,fd00:43::/112", nodeIp: "192.0.2.1,2001:db8::1" });
    expect(podRangesOf(config).map(({ text, nodePrefix }) => [text, nodePrefix])).toEqual([
      ["10.42.0.0/16", 24],
      ["fd00:42::/56", 64],
    ]);
  });

  it("take the sizes of nodes' ranges that are asked for", () => {
    const prefixes = (flags: object) => podRangesOf(resolveServerConfig({ ...flags }, {})).map(({ nodePrefix }) => nodePrefix);
    expect(prefixes({ nodeCidrMaskSize: "25" })).toEqual([25]);
    expect(prefixes({ clusterCidr: "10.42.0.0/16,fd00:42::/56", nodeCidrMaskSizeIpv4: "26", nodeCidrMaskSizeIpv6: "60" })).toEqual([26, 60]);
  });

  it("may have any size where somebody else gives nodes their ranges", () => {
    expect(resolveServerConfig({ clusterCidr: "10.42.0.0/26", allocateNodeCidrs: "false" }, {}).clusterCidr).toBe("10.42.0.0/26");
  });

  it("of pods and the machine may be others than those of Services where the server runs no pods, and others say which they have", () => {
    const bare = { serviceCidr: "fd00:43::/112", nodeIp: "192.0.2.1", advertiseAddress: "2001:db8::1", allocateNodeCidrs: "false" };
    expect(resolveServerConfig({ ...bare, agent: false }, {})).toMatchObject({ serviceCidr: "fd00:43::/112" });
    expect(() => resolveServerConfig(bare, {})).toThrow("--cluster-cidr and --service-cidr must begin with the same family");
    expect(() => resolveServerConfig({ ...bare, clusterCidr: "fd00:42::/56" }, {})).toThrow("--node-ip must begin with IPv6");
  });

  it("are what agents are told of, with the addresses of names in the ranges of Services", () => {
    const config = resolveServerConfig({ clusterCidr: "10.42.0.0/16,fd00:42::/56", serviceCidr: "10.43.0.0/16,fd00:43::/112", clusterDomain: "cluster.example.org" }, {});
    expect(agentNetwork(config)).toEqual({ clusterCidr: "10.42.0.0/16,fd00:42::/56", clusterDns: "10.43.0.10,fd00:43::a", clusterDomain: "cluster.example.org" });
    expect(agentNetwork(resolveServerConfig({}, {}))).toEqual({ clusterCidr: "10.42.0.0/16", clusterDns: "10.43.0.10", clusterDomain: "cluster.local" });
  });

  const both = { clusterCidr: "10.42.0.0/16,fd00:42::/56", serviceCidr: "10.43.0.0/16,fd00:43::/112" };
  it.each<[string, Readonly<Record<string, string>>, string]>([
    ["two ranges of one family", { serviceCidr: "10.43.0.0/16,10.44.0.0/16" }, "two of them must be of different families"],
    ["three ranges", { serviceCidr: "10.43.0.0/16,fd00::/112,fd01::/112" }, "at most two, one of each family"],
    ["a range of Services that is too large", { serviceCidr: "fd00::/48" }, "the shortest prefix of a range for Services is /64"],
    ["pods that begin with another family than Services", { clusterCidr: "fd00:42::/56,10.42.0.0/16" }, "must begin with the same family"],
    ["a machine that begins with another family than Services", { nodeIp: "fd00::1" }, "--node-ip must begin with IPv4"],
    ["an address to advertise of another family than Services", { advertiseAddress: "2001:db8::1" }, "--advertise-address must be of IPv4"],
    ["an address to listen at of another family than Services", { bindAddress: "2001:db8::1" }, "--bind-address must be of IPv4"],
    ["one size for nodes of both families", { ...both, nodeCidrMaskSize: "24" }, "--node-cidr-mask-size is for clusters of one family"],
    ["two sizes for one family", { nodeCidrMaskSize: "24", nodeCidrMaskSizeIpv4: "25" }, "exclude each other"],
    ["the size of a family that pods do not have", { nodeCidrMaskSizeIpv6: "64" }, "--node-cidr-mask-size-ipv6 is for clusters whose pods have IPv6"],
    ["a size that does not fit", { nodeCidrMaskSize: "15" }, "a node's /15 does not fit into 10.42.0.0/16"],
  ])("refuse %s", (_what, flags, message) => {
    expect(() => resolveServerConfig(flags, {})).toThrow(message);
  });
});

describe("switches of API versions", () => {
  it("ask for what is served, and do without what is not", () => {
    expect(resolveServerConfig({ runtimeConfig: "api/all=true,api/beta=false,api/v1,apps/v1/deployments=true,extensions/v1beta1=false" }, {}).runtimeConfig).toEqual({
      "api/all": true,
      "api/beta": false,
      "api/v1": true,
      "apps/v1/deployments": true,
      "extensions/v1beta1": false,
    });
    expect(() => resolveServerConfig({ runtimeConfig: "batch/v1=false" }, {})).toThrow("batch/v1 cannot be switched off");
    expect(() => resolveServerConfig({ runtimeConfig: "extensions/v1beta1" }, {})).toThrow("extensions/v1beta1 is not served");
    expect(() => resolveServerConfig({ runtimeConfig: "everything" }, {})).toThrow("must be pairs such as apps/v1=true");
  });
});

describe("switches", () => {
  it("are on unless a flag or its variable says no", () => {
    expect(resolveServerConfig({}, {})).toMatchObject({ agent: true, git: true });
    expect(resolveServerConfig({ git: false }, {})).toMatchObject({ agent: true, git: false });
    expect(resolveServerConfig({}, { MAINSTAY_NO_AGENT: "true", MAINSTAY_NO_GIT: "true" })).toMatchObject({ agent: false, git: false });
  });

  it("do not contradict other options", () => {
    expect(() => resolveServerConfig({ git: false, repo: "https://example.org/r.git" }, {})).toThrow("--repo and --no-git exclude each other");
    expect(() => resolveServerConfig({ clusterInit: true, datastoreEndpoint: "http://127.0.0.1:2379" }, {})).toThrow("--cluster-init and --datastore-endpoint exclude each other");
    expect(() => resolveServerConfig({ server: "https://10.0.0.1:6443" }, {})).toThrow("--server needs --token");
  });

  it("name what is missing beside them", () => {
    expect(() => resolveServerConfig({ backupRepo: "https://git.example.com/backups.git" }, {})).toThrow("--backup-repo needs --backup-recipient");
    expect(() => resolveServerConfig({ backupRecipient: "age1nonsense" }, {})).toThrow("must be an age recipient");
    expect(() => resolveServerConfig({ backupSchedule: "0 0 30 2 *" }, {})).toThrow("is never due");
  });

  it("without a value are off unless a flag or its variable says yes", () => {
    expect(resolveServerConfig({}, {}).clusterInit).toBe(false);
    expect(resolveServerConfig({ clusterInit: true }, {}).clusterInit).toBe(true);
    expect(resolveServerConfig({}, { MAINSTAY_CLUSTER_INIT: "true" }).clusterInit).toBe(true);
  });
});
