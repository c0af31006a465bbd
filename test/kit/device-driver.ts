import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DRAPlugin as DRAPluginV1 } from "../../node-agent/devices/dra_pb.ts";
import { DRAPlugin as DRAPluginV1beta1 } from "../../node-agent/devices/dra_v1beta1_pb.ts";
import { Registration } from "../../node-agent/plugins/registration_pb.ts";
import { serveGrpc, served } from "./grpc-server.ts";

const CDI_FOLDER = "/var/run/cdi";

export interface DriverOptions {
  /** Its name, which must not be another's on this machine. */
  readonly name: string;
  /** The agent's root directory. */
  readonly rootDir: string;
  /** The protocols that it speaks. */
  readonly versions?: readonly ("v1.DRAPlugin" | "v1beta1.DRAPlugin")[];
}

/**
 * A driver of devices that are nothing but an environment variable: DEVICE_OF_CLAIM holds the name of the claim. It registers by its
 * socket, as any driver does.
 */
export class DeviceDriver {
  /** `prepare NAME` and `unprepare NAME`, as they came. */
  readonly calls: string[] = [];
  /** While set, preparing fails with it. */
  failure = "";
  readonly #options: DriverOptions;
  readonly #written = new Set<string>();
  #stop: readonly (() => void)[] = [];

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { name, rootDir, versions = ["v1.DRAPlugin"] } = this.#options;
    const endpoint = path.join(rootDir, "plugins", name, "dra.sock");
    const registry = path.join(rootDir, "plugins_registry");
    for (const folder of [path.dirname(endpoint), registry]) mkdirSync(folder, { recursive: true });
    const answers = {
      nodePrepareResources: ({ claims }: { readonly claims: readonly Claim[] }) => ({ claims: Object.fromEntries(claims.map((claim) => [claim.uid, this.#prepare(claim)])) }),
      nodeUnprepareResources: ({ claims }: { readonly claims: readonly Claim[] }) => ({ claims: Object.fromEntries(claims.map((claim) => [claim.uid, this.#unprepare(claim)])) }),
    };
    const stopService = await serveGrpc(endpoint, served(DRAPluginV1, answers), served(DRAPluginV1beta1, answers));
    const stopRegistration = await serveGrpc(
      path.join(registry, `${name}-reg.sock`),
      served(Registration, { getInfo: () => ({ type: "DRAPlugin", name, endpoint, supportedVersions: [...versions] }), notifyRegistrationStatus: () => ({}) }),
    );
    this.#stop = [stopRegistration, stopService];
  }

  /** Its sockets go; what it prepared stays. */
  stop(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
  }

  /** Nothing of it is left. */
  destroy(): void {
    this.stop();
    for (const file of this.#written) rmSync(file, { force: true });
  }

  #prepare({ name, uid }: Claim) {
    this.calls.push(`prepare ${name}`);
    if (this.failure !== "") return { error: this.failure };
    const kind = `${this.#options.name}/claim`;
    const file = this.#fileOf(uid);
    mkdirSync(CDI_FOLDER, { recursive: true });
    writeFileSync(file, JSON.stringify({ cdiVersion: "0.5.0", kind, devices: [{ name: uid, containerEdits: { env: [`DEVICE_OF_CLAIM=${name}`] } }] }));
    this.#written.add(file);
    return { devices: [{ poolName: "pool", deviceName: "device", cdiDeviceIds: [`${kind}=${uid}`] }] };
  }

  #unprepare({ name, uid }: Claim) {
    this.calls.push(`unprepare ${name}`);
    rmSync(this.#fileOf(uid), { force: true });
    this.#written.delete(this.#fileOf(uid));
    return {};
  }

  #fileOf(uid: string): string {
    return path.join(CDI_FOLDER, `${this.#options.name}-${uid}.json`);
  }
}

interface Claim {
  readonly name: string;
  readonly uid: string;
}
