/** Where the class of a volume or claim stood before it had a field; still read, as upstream reads it. */
export const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";

const SHORT_NAMES: Readonly<Record<string, string>> = { ReadWriteOnce: "RWO", ReadOnlyMany: "ROX", ReadWriteMany: "RWX", ReadWriteOncePod: "RWOP" };

/** Access modes as `kubectl get` shows them: `RWO,ROX`. */
export function accessModesText(modes: readonly string[] = []): string {
  return Object.entries(SHORT_NAMES)
    .filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(",");
}
