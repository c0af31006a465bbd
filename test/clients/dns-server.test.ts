import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createConnection, createServer, type Server } from "node:net";
import packet, { type Answer, type DecodedPacket, type Packet } from "dns-packet";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import type { EndpointSlice, Service } from "../../engine/resources/types.ts";
import { computeDnsRecords } from "../../node-agent/network/dns-records.ts";
import { DnsServer, sendAnswer } from "../../node-agent/network/dns-server.ts";
import { freePorts } from "../kit/etcd.ts";

/** The node's name server over the wire, before a resolver that knows one address for every name. */
const HOST = "127.0.0.1";
const DOMAIN = "cluster.local";
const OUTSIDE = "198.51.100.7";
/** More than a packet of UDP holds that does not say otherwise. */
const MANY = 40;
/** More than a message holds when their names are written out. */
const MANY_SERVERS = 2_000;
const stop = new AbortController();
let resolver: Socket;
let silent: Socket;
let resolverTcp: Server;
let port = 0;
/** How often a question was looked up. */
let looks = 0;
let running: Promise<void>;

const answerOf = (message: Buffer): Buffer => {
  const { id, questions = [] } = packet.decode(message);
  const answer = packet.encode({ type: "response", id: id ?? 0, questions, answers: questions.map(({ name }) => ({ type: "A", name, data: OUTSIDE })) });
  if (!questions.some(({ name }) => name.startsWith("long."))) return answer;
  // Name servers that are all called by the name that was asked for, by its place in the message.
  answer.writeUInt16BE(MANY_SERVERS, 8);
  return Buffer.concat([answer, ...Array.from({ length: MANY_SERVERS }, () => Buffer.from([0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 5, 0, 2, 0xc0, 12]))]);
};
const framed = (message: Buffer): Buffer => Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);

beforeAll(async () => {
  const [outside = 0, nobody = 0, own = 0] = await freePorts(3);
  resolver = createSocket("udp4")
    .on("message", (message, from) => resolver.send(answerOf(message), from.port, from.address))
    .bind(outside, HOST);
  silent = createSocket("udp4").bind(nobody, HOST);
  resolverTcp = createServer((socket) => void socket.on("data", (chunk) => socket.end(framed(answerOf(chunk.subarray(2)))))).listen(outside, HOST);
  await Promise.all([once(resolver, "listening"), once(silent, "listening"), once(resolverTcp, "listening")]);
  const headless = { apiVersion: "v1", kind: "Service", metadata: { name: "many", namespace: "shop" }, spec: { clusterIP: "None", ports: [] } } as Service;
  const slice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    addressType: "IPv4",
    metadata: { name: "many-1", namespace: "shop", labels: { "kubernetes.io/service-name": "many" } },
    endpoints: Array.from({ length: MANY }, (_, index) => ({ addresses: [`10.42.0.${index + 1}`] })),
  } as EndpointSlice;
  const crowd = { ...headless, metadata: { name: "crowd", namespace: "shop" } };
  const crowdSlice = {
    ...slice,
    metadata: { name: "crowd-1", namespace: "shop", labels: { "kubernetes.io/service-name": "crowd" } },
    endpoints: Array.from({ length: 3_000 }, (_, index) => ({ addresses: [`10.43.${index >> 8}.${index & 255}`] })),
  };
  const alias = { apiVersion: "v1", kind: "Service", metadata: { name: "outside", namespace: "shop" }, spec: { type: "ExternalName", externalName: "www.example.com" } } as Service;
  const longAlias = { ...alias, metadata: { name: "long", namespace: "shop" }, spec: { type: "ExternalName", externalName: "long.example.com" } } as Service;
  const records = computeDnsRecords([headless, crowd, alias, longAlias], [slice, crowdSlice], DOMAIN);
  port = own;
  running = new DnsServer({ address: HOST, port, domain: DOMAIN, upstreams: [`${HOST}:${nobody}`, `${HOST}:${outside}`], clock: systemClock, logger: silentLogger }, () => (looks++, records)).run(
    stop.signal,
  );
  await vi.waitFor(() => askTcp(`many.shop.svc.${DOMAIN}`), { timeout: 30_000 });
});

afterAll(async () => {
  stop.abort();
  await running;
  resolver.close();
  silent.close();
  resolverTcp.close();
});

async function askUdp(name: string, more: Partial<Packet> = {}): Promise<DecodedPacket> {
  const socket = createSocket("udp4");
  try {
    socket.send(packet.encode({ type: "query", id: 7, flags: packet.RECURSION_DESIRED, questions: [{ type: "A", name }], ...more }), port, HOST);
    const [message] = (await once(socket, "message")) as [Buffer];
    return packet.decode(message);
  } finally {
    socket.close();
  }
}

function askTcp(name: string): Promise<DecodedPacket> {
  return exchangeTcp(packet.encode({ type: "query", id: 8, questions: [{ type: "A", name }] }));
}

async function exchangeTcp(question: Buffer): Promise<DecodedPacket> {
  const socket = createConnection(port, HOST);
  let received = Buffer.alloc(0);
  socket.write(framed(question));
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break;
  }
  return packet.decode(received.subarray(2));
}

const addresses = ({ answers = [] }: DecodedPacket): readonly unknown[] => answers.map((answer: Answer) => ("data" in answer ? answer.data : undefined));

