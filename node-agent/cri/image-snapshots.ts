import { GrpcCode, grpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { openGrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { IN_CRI_NAMESPACE } from "./containerd-namespace.ts";
import { ImageService, RuntimeService } from "./runtime_pb.ts";
import { Snapshots } from "./snapshots_pb.ts";

/** What to give to mount(2). */
export interface SnapshotMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The files of images as the runtime keeps them, beside those that containers run from. */
export interface ImageSnapshots {
  /**
   * Keeps the image's files for a pod under a key of ours, whatever becomes of the image, and gives how they are mounted to be read. The
   * image must be on the machine.
   */
  keep(key: string, image: string, podUid: string): Promise<readonly SnapshotMount[]>;
  /** What is kept. */
  list(): Promise<readonly { readonly key: string; readonly podUid: string }[]>;
  /** Nothing of it may be mounted any more. */
  drop(key: string): Promise<void>;
  close(): void;
}

const CALL_MS = 30_000;
const POD_LABEL = "mainstay.dev/pod-uid";
/** containerd deletes what it finds no reason to keep; this label is one. */
const ROOT_LABEL = "containerd.io/gc.root";

/** Those of the containerd behind a CRI socket: views of its snapshotter. Other runtimes answer that they have no such service. */
export function openImageSnapshots(socket: string): ImageSnapshots {
  const channel = openGrpcChannel(`unix:${socket.replace(/^unix:\/\//, "")}`);
  let snapshotter: string | undefined;
  const ownSnapshotter = async () =>
    (snapshotter ??= readSnapshotter((await channel.unary(RuntimeService.method.status, { verbose: true }, { timeoutMs: CALL_MS })).info));
  const drop = async (key: string) => {
    await channel.unary(Snapshots.method.remove, { snapshotter: await ownSnapshotter(), key }, IN_CRI_NAMESPACE).catch(unlessGone);
  };
  return {
    async keep(key, image, podUid) {
      const status = await channel.unary(ImageService.method.imageStatus, { image: { image }, verbose: true }, { timeoutMs: CALL_MS });
      const parent = readChainId(status.info);
      if (parent === undefined) throw new Error(`image ${image} is not on this machine`);
      // What an agent left that died before it mounted it may be another image by now.
      await drop(key);
      const { mounts } = await channel.unary(
        Snapshots.method.view,
        { snapshotter: await ownSnapshotter(), key, parent, labels: { [POD_LABEL]: podUid, [ROOT_LABEL]: "mainstay" } },
        IN_CRI_NAMESPACE,
      );
      return mounts.map(({ type, source, options }) => ({ type, source, options }));
    },
    async list() {
      const kept: { readonly key: string; readonly podUid: string }[] = [];
      const answers = channel.serverStream(
        Snapshots.method.list,
        { snapshotter: await ownSnapshotter(), filters: [`labels."${POD_LABEL}"`] },
        IN_CRI_NAMESPACE,
      );
      for await (const { info } of answers) for (const { name, labels } of info) kept.push({ key: name, podUid: labels[POD_LABEL] ?? "" });
      return kept;
    },
    drop,
    close: () => channel.close(),
  };
}

/** The topmost layer of an image, from what containerd tells of it beyond CRI; undefined when there is no such image. */
export function readChainId(info: Readonly<Record<string, string>>): string | undefined {
  const { chainID } = parseInfo(info["info"]) as { readonly chainID?: string }; // containerd's own form
  return chainID || undefined;
}

/** Which snapshotter containers run from. */
export function readSnapshotter(info: Readonly<Record<string, string>>): string {
  const { containerd } = parseInfo(info["config"]) as { readonly containerd?: { readonly snapshotter?: string } }; // containerd's own form
  return containerd?.snapshotter || "overlayfs";
}

function parseInfo(text: string | undefined): object {
  return text === undefined ? {} : (JSON.parse(text) as object); // containerd gives objects
}

function unlessGone(error: unknown): void {
  if (grpcCode(error) !== GrpcCode.notFound) throw error;
}
