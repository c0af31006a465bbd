import { MOUNTABLE_SECRETS } from "../../resources/core/service-account.ts";
import type { Container, EphemeralContainer, Pod, ServiceAccount } from "../../resources/types.ts";

/** What upstream reads as true. */
const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);

export function limitsSecrets({ metadata }: ServiceAccount): boolean {
  return TRUE.has(metadata.annotations?.[MOUNTABLE_SECRETS] ?? "");
}

/** The first Secret of a new pod that its account does not list, in upstream's words. Secrets of projected volumes are not looked at, as there. Pure. */
export function findUnlistedSecret({ spec }: Pod, account: ServiceAccount): string | undefined {
  const listed = namesOf(account.secrets);
  for (const { secret } of spec.volumes ?? []) {
    if (secret !== undefined && !listed.has(secret.secretName ?? ""))
      return refusal(`volume with secret.secretName="${secret.secretName ?? ""}"`, account, "secret");
  }
  const used =
    containerRefusal("init container", spec.initContainers ?? [], account, listed) ?? containerRefusal("container", spec.containers, account, listed);
  if (used !== undefined) return used;
  const pulling = namesOf(account.imagePullSecrets);
  const unlisted = (spec.imagePullSecrets ?? []).findIndex(({ name = "" }) => !pulling.has(name));
  return unlisted === -1
    ? undefined
    : refusal(`imagePullSecrets[${unlisted}].name="${spec.imagePullSecrets?.[unlisted]?.name ?? ""}"`, account, "imagePullSecret");
}

/** The same of containers that are added for debugging. Pure. */
export function findUnlistedDebugSecret({ spec }: Pod, account: ServiceAccount): string | undefined {
  return containerRefusal("ephemeral container", spec.ephemeralContainers ?? [], account, namesOf(account.secrets));
}

function containerRefusal(
  what: string,
  containers: readonly (Container | EphemeralContainer)[],
  account: ServiceAccount,
  listed: ReadonlySet<string>,
): string | undefined {
  for (const { name, env = [], envFrom = [] } of containers) {
    for (const variable of env) {
      const secret = variable.valueFrom?.secretKeyRef;
      if (secret !== undefined && !listed.has(secret.name ?? ""))
        return refusal(`${what} ${name} with envVar ${variable.name} referencing secret.secretName="${secret.name ?? ""}"`, account, "secret");
    }
    for (const { secretRef } of envFrom) {
      if (secretRef !== undefined && !listed.has(secretRef.name ?? ""))
        return refusal(`${what} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ""}"`, account, "secret");
    }
  }
  return undefined;
}

function refusal(use: string, account: ServiceAccount, what: "secret" | "imagePullSecret"): string {
  return `${use} is not allowed because service account ${account.metadata.name ?? ""} does not reference that ${what}`;
}

function namesOf(references: readonly { readonly name?: string }[] = []): ReadonlySet<string> {
  return new Set(references.map(({ name = "" }) => name));
}