test("names of the cluster are answered; an answer that is too long for UDP is cut, unless more is asked for, and whole over TCP", async () => {
  const name = `many.shop.svc.${DOMAIN}`;
  const cut = await askUdp(name);
  expect([cut.id, cut.flag_tc, addresses(cut).length]).toEqual([7, true, 0]);
  const larger = await askUdp(name, { additionals: [{ type: "OPT", name: ".", udpPayloadSize: 4096, flags: 0, options: [], extendedRcode: 0, ednsVersion: 0, flag_do: false }] });
  expect([larger.flag_tc, addresses(larger).length]).toEqual([false, MANY]);
  expect(addresses(await askTcp(name))).toHaveLength(MANY);
});

test("other names are asked of the resolvers in turn, over UDP and TCP: one that does not answer is given up, and waited for once", async () => {
  let waitedFor = 0;
  silent.on("message", () => void waitedFor++);
  for (const ask of [askUdp, askTcp, askUdp]) expect(addresses(await ask("www.example.com"))).toEqual([OUTSIDE]);
  expect(waitedFor).toBe(1);
});

test("an answer that is too long for any message is cut over TCP as well", async () => {
  const cut = await askTcp(`crowd.shop.svc.${DOMAIN}`);
  expect(cut.flag_tc).toBe(true);
  expect(addresses(cut).length).toBeGreaterThan(500);
  expect(addresses(await askTcp(`many.shop.svc.${DOMAIN}`))).toHaveLength(MANY);
});

test("an answer from outside that is too long once it is written out is cut as well", async () => {
  const long = await askTcp(`long.shop.svc.${DOMAIN}`);
  expect([long.flag_tc, addresses(long), long.authorities]).toEqual([true, ["long.example.com", OUTSIDE], []]);
});

test("a question with a record that nobody can write again costs nobody else an answer", async () => {
  const question = packet.encode({ type: "query", id: 9, questions: [{ type: "A", name: `outside.shop.svc.${DOMAIN}` }] });
  question.writeUInt16BE(1, 10); // a further record, see the next line: SSHFP with a fingerprint of no length that there is
  const broken = Buffer.concat([question, Buffer.from([0, 0, 44, 0, 1, 0, 0, 0, 5, 0, 3, 1, 1, 7])]);
  const socket = createSocket("udp4");
  socket.send(broken, port, HOST);
  for (const ask of [askUdp, askTcp]) expect(addresses(await ask(`outside.shop.svc.${DOMAIN}`))).toEqual(["www.example.com", OUTSIDE]);
  socket.close();
});

test("who asks several questions at once is told that this is none, however long they are without being shortened", async () => {
  const first = packet.encode({ type: "query", id: 10, questions: [{ type: "A", name: `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.shop.svc.${DOMAIN}` }] });
  const others = 5_000;
  first.writeUInt16BE(1 + others, 4);
  // Each of them is the first one's name, by its place in the message, and the type and class of an address.
  const question = Buffer.concat([first, ...Array.from({ length: others }, () => Buffer.from([0xc0, 12, 0, 1, 0, 1]))]);
  const refusal = await exchangeTcp(question);
  expect([refusal.id, (refusal.flags ?? 0) & 15, refusal.questions]).toEqual([10, 1, []]);
  expect(addresses(await askTcp(`many.shop.svc.${DOMAIN}`))).toHaveLength(MANY);
});

test("who reads no answers is asked no more, until he reads on", async () => {
  const questions = 8_000;
  const socket = createConnection(port, HOST).pause();
  await once(socket, "connect");
  const before = looks;
  socket.write(Buffer.concat(Array.from({ length: questions }, () => framed(packet.encode({ type: "query", id: 8, questions: [{ type: "A", name: `many.shop.svc.${DOMAIN}` }] })))));
  let last = -1;
  await vi.waitUntil(() => looks > before && last === (last = looks), { interval: 500, timeout: 30_000 });
  expect(looks - before).toBeLessThan(questions);
  let bytes = 0;
  socket.on("data", (chunk) => void (bytes += chunk.length)).resume();
  const size =
    2 +
    packet.encodingLength({
      type: "response",
      questions: [{ type: "A", name: `many.shop.svc.${DOMAIN}` }],
      answers: Array.from({ length: MANY }, () => ({ type: "A", name: `many.shop.svc.${DOMAIN}`, data: OUTSIDE })),
    });
  await vi.waitUntil(() => bytes === questions * size, { timeout: 60_000 });
  socket.destroy();
});

test("who cannot be answered is not, and ends nothing", async () => {
  const socket = createSocket("udp4").bind(0, HOST);
  await once(socket, "listening");
  const bytes = Buffer.from("answer");
  expect(() => sendAnswer(socket, bytes, { port: 0, address: HOST })).not.toThrow();
  socket.close();
  expect(() => sendAnswer(socket, bytes, { port: 53, address: HOST })).not.toThrow();
  expect(() => socket.send(bytes, 0, HOST)).toThrow();
});

test("what is no question is not answered, and costs nobody else an answer", async () => {
  const socket = createSocket("udp4");
  socket.send(Buffer.from("nonsense"), port, HOST);
  socket.send(answerOf(packet.encode({ type: "query", id: 9, questions: [{ type: "A", name: "a.b" }] })), port, HOST);
  expect(addresses(await askUdp("www.example.org"))).toEqual([OUTSIDE]);
  socket.close();
});
