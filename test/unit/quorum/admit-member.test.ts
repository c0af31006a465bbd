import { describe, expect, it } from "vitest";
import { admitMember, type AdmittingQuorum } from "../../../engine/quorum/admit-member.ts";
import type { EtcdMember } from "../../../engine/storage/etcd/etcd-members.ts";

const terms = { clusterName: "local", clusterCidr: "10.42.0.0/16", serviceCidr: "10.43.0.0/16", clusterDomain: "cluster.local" };
const member = (id: number, name: string, over: Partial<EtcdMember> = {}): EtcdMember => ({
  id: BigInt(id),
  name,
  peerUrls: [`https://10.0.0.${id}:2380`],
  clientUrls: name === "" ? [] : [`https://10.0.0.${id}:2379`],
  isLearner: false,
  ...over,
});

/** A quorum of these members, which writes down what was done to it. */
function quorumOf(members: EtcdMember[], over: Partial<AdmittingQuorum> = {}): { quorum: AdmittingQuorum; done: string[] } {
  const done: string[] = [];
  const quorum: AdmittingQuorum = {
    terms,
    authority: { certificate: "the authority", key: "its key" },
    list: async () => members,
    addLearner: async (url) => {
      done.push(`add ${url}`);
      return [...members.filter((one) => !done.includes(`remove ${one.id}`)), member(99, "", { peerUrls: [url], isLearner: true })];
    },
    remove: async (id) => void done.push(`remove ${id}`),
    isRunning: async () => false,
    ...over,
  };
  return { quorum, done };
}

const asks = (id: number, name: string, told: object = terms) => ({ name, peerUrl: `https://10.0.0.${id}:2380`, terms: told });

describe("admitting a member", () => {
  it("gives a newcomer the authority, all members by name, and where those with a vote serve", async () => {
    const { quorum, done } = quorumOf([member(1, "a"), member(2, "b")]);
    expect(await admitMember(asks(3, "c"), quorum)).toEqual({
      authority: quorum.authority,
      initialCluster: "a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380",
      others: ["https://10.0.0.1:2379", "https://10.0.0.2:2379"],
    });
    expect(done).toEqual(["add https://10.0.0.3:2380"]);
  });

  it("lets in again who asked before and never started", async () => {
    const { quorum, done } = quorumOf([member(1, "a"), member(3, "", { isLearner: true })]);
    expect((await admitMember(asks(3, "c"), quorum)).initialCluster).toBe("a=https://10.0.0.1:2380,c=https://10.0.0.3:2380");
    expect(done).toEqual([]);
  });

  it("gives its place back to who has lost its data", async () => {
    const { quorum, done } = quorumOf([member(1, "a"), member(2, "b"), member(3, "c")]);
    expect((await admitMember(asks(3, "c"), quorum)).initialCluster).toBe("a=https://10.0.0.1:2380,b=https://10.0.0.2:2380,c=https://10.0.0.3:2380");
    expect(done).toEqual(["remove 3", "add https://10.0.0.3:2380"]);
  });

  it.each([
    ["a name that is somebody else's", asks(3, "b"), {}, 'server "b" is a member already, at https://10.0.0.2:2380'],
    ["an address at which a member runs", asks(2, "b"), { isRunning: async () => true }, 'is the address of member "b", which is running'],
    ["who was told another name of the cluster", asks(3, "c", { ...terms, clusterName: "other" }), {}, "start it with --cluster-name local"],
    ["who was told another domain", asks(3, "c", { ...terms, clusterDomain: "cluster.example.org" }), {}, "start it with --cluster-domain cluster.local"],
    ["who was told other addresses of pods", asks(3, "c", { ...terms, clusterCidr: "10.9.0.0/16" }), {}, "start it with --cluster-cidr 10.42.0.0/16"],
    ["who does not say what it was told", { name: "c", peerUrl: "https://10.0.0.3:2380" }, {}, "start it with --cluster-name local"],
    ["no name", { peerUrl: "https://10.0.0.3:2380", terms }, {}, "name: Required value"],
    ["a name that no server can have", asks(3, "A b"), {}, "name: Invalid value"],
    ["an address without TLS", { name: "c", peerUrl: "http://10.0.0.3:2380", terms }, {}, "peerUrl: must be an https URL"],
    ["what is no request", "let me in", {}, "Required value"],
  ])("refuses %s, and changes nothing", async (_, body, over, message) => {
    const { quorum, done } = quorumOf([member(1, "a"), member(2, "b")], over);
    await expect(admitMember(body, quorum)).rejects.toThrow(message);
    expect(done).toEqual([]);
  });

  it("takes one after the other, and says which one it waits for", async () => {
    const { quorum, done } = quorumOf([member(1, "a"), member(11, "", { isLearner: true })]);
    await expect(admitMember(asks(3, "c"), quorum)).rejects.toMatchObject({ status: { code: 503, message: expect.stringContaining('"mainstay members remove b"') } });
    expect(done).toEqual([]);
  });

  it("says that trying again may help when the quorum cannot be changed now", async () => {
    const { quorum } = quorumOf([member(1, "a")], { addLearner: async () => Promise.reject(new Error("unhealthy cluster")) });
    await expect(admitMember(asks(3, "c"), quorum)).rejects.toMatchObject({ status: { code: 503, message: "the quorum cannot be changed now: unhealthy cluster" } });
  });
});
