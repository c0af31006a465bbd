import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { file_events } from "../../node-agent/cri/events_pb.ts";
import { file_snapshots } from "../../node-agent/cri/snapshots_pb.ts";
import { file_tasks } from "../../node-agent/cri/tasks_pb.ts";
import { file_runtime } from "../../node-agent/cri/runtime_pb.ts";

/** Go programs carry the descriptions of their protocols for reflection: those made by older generators gzipped, containerd's own since 1.7 as they are. */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0]);
const OWN_FILES = "github.com/containerd/containerd/";
const NAME_TAG = 0x0a;
const DESCRIPTOR_BYTES_MAX = 1 << 18;

const containerd = locate("containerd");
if (containerd === undefined) {
  if (process.env["CI"]) throw new Error("containerd is not installed; in CI it must be");
  console.log("skipped: containerd is not installed");
}

describe.skipIf(containerd === undefined)("our CRI protocol against the installed containerd's own", () => {
  const embedded = containerd === undefined ? [] : descriptorsIn(readFileSync(containerd));

  it("finds the runtime's description", () => {
    expect(embedded.find((file) => file.package === "runtime.v1")?.service.map(({ name }) => name)).toEqual(expect.arrayContaining(["RuntimeService", "ImageService"]));
  });

  it("has the same numbers, types and methods", () => {
    const theirs = embedded.filter((file) => file.package === "runtime.v1");
    // Before 1.7, containerd knew nothing of CDI, and is never told of it (node-agent/devices).
    const isOld = !theirs.some(({ messageType }) => messageType.some(({ name }) => name === "CDIDevice"));
    const absent = isOld ? ["ContainerConfig.CDI_devices is not theirs", "message CDIDevice is not theirs", "CDIDevice.name is not theirs"] : [];
    expect(differences(file_runtime.proto, theirs)).toEqual(absent);
  });

  it("has the same events: of a task's, only that all say their container in the same field", () => {
    const theirs = embedded.filter((file) => ["containerd.services.events.v1", "containerd.events", "containerd.types"].includes(file.package));
    for (const task of ["TaskStart", "TaskExit", "TaskOOM"]) {
      const messageType = file_events.proto.messageType.filter(({ name }) => name !== "Any").map((message) => (message.name === "TaskEvent" ? { ...message, name: task } : message));
      expect(differences({ ...file_events.proto, messageType }, theirs)).toEqual([]);
    }
  });

  it("has the same snapshots", () => {
    const theirs = embedded.filter((file) => ["containerd.services.snapshots.v1", "containerd.types"].includes(file.package));
    expect(differences(file_snapshots.proto, theirs)).toEqual([]);
  });

  it("has the same tasks, of which no answer is read", () => {
    const theirs = embedded.filter((file) => file.package === "containerd.services.tasks.v1");
    expect(differences(file_tasks.proto, theirs)).toEqual([]);
  });

  it("would notice a wrong number, a wrong type, and a field that does not exist", () => {
    const theirs = embedded.filter((file) => file.package === "runtime.v1");
    const message = file_runtime.proto.messageType.find(({ name }) => name === "PodSandboxMetadata")!;
    const [field] = message.field;
    const wrong = (change: object) => ({ ...file_runtime.proto, service: [], enumType: [], messageType: [{ ...message, field: [{ ...field!, ...change }] }] }) as FileDescriptorProto;
    for (const change of [{ number: 99 }, { type: 3 }, { name: "no_such_field" }]) expect(differences(wrong(change), theirs)).toHaveLength(1);
  });
});

function differences(ours: FileDescriptorProto, theirs: readonly FileDescriptorProto[]): readonly string[] {
  const messages = new Map(theirs.flatMap((file) => flatten(file.messageType)));
  const enums = new Map(
    theirs.flatMap((file) => [
      ...file.enumType.map((type) => [type.name, type] as const),
      ...flatten(file.messageType).flatMap(([name, { enumType }]) => enumType.map((type) => [`${name}.${type.name}`, type] as const)),
    ]),
  );
  const methods = new Map(theirs.flatMap((file) => file.service.flatMap((service) => service.method.map((method) => [`${service.name}.${method.name}`, method] as const))));
  const found: string[] = [];
  for (const [name, message] of flatten(ours.messageType)) {
    const other = messages.get(name);
    if (other === undefined) found.push(`message ${name} is not theirs`);
    for (const field of message.field) {
      const match = other?.field.find((candidate) => candidate.name === field.name);
      const shape = ({ number, type, label, typeName }: typeof field) => `${number} ${type} ${label} ${(typeName ?? "").split(".").pop()}`;
      if (match === undefined) found.push(`${name}.${field.name} is not theirs`);
      else if (shape(match) !== shape(field)) found.push(`${name}.${field.name} is ${shape(field)}, theirs is ${shape(match)}`);
    }
  }
  for (const type of ours.enumType) {
    for (const value of type.value) {
      const match = enums.get(type.name)?.value.find((candidate) => candidate.name === value.name);
      if (match?.number !== value.number) found.push(`${type.name}.${value.name} is ${value.number}, theirs is ${match?.number}`);
    }
  }
  for (const service of ours.service) {
    for (const method of service.method) {
      const match = methods.get(`${service.name}.${method.name}`);
      // A message may have moved to another package: no byte tells.
      const shape = ({ inputType, outputType, serverStreaming }: typeof method) => `${inputType.split(".").pop()} ${outputType.split(".").pop()} ${serverStreaming}`;
      if (match === undefined || shape(match) !== shape(method)) found.push(`method ${service.name}.${method.name} is not theirs`);
    }
  }
  return found;
}

function flatten(messages: readonly DescriptorProto[], prefix = ""): readonly (readonly [string, DescriptorProto])[] {
  return messages.flatMap((message) => [[`${prefix}${message.name}`, message] as const, ...flatten(message.nestedType, `${prefix}${message.name}.`)]);
}

function descriptorsIn(binary: Buffer): readonly FileDescriptorProto[] {
  const found: FileDescriptorProto[] = [];
  for (let at = binary.indexOf(GZIP); at >= 0; at = binary.indexOf(GZIP, at + 1)) {
    try {
      found.push(fromBinary(FileDescriptorProtoSchema, gunzipSync(binary.subarray(at, at + DESCRIPTOR_BYTES_MAX))));
    } catch {
      // Bytes that only look like a beginning.
    }
  }
  for (let at = binary.indexOf(OWN_FILES); at >= 0; at = binary.indexOf(OWN_FILES, at + 1)) {
    // A description begins with the name of its file: a tag, a length, the name.
    if (binary[at - 2] !== NAME_TAG) continue;
    const end = endOfDescriptor(binary, at - 2);
    if (end !== undefined) found.push(fromBinary(FileDescriptorProtoSchema, binary.subarray(at - 2, end)));
  }
  return found;
}

/** Where the fields of a description end that begins here; undefined where there is none. Another name is another description. */
function endOfDescriptor(binary: Buffer, begin: number): number | undefined {
  const reader = new BinaryReader(binary.subarray(begin, begin + DESCRIPTOR_BYTES_MAX));
  let [end, syntax] = [0, false];
  try {
    while (!syntax) {
      const [field, type] = reader.tag();
      if (field < 1 || field > 12 || type !== WireType.LengthDelimited || (field === 1) !== (end === 0)) return undefined;
      reader.skip(type);
      end = reader.pos;
      syntax = field === 12; // the last of them
    }
  } catch {
    return undefined;
  }
  return begin + end;
}

function locate(program: string): string | undefined {
  try {
    return execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
}
