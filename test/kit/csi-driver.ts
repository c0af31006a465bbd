import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, statfsSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { MessageShape } from "@bufbuild/protobuf";
import { GrpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { Node, NodePublishVolumeRequestSchema, NodeServiceCapability_RPC_Type as Rpc, NodeStageVolumeRequestSchema, VolumeUsage_Unit } from "../../node-agent/csi/csi_pb.ts";
import type { NodeCapability } from "../../node-agent/csi/csi-driver.ts";
import { Registration } from "../../node-agent/plugins/registration_pb.ts";
import { GrpcFailure, serveGrpc, served, type GrpcAnswers } from "./grpc-server.ts";

export interface CsiDriverSettings {
  readonly name: string;
  readonly nodeId: string;
  readonly capabilities: readonly NodeCapability[];
  readonly volumesMax?: number;
  readonly topology?: Readonly<Record<string, string>>;
}

/**
 * A driver as its authors would write one: volumes are folders and files of the test, staged and published by real mounts; it keeps to the
 * specification where drivers may be strict, and remembers what it was asked. It registers itself as node-driver-registrar would.
 */
export class CsiTestDriver {
  readonly settings: CsiDriverSettings;
  readonly #folder: string;
  readonly #rootDir: string;
  readonly #stops: (() => void)[] = [];
  /** `method volume` in the order asked. */
  readonly calls: string[] = [];
  readonly stages: MessageShape<typeof NodeStageVolumeRequestSchema>[] = [];
  readonly publishes: MessageShape<typeof NodePublishVolumeRequestSchema>[] = [];
  /** What the agent told it about its registration. */
  readonly registrations: string[] = [];
  /** Fails these methods with these codes. */
  readonly failures = new Map<string, number>();

  constructor(folder: string, rootDir: string, settings: CsiDriverSettings) {
    this.#folder = folder;
    this.#rootDir = rootDir;
    this.settings = settings;
  }

  get #registration(): string {
    return path.join(this.#rootDir, "plugins_registry", `${this.settings.name}-reg.sock`);
  }

  async start(): Promise<void> {
    const { name } = this.settings;
    const home = path.join(this.#rootDir, "plugins", name);
    mkdirSync(home, { recursive: true });
    const endpoint = path.join(home, "csi.sock");
    this.#stops.push(await serveGrpc(endpoint, served(Node, this.#answers())));
    const answers: GrpcAnswers<typeof Registration> = {
      getInfo: () => ({ type: "CSIPlugin", name, endpoint, supportedVersions: ["1.0.0"] }),
      notifyRegistrationStatus: ({ pluginRegistered, error }) => {
        this.registrations.push(pluginRegistered ? "registered" : error);
        return {};
      },
    };
    this.#stops.push(await serveGrpc(this.#registration, served(Registration, answers)));
  }

  /** As if its pod had ended. */
  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    rmSync(this.#registration, { force: true });
  }

  /** Where a volume's files are on the machine. */
  content(volume: string): string {
    return path.join(this.#folder, volume);
  }

  #answers(): GrpcAnswers<typeof Node> {
    const { capabilities, nodeId, volumesMax = 0, topology = {} } = this.settings;
    return {
      nodeGetCapabilities: () => ({ capabilities: capabilities.map((name) => ({ type: { case: "rpc", value: { type: Rpc[name] } } })) }),
      nodeGetInfo: () => ({ nodeId, maxVolumesPerNode: BigInt(volumesMax), accessibleTopology: { segments: { ...topology } } }),
      nodeStageVolume: (request) => {
        this.#asked("stage", request.volumeId);
        this.stages.push(request);
        if (request.volumeCapability?.accessType.case === "block") this.#attachLoop(request.volumeId);
        else if (!isMounted(request.stagingTargetPath)) {
          mkdirSync(this.content(request.volumeId), { recursive: true });
          run("mount", "--bind", this.content(request.volumeId), request.stagingTargetPath);
        }
        return {};
      },
      nodeUnstageVolume: ({ volumeId, stagingTargetPath }) => {
        this.#asked("unstage", volumeId);
        if (isMounted(stagingTargetPath)) run("umount", stagingTargetPath);
        this.#detachLoop(volumeId);
        return {};
      },
      nodePublishVolume: (request) => {
        this.#asked("publish", request.volumeId);
        this.publishes.push(request);
        this.#publish(request);
        return {};
      },
      nodeUnpublishVolume: ({ volumeId, targetPath }) => {
        this.#asked("unpublish", volumeId);
        if (isMounted(targetPath)) run("umount", targetPath);
        if (existsSync(targetPath)) this.#isBlock(volumeId) ? unlinkSync(targetPath) : rmdirSync(targetPath);
        return {};
      },
      nodeExpandVolume: ({ volumeId, capacityRange }) => {
        this.#asked("expand", volumeId);
        return { capacityBytes: capacityRange?.requiredBytes ?? 0n };
      },
      nodeGetVolumeStats: ({ volumePath }) => {
        const found = statfsSync(volumePath);
        return {
          usage: [
            { unit: VolumeUsage_Unit.BYTES, total: 1000n, used: 250n, available: 750n },
            { unit: VolumeUsage_Unit.INODES, total: BigInt(found.files), used: 1n, available: BigInt(found.ffree) },
          ],
        };
      },
    };
  }

  #publish({ volumeId, stagingTargetPath, targetPath, readonly, volumeCapability }: MessageShape<typeof NodePublishVolumeRequestSchema>): void {
    if (isMounted(targetPath)) return;
    if (volumeCapability?.accessType.case === "block") {
      writeFileSync(targetPath, "");
      run("mount", "--bind", this.#loopOf(volumeId), targetPath);
      return;
    }
    mkdirSync(targetPath, { recursive: true });
    if (stagingTargetPath === "") mkdirSync(this.content(volumeId), { recursive: true });
    run("mount", "--bind", ...(readonly ? ["-o", "ro"] : []), stagingTargetPath || this.content(volumeId), targetPath);
  }

  #asked(method: string, volume: string): void {
    this.calls.push(`${method} ${volume}`);
    const code = this.failures.get(method);
    if (code !== undefined) throw new GrpcFailure(code, `the test wants ${method} to fail`);
  }

  /** Volumes of block mode are files behind loop devices. */
  #attachLoop(volume: string): void {
    if (this.#isBlock(volume)) return;
    const image = this.content(`${volume}.img`);
    writeFileSync(image, "");
    truncateSync(image, 4 << 20);
    writeFileSync(this.content(`${volume}.loop`), run("losetup", "--find", "--show", image).trim());
  }

  #detachLoop(volume: string): void {
    if (!this.#isBlock(volume)) return;
    run("losetup", "-d", this.#loopOf(volume));
    rmSync(this.content(`${volume}.loop`));
  }

  #isBlock(volume: string): boolean {
    return existsSync(this.content(`${volume}.loop`));
  }

  #loopOf(volume: string): string {
    if (!this.#isBlock(volume)) throw new GrpcFailure(GrpcCode.failedPrecondition, `${volume} is not staged`);
    return readFileSync(this.content(`${volume}.loop`), "utf8");
  }
}

function isMounted(place: string): boolean {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[4] === place);
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}
