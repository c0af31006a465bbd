import { withoutEndSlashes } from "../../lib/end-slashes.ts";
import type { Volume, VolumeProjection } from "../types.ts";

interface Place {
  readonly path: string;
  /** Empty where all files of the volume come from one place. */
  readonly source: string;
}

/** Files of a volume of which one hides another, or would have to be a file and a folder. */
export function volumePathWarnings(volumes: readonly Volume[]): string[] {
  return volumes.flatMap(({ name, configMap, secret, downwardAPI, projected }) => {
    const say = (of: string, places: readonly Place[]) => overlaps(places).map((what) => `volume ${JSON.stringify(name)} (${of}): overlapping paths: ${what}`);
    return [
      ...say(`ConfigMap ${JSON.stringify(configMap?.name ?? "")}`, places(configMap?.items)),
      ...say(`Secret ${JSON.stringify(secret?.secretName ?? "")}`, places(secret?.items)),
      ...say("DownwardAPI", places(downwardAPI?.items)),
      ...(projected?.sources ?? []).flatMap((source) =>
        Object.values(source).some((value) => value !== undefined) ? [] : [`volume ${JSON.stringify(name)} (Projected) has no sources provided`],
      ),
      ...say("Projected", (projected?.sources ?? []).flatMap(projectedPlaces)),
    ];
  });
}

function places(items: readonly { readonly path: string }[] = [], source = ""): readonly Place[] {
  return items.map(({ path }) => ({ path, source }));
}

function projectedPlaces({ configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate }: VolumeProjection): readonly Place[] {
  if (configMap?.items !== undefined) return places(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? "")}`);
  if (secret?.items !== undefined) return places(secret.items, `Secret ${JSON.stringify(secret.name ?? "")}`);
  if (downwardAPI?.items !== undefined) return places(downwardAPI.items, "DownwardAPI");
  if (serviceAccountToken !== undefined) return [{ path: serviceAccountToken.path, source: "ServiceAccountToken" }];
  if (clusterTrustBundle !== undefined)
    return [{ path: clusterTrustBundle.path, source: `ClusterTrustBundle ${JSON.stringify(clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? "")}` }];
  const parts = [
    [podCertificate?.certificateChainPath, "chain"],
    [podCertificate?.keyPath, "key"],
    [podCertificate?.credentialBundlePath, "credential bundle"],
  ] as const;
  return parts.flatMap(([path = "", part]) => (path === "" ? [] : [{ path, source: `PodCertificate ${part}` }]));
}

/** More of them are not compared with each other, and of more warnings nobody is told. */
const COMPARED_MAX = 1000;
const OVERLAPS_MAX = 100;

/** Each place with those before it that are the same, above or below it. */
function overlaps(places: readonly Place[]): readonly string[] {
  const bare = places.slice(0, COMPARED_MAX).map(({ path, source }) => ({ path: withoutEndSlashes(path), source }));
  const found = bare.values().flatMap((place, index) =>
    place.path === ""
      ? []
      : bare
          .slice(0, index)
          .filter((other) => other.path !== "" && (isWithin(other.path, place.path) || isWithin(place.path, other.path)))
          .map((other) => `${shown(place)} with ${shown(other)}`),
  );
  return found.take(OVERLAPS_MAX).toArray();
}

function isWithin(inner: string, outer: string): boolean {
  return `${inner}/`.startsWith(`${outer}/`);
}

function shown({ path, source }: Place): string {
  return source === "" ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;
}
