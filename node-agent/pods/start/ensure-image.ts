import { isAbort, raceAbort } from "../../../engine/lib/abort.ts";
import { formatGoDuration } from "../../../engine/lib/go-duration.ts";
import { describeError } from "../../../engine/lib/log.ts";
import type { Pod, Secret } from "../../../engine/resources/types.ts";
import type { ImageStatus, Runtime } from "../../cri/runtime.ts";
import { imageNameFault, normaliseImage } from "../../images/image-name.ts";
import { chooseCredentials, type ChosenCredentials } from "../../images/registry-credentials.ts";
import type { PodContext } from "../pod-context.ts";
import { StartError } from "./start-error.ts";

/** An image that a pod needs, for a container or for a volume. */
export interface WantedImage {
  readonly image: string;
  readonly pullPolicy: string | undefined;
  /** Of the container that it is for; a volume's is for the pod. */
  readonly fieldPath?: string;
}

/**
 * Pulls an image when its policy asks for that. Gives what is on the machine then. Throws a StartError, and an AbortError when the signal fires
 * before it is pulled: a registry may take as long as it likes. Tells the story in events.
 */
export async function ensureImage(
  context: PodContext,
  pod: Pod,
  { image, pullPolicy, fieldPath }: WantedImage,
  signal: AbortSignal,
): Promise<ImageStatus & { readonly name: string }> {
  const { runtime, events, clock, imageAccess } = context;
  const record = (type: "Normal" | "Warning", reason: string, message: string) =>
    events.record(pod, { type, reason, message, ...(fieldPath === undefined ? {} : { fieldPath }) });
  const fault = imageNameFault(image);
  if (fault !== undefined) {
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${fault}`;
    record("Warning", "InspectFailed", message);
    record("Warning", "Failed", "Error: InvalidImageName");
    throw new StartError("InvalidImageName", message);
  }
  const name = normaliseImage(image);
  const present = await runtime.imageStatus(name);
  let asked: Promise<Secret[]> | undefined;
  const secrets = () => (asked ??= pullSecrets(context, pod));
  if (present !== undefined && pullPolicy !== "Always" && (await imageAccess.mayUse(name, present.id, secrets))) {
    record("Normal", "Pulled", `Container image "${image}" already present on machine and can be accessed by the pod`);
    return { ...present, name };
  }
  if (pullPolicy === "Never") {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    record("Warning", "ErrImageNeverPull", message);
    record("Warning", "Failed", "Error: ErrImageNeverPull");
    throw new StartError("ErrImageNeverPull", message);
  }
  record("Normal", "Pulling", `Pulling image "${image}"`);
  const startedMs = clock.monotonic();
  let pullMs = 0;
  const pullInTurn = async () => {
    const candidates = chooseCredentials(name, await secrets());
    return context.pulls.run(async () => {
      const turnMs = clock.monotonic();
      const found = await pull(context, name, candidates);
      pullMs = clock.monotonic() - turnMs;
      return found;
    }, signal);
  };
  let pulled: ImageStatus;
  try {
    pulled = await raceAbort(pullInTurn(), signal);
  } catch (error) {
    if (signal.aborted && isAbort(error)) throw error;
    const message = describeError(error);
    record("Warning", "Failed", `Failed to pull image "${image}": ${message}`);
    record("Warning", "Failed", "Error: ErrImagePull");
    throw new StartError("ErrImagePull", message, { cause: error });
  }
  const waitedMs = clock.monotonic() - startedMs;
  record(
    "Normal",
    "Pulled",
    `Successfully pulled image "${image}" in ${took(pullMs)} (${took(waitedMs)} including waiting). Image size: ${pulled.bytes} bytes.`,
  );
  return { ...pulled, name };
}

function took(milliseconds: number): string {
  return formatGoDuration(Math.floor(milliseconds));
}

/** Pulls an image, and writes down by whose credentials. Rejects with what the last of them was answered. */
async function pull({ runtime, imageAccess }: PodContext, image: string, candidates: readonly ChosenCredentials[]): Promise<ImageStatus> {
  imageAccess.begin(image);
  try {
    const used = await pullWithAny(runtime, image, candidates);
    const found = await runtime.imageStatus(image);
    if (found === undefined) throw new Error("it was taken away as soon as it had been pulled");
    imageAccess.pulled(image, found.id, used);
    return found;
  } catch (error) {
    imageAccess.failed(image);
    throw error;
  }
}

/** One after another, for which of several credentials of a registry is good is not known before; gives those that were. */
async function pullWithAny(runtime: Runtime, image: string, candidates: readonly ChosenCredentials[]): Promise<ChosenCredentials | undefined> {
  if (candidates.length === 0) return void (await runtime.pullImage(image));
  let failure: unknown;
  for (const candidate of candidates) {
    try {
      await runtime.pullImage(image, candidate.credentials);
      return candidate;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** The pod's Secrets for registries, as far as they are there. */
async function pullSecrets({ sources, events }: PodContext, pod: Pod): Promise<Secret[]> {
  const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
  const found = await Promise.all(
    names.map((name) =>
      sources([], "followed")
        .secret(pod.metadata.namespace ?? "", name)
        .catch(() => undefined),
    ),
  );
  const missing = names.filter((_name, index) => found[index] === undefined);
  if (missing.length > 0)
    events.record(pod, {
      type: "Warning",
      reason: "FailedToRetrieveImagePullSecret",
      message: `Unable to retrieve some image pull secrets (${missing.join(", ")}); attempting to pull the image may not succeed.`,
    });
  return found.filter((secret) => secret !== undefined);
}
